// SPDX-License-Identifier: MIT
// A list of families, each with the recipe and the numbers of a published model.
#ifndef YARN_EXAMPLES_AXES_CATALOG_HPP
#define YARN_EXAMPLES_AXES_CATALOG_HPP

#include "families.hpp"

#include <cstdint>

namespace families {

struct family {
  const char* name;
  const char* axes; ///< a letter for each axis
  yarn::pairing pairing;
  std::int64_t head_dim;
  yarn::frequencies (*make)();
  /// A head consists of this number of equal parts. A call rotates one part, by one axis. 1: a call
  /// rotates the whole head.
  std::int64_t n_parts = 1;
};

/// The frequencies of a text decoder without scaling. rotary_dim 0: all elements.
inline yarn::frequencies text(std::int64_t head_dim, double theta, std::int64_t rotary_dim = 0) {
  return yarn::make_frequencies(yarn::rope_shape{head_dim, rotary_dim, theta},
                                yarn::default_scaling{});
}

inline const family catalog[] = {
    // text decoders
    {"qwen2-vl", "thw", yarn::pairing::half_split, 128,
     [] {
       return contiguous(text(128, 1e6), {16, 24, 24});
     }},
    {"paddleocr-vl", "thw", yarn::pairing::half_split, 128,
     [] {
       return contiguous(text(128, 5e5), {16, 24, 24});
     }},
    {"glm-4.5v", "thw", yarn::pairing::half_split, 128,
     [] {
       return contiguous(text(128, 1e4, 64), {8, 12, 12});
     }},
    {"glm-4.1v", "thw", yarn::pairing::interleaved, 128,
     [] {
       return contiguous(text(128, 1e4, 64), {8, 12, 12});
     }},
    {"glm-ocr", "thw", yarn::pairing::interleaved, 128,
     [] {
       return contiguous(text(128, 1e4), {16, 24, 24});
     }},
    {"qwen3-vl", "thw", yarn::pairing::half_split, 128,
     [] {
       return interleaved(text(128, 5e6), {24, 20, 20});
     }},
    {"qwen3.5", "thw", yarn::pairing::half_split, 256,
     [] {
       return interleaved(text(256, 1e7, 64), {11, 11, 10});
     }},
    {"ernie-4.5-vl", "thw", yarn::pairing::interleaved, 128,
     [] {
       return ernie(text(128, 5e5), {22, 22, 20});
     }},
    // vision towers
    {"qwen2-vl-vision", "hw", yarn::pairing::half_split, 80, [] { return halves(80); }},
    {"qwen3-vl-vision", "hw", yarn::pairing::half_split, 72, [] { return halves(72); }},
    {"glm-4.1v-vision", "hw", yarn::pairing::half_split, 128, [] { return halves(128); }},
    {"pixtral-vision", "hw", yarn::pairing::half_split, 64, [] { return pixtral(64); }},
    {"llama-4-vision", "wh", yarn::pairing::interleaved, 88, [] { return llama4_vision(88); }},
    {"gemma-4-vision", "wh", yarn::pairing::half_split, 72, [] { return gemma4_vision(72); }, 2},
    {"minimax-m3-vision", "thw", yarn::pairing::half_split, 80,
     [] { return minimax_m3_vision(80); }},
    {"dinov3", "hw", yarn::pairing::half_split, 64, [] { return dinov3(64, 3, 5); }},
    {"sam", "wh", yarn::pairing::interleaved, 64, [] { return sam(64); }},
    {"efficientloftr", "hw", yarn::pairing::interleaved, 256, [] { return efficientloftr(256); }},
    {"moonvit", "wh", yarn::pairing::interleaved, 72, [] { return moonvit(72); }},
    // image and video transformers
    {"flux", "thw", yarn::pairing::interleaved, 128, flux},
    {"flux2", "thwl", yarn::pairing::interleaved, 128, flux2},
    {"qwen-image", "thw", yarn::pairing::interleaved, 128, qwen_image},
    {"wan", "thw", yarn::pairing::interleaved, 128, [] { return wan(); }},
    {"hunyuan-video", "thw", yarn::pairing::interleaved, 128, hunyuan_video},
};

} // namespace families

#endif
