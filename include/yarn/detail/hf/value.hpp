// SPDX-License-Identifier: MIT
// Reads single values of a config.json. An error names the key, its value and what is allowed. No
// access here can make nlohmann-json throw.
#ifndef YARN_DETAIL_HF_VALUE_HPP
#define YARN_DETAIL_HF_VALUE_HPP

#include "../../frequencies.hpp"
#include "../base/text.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// A value as a message shows it: short, printable, on one line. (dump() would print whole lists,
// and recurses as deep as the value does.)
inline std::string hf_shown(const nlohmann::json& value) {
  if (value.is_string()) {
    constexpr std::size_t longest = 40;
    const std::string& whole = *value.get_ptr<const std::string*>();
    std::string shown = "\"";
    for (std::size_t i = 0; i < whole.size() && i < longest; ++i)
      shown += whole[i] >= ' ' && whole[i] <= '~' ? whole[i] : '?';
    return shown + (whole.size() > longest ? "...\"" : "\"");
  }
  if (value.is_boolean())
    return *value.get_ptr<const bool*>() ? "true" : "false";
  if (value.is_number_unsigned())
    return text_of("{}", *value.get_ptr<const std::uint64_t*>());
  if (value.is_number_integer())
    return text_of("{}", *value.get_ptr<const std::int64_t*>());
  if (value.is_number_float())
    return text_of("{}", *value.get_ptr<const double*>());
  if (value.is_array())
    return text_of("an array of {}", value.size());
  return value.is_object() ? "an object" : value.is_null() ? "null" : "binary data";
}

[[noreturn]] inline void hf_wrong(const std::string& name, const nlohmann::json& value,
                                  const char* allowed) {
  fail_argument("yarn: {} = {} must be {}", name, hf_shown(value), allowed);
}

// A line for the log.
template <class... Values>
void hf_note(std::vector<std::string>& notes, const char* format, const Values&... values) {
  notes.push_back(text_of(format, values...));
}

inline double hf_number(const std::string& name, const nlohmann::json& value) {
  double number = 0.0;
  if (value.is_number_unsigned())
    number = static_cast<double>(*value.get_ptr<const std::uint64_t*>());
  else if (value.is_number_integer())
    number = static_cast<double>(*value.get_ptr<const std::int64_t*>());
  else if (value.is_number_float())
    number = *value.get_ptr<const double*>();
  else
    hf_wrong(name, value, "a number");
  if (!is_finite(number))
    hf_wrong(name, value, "finite");
  return number;
}

// A whole number; 4096.0 is one, too, as JSON has one type of number only.
inline std::int64_t hf_integer(const std::string& name, const nlohmann::json& value) {
  constexpr double limit = 9007199254740992.0; // 2^53: above, a double may not be what was written
  const double number = hf_number(name, value);
  if (!(number >= -limit && number <= limit) || number != std::floor(number))
    hf_wrong(name, value, "a whole number, at most 2^53");
  return static_cast<std::int64_t>(number);
}

// One object of a configuration, with the name that messages give it. It records which keys were
// read, so that report_unread can list the others. null counts as absent, as in Python's
// dictionaries.
class hf_object {
public:
  hf_object() = default;
  hf_object(const nlohmann::json* object, std::string name)
      : object_(object), name_(std::move(name)) {}

  explicit operator bool() const { return object_ != nullptr; }
  const nlohmann::json& json() const { return *object_; }
  const std::string& name() const { return name_; }
  std::string name_of(const char* key) const {
    return name_.empty() ? std::string(key) : name_ + "." + key;
  }

  // The value under the key; null pointer where it is absent or null.
  const nlohmann::json* find(const char* key) const {
    if (object_ == nullptr)
      return nullptr;
    read_.emplace_back(key);
    const auto found = object_->find(key);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
  }
  hf_object object(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr)
      return {};
    if (!value->is_object())
      hf_wrong(name_of(key), *value, "an object");
    return {value, name_of(key)};
  }
  std::optional<double> number(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr)
      return std::nullopt;
    return hf_number(name_of(key), *value);
  }
  std::optional<std::int64_t> integer(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr)
      return std::nullopt;
    return hf_integer(name_of(key), *value);
  }
  // A length or a width: a whole number above 0.
  std::optional<std::int64_t> length(const char* key) const {
    const auto value = integer(key);
    if (value && *value <= 0)
      hf_wrong(name_of(key), *find(key), "> 0");
    return value;
  }
  std::optional<bool> boolean(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr)
      return std::nullopt;
    if (!value->is_boolean())
      hf_wrong(name_of(key), *value, "true or false");
    return *value->get_ptr<const bool*>();
  }
  std::string string(const char* key) const {
    const nlohmann::json* value = find(key);
    if (value == nullptr)
      return {};
    if (!value->is_string())
      hf_wrong(name_of(key), *value, "a string");
    return *value->get_ptr<const std::string*>();
  }
  std::vector<double> numbers(const char* key) const {
    std::vector<double> list;
    const nlohmann::json* value = find(key);
    if (value == nullptr)
      return list;
    if (!value->is_array())
      hf_wrong(name_of(key), *value, "an array of numbers");
    for (std::size_t i = 0; i < value->size(); ++i)
      list.push_back(hf_number(name_of(key) + "[" + std::to_string(i) + "]", (*value)[i]));
    return list;
  }
  // These two do not record the key as read.
  bool has_object(const char* key) const { return has(key) && object_->find(key)->is_object(); }
  bool has(const char* key) const {
    if (object_ == nullptr)
      return false;
    const auto found = object_->find(key);
    return found != object_->end() && !found->is_null();
  }

  // Appends the full names of the keys that were not read and for which wanted(key) is true.
  template <class Wanted>
  void report_unread(std::vector<std::string>& unused, const Wanted& wanted) const {
    if (object_ == nullptr)
      return;
    for (auto it = object_->begin(); it != object_->end(); ++it) {
      bool is_read = it->is_null() || !wanted(it.key());
      for (const std::string& key : read_)
        is_read = is_read || key == it.key();
      if (!is_read)
        unused.push_back(name_of(it.key().c_str()));
    }
  }

private:
  const nlohmann::json* object_ = nullptr;
  std::string name_;
  mutable std::vector<std::string> read_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
