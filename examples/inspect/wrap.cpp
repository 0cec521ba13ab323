// SPDX-License-Identifier: MIT
#include "wrap.hpp"

#include "text.hpp"

#include <algorithm>

namespace inspect {
namespace {

constexpr std::size_t line_width = 80;
constexpr std::size_t label_width = 22;

} // namespace

std::string wrapped(const std::string& first, const std::string& words) {
  std::string text, line = first;
  const std::string indent(first.size(), ' ');
  std::size_t at = 0;
  while (at < words.size()) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    const std::string word = words.substr(at, end - at);
    const bool is_fresh = line.size() == first.size();
    if (!is_fresh && line.size() + 1 + word.size() > line_width) {
      text += line + "\n";
      line = indent + word;
    } else {
      line += (is_fresh ? "" : " ") + word;
    }
    at = end + 1;
  }
  return text + line + "\n";
}

std::string labelled(const char* label, const std::string& words) {
  const std::string first = format("  %-*s", static_cast<int>(label_width - 2), label);
  if (first.size() <= label_width)
    return wrapped(first, words);
  return first + "\n" + wrapped(std::string(label_width, ' '), words);
}

} // namespace inspect
