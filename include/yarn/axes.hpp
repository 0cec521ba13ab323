// SPDX-License-Identifier: MIT
// Frequencies with several position axes, for vision-language models, vision towers, and image and
// video transformers.
//
// A token of these models has a position on each axis, such as time, height and width. Each pair
// belongs to one axis and turns with the position on this axis. `with_axes` gives the pairs of a
// model their axes; `joined` puts blocks of pairs side by side, each with frequencies and an axis
// of its own. The result is used like other frequencies, with `axis_positions` (views.hpp) in place
// of `positions`. With `positions`, a token has the same position on all axes, as in text.
//
//     auto text   = yarn::make_frequencies({128, 0, 1e6}, yarn::default_scaling{});
//     auto qwen2  = yarn::with_axes(text, yarn::axis_sections{16, 24, 24});
//     auto qwen3  = yarn::with_axes(text, yarn::interleaved_sections{24, 20, 20});
//     auto half   = yarn::make_frequencies({40, 0, 1e4}, yarn::default_scaling{});
//     auto vision = yarn::joined(half, half); // height, width
//
// docs/axes.md explains these layouts. docs/axes-models.md lists the models that have them.
#ifndef YARN_AXES_HPP
#define YARN_AXES_HPP

#include "frequencies.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// How many pairs each of 2 to 4 axes has (`mrope_section` in Hugging Face,
/// `rope.dimension_sections` in GGUF). Zeros at the end, as GGUF files have them, add no axis, but
/// the first two axes always exist.
class axis_sections {
public:
  /// Errors   std::invalid_argument: a number is not in [0, 2^23].
  template <class First, class Second, class... More>
  axis_sections(First first, Second second, More... more)
      : n_axes_(2 + static_cast<std::int64_t>(sizeof...(More))),
        n_pairs_{detail::to_index(first, "axis_sections"),
                 detail::to_index(second, "axis_sections"),
                 detail::to_index(more, "axis_sections")...} {
    static_assert(sizeof...(More) <= 2,
                  "yarn: 2 to 4 sections; for more, pass a list to with_axes");
    check();
  }

  std::int64_t n_axes() const { return n_axes_; }
  /// The number of pairs of an axis.
  /// Requires 0 <= axis < n_axes().
  std::int64_t operator[](std::int64_t axis) const {
    YARN_ASSERT(axis >= 0 && axis < n_axes_);
    return n_pairs_[axis];
  }
  /// The number of pairs of all axes.
  std::int64_t sum() const { return n_pairs_[0] + n_pairs_[1] + n_pairs_[2] + n_pairs_[3]; }

private:
  void check();

  std::int64_t n_axes_;
  std::int64_t n_pairs_[4] = {};
};

/// The sections of three axes whose pairs alternate: pair i belongs to axis i mod 3 if this axis is
/// 1 or 2 and i < 3 * section[axis], and to axis 0 otherwise (`mrope_interleaved` in Hugging Face).
///
///     interleaved_sections{4, 2, 2}   0 1 2 0 1 2 0 0
class interleaved_sections {
public:
  /// Errors   Those of axis_sections.
  template <class Time, class Height, class Width>
  interleaved_sections(Time time, Height height, Width width) : sections_(time, height, width) {}

  const axis_sections& sections() const { return sections_; }

private:
  axis_sections sections_;
};

/// The same frequencies with an axis for each pair: the first section[0] pairs belong to axis 0,
/// the next section[1] pairs to axis 1, and so on. The axes that f has are replaced.
/// Errors   std::invalid_argument: the sum of the sections is not f.n_pairs(). (`mrope_section`
///          counts pairs. A list that counts elements has twice the sum.)
/// Source   Qwen2-VL, arXiv 2409.12191, section 2.1.
[[nodiscard]] inline frequencies with_axes(const frequencies& f, const axis_sections& sections);

/// The same for pairs that alternate.
/// Errors   std::invalid_argument: the sum of the sections is not f.n_pairs(), or section[a], for a
///          = 1 or 2, is larger than the number of pairs i with i mod 3 = a.
/// Source   Qwen3-VL, arXiv 2511.21631.
[[nodiscard]] inline frequencies with_axes(const frequencies& f,
                                           const interleaved_sections& sections);

/// The same for any list: pair i belongs to axis list[i].
/// Shape    list: a container with data() and size(); its size is f.n_pairs().
/// Types    List: elements of any integer type.
/// Errors   std::invalid_argument: list.size() is not f.n_pairs(), n_axes is not in [1, 8], an axis
///          is not in [0, n_axes).
template <class List, class Count>
[[nodiscard]] frequencies with_axes(const frequencies& f, const List& list, Count n_axes);

/// The pairs of all blocks (the arguments) side by side, in their order. The axes of each block
/// follow those of the blocks before. If each block has one axis, these axes become 0, 1, 2 ….
/// Errors   std::invalid_argument: a block has no pairs, the attention factors differ, the blocks
///          have more than 8 axes or more than 2^23 pairs, or only some are float32_pipeline.
/// Source   FLUX, Wan and most vision towers: one block of pairs for each axis.
template <class... More>
[[nodiscard]] frequencies joined(const frequencies& first, const frequencies& second,
                                 const More&... more);

} // namespace YARN_ABI
} // namespace yarn

#include "detail/scaling/axes.hpp"

#endif
