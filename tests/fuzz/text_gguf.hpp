// SPDX-License-Identifier: MIT
// A reader for gguf_config_from whose metadata are lines of text, so that a fuzzer can change them
// and a person can read them:
//
//     general.architecture "gemma3"
//     gemma3.rope.freq_base 1000000
//     gemma3.attention.sliding_window_pattern [1 1 1 1 1 0]
//     @rope_freqs.weight 32 1.5        a tensor of 32 equal values
#ifndef YARN_TESTS_FUZZ_TEXT_GGUF_HPP
#define YARN_TESTS_FUZZ_TEXT_GGUF_HPP

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fuzz {

class text_gguf {
public:
  explicit text_gguf(const std::string& text) {
    std::size_t begin = 0;
    while (begin < text.size()) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      read_line(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  std::optional<double> number(const std::string& key) const { return find(numbers_, key); }
  std::optional<std::vector<double>> numbers(const std::string& key) const {
    return find(lists_, key);
  }
  std::optional<std::string> text(const std::string& key) const { return find(texts_, key); }
  std::optional<std::vector<float>> tensor(const std::string& name) const {
    return find(tensors_, name);
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> all;
    for (const auto& [key, value] : numbers_)
      all.push_back(key);
    for (const auto& [key, value] : lists_)
      all.push_back(key);
    for (const auto& [key, value] : texts_)
      all.push_back(key);
    return all;
  }

private:
  void read_line(const std::string& line) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos)
      return;
    const std::string key = line.substr(0, space);
    const char* const value = line.c_str() + space + 1;
    if (key[0] == '@')
      read_tensor(key.substr(1), value);
    else if (*value == '"')
      texts_[key] = std::string(value + 1, std::find(value + 1, line.c_str() + line.size(), '"'));
    else if (*value == '[')
      lists_[key] = values_of(value + 1);
    else
      numbers_[key] = std::strtod(value, nullptr);
  }
  void read_tensor(const std::string& name, const char* text) {
    char* next = nullptr;
    const double size = std::strtod(text, &next);
    const bool is_size = size >= 0.0 && size <= 65536.0;
    tensors_[name].assign(is_size ? static_cast<std::size_t>(size) : 0,
                          static_cast<float>(std::strtod(next, nullptr)));
  }
  static std::vector<double> values_of(const char* text) {
    std::vector<double> values;
    char* next = nullptr;
    for (double value = std::strtod(text, &next); next != text; value = std::strtod(text, &next)) {
      values.push_back(value);
      text = next;
    }
    return values;
  }
  template <class Value>
  static std::optional<Value> find(const std::map<std::string, Value>& map,
                                   const std::string& key) {
    const auto found = map.find(key);
    return found == map.end() ? std::nullopt : std::optional<Value>(found->second);
  }

  std::map<std::string, double> numbers_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, std::vector<double>> lists_;
  std::map<std::string, std::vector<float>> tensors_;
};

} // namespace fuzz

#endif
