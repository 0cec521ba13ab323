// SPDX-License-Identifier: MIT
// Rotates a tensor [batch, heads, tokens, dim] with strides, as torch exports it through DLPack.
// The position_ids are a second tensor. The element type is known only at run time.
#include <yarn/dlpack.hpp>
#include <yarn/yarn.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

/// Rotates every sequence of a batch. An engine would call this function for each tensor.
void rotate(const DLTensor& x, const DLTensor& position_ids, const yarn::frequencies& freqs) {
  yarn::rotary_rows<float> rows;
  for (std::int64_t sequence = 0; sequence < x.shape[0]; ++sequence) {
    rows.assign(freqs, yarn::positions_in(position_ids, sequence));
    yarn::visit_heads(
        x, [&](auto heads) { yarn::rope_apply(heads, rows, yarn::pairing::half_split); }, sequence,
        yarn::dim_order::heads_tokens_dim);
  }
}

int main() try {
  yarn::rope_shape shape;
  shape.head_dim = 2; // one pair; its angle is the position
  shape.rope_theta = 10000.0;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, yarn::default_scaling{});

  std::vector<std::int64_t> positions{0, 1, 2, 3}, id_extents{2, 2};
  DLTensor ids{};
  ids.data = positions.data();
  ids.device = {kDLCPU, 0};
  ids.dtype = {kDLInt, 64, 1};
  ids.ndim = 2;
  ids.shape = id_extents.data();

  // Ones and zeros in bfloat16, in memory as [token][head][element].
  std::vector<std::uint16_t> data;
  for (int i = 0; i < 2 * 2 * 3; ++i)
    data.insert(data.end(), {0x3f80, 0});
  std::vector<std::int64_t> extents{2, 3, 2, 2}, strides{12, 2, 6, 1};
  DLTensor x{};
  x.data = data.data();
  x.device = {kDLCPU, 0};
  x.dtype = {kDLBfloat, 16, 1};
  x.ndim = 4;
  x.shape = extents.data();
  x.strides = strides.data();

  rotate(x, ids, freqs);

  double largest = 0;
  for (std::size_t token = 0; token < 4; ++token) {
    const std::uint32_t bits = std::uint32_t{data[6 * token + 4]} << 16U; // of the last head
    float cos = 0;
    std::memcpy(&cos, &bits, sizeof cos);
    const double exact = std::cos(static_cast<double>(positions[token]));
    std::printf("cos %d = %8.5f, in bfloat16 %8.5f\n", static_cast<int>(positions[token]), exact,
                static_cast<double>(cos));
    largest = std::fmax(largest, std::fabs(static_cast<double>(cos) - exact));
  }
  return largest < 0x1p-9 ? 0 : 1; // half the spacing of bfloat16 numbers below 1
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
