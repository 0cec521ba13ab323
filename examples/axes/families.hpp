// SPDX-License-Identifier: MIT
// Recipes: the frequencies of models whose tokens have positions on several axes. Include this file
// or copy the recipe that you need. docs/axes-models.md has drawings and tables of models.
//
//     const yarn::frequencies vision = families::halves(80); // Qwen2-VL's vision tower
//     families::token_positions patches;
//     patches.append_blocks(1, 18, 24, 2); // an image of 18 x 24 patches, blocks of 2 x 2
//     rows.assign(vision, patches.row_column());
//
// The axes are t (time, frame), h (height, row) and w (width, column). Every recipe names its axes
// in the order of their positions. token_positions.hpp makes positions of images. catalog.hpp has
// the recipe of each family with the numbers of a published model.
#ifndef YARN_EXAMPLES_AXES_FAMILIES_HPP
#define YARN_EXAMPLES_AXES_FAMILIES_HPP

#include "token_positions.hpp"

#include <yarn/yarn.hpp>

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace families {

// ---- What the recipes share -------------------------------------------------------------------

/// The frequencies theta^(-2i / dim) of a block of dim elements, on one axis.
inline yarn::frequencies block(std::int64_t dim, double theta) {
  return yarn::make_frequencies(yarn::rope_shape{dim, 0, theta}, yarn::default_scaling{});
}

/// head_dim / n.
/// Errors   std::invalid_argument: n does not divide head_dim.
inline std::int64_t part_of(std::int64_t head_dim, std::int64_t n) {
  if (head_dim % n != 0)
    throw std::invalid_argument("families: the number of parts does not divide head_dim");
  return head_dim / n;
}

/// f with every frequency multiplied by `factor`. If the positions of a model are integers times
/// `factor`, use these frequencies with the integers.
inline yarn::frequencies times(const yarn::frequencies& f, double factor) {
  std::vector<double> inv_freq(f.inv_freq().begin(), f.inv_freq().end());
  for (double& frequency : inv_freq)
    frequency *= factor;
  return yarn::frequencies_from(inv_freq.data(), inv_freq.size(), f.attention_factor());
}

/// Two axes whose pairs alternate: axis 0 has pairs 0, 2, 4 …, axis 1 has pairs 1, 3, 5 …. Both
/// have the frequencies of f.
inline yarn::frequencies alternating(const yarn::frequencies& f) {
  std::vector<double> inv_freq;
  std::vector<int> axes;
  for (const double frequency : f.inv_freq()) {
    inv_freq.insert(inv_freq.end(), {frequency, frequency});
    axes.insert(axes.end(), {0, 1});
  }
  return yarn::with_axes(yarn::frequencies_from(inv_freq.data(), inv_freq.size()), axes, 2);
}

// ---- Text decoders ----------------------------------------------------------------------------
//
// `text` are the frequencies of the model for text, scaled or not. The axes are t h w.
// yarn/prompt_positions.hpp makes the positions of a prompt. Sections count pairs.

/// The first pairs turn with t, the next with h, the last with w.
/// Qwen2-VL, Qwen2.5-VL, Qwen2.5-Omni, PaddleOCR-VL: half_split. GLM-4.5V, GLM-Image: half_split,
/// the first 64 elements of 128. GLM-4.1V, GLM-4.6V-Flash: interleaved pairs, the first 64 elements
/// of 128. GLM-OCR: interleaved pairs, all 128 elements.
/// Errors   Those of with_axes: the sections do not sum to the number of pairs.
/// Example  contiguous(text, {16, 24, 24})
inline yarn::frequencies contiguous(const yarn::frequencies& text,
                                    const yarn::axis_sections& sections) {
  return yarn::with_axes(text, sections);
}

/// The pairs alternate t h w until h and w have as many as in `sections`. The rest turns with t.
/// Qwen3-VL, Qwen3-Omni, Cosmos3: half_split. Qwen3.5: half_split, the first 64 elements of 256.
/// Hugging Face's classes of these models interleave the sections even if `mrope_interleaved` is
/// false.
/// Errors   Those of with_axes.
/// Example  interleaved(text, {24, 20, 20})
inline yarn::frequencies interleaved(const yarn::frequencies& text,
                                     const yarn::interleaved_sections& sections) {
  return yarn::with_axes(text, sections);
}

/// Pairs alternate h w, the rest turns with t. `sections_h_w_t` has the order of the configuration.
/// The positions are t h w.
/// ERNIE 4.5 VL: interleaved pairs. The model has no scaling.
/// Errors   std::invalid_argument: the sections of h and w differ, or their sum is not the number
///          of pairs.
/// Example  ernie(text, {22, 22, 20})
inline yarn::frequencies ernie(const yarn::frequencies& text,
                               const yarn::axis_sections& sections_h_w_t) {
  if (sections_h_w_t[0] != sections_h_w_t[1])
    throw std::invalid_argument("families: the sections of h and w must be equal");
  std::vector<int> axes;
  for (std::int64_t i = 0; i < sections_h_w_t.sum(); ++i)
    axes.push_back(i < 2 * sections_h_w_t[0] ? 1 + static_cast<int>(i % 2) : 0);
  return yarn::with_axes(text, axes, 3);
}

// ---- Vision towers ----------------------------------------------------------------------------

/// The first half of the pairs turns with h, the second half with w. Both halves have the same
/// frequencies, theta^(-2i / (head_dim / 2)). Axes h w, positions from 0, half_split.
/// The towers of Qwen2-VL to Qwen3.5, of GLM-4V, ERNIE 4.5 VL, EXAONE 4.5 and Video-LLaMA 3 have
/// their tokens in blocks (token_positions::append_blocks or append_windows). In Video-LLaMA 3 each
/// image has its own size of blocks. PaddleOCR-VL and MLCD have their tokens row by row. All frames
/// of a video have the same positions. MLCD rotates its class token by learned angles: make cos and
/// sin of this token yourself.
inline yarn::frequencies halves(std::int64_t head_dim, double theta = 10000.0) {
  const yarn::frequencies half = block(part_of(head_dim, 2), theta);
  return yarn::joined(half, half);
}

/// The first half of the pairs turns with h and has the frequencies theta^(-2i / head_dim) of even
/// i. The second half turns with w and has the frequencies of odd i. Axes h w, positions from 0,
/// tokens row by row, half_split.
/// Pixtral, Mistral Small 3.1.
inline yarn::frequencies pixtral(std::int64_t head_dim, double theta = 10000.0) {
  const yarn::frequencies head = block(4 * part_of(head_dim, 4), theta);
  std::vector<double> inv_freq;
  for (const std::int64_t first : {0, 1})
    for (std::int64_t i = first; i < head.n_pairs(); i += 2)
      inv_freq.push_back(head.inv_freq()[i]);
  return yarn::with_axes(yarn::frequencies_from(inv_freq.data(), inv_freq.size()),
                         yarn::axis_sections(head.n_pairs() / 2, head.n_pairs() / 2));
}

/// As halves, but the axes are w h, positions count from 1, and the pairing is interleaved. The
/// class token is the last token and is not rotated.
/// Llama 4.
inline yarn::frequencies llama4_vision(std::int64_t head_dim, double theta = 10000.0) {
  return halves(head_dim, theta);
}

/// As halves, but the axes are w h and the pairing is interleaved. Positions count from 0.
/// Sam 2, EdgeTAM: `scale` is 1. Sam 3: layers with windows count positions within the window, with
/// scale 1. In global layers `scale` is window_size / (image_size / patch_size), 24.0 / 72.
inline yarn::frequencies sam(std::int64_t head_dim, double theta = 10000.0, double scale = 1.0) {
  const yarn::frequencies half = times(block(part_of(head_dim, 2), theta), scale);
  return yarn::joined(half, half);
}

/// The frequencies of one half of a head, with one axis. Each half is rotated alone, in half_split:
/// the first half by the position on w, the second half by the position on h. gemma4_vision_apply
/// does both.
/// Gemma 4. Positions count from 0, tokens row by row.
inline yarn::frequencies gemma4_vision(std::int64_t head_dim, double theta = 100.0) {
  return block(part_of(head_dim, 2), theta);
}

/// Rotates the heads of Gemma 4's vision tower in place.
/// Requires half: gemma4_vision(x.head_dim()).
/// Errors   Those of rope_apply.
template <class T>
void gemma4_vision_apply(const yarn::heads_view<T>& x, const yarn::frequencies& half,
                         const yarn::positions& columns, const yarn::positions& rows) {
  const std::int64_t n = x.head_dim() / 2;
  const auto first = yarn::heads_view<T>(x.data(), x.n_tokens(), x.n_heads(), n)
                         .with_strides(x.token_stride(), x.head_stride());
  const auto second = yarn::heads_view<T>(x.data() + n, x.n_tokens(), x.n_heads(), n)
                          .with_strides(x.token_stride(), x.head_stride());
  yarn::rope_apply(first, yarn::rows_of(half, columns), yarn::pairing::half_split);
  yarn::rope_apply(second, yarn::rows_of(half, rows), yarn::pairing::half_split);
}

/// Three blocks of head_dim / 6 pairs (13 pairs if head_dim is 80) turn with t, h and w, all with
/// the same frequencies. The elements after them (2 of 80) are not rotated. Axes t h w, positions
/// from 0, tokens in blocks of 2 x 2, half_split.
/// MiniMax-M3-VL.
inline yarn::frequencies minimax_m3_vision(std::int64_t head_dim, double theta = 10000.0) {
  const yarn::frequencies axis = block(head_dim / 6 * 2, theta);
  return yarn::joined(axis, axis, axis);
}

/// As halves, for positions that are fractions: the centre of patch i of n is at (2i + 1) / n - 1,
/// and the frequencies are 2 pi theta^(-4k / head_dim). To have integers, the position here is
/// 2i + 1 - n (token_positions::append_patch_centres), and the frequencies are divided by n. So the
/// frequencies depend on the size of the image. Axes h w, half_split. Class and register tokens
/// come first and are not rotated.
/// DINOv3, Sapiens 2, EoMT-DINOv3.
inline yarn::frequencies dinov3(std::int64_t head_dim, std::int64_t n_rows, std::int64_t n_columns,
                                double theta = 100.0) {
  const yarn::frequencies half = times(block(part_of(head_dim, 2), theta), 6.283185307179586);
  return yarn::joined(times(half, 1.0 / static_cast<double>(n_rows)),
                      times(half, 1.0 / static_cast<double>(n_columns)));
}

/// Pairs alternate h w h w …. Two neighbours have the same frequency. Axes h w, positions from 1,
/// tokens row by row, interleaved pairs.
/// EfficientLoFTR. `dim` is the size of the hidden vector, which is rotated before it is split into
/// heads.
inline yarn::frequencies efficientloftr(std::int64_t dim, double theta = 10000.0) {
  return alternating(block(part_of(dim, 2), theta));
}

/// Pairs alternate w h w h …. Two neighbours have the same frequency. Axes w h, positions from 0,
/// tokens row by row, interleaved pairs. (A comment in the source says h w. The code computes w h.)
/// Kimi-VL, MoonViT.
/// Source   vLLM 055e47c, vllm/model_executor/models/moonvit.py.
inline yarn::frequencies moonvit(std::int64_t head_dim, double theta = 10000.0) {
  return alternating(block(part_of(head_dim, 2), theta));
}

// ---- Image and video transformers -------------------------------------------------------------
//
// Each axis has a block of pairs with its own series of frequencies, theta^(-2i / dim of the axis).
// All models have interleaved pairs. Tokens of images and videos are in the order frame, row,
// column. The source is diffusers 58eb52c, src/diffusers/models/transformers.

/// Axes t h w with 16, 56 and 56 elements. Text has the positions (0, 0, 0), an image (0, row,
/// column), the reference image of Kontext (1, row, column).
/// FLUX.1.
/// Source   transformer_flux.py, pipelines/flux.
inline yarn::frequencies flux() {
  return yarn::joined(block(16, 10000.0), block(56, 10000.0), block(56, 10000.0));
}

/// Four axes t h w l with 32 elements each. Token i of a text has the position (0, 0, 0, i), an
/// image (0, row, column, 0), reference image k = 0, 1 … has (10 + 10 k, row, column, 0).
/// FLUX.2.
/// Source   transformer_flux2.py, pipelines/flux2.
inline yarn::frequencies flux2() {
  const yarn::frequencies axis = block(32, 2000.0);
  return yarn::joined(axis, axis, axis, axis);
}

/// Axes t h w with 16, 56 and 56 elements. Positions of image k = 0, 1 …: t is k + frame, h and w
/// are centred (token_positions::append_around_middle). Text comes after the images, with the same
/// position on all axes. Its first position is the largest height / 2 or width / 2 of the images.
/// Qwen-Image, Qwen-Image-Edit. (Qwen-Image-Layered numbers its layers by k, gives its last image
/// t = -1, and starts text at the number of layers if that is larger.)
/// Source   transformer_qwenimage.py, with scale_rope, which the model always sets.
inline yarn::frequencies qwen_image() { return flux(); }

/// Axes t h w. h and w have head_dim / 6 pairs each, t has the rest: 44, 42 and 42 elements of 128.
/// Positions (frame, row, column). Text is read by cross-attention and is not rotated.
/// Wan 2.1, 2.2.
/// Source   transformer_wan.py.
inline yarn::frequencies wan(std::int64_t head_dim = 128) {
  const std::int64_t side = head_dim / 6 * 2;
  return yarn::joined(block(head_dim - 2 * side, 10000.0), block(side, 10000.0),
                      block(side, 10000.0));
}

/// Axes t h w with 16, 56 and 56 elements, theta 256. Positions (frame, row, column). Text tokens
/// come last and are not rotated.
/// HunyuanVideo.
/// Source   transformer_hunyuan_video.py.
inline yarn::frequencies hunyuan_video() {
  return yarn::joined(block(16, 256.0), block(56, 256.0), block(56, 256.0));
}

} // namespace families

#endif
