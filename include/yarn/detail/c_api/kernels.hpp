// SPDX-License-Identifier: MIT
// What the C API passes to the parts of run-time dispatch (dispatch.hpp): plain data, and a table
// of functions. A part makes rows and rotates. Everything else, including the checks of calls, is
// compiled once.
//
// The names of these types do not contain the compiler flags, because all parts share them.
#ifndef YARN_DETAIL_C_API_KERNELS_HPP
#define YARN_DETAIL_C_API_KERNELS_HPP

#include "../../c_api.h"
#include "../../dispatch.hpp"

namespace yarn {
namespace c_api {

// The largest head_dim of a normed tensor whose elements, weights or order of pairs are converted.
// The scratch memory of a part has room for this many elements.
inline constexpr std::int64_t largest_converted_dim = 1024;

// The numbers of frequencies. A part makes frequencies of its own from them.
struct frequencies_numbers {
  const double* inv_freq;
  const std::uint64_t* phase_steps;
  const std::uint8_t* axis_of_pair;
  std::int64_t n_pairs;
  std::int64_t n_axes;
  double attention_factor;
  bool is_float32_pipeline;
};

// Positions: `list` if has_axes is false, else `axes`.
struct position_list {
  positions list;
  axis_positions axes;
  bool has_axes;
};

// The rows of a call. `frequencies` is the part's own object; null: `view` has the rows.
struct row_argument {
  const void* frequencies;
  yarn_cos_sin view;
  bool is_table;
  position_list at;
  yarn_temperature temperature;
};

// A tensor of a call, with copies of its norm, paging and format. A copy is set if the pointer in x
// is not null.
struct tensor_argument {
  yarn_tensor x;
  yarn_norm norm;
  yarn_paging paging;
  yarn_cache_format format;
};

// A call of rope_apply (first and second, which may be null), rope_copy (from first to second), or
// copy_heads (without rows).
struct rotation {
  const tensor_argument* first;
  const tensor_argument* second;
  const row_argument* rows;
  pairing in;
  pairing out;
  thread_slice slice;
};

// The functions of a part. Those that are not noexcept throw what the C++ functions throw.
struct kernels {
  void* (*new_frequencies)(const frequencies_numbers& numbers);
  void (*free_frequencies)(void* frequencies) noexcept;

  void* (*new_rows)(yarn_element_type type);
  void (*append_rows)(void* rows, yarn_element_type type, const void* frequencies,
                      const position_list& at, const yarn_temperature& temperature);
  void (*clear_rows)(void* rows, yarn_element_type type) noexcept;
  void (*view_rows)(const void* rows, yarn_element_type type, yarn_cos_sin& view) noexcept;
  void (*free_rows)(void* rows, yarn_element_type type) noexcept;
  void (*fill_rows)(const void* frequencies, const position_list& at,
                    const yarn_temperature& temperature, yarn_element_type type, void* cos,
                    void* sin, std::int64_t row_stride, thread_slice slice);

  void (*apply)(const rotation& call) noexcept;
  void (*copy)(const rotation& call) noexcept;
  void (*copy_heads)(const rotation& call) noexcept;
};

} // namespace c_api
} // namespace yarn

YARN_DISPATCH_DECLARE(yarn::c_api::kernels)

#endif
