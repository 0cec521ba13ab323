// SPDX-License-Identifier: MIT
// Compiled once for each instruction set. YARN_TEST_PART is the name of the function.
#include "parts.hpp"

#include <yarn/yarn.hpp>

#include <cstring>

part_result YARN_TEST_PART() {
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 10000.0;
  yarn::yarn_scaling method;
  method.factor = 4.0;
  method.original_max_position_embeddings = 4096;
  const yarn::any_scaling chosen = method;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, chosen, 1);

  part_result result = {};
  for (int i = 0; i < 64; ++i)
    result.inv_freq[i] = freqs.inv_freq()[static_cast<std::size_t>(i)];
  for (int i = 0; i < 128; ++i)
    result.rotated[i] = static_cast<float>(i);
  const yarn::heads_view head{result.rotated, 1, 1, 128};

  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions_from(10007, 1));
  for (int i = 0; i < 64; ++i) {
    result.cos_sin[i] = rows.cos(0)[i];
    result.cos_sin[64 + i] = rows.sin(0)[i];
  }
  yarn::rope_apply(head, rows, yarn::pairing::half_split);

  const auto table = yarn::make_table<double>(yarn::inverse(freqs), 64);
  yarn::rope_apply(head, yarn::rows_of(table, yarn::positions_from(7)), yarn::pairing::interleaved);
  yarn::rope_apply(head, yarn::rows_of(freqs, yarn::positions_from(7)), yarn::pairing::interleaved);

  yarn::bfloat16 narrow[128];
  const yarn::heads_view narrow_head{narrow, 1, 1, 128};
  yarn::rope_copy(head, narrow_head, rows, yarn::pairing::interleaved);
  yarn::rope_apply(narrow_head, rows, yarn::pairing::half_split);
  std::memcpy(result.rotated_bfloat16, narrow, sizeof narrow);
  return result;
}
