// SPDX-License-Identifier: MIT
// Prints the table of docs/moving-your-engine.md, except for the lines of the ggml graph
// (tests/engines/test_moving_ggml.cpp prints them). Each line is an engine before its move, or a
// variant with the library. Fails unless yarn/testing.hpp finds float32 angles, and nothing else,
// in the variants that have them, and nothing in the other variants.
#include "figures.hpp"

#include <cstdio>
#include <exception>

int main() try {
  bool is_as_expected = true;
  std::puts("| style | variant | difference | error at 0 | at 4090 | at 100000 | check_rotation |\n"
            "|---|---|---|---|---|---|---|");
  for (const moving::style& s : moving::all_styles())
    for (const moving::variant& v : s.variants) {
      const moving::figures f = moving::figures_of(s, v);
      std::puts(moving::line_of(s, v, f).c_str());
      is_as_expected &= f.diagnosis == (v.has_float32_angles ? "float32_angles" : "ok");
    }
  return is_as_expected ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "moving: %s\n", error.what());
  return 1;
}
