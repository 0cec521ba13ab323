// SPDX-License-Identifier: MIT
// Compiled twice, for two instruction sets; YARN_TEST_HALF names the function.
#include "halves.hpp"

#include <yarn/yarn.hpp>

half_result YARN_TEST_HALF() {
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 10000.0;
  yarn::yarn_scaling method;
  method.factor = 4.0;
  method.original_max_position_embeddings = 4096;
  const yarn::any_scaling chosen = method;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, chosen, 1);

  half_result result = {};
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
  yarn::rope_apply(head, yarn::positions_from(7), table, yarn::pairing::interleaved);
  yarn::rope_apply(head, yarn::positions_from(7), freqs, yarn::pairing::interleaved);
  return result;
}
