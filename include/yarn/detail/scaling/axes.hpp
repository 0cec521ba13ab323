// SPDX-License-Identifier: MIT
// The definitions of with_axes and joined.
#ifndef YARN_DETAIL_SCALING_AXES_HPP
#define YARN_DETAIL_SCALING_AXES_HPP

#include "../../axes.hpp"

namespace yarn {
inline namespace YARN_ABI {

inline void axis_sections::check() {
  for (std::int64_t axis = 0; axis < n_axes_; ++axis)
    if (n_pairs_[axis] < 0 || n_pairs_[axis] > std::int64_t{1} << 23)
      detail::fail_argument("yarn: axis_sections[{}] = {} must be in [0, 2^23]", axis,
                            n_pairs_[axis]);
  while (n_axes_ > 2 && n_pairs_[n_axes_ - 1] == 0)
    --n_axes_;
}

namespace detail {

// Writes the axes of frequencies.
class axis_builder {
public:
  axis_builder(const frequencies& f, std::int64_t n_axes) : result_(f) {
    if (result_.axes_.size() == 0)
      fail_argument("yarn: with_axes: frequencies have n_pairs = 0: make them by "
                    "make_frequencies or frequencies_from");
    if (n_axes < 1 || n_axes > largest_n_axes)
      fail_argument("yarn: n_axes = {} must be in [1, {}]", n_axes, largest_n_axes);
    result_.n_axes_ = n_axes;
  }
  void set(std::int64_t pair, std::int64_t axis) {
    result_.axes_[static_cast<std::size_t>(pair)] = static_cast<std::uint8_t>(axis);
  }
  frequencies result() { return static_cast<frequencies&&>(result_); }

  static frequencies join(const frequencies* const* blocks, std::size_t n_blocks);

private:
  frequencies result_;
};

inline void check_sections(const frequencies& f, const axis_sections& sections) {
  if (sections.sum() != f.n_pairs())
    fail_argument("yarn: the sections of the axes have {} pairs, the frequencies have {}{}",
                  sections.sum(), f.n_pairs(),
                  sections.sum() == 2 * f.n_pairs() ? ": sections count pairs, not elements" : "");
}

inline frequencies axis_builder::join(const frequencies* const* blocks, std::size_t n_blocks) {
  std::int64_t n_pairs = 0, n_axes = 0;
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const frequencies& block = *blocks[b];
    if (block.n_pairs() == 0)
      fail_argument("yarn: joined: block {} has no frequencies", b);
    if (block.attention_factor() != blocks[0]->attention_factor())
      fail_argument("yarn: joined: block {} has the attention factor {}, block 0 has {}", b,
                    block.attention_factor(), blocks[0]->attention_factor());
    if (block.is_float32_pipeline() != blocks[0]->is_float32_pipeline())
      fail_argument("yarn: joined: only one of block {} and block 0 is a float32_pipeline", b);
    n_pairs += block.n_pairs();
    n_axes += block.n_axes();
  }
  if (n_pairs > std::int64_t{1} << 23)
    fail_argument("yarn: joined: {} pairs are more than 2^23", n_pairs);
  if (n_axes > largest_n_axes)
    fail_argument("yarn: joined: {} axes are more than {}", n_axes, largest_n_axes);

  frequencies f;
  f.resize(static_cast<std::size_t>(n_pairs));
  f.attention_factor_ = blocks[0]->attention_factor_;
  f.float32_ = blocks[0]->float32_;
  f.rope_theta_ = blocks[0]->rope_theta_;
  f.n_axes_ = n_axes;
  std::size_t pair = 0;
  std::int64_t first_axis = 0;
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const frequencies& block = *blocks[b];
    for (std::size_t i = 0; i < block.inv_freq_.size(); ++i, ++pair) {
      f.inv_freq_[pair] = block.inv_freq_[i];
      f.steps_[pair] = block.steps_[i];
      f.zones_[pair] = block.zones_[i];
      f.axes_[pair] = static_cast<std::uint8_t>(first_axis + block.axes_[i]);
    }
    first_axis += block.n_axes_;
    if (block.rope_theta_ != f.rope_theta_)
      f.rope_theta_ = 0.0;
  }
  return f;
}

} // namespace detail

inline frequencies with_axes(const frequencies& f, const axis_sections& sections) {
  detail::axis_builder built(f, sections.n_axes());
  detail::check_sections(f, sections);
  std::int64_t pair = 0;
  for (std::int64_t axis = 0; axis < sections.n_axes(); ++axis)
    for (std::int64_t i = 0; i < sections[axis]; ++i)
      built.set(pair++, axis);
  return built.result();
}

inline frequencies with_axes(const frequencies& f, const interleaved_sections& sections) {
  const axis_sections& s = sections.sections();
  detail::axis_builder built(f, s.n_axes());
  detail::check_sections(f, s);
  for (std::int64_t axis = 1; axis < s.n_axes(); ++axis)
    if (s[axis] > (f.n_pairs() - axis + 2) / 3)
      detail::fail_argument("yarn: interleaved_sections: axis {} has {} pairs, and only {} of {} "
                            "pairs can belong to it",
                            axis, s[axis], (f.n_pairs() - axis + 2) / 3, f.n_pairs());
  for (std::int64_t pair = 0; pair < f.n_pairs(); ++pair) {
    const std::int64_t axis = pair % 3;
    built.set(pair, axis < s.n_axes() && pair < 3 * s[axis] ? axis : 0);
  }
  return built.result();
}

template <class List, class Count>
frequencies with_axes(const frequencies& f, const List& list, Count n_axes) {
  const std::int64_t count = detail::to_index(n_axes, "n_axes");
  detail::axis_builder built(f, count);
  const std::int64_t n = detail::to_index(list.size(), "list.size");
  if (n != f.n_pairs())
    detail::fail_argument("yarn: with_axes: the list has {} axes; it must have one for each of the "
                          "{} pairs",
                          n, f.n_pairs());
  for (std::int64_t pair = 0; pair < n; ++pair) {
    const std::int64_t axis = detail::to_index(list.data()[pair], "axis");
    if (axis < 0 || axis >= count)
      detail::fail_argument("yarn: with_axes: axis {} of pair {} must be in [0, {})", axis, pair,
                            count);
    built.set(pair, axis);
  }
  return built.result();
}

template <class... More>
frequencies joined(const frequencies& first, const frequencies& second, const More&... more) {
  const frequencies* const blocks[] = {&first, &second, &more...};
  return detail::axis_builder::join(blocks, sizeof...(More) + 2);
}

} // namespace YARN_ABI
} // namespace yarn

#endif
