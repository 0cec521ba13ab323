// SPDX-License-Identifier: MIT
// A program that uses the library only by `import yarn;`. The views begin at an address that is not
// aligned to vectors. Types of this file specialise the templates that the module exports.
#include <cstdint>
#include <cstdio>
#include <vector>
import yarn;

#include <yarn/check_import.hpp>
YARN_CHECK_IMPORT;

namespace {

struct engine_bfloat16 {
  std::uint16_t bits;
};

struct engine_tensor {
  float* data;
  std::int64_t n_tokens;
};

bool is_near(float x, double expected) {
  const double difference = static_cast<double>(x) - expected;
  return difference < 1e-4 && difference > -1e-4;
}

} // namespace

template <> struct yarn::format_of<engine_bfloat16> {
  static constexpr yarn::element_format value = yarn::element_format::bfloat16;
};
template <> struct yarn::tensor_traits<engine_tensor> {
  static auto heads(const engine_tensor& x) { return yarn::heads_view{x.data, x.n_tokens, 8, 128}; }
};

int main() {
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 10000.0;
  yarn::yarn_scaling method;
  method.factor = 32.0;
  method.original_max_position_embeddings = 4096;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, method);

  // The numbers of the README.
  const std::vector<std::int32_t> list = {0, 4095, 131071};
  std::vector<float> q_data(3 * 32 * 128 + 1, 1.0F), k_data(3 * 8 * 128 + 1, 1.0F);
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions(list));
  yarn::rope_apply(yarn::heads_view{q_data.data() + 1, 3, 32, 128},
                   engine_tensor{k_data.data() + 1, 3}, rows, yarn::pairing::half_split);
  const float* last = q_data.data() + 1 + 2 * 32 * 128;
  bool is_right = is_near(last[40], 1.7424) && is_near(last[40 + 64], -0.7684);
  is_right = is_right && k_data[1 + 2 * 8 * 128 + 40] == last[40];

  // Copies the keys into two caches: bfloat16 of the engine, and blocks of ggml. Reads the blocks
  // back.
  std::vector<engine_bfloat16> cache(3 * 8 * 128 + 1);
  const yarn::heads_view keys{k_data.data() + 1, 3, 8, 128};
  yarn::copy_heads(keys, yarn::heads_view{cache.data() + 1, 3, 8, 128});
  is_right = is_right && cache[1 + 2 * 8 * 128 + 40].bits == 0x3fdf; // 1.7421875
  const yarn::q8_0 format{};
  std::vector<std::uint8_t> blocks(static_cast<std::size_t>(3 * 8 * format.head_bytes(128)));
  const yarn::heads_view bytes{blocks.data(), 3, 8, format.head_bytes(128)};
  yarn::copy_heads(keys, yarn::stored(bytes, format, 128));
  std::vector<float> restored(3 * 8 * 128 + 1);
  yarn::copy_heads(yarn::stored(bytes, format, 128),
                   yarn::heads_view{restored.data() + 1, 3, 8, 128});
  is_right =
      is_right && restored[1 + 2 * 8 * 128 + 40] > 1.73F && restored[1 + 2 * 8 * 128 + 40] < 1.76F;

  // A method of the caller computes with the exported operators.
  const yarn::real half_turn = yarn::constant::pi * yarn::real(0.5) + yarn::real(0.5);
  is_right = is_right && static_cast<double>(half_turn) > 2.07 && half_turn < yarn::real(2.08);

  std::printf("%s\n", is_right ? "right" : "wrong");
  return is_right ? 0 : 1;
}
