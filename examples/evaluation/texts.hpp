// SPDX-License-Identifier: MIT
// The texts that make_corpus makes, and retrieval tasks: a key of digits is hidden in a text and
// asked for at the end.
#ifndef YARN_EXAMPLES_EVALUATION_TEXTS_HPP
#define YARN_EXAMPLES_EVALUATION_TEXTS_HPP

#include "random.hpp"
#include "settings.hpp"
#include "tensors.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace evaluation {

using bytes = std::string;

/// Documents, each followed by a zero byte.
struct texts {
  bytes all;
  std::vector<std::pair<std::size_t, std::size_t>> documents; ///< first byte, number of bytes

  texts() = default;
  explicit texts(bytes documents_and_zeros) : all(std::move(documents_and_zeros)) {
    for (std::size_t first = 0; first < all.size();) {
      const std::size_t end = all.find('\0', first);
      if (end == bytes::npos)
        complain("a text ends without a zero byte");
      if (end > first)
        documents.emplace_back(first, end - first);
      first = end + 1;
    }
    if (documents.empty())
      complain("there are no documents");
  }

  /// n bytes from a random place, which may cross the ends of documents.
  bytes passage(random_numbers& random, std::size_t n) const {
    if (n > all.size())
      complain("the texts have only " + std::to_string(all.size()) + " bytes");
    return all.substr(random.below(all.size() - n + 1), n);
  }

  /// n passages of `length` bytes, each within a document, and each from another document while
  /// there are enough documents that are long enough.
  std::vector<bytes> passages(std::size_t n, std::size_t length, std::uint64_t seed) const {
    std::vector<std::pair<std::size_t, std::size_t>> fit;
    for (const auto& document : documents)
      if (document.second >= length)
        fit.push_back(document);
    if (fit.empty())
      complain("no document has " + std::to_string(length) + " bytes");
    random_numbers random(seed);
    for (std::size_t i = fit.size(); i > 1; --i)
      std::swap(fit[i - 1], fit[random.below(i)]);
    std::vector<bytes> chosen;
    for (std::size_t i = 0; i < n; ++i) {
      const auto& [first, size] = fit[i % fit.size()];
      chosen.push_back(all.substr(first + random.below(size - length + 1), length));
    }
    return chosen;
  }
};

inline texts read_texts(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    complain("cannot read " + path + ", which examples/evaluation/make_corpus makes");
  return texts(bytes(std::istreambuf_iterator<char>(in), {}));
}

inline constexpr std::size_t n_key_digits = 5;
inline constexpr const char* key_statement = "\n\nThe pass key is ";
inline constexpr const char* key_statement_end = ". Remember it.\n\n";
inline constexpr const char* key_question = "\n\nWhat is the pass key? The pass key is ";
/// The length of the shortest task.
inline constexpr std::size_t shortest_task = 96;

/// A task of `length` bytes. Its last n_key_digits bytes are the answer. The key is at `depth` of
/// the filler text: 0 is the beginning, 1 is just before the question.
inline bytes retrieval_task(const texts& filler, std::size_t length, double depth,
                            random_numbers& random) {
  if (length < shortest_task)
    complain("a retrieval task needs " + std::to_string(shortest_task) + " bytes");
  bytes key;
  for (std::size_t i = 0; i < n_key_digits; ++i)
    key += static_cast<char>('0' + random.below(10));
  const bytes statement = key_statement + key + key_statement_end;
  const bytes question = key_question + key;
  bytes task = filler.passage(random, length - statement.size() - question.size());
  const auto place = static_cast<std::size_t>(depth * static_cast<double>(task.size()) + 0.5);
  task.insert(std::min(place, task.size()), statement);
  return task + question;
}

/// Sequences for a step of training.
struct batch {
  std::vector<std::uint8_t> tokens, targets; ///< [sequence][token]
  std::vector<std::uint8_t> is_answer;       ///< whether the target is a digit of an asked key
};

/// A share of the sequences has retrieval tasks of random lengths and depths.
inline batch make_batch(const texts& t, std::size_t n_sequences, std::size_t length,
                        double retrieval_share, random_numbers& random) {
  batch b;
  for (std::size_t i = 0; i < n_sequences; ++i) {
    bytes sequence;
    std::vector<std::uint8_t> answers(length + 1, 0);
    if (random.unit() < retrieval_share) {
      while (length + 1 - sequence.size() >= shortest_task) {
        const std::size_t room = length + 1 - sequence.size();
        const std::size_t n = shortest_task + random.below(room - shortest_task + 1);
        sequence += retrieval_task(t, n, random.unit(), random);
        std::fill_n(answers.begin() + static_cast<std::ptrdiff_t>(sequence.size() - n_key_digits),
                    n_key_digits, std::uint8_t{1});
      }
    }
    sequence += t.passage(random, length + 1 - sequence.size());
    b.tokens.insert(b.tokens.end(), sequence.begin(), sequence.end() - 1);
    b.targets.insert(b.targets.end(), sequence.begin() + 1, sequence.end());
    b.is_answer.insert(b.is_answer.end(), answers.begin() + 1, answers.end());
  }
  return b;
}

} // namespace evaluation

#endif
