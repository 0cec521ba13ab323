// SPDX-License-Identifier: MIT
// Gives the pairs of a model to axes of positions, by the sections of its GGUF file.
// Source: ggml src/ggml-cpu/ops.cpp (ggml_mrope_cache_init), llama.cpp src/llama-graph.cpp
// (llm_graph_input_pos::set_input).
#ifndef YARN_DETAIL_GGUF_SECTIONS_HPP
#define YARN_DETAIL_GGUF_SECTIONS_HPP

#include "architectures.hpp"
#include "keys.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The sections of a file: pairs of time, height, width and a fourth axis.
struct gguf_sections {
  std::int64_t pairs[4] = {};

  std::int64_t sum() const { return pairs[0] + pairs[1] + pairs[2] + pairs[3]; }
  std::int64_t n_axes() const { return pairs[3] > 0 ? 4 : 3; }

  // The pattern of the axes repeats after sum() pairs.
  std::int64_t contiguous(std::int64_t pair) const {
    std::int64_t sector = pair % sum(), axis = 0;
    while (sector >= pairs[axis])
      sector -= pairs[axis++];
    return axis;
  }
  // -1: the pair is in no section. ggml gives it to the fourth axis.
  std::int64_t alternating(std::int64_t pair) const {
    const std::int64_t sector = pair % sum();
    return sector < 3 * pairs[sector % 3] ? sector % 3 : -1;
  }
};

// What llama.cpp does with the sections of this architecture. Adds a note if it ignores them.
template <class Reader>
gguf_axes find_gguf_axes(gguf_keys<Reader>& keys, const gguf_sections& sections) {
  constexpr const char* key = "rope.dimension_sections";
  const gguf_axes kind =
      gguf_axes_of(keys.architecture(), sections.pairs[0] > 0 && sections.pairs[1] > 0);
  const bool is_applied = kind == gguf_axes::contiguous || kind == gguf_axes::alternating;
  if (is_applied && !keys.is_list(key))
    keys.missing(key, "llama.cpp needs it for this architecture");
  if (is_applied && sections.sum() == sections.pairs[3])
    fail_argument("yarn: {}: one of the first three sections must be > 0", keys.full(key));
  if (sections.sum() != 0 && kind == gguf_axes::one)
    keys.note("{} has no effect: llama.cpp does not use it for this architecture", keys.full(key));
  if (sections.sum() != 0 && kind == gguf_axes::unknown)
    keys.note("{}: it is not known which axis llama.cpp gives each pair of this architecture; the "
              "frequencies are right, and the rotations are right for text only",
              keys.full(key));
  return kind;
}

// The fields of gguf_config about axes.
struct gguf_axis_list {
  std::int64_t n_axes = 1;
  std::vector<std::uint8_t> axis_of_pair;
};

// given: the sections of the file, at most 4.
template <class Reader>
gguf_axis_list read_gguf_axes(gguf_keys<Reader>& keys, const std::vector<std::int64_t>& given,
                              const rope_shape& shape) {
  const std::string name = keys.full("rope.dimension_sections");
  gguf_sections sections;
  std::copy(given.begin(), given.end(), sections.pairs);
  const gguf_axes kind = find_gguf_axes(keys, sections);
  if (kind == gguf_axes::one || kind == gguf_axes::unknown)
    return {};
  const std::int64_t n_pairs = shape.rotated() / 2;
  if (sections.sum() > n_pairs)
    fail_argument("yarn: the sections of {} have {} pairs in sum, more than the {} of the model",
                  name, sections.sum(), n_pairs);
  if (sections.sum() < n_pairs)
    keys.note("the sections of {} have {} pairs in sum, and the model has {}: their pattern "
              "repeats, as in ggml",
              name, sections.sum(), n_pairs);
  static_cast<void>(spectrum(shape)); // refuses shapes with too many pairs for a list
  gguf_axis_list list;
  list.n_axes = sections.n_axes();
  std::int64_t n_left = 0;
  for (std::int64_t pair = 0; pair < n_pairs; ++pair) {
    std::int64_t axis =
        kind == gguf_axes::alternating ? sections.alternating(pair) : sections.contiguous(pair);
    n_left += axis < 0;
    if (axis < 0)
      axis = list.n_axes == 4 ? 3 : 0;
    list.axis_of_pair.push_back(static_cast<std::uint8_t>(axis));
  }
  if (n_left > 0 && list.n_axes == 3)
    keys.note("{}: {} pairs are in no section and turn with time, as in Hugging Face; ggml gives "
              "them to the fourth position, which llama.cpp sets to 0",
              name, n_left);
  return list;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
