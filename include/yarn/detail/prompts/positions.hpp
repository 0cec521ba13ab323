// SPDX-License-Identifier: MIT
// The definitions of prompt_positions.
#ifndef YARN_DETAIL_PROMPTS_POSITIONS_HPP
#define YARN_DETAIL_PROMPTS_POSITIONS_HPP

#include "../../prompt_positions.hpp"

namespace yarn {
inline namespace YARN_ABI {

inline prompt_positions::prompt_positions(const prompt_rules& rules) : rules_(rules) {
  if (!detail::is_finite(rules.positions_per_second) || rules.positions_per_second < 0.0)
    detail::fail_argument("yarn: prompt_rules.positions_per_second = {} must be finite and >= 0",
                          rules.positions_per_second);
}

// Appends a segment of n tokens whose positions are below start_ + extent. Returns the memory for
// their positions, which the caller must write.
inline std::int64_t* prompt_positions::begin_segment(std::int64_t n, std::int64_t extent) {
  constexpr std::int64_t largest = std::int64_t{1} << 31;
  if (n > largest - n_tokens_ || extent > largest - start_ + 1)
    detail::fail_argument("yarn: a segment of {} tokens and {} positions, after {} tokens and {} "
                          "positions: positions would exceed 2^31",
                          n, extent, n_tokens_, start_);
  positions_.resize_keeping(static_cast<std::size_t>(n_axes * (n_tokens_ + n)));
  segments_.resize_keeping(static_cast<std::size_t>(n_segments_ + 1));
  segments_[static_cast<std::size_t>(n_segments_++)] = {n_tokens_, start_};
  std::int64_t* const added = positions_.data() + n_axes * n_tokens_;
  n_tokens_ += n;
  if (n > 0 && start_ + extent > next_)
    next_ = start_ + extent;
  return added;
}

inline void prompt_positions::append_text_tokens(std::int64_t n) {
  if (n < 0)
    detail::fail_argument("yarn: n_tokens = {} of a text must be >= 0", n);
  std::int64_t* added = begin_segment(n, n);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t axis = 0; axis < n_axes; ++axis)
      *added++ = start_ + i;
  start_ += n;
}

inline void prompt_positions::require_video(double seconds) const {
  if (rules_.time == video_time::images)
    detail::fail_argument("yarn: append_video: with these rules each frame of a video is an image, "
                          "and a text with the time of the frame comes before the image: use "
                          "append_text and append_image");
  if (!detail::is_finite(seconds) || seconds < 0.0)
    detail::fail_argument("yarn: seconds_per_frame = {} must be finite and >= 0", seconds);
}

inline std::int64_t prompt_positions::time_of(std::int64_t frame, double seconds) const {
  constexpr double beyond = 4294967296.0; // begin_segment rejects this position
  double position = static_cast<double>(frame);
  if (rules_.time == video_time::whole_seconds && seconds < beyond) {
    position *= static_cast<double>(static_cast<std::int64_t>(seconds));
    position *= rules_.positions_per_second;
  } else if (rules_.time != video_time::frames) {
    // Qwen2.5-Omni rounds to float32 after each product.
    const auto time = static_cast<float>(static_cast<float>(frame) * static_cast<float>(seconds));
    position = static_cast<double>(
        static_cast<float>(time * static_cast<float>(rules_.positions_per_second)));
  }
  return static_cast<std::int64_t>(position < beyond ? position : beyond);
}

inline void prompt_positions::append_grid(std::int64_t n_frames, std::int64_t height,
                                          std::int64_t width, double seconds) {
  constexpr std::int64_t largest = std::int64_t{1} << 31;
  if (n_frames < 1 || height < 1 || width < 1 || n_frames > largest ||
      height > largest / n_frames || width > largest / n_frames / height)
    detail::fail_argument("yarn: n_frames = {}, height = {}, width = {} must be >= 1, and their "
                          "product at most 2^31",
                          n_frames, height, width);
  const std::int64_t size = height > width ? height : width;
  const std::int64_t n_times = n_frames == 1 ? 1 : time_of(n_frames - 1, seconds) + 1;
  const std::int64_t extent = n_times > size ? n_times : size;
  std::int64_t* added = begin_segment(n_frames * height * width, extent);
  for (std::int64_t frame = 0; frame < n_frames; ++frame) {
    const std::int64_t time = start_ + (frame == 0 ? 0 : time_of(frame, seconds));
    for (std::int64_t row = 0; row < height; ++row)
      for (std::int64_t column = 0; column < width; ++column) {
        *added++ = time;
        *added++ = start_ + row;
        *added++ = start_ + column;
      }
  }
  start_ = rules_.end == video_end::largest_position ? next_ : start_ + size;
}

inline erased_tokens prompt_positions::erase_segments(std::int64_t first, std::int64_t n) {
  if (first < 0 || n < 0 || first > n_segments_ || n > n_segments_ - first)
    detail::fail_argument("yarn: erase of segments [{}, {} + {}): the prompt has {}", first, first,
                          n, n_segments_);
  const auto begin_of = [&](std::int64_t i) {
    return i < n_segments_ ? segments_[static_cast<std::size_t>(i)] : segment{n_tokens_, start_};
  };
  const segment begin = begin_of(first), end = begin_of(first + n);
  const erased_tokens erased{begin.first_token, end.first_token - begin.first_token,
                             end.start - begin.start};
  for (std::int64_t i = n_axes * end.first_token; i < n_axes * n_tokens_; ++i)
    positions_[static_cast<std::size_t>(i - n_axes * erased.n_tokens)] =
        positions_[static_cast<std::size_t>(i)] - erased.distance;
  for (std::int64_t i = first + n; i < n_segments_; ++i) {
    const segment& moved = segments_[static_cast<std::size_t>(i)];
    segments_[static_cast<std::size_t>(i - n)] = {moved.first_token - erased.n_tokens,
                                                  moved.start - erased.distance};
  }
  n_tokens_ -= erased.n_tokens;
  n_segments_ -= n;
  start_ -= erased.distance;
  next_ = 0;
  for (std::int64_t i = 0; i < n_axes * n_tokens_; ++i)
    if (positions_[static_cast<std::size_t>(i)] >= next_)
      next_ = positions_[static_cast<std::size_t>(i)] + 1;
  return erased;
}

inline axis_positions prompt_positions::view(std::int64_t first, std::int64_t n) const& {
  if (first < 0 || n < 0 || first > n_tokens_ || n > n_tokens_ - first)
    detail::fail_argument("yarn: view of tokens [{}, {} + {}): the prompt has {}", first, first, n,
                          n_tokens_);
  return axis_positions(positions_.data() + n_axes * first, n, n_axes).with_strides(1, n_axes);
}

} // namespace YARN_ABI
} // namespace yarn

#endif
