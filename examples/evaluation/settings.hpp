// SPDX-License-Identifier: MIT
// Named settings as text: a command line and the header of a checkpoint have the same names. A
// struct of settings has a function `for_each_setting(settings, visit)`, which calls
// visit(name, field) for each field.
#ifndef YARN_EXAMPLES_EVALUATION_SETTINGS_HPP
#define YARN_EXAMPLES_EVALUATION_SETTINGS_HPP

#include <yarn/yarn.hpp>

#include <cstdint>
#include <cstdio>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace evaluation {

[[noreturn]] inline void complain(const std::string& what) {
  throw std::invalid_argument("evaluation: " + what);
}

template <class Number> std::string to_text(Number value) {
  if constexpr (std::is_floating_point_v<Number>) {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", static_cast<double>(value));
    return text;
  } else {
    return std::to_string(value);
  }
}
inline std::string to_text(bool value) { return value ? "yes" : "no"; }
inline std::string to_text(yarn::pairing value) {
  return value == yarn::pairing::half_split ? "half_split" : "interleaved";
}
inline std::string to_text(const std::string& value) { return value; }

template <class Number>
void from_text(const std::string& name, const std::string& text, Number& value) {
  std::istringstream in(text);
  Number read{};
  if (!(in >> read) || !(in >> std::ws).eof() || (std::is_unsigned_v<Number> && text[0] == '-'))
    complain(name + ": '" + text + "' is not a number of its type");
  value = read;
}
inline void from_text(const std::string& name, const std::string& text, bool& value) {
  if (text != "yes" && text != "no")
    complain(name + ": '" + text + "' must be yes or no");
  value = text == "yes";
}
inline void from_text(const std::string& name, const std::string& text, yarn::pairing& value) {
  if (text != "half_split" && text != "interleaved")
    complain(name + ": '" + text + "' must be half_split or interleaved");
  value = text == "half_split" ? yarn::pairing::half_split : yarn::pairing::interleaved;
}
inline void from_text(const std::string&, const std::string& text, std::string& value) {
  value = text;
}

/// Values with commas between them.
template <class Value>
std::vector<Value> list_from_text(const std::string& name, const std::string& text) {
  std::vector<Value> values;
  std::istringstream in(text);
  for (std::string item; std::getline(in, item, ',');) {
    values.emplace_back();
    from_text(name, item, values.back());
  }
  if (values.empty())
    complain(name + ": the list is empty");
  return values;
}

/// Values by name. Each value must be taken once; `require_empty` rejects the others.
class named_values {
public:
  named_values() = default;
  /// Arguments `--name value`.
  named_values(int argc, const char* const* argv) {
    for (int i = 0; i < argc; i += 2) {
      const std::string name = argv[i];
      if (name.rfind("--", 0) != 0 || i + 1 == argc)
        complain("arguments are pairs '--name value', not '" + name + "'");
      set(name.substr(2), argv[i + 1]);
    }
  }

  void set(const std::string& name, const std::string& value) {
    if (!values_.emplace(name, value).second)
      complain(name + " is given twice");
  }
  bool has(const std::string& name) const { return values_.count(name) != 0; }

  /// Takes the value, if it is given.
  template <class Value> void take(const std::string& name, Value& value) {
    const auto found = values_.find(name);
    if (found == values_.end())
      return;
    from_text(name, found->second, value);
    values_.erase(found);
  }
  template <class Value> Value take_or(const std::string& name, Value otherwise) {
    take(name, otherwise);
    return otherwise;
  }
  template <class Value> Value require(const std::string& name) {
    if (!has(name))
      complain(name + " is missing");
    Value value{};
    take(name, value);
    return value;
  }
  template <class Settings> void take_all(Settings& settings) {
    for_each_setting(settings, [&](const char* name, auto& field) { take(name, field); });
  }
  template <class Settings> void require_all(Settings& settings) {
    for_each_setting(settings, [&](const char* name, auto& field) {
      field = require<std::decay_t<decltype(field)>>(name);
    });
  }
  void require_empty() const {
    if (!values_.empty())
      complain("unknown setting '" + values_.begin()->first + "'");
  }

private:
  std::map<std::string, std::string> values_;
};

/// One line `name value` for each setting.
template <class Settings> std::string text_of(Settings settings) {
  std::string text;
  for_each_setting(settings, [&](const char* name, const auto& field) {
    text += std::string(name) + ' ' + to_text(field) + '\n';
  });
  return text;
}

} // namespace evaluation

#endif
