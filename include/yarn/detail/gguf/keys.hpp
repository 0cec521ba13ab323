// SPDX-License-Identifier: MIT
// Reads and checks single keys of a GGUF file, and records which keys were read.
#ifndef YARN_DETAIL_GGUF_KEYS_HPP
#define YARN_DETAIL_GGUF_KEYS_HPP

#include "../../scaling.hpp"
#include "../base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// std::true_type if the reader has all functions that gguf_config_from lists. Never called; for
/// decltype.
template <class Reader>
auto is_gguf_reader(const Reader& reader, const std::string& key)
    -> decltype(std::optional<double>(reader.number(key)),
                std::optional<std::vector<double>>(reader.numbers(key)),
                std::optional<std::string>(reader.text(key)),
                std::vector<std::string>(reader.keys()),
                std::optional<std::vector<float>>(reader.tensor(key)), std::true_type());
std::false_type is_gguf_reader(...);

/// The keys of a file. Functions take a key without the name of the architecture: `rope.freq_base`
/// for `llama.rope.freq_base`. The class records which keys were read, so that `unused` can list
/// the rest.
template <class Reader> class gguf_keys {
public:
  explicit gguf_keys(const Reader& reader) : reader_(reader), keys_(reader.keys()) {
    std::sort(keys_.begin(), keys_.end());
    architecture_ = text("general.architecture").value_or("");
    if (architecture_.empty())
      fail_argument(
          "yarn: general.architecture is missing; the names of RoPE keys begin with its value");
  }

  const std::string& architecture() const { return architecture_; }
  std::string full(const char* key) const {
    return architecture_.empty() ? key : architecture_ + '.' + key;
  }

  std::optional<double> number(const char* key) {
    const auto value = typed<double>(reader_.number(use(key)), key, "a number");
    if (value && !is_finite(*value))
      fail_argument("yarn: {} = {} must be finite", full(key), *value);
    return value;
  }
  std::optional<double> positive(const char* key) {
    const std::optional<double> value = number(key);
    if (value)
      require_positive(full(key).c_str(), *value);
    return value;
  }
  /// A count of elements or tokens, >= 1.
  std::optional<std::int64_t> count(const char* key) {
    const std::optional<double> value = number(key);
    return value ? std::optional(checked_count(key, *value)) : std::nullopt;
  }
  std::optional<std::string> text(const char* key) {
    return typed<std::string>(reader_.text(use(key)), key, "a string");
  }
  std::optional<std::vector<double>> numbers(const char* key) {
    return typed<std::vector<double>>(reader_.numbers(use(key)), key, "an array of numbers");
  }
  bool is_given(const char* key) const {
    return std::binary_search(keys_.begin(), keys_.end(), full(key));
  }
  /// Whether the value is an array of numbers.
  bool is_list(const char* key) const { return reader_.numbers(full(key)).has_value(); }
  /// The value of a key that has either one value or a value for each layer. Layers without
  /// attention have the value 0. llama.cpp takes the value of the first layer; this function takes
  /// the first value that is not 0.
  std::optional<std::int64_t> first_count(const char* key) {
    if (!is_list(key))
      return count(key);
    const std::vector<double> values = numbers(key).value_or(std::vector<double>());
    const auto first =
        std::find_if(values.begin(), values.end(), [](double value) { return value != 0.0; });
    return first == values.end() ? std::nullopt : std::optional(checked_count(key, *first));
  }
  /// Divisors of the frequencies, one per pair. Empty if the file has no such tensor.
  factor_list factors(const char* name, std::int64_t n_pairs) const {
    const std::optional<std::vector<float>> values = reader_.tensor(name);
    if (!values)
      return {};
    factor_list list(*values);
    check_factors(name, list, n_pairs);
    return list;
  }

  [[noreturn]] void missing(const char* key, const char* why) const {
    fail_argument("yarn: {} is missing; {}", full(key), why);
  }

  /// Adds a note (message.hpp has the format).
  template <class... Values> void note(const char* format, const Values&... values) {
    notes_.push_back(text_of(format, values...));
  }
  const std::vector<std::string>& notes() const { return notes_; }
  /// Removes all notes but the first n.
  void drop_notes(std::size_t n) { notes_.resize(n); }

  /// Lists the key as unused, although it was read.
  void ignore(const char* key, double value) {
    note("{} = {} has no effect: llama.cpp does not use it for this architecture", full(key),
         value);
    used_.erase(full(key));
  }
  /// Lists the key as unused, with the reason.
  void ignore(const char* key, const char* why) {
    note("{} has no effect: {}", full(key), why);
    used_.erase(full(key));
  }
  /// The keys about RoPE that were not read.
  std::vector<std::string> unused() const {
    std::vector<std::string> list;
    for (const std::string& key : keys_)
      if (is_about_rope(key) && used_.count(key) == 0)
        list.push_back(key);
    return list;
  }

private:
  // Names that begin with "general." or "tokenizer." are never about RoPE.
  static bool is_about_rope(const std::string& key) {
    if (key.rfind("general.", 0) == 0 || key.rfind("tokenizer.", 0) == 0)
      return false;
    for (const char* word : {"rope", "rotary", "theta", "freq", "temperature", "yarn",
                             "sliding_window_pattern", "compress_ratios"})
      if (key.find(word) != std::string::npos)
        return true;
    return false;
  }
  std::int64_t checked_count(const char* key, double value) const {
    constexpr double largest = 9007199254740992.0; // 2^53: larger doubles skip integers
    if (!(value >= 1 && value <= largest) ||
        value != static_cast<double>(static_cast<std::int64_t>(value)))
      fail_argument("yarn: {} = {} must be an integer in [1, 2^53]", full(key), value);
    return static_cast<std::int64_t>(value);
  }
  const std::string& use(const char* key) { return *used_.insert(full(key)).first; }
  // A value of another type is an error, not a missing key.
  template <class Value>
  std::optional<Value> typed(std::optional<Value> value, const char* key, const char* type) const {
    if (!value && is_given(key))
      fail_argument("yarn: {} is given, but is not {}", full(key), type);
    return value;
  }

  const Reader& reader_;
  std::string architecture_;
  std::vector<std::string> keys_;
  std::set<std::string> used_;
  std::vector<std::string> notes_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
