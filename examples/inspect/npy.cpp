// SPDX-License-Identifier: MIT
#include "npy.hpp"

#include "file.hpp"
#include "text.hpp"

#include <yarn/rows.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace inspect {
namespace {

// Reads a whole number and moves `at` to its end.
bool read_integer(const char*& at, const char* end, std::int64_t& value) {
  const auto [next, error] = std::from_chars(at, end, value);
  at = next;
  return error == std::errc{};
}

std::string header(const position_range& range, std::int64_t n_pairs) {
  std::string text =
      format("{'descr': '<f4', 'fortran_order': False, 'shape': (2, %lld, %lld), }",
             static_cast<long long>(range.end - range.begin), static_cast<long long>(n_pairs));
  // Magic, version and length are 10 bytes; data begins at a multiple of 64.
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  std::string start = "\x93NUMPY";
  start += '\1';
  start += '\0';
  start += static_cast<char>(text.size() & 0xff);
  start += static_cast<char>(text.size() >> 8);
  return start + text;
}

// Writes little-endian bytes on every processor.
void append_little_endian(std::vector<char>& bytes, const float* values, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    for (int shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<char>(bits >> shift & 0xff));
  }
}

} // namespace

position_range position_range_from(const std::string& text) {
  position_range range;
  const char* at = text.data();
  const char* const end = at + text.size();
  bool is_range = read_integer(at, end, range.begin) && at != end && *at == ':';
  if (is_range) {
    ++at;
    is_range = read_integer(at, end, range.end) && at == end;
  }
  constexpr std::int64_t farthest = std::int64_t{1} << 31;
  if (!is_range)
    throw std::invalid_argument("--positions = \"" + text +
                                "\" must be BEGIN:END, two whole numbers of which END is not "
                                "included");
  if (range.begin >= range.end)
    throw std::invalid_argument("--positions = \"" + text + "\" is empty: END must be above BEGIN");
  if (range.begin < -farthest || range.end > farthest + 1)
    throw std::invalid_argument("--positions = \"" + text +
                                "\" must lie within [-2^31, 2^31], where rows are exact");
  return range;
}

void write_npy(const std::string& path, const yarn::frequencies& frequencies,
               const position_range& range) {
  const std::int64_t n_positions = range.end - range.begin, n_pairs = frequencies.n_pairs();
  constexpr std::int64_t bytes_each = 2 * sizeof(float);
  if (n_positions > largest_table / bytes_each / n_pairs)
    throw std::invalid_argument(format(
        "--positions: a table of %lld positions and %lld pairs has %.3g GiB; at most 8 are "
        "written",
        static_cast<long long>(n_positions), static_cast<long long>(n_pairs),
        static_cast<double>(n_positions) * static_cast<double>(n_pairs) * bytes_each / 0x1p30));
  output_file file(path);
  file.write(header(range, n_pairs));
  // Writes blocks of a few MB: all of cos, then all of sin. Making all rows twice costs less than
  // keeping them in memory.
  const std::int64_t block = std::max<std::int64_t>(1, (std::int64_t{1} << 20) / n_pairs);
  const std::size_t block_size = static_cast<std::size_t>(std::min(block, n_positions) * n_pairs);
  std::vector<float> cos(block_size), sin(block_size);
  std::vector<char> bytes;
  bytes.reserve(block_size * sizeof(float));
  for (const std::vector<float>* half : {&cos, &sin})
    for (std::int64_t done = 0; done < n_positions; done += block) {
      const std::int64_t n = std::min(block, n_positions - done);
      yarn::fill_rows(frequencies, yarn::positions_from(range.begin + done, n), cos.data(),
                      sin.data(), n_pairs);
      bytes.clear();
      append_little_endian(bytes, half->data(), static_cast<std::size_t>(n * n_pairs));
      file.write({bytes.data(), bytes.size()});
    }
  file.close();
}

} // namespace inspect
