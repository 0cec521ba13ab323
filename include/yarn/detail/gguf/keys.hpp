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
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class Reader, class = void> struct is_gguf_reader : std::false_type {};
template <class Reader>
struct is_gguf_reader<
    Reader,
    std::void_t<decltype(std::optional<double>(
                    std::declval<const Reader&>().number(std::declval<const std::string&>()))),
                decltype(std::optional<std::vector<double>>(
                    std::declval<const Reader&>().numbers(std::declval<const std::string&>()))),
                decltype(std::optional<std::string>(
                    std::declval<const Reader&>().text(std::declval<const std::string&>()))),
                decltype(std::vector<std::string>(std::declval<const Reader&>().keys())),
                decltype(std::optional<std::vector<float>>(std::declval<const Reader&>().tensor(
                    std::declval<const std::string&>())))>> : std::true_type {};

/// The keys of a file. Functions take a key without the name of the architecture: `rope.freq_base`
/// is `llama.rope.freq_base`. Keys that were read are recorded, so that `unused` can list the rest.
template <class Reader> class gguf_keys {
public:
  explicit gguf_keys(const Reader& reader) : reader_(reader), keys_(reader.keys()) {
    std::sort(keys_.begin(), keys_.end());
    const std::string key = "general.architecture";
    const std::optional<std::string> name = reader.text(key);
    if (!name)
      refuse_type(key, "a text");
    if (!name || name->empty())
      fail_argument(
          "yarn: general.architecture is missing; the names of all other keys begin with it");
    architecture_ = *name;
  }

  const std::string& architecture() const { return architecture_; }
  std::string full(const char* key) const { return architecture_ + '.' + key; }

  std::optional<double> number(const char* key) {
    const std::string name = use(key);
    const std::optional<double> value = reader_.number(name);
    if (!value)
      refuse_type(name, "a number");
    else if (!is_finite(*value))
      fail_argument("yarn: {} = {} must be finite", name, *value);
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
    if (!value)
      return std::nullopt;
    constexpr double largest = 9007199254740992.0; // up to here doubles are all integers
    if (!(*value >= 1 && *value <= largest) ||
        *value != static_cast<double>(static_cast<std::int64_t>(*value)))
      fail_argument("yarn: {} = {} must be an integer in [1, 2^53]", full(key), *value);
    return static_cast<std::int64_t>(*value);
  }
  std::optional<std::string> text(const char* key) {
    const std::string name = use(key);
    std::optional<std::string> value = reader_.text(name);
    if (!value)
      refuse_type(name, "a text");
    return value;
  }
  std::optional<std::vector<double>> numbers(const char* key) {
    const std::string name = use(key);
    std::optional<std::vector<double>> value = reader_.numbers(name);
    if (!value)
      refuse_type(name, "an array of numbers");
    return value;
  }
  /// Divisors of the frequencies, one a pair. Empty where the file has no such tensor.
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

  /// Something to tell the user (message.hpp has the format).
  template <class... Values> void note(const char* format, const Values&... values) {
    notes_.push_back(text_of(format, values...));
  }
  const std::vector<std::string>& notes() const { return notes_; }

  /// Counts the key as unused, although it was read.
  void mark_unused(const char* key) {
    used_.erase(std::remove(used_.begin(), used_.end(), full(key)), used_.end());
  }
  /// Keys about RoPE that were not read.
  std::vector<std::string> unused() const {
    std::vector<std::string> list;
    for (const std::string& key : keys_)
      if (key.find(".rope.") != std::string::npos &&
          std::find(used_.begin(), used_.end(), key) == used_.end())
        list.push_back(key);
    return list;
  }

private:
  std::string use(const char* key) {
    used_.push_back(full(key));
    return used_.back();
  }
  // A value of another type is an error: the reader must not take it for a missing one.
  void refuse_type(const std::string& name, const char* type) const {
    if (std::binary_search(keys_.begin(), keys_.end(), name))
      fail_argument("yarn: {} is there and is not {}", name, type);
  }

  const Reader& reader_;
  std::string architecture_;
  std::vector<std::string> keys_;
  std::vector<std::string> used_;
  std::vector<std::string> notes_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
