// SPDX-License-Identifier: MIT
// Writes rows of cos and sin as an array for numpy.load.
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

/// Reads "begin:end". Both may be negative.
/// Errors   std::invalid_argument: another text, an empty range, a position beyond +-2^31.
position_range position_range_from(const std::string& text);

/// Writes format 1.0, little-endian float32 ("<f4") in C order, shape (2, positions, pairs): index
/// 0 is cos, 1 is sin, both times the attention factor.
/// Errors   std::invalid_argument: the table has more than `largest_table` bytes.
///          std::runtime_error: the file cannot be opened or written; then no incomplete
///          file is left.
/// Example  In Python: cos, sin = numpy.load(path)
void write_npy(const std::string& path, const yarn::frequencies& frequencies,
               const position_range& range);

/// 8 GiB, because the table must fit into memory when it is loaded.
constexpr std::int64_t largest_table = std::int64_t{1} << 33;

} // namespace inspect

#endif
