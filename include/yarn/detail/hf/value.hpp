// SPDX-License-Identifier: MIT
// Reads single values of a config.json. Errors name the key, its value and what is allowed. The
// functions never make nlohmann-json throw.
#ifndef YARN_DETAIL_HF_VALUE_HPP
#define YARN_DETAIL_HF_VALUE_HPP

#include "../../frequencies.hpp"
#include "../base/text.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// A value as text for messages: short, printable, on one line. (dump() would print whole lists. It
// is recursive, and a deeply nested value would overflow the stack.)
inline std::string hf_shown(const nlohmann::json& value) {
  if (value.is_string()) {
    constexpr std::size_t longest = 40;
    const auto& whole = value.get_ref<const std::string&>();
    std::string shown = "\"";
    for (std::size_t i = 0; i < whole.size() && i < longest; ++i)
      shown += whole[i] >= ' ' && whole[i] <= '~' ? whole[i] : '?';
    return shown + (whole.size() > longest ? "...\"" : "\"");
  }
  if (value.is_boolean())
    return value.get<bool>() ? "true" : "false";
  if (value.is_number_unsigned())
    return text_of("{}", value.get<std::uint64_t>());
  if (value.is_number_integer())
    return text_of("{}", value.get<std::int64_t>());
  if (value.is_number())
    return text_of("{}", value.get<double>());
  if (value.is_array())
    return text_of("an array of {}", value.size());
  return value.is_object() ? "an object" : value.is_null() ? "null" : "binary data";
}

[[noreturn]] inline void hf_wrong(const std::string& name, const nlohmann::json& value,
                                  const std::string& allowed) {
  fail_argument("yarn: {} = {} must be {}", name, hf_shown(value), allowed);
}

// Appends a note.
template <class... Values>
void hf_note(std::vector<std::string>& notes, const char* format, const Values&... values) {
  notes.push_back(text_of(format, values...));
}

inline double hf_number(const std::string& name, const nlohmann::json& value) {
  if (!value.is_number())
    hf_wrong(name, value, "a number");
  const auto number = value.get<double>();
  if (!is_finite(number))
    hf_wrong(name, value, "finite");
  return number;
}

// One object of a configuration, with its name in messages. The object records which keys were
// read, so that report_unread can list the others. null counts as absent, as in transformers.
class hf_object {
public:
  hf_object() = default;
  hf_object(const nlohmann::json* object, std::string name)
      : object_(object), name_(std::move(name)) {}

  explicit operator bool() const { return object_ != nullptr; }
  const nlohmann::json& json() const { return *object_; }
  const std::string& name() const { return name_; }
  std::string name_of(const std::string& key) const {
    return name_.empty() ? key : name_ + "." + key;
  }

  // The value under the key, or a null pointer if the key is absent or null. peek does not record
  // the key as read.
  const nlohmann::json* peek(const std::string& key) const {
    if (object_ == nullptr)
      return nullptr;
    const auto found = object_->find(key);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
  }
  const nlohmann::json* find(const std::string& key) const {
    read_.insert(key);
    return peek(key);
  }
  bool has(const std::string& key) const { return peek(key) != nullptr; }
  bool has_object(const std::string& key) const { return has(key) && peek(key)->is_object(); }

  // Typed values. They are empty if the key is absent or null.
  hf_object object(const std::string& key) const {
    const auto* value = find_kind(key, &nlohmann::json::is_object, "an object");
    return value == nullptr ? hf_object() : hf_object(value, name_of(key));
  }
  std::optional<double> number(const std::string& key) const {
    const auto* value = find(key);
    return value == nullptr ? std::nullopt : std::optional(hf_number(name_of(key), *value));
  }
  // A length or a width: a whole number above 0. 4096.0 is accepted, because JSON has only one type
  // of numbers.
  std::optional<std::int64_t> length(const std::string& key) const {
    constexpr double limit = 9007199254740992.0; // 2^53: doubles above skip whole numbers
    const auto value = number(key);
    if (!value)
      return std::nullopt;
    if (!(std::fabs(*value) <= limit) || *value != std::floor(*value))
      refuse(key, "a whole number, at most 2^53");
    if (*value <= 0.0)
      refuse(key, "> 0");
    return static_cast<std::int64_t>(*value);
  }
  std::optional<bool> boolean(const std::string& key) const {
    const auto* value = find_kind(key, &nlohmann::json::is_boolean, "true or false");
    return value == nullptr ? std::nullopt : std::optional(value->get<bool>());
  }
  std::string string(const std::string& key) const {
    const auto* value = find_kind(key, &nlohmann::json::is_string, "a string");
    return value == nullptr ? std::string() : value->get<std::string>();
  }
  std::vector<double> numbers(const std::string& key) const {
    std::vector<double> list;
    if (const auto* value = find_kind(key, &nlohmann::json::is_array, "an array of numbers"))
      for (std::size_t i = 0; i < value->size(); ++i)
        list.push_back(hf_number(text_of("{}[{}]", name_of(key), i), (*value)[i]));
    return list;
  }

  // Reports an error of the value under the key.
  [[noreturn]] void refuse(const std::string& key, const std::string& allowed) const {
    hf_wrong(name_of(key), *peek(key), allowed);
  }

  // The keys that were not read and for which wanted(key) is true.
  template <class Wanted> std::vector<std::string> unread(const Wanted& wanted) const {
    std::vector<std::string> keys;
    if (object_ == nullptr)
      return keys;
    for (auto it = object_->begin(); it != object_->end(); ++it)
      if (!it->is_null() && wanted(it.key()) && read_.count(it.key()) == 0)
        keys.push_back(it.key());
    return keys;
  }
  // Appends the full names of the keys that unread lists.
  template <class Wanted>
  void report_unread(std::vector<std::string>& unused, const Wanted& wanted) const {
    for (const std::string& key : unread(wanted))
      unused.push_back(name_of(key));
  }

private:
  const nlohmann::json* find_kind(const std::string& key,
                                  bool (nlohmann::json::*is_kind)() const noexcept,
                                  const char* kind) const {
    const nlohmann::json* value = find(key);
    if (value != nullptr && !(value->*is_kind)())
      refuse(key, kind);
    return value;
  }

  const nlohmann::json* object_ = nullptr;
  std::string name_;
  mutable std::set<std::string> read_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
