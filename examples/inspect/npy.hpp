// SPDX-License-Identifier: MIT
// Rows of cos and sin as an array that numpy.load reads.
#ifndef YARN_EXAMPLES_INSPECT_NPY_HPP
#define YARN_EXAMPLES_INSPECT_NPY_HPP

#include <yarn/frequencies.hpp>

#include <cstdint>
#include <string>

namespace inspect {

/// Positions [begin, end).
struct position_range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Reads "begin:end"; both may be negative.
/// Errors   std::invalid_argument for anything else, an empty range, positions beyond +-2^31.
position_range position_range_from(const std::string& text);

/// Writes format 1.0, little-endian float32 ("<f4") in C order, shape (2, positions, pairs): index
/// 0 is cos, 1 is sin, with the attention factor in them. `cos, sin = numpy.load(path)`. Errors
/// std::invalid_argument for a table above `largest_table` bytes; std::runtime_error where
///          the file cannot be opened or written: then no part of it is left behind.
void write_npy(const std::string& path, const yarn::frequencies& frequencies,
               const position_range& range);

/// A table is to be loaded into memory: 8 GiB.
constexpr std::int64_t largest_table = std::int64_t{1} << 33;

} // namespace inspect

#endif
