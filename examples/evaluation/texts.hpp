// SPDX-License-Identifier: MIT
// The texts that make_corpus makes, and retrieval tasks: a key of digits is hidden in a text and
// asked for at the end.
#ifndef YARN_EXAMPLES_EVALUATION_TEXTS_HPP
#define YARN_EXAMPLES_EVALUATION_TEXTS_HPP

#include "random.hpp"
#include "settings.hpp"
#include "tensors.hpp"

#include <algorithm>
#include <cmath>
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
  const auto place =
      static_cast<std::size_t>(std::lround(depth * static_cast<double>(task.size())));
  task.insert(std::min(place, task.size()), statement);
  return task + question;
}

/// What a byte is in training.
enum class byte_kind : std::uint8_t {
  text,
  answer,        ///< a digit of an asked key
  copied,        ///< of a copy of a random string, after the first two bytes of the copy
  unpredictable, ///< of a random string or the first two bytes of a copy: no weight in the loss
};

/// Sequences for a step of training.
struct batch {
  std::vector<std::uint8_t> tokens, targets; ///< [sequence][token]
  std::vector<byte_kind> kinds;              ///< of the targets

  std::size_t count(byte_kind kind) const {
    return static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), kind));
  }
};

/// A sequence while it is made.
struct marked_bytes {
  bytes sequence;
  std::vector<byte_kind> kinds;

  void add(const bytes& added, byte_kind kind) {
    sequence += added;
    kinds.resize(sequence.size(), kind);
  }
};

/// Adds a task of `length` bytes in which a random string occurs again and again, with text between
/// some of its copies. A model learns from it to look for earlier occurrences, which retrieval
/// needs, in far fewer steps than from keys alone: each byte of a copy is an example.
inline void add_copy_task(marked_bytes& to, const texts& filler, std::size_t length,
                          random_numbers& random) {
  const std::size_t end = to.sequence.size() + length;
  const auto room = [&] { return end - to.sequence.size(); };
  const std::size_t n = 8 + random.below(25);
  bytes word;
  for (std::size_t i = 0; i < n; ++i)
    word += "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[random.below(36)];
  to.add(word.substr(0, room()), byte_kind::unpredictable);
  while (room() > 0) {
    if (random.below(2) != 0)
      to.add(filler.passage(random, std::min(room(), random.below(2 * n))), byte_kind::text);
    to.add(word.substr(0, std::min<std::size_t>(2, room())), byte_kind::unpredictable);
    to.add(word.substr(2, room()), byte_kind::copied);
  }
}

inline void add_retrieval_task(marked_bytes& to, const texts& filler, std::size_t length,
                               random_numbers& random) {
  const bytes task = retrieval_task(filler, length, random.unit(), random);
  to.add(task.substr(0, length - n_key_digits), byte_kind::text);
  to.add(task.substr(length - n_key_digits), byte_kind::answer);
}

/// The share task_share of the sequences has tasks of random lengths and depths. The share
/// copy_share of the tasks is made by add_copy_task; the others ask for a key.
inline batch make_batch(const texts& t, std::size_t n_sequences, std::size_t length,
                        double task_share, double copy_share, random_numbers& random) {
  batch b;
  for (std::size_t i = 0; i < n_sequences; ++i) {
    marked_bytes made;
    const auto room = [&] { return length + 1 - made.sequence.size(); };
    if (random.unit() < task_share) {
      while (room() >= shortest_task) {
        const std::size_t n = shortest_task + random.below(room() - shortest_task + 1);
        if (random.unit() < copy_share)
          add_copy_task(made, t, n, random);
        else
          add_retrieval_task(made, t, n, random);
      }
    }
    made.add(t.passage(random, room()), byte_kind::text);
    b.tokens.insert(b.tokens.end(), made.sequence.begin(), made.sequence.end() - 1);
    b.targets.insert(b.targets.end(), made.sequence.begin() + 1, made.sequence.end());
    b.kinds.insert(b.kinds.end(), made.kinds.begin() + 1, made.kinds.end());
  }
  return b;
}

} // namespace evaluation

#endif
