// SPDX-License-Identifier: MIT
// Prints which pair of a head belongs to which axis: a letter for each pair, 64 in a line.
//
//     axes                 all families
//     axes qwen3-vl flux   these families
#include "catalog.hpp"

#include <cstdint>
#include <cstdio>
#include <string>

namespace {

/// The letter of each pair. If n_parts > 1, each part of the head has its own axis.
std::string letters(const families::family& family) {
  const yarn::frequencies freqs = family.make();
  std::string pairs;
  for (std::int64_t part = 0; part < family.n_parts; ++part)
    for (std::int64_t pair = 0; pair < freqs.n_pairs(); ++pair)
      pairs += family.axes[part + freqs.axis(pair)];
  return pairs;
}

void print(const families::family& family) {
  const std::string pairs = letters(family);
  const bool is_interleaved = family.pairing == yarn::pairing::interleaved;
  std::string name = family.name;
  std::string pairing = is_interleaved ? "interleaved" : "half_split";
  for (std::size_t first = 0; first < pairs.size(); first += 64) {
    std::printf("%-18s %-12s %s\n", name.c_str(), pairing.c_str(), pairs.substr(first, 64).c_str());
    name = pairing = "";
  }
}

} // namespace

int main(int n_arguments, char** arguments) {
  for (int i = 1; i < n_arguments; ++i) {
    bool is_known = false;
    for (const families::family& family : families::catalog)
      is_known = is_known || arguments[i] == std::string(family.name);
    if (!is_known) {
      std::fprintf(stderr, "axes: unknown family '%s'; without arguments, axes lists all\n",
                   arguments[i]);
      return 1;
    }
  }
  for (const families::family& family : families::catalog) {
    bool is_wanted = n_arguments == 1;
    for (int i = 1; i < n_arguments; ++i)
      is_wanted = is_wanted || arguments[i] == std::string(family.name);
    if (is_wanted)
      print(family);
  }
  return 0;
}
