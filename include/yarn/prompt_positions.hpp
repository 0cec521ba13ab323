// SPDX-License-Identifier: MIT
// The positions of prompts that contain images and videos, by the rules of vision-language models.
// Opt-in: not in yarn.hpp.
//
//     yarn::prompt_positions prompt(yarn::qwen2_5_vl_rules());
//     prompt.append_text(12);
//     prompt.append_image(18, 24); // height, width, in tokens: after patches are merged
//     prompt.append_text(30);
//     rows.assign(freqs, prompt.view()); // freqs: with three axes (axes.hpp)
//     ...
//     rows.assign(freqs, yarn::positions_from(prompt.next(), 1)); // the first generated token
//
// A prompt is a list of segments. The axes are time, height and width. In a text that starts at p,
// token i has the position p + i on all axes. In an image that starts at p, a token has the
// position (p, p + row, p + column). The tokens of an image are in row-major order. The next
// segment starts at p + max(height, width).
#ifndef YARN_PROMPT_POSITIONS_HPP
#define YARN_PROMPT_POSITIONS_HPP

#include "detail/base/buffer.hpp"
#include "views.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Where the segment after a video of t x h x w tokens starts, if the video starts at p.
enum class video_end {
  /// At the largest position so far + 1: the rule of the models' first releases, of Qwen2.5-Omni,
  /// and of most engines.
  largest_position,
  /// At p + max(h, w), as transformers 5.12 computes it. Text after a long video then has positions
  /// that the video has, too.
  height_and_width,
};

/// The position of a frame on the time axis, counted from the start of its video.
enum class video_time {
  frames,        ///< the index of the frame
  seconds,       ///< seconds * positions_per_second, truncated
  whole_seconds, ///< the same, but the seconds per frame are truncated first: 0.5 s are 0 s
  /// Each frame is an image, and a text with the time of the frame comes before the image.
  /// append_video is an error.
  images,
};

/// How a model numbers the tokens of a video.
struct prompt_rules {
  video_time time = video_time::frames;
  double positions_per_second = 1.0; ///< for video_time::seconds and whole_seconds
  video_end end = video_end::largest_position;
};

/// Qwen2-VL, PaddleOCR-VL.
/// Errors   None.
/// Source   transformers 5.12, models/qwen2_vl/modeling_qwen2_vl.py, get_rope_index.
constexpr prompt_rules qwen2_vl_rules() { return {}; }

/// Qwen2.5-VL. `tokens_per_second` is in the vision_config of the model.
/// Errors   None.
/// Source   transformers 5.12, models/qwen2_5_vl/modeling_qwen2_5_vl.py, get_rope_index.
constexpr prompt_rules qwen2_5_vl_rules(double tokens_per_second = 2.0) {
  return {video_time::whole_seconds, tokens_per_second, video_end::largest_position};
}

/// Qwen2.5-Omni, for videos without sound.
/// Errors   None.
/// Source   transformers 5.12, models/qwen2_5_omni/modeling_qwen2_5_omni.py, get_rope_index.
constexpr prompt_rules qwen2_5_omni_rules(double position_id_per_seconds = 25.0) {
  return {video_time::seconds, position_id_per_seconds, video_end::largest_position};
}

/// Qwen3-VL and Qwen3.5.
/// Errors   None.
/// Source   transformers 5.12, models/qwen3_vl/modeling_qwen3_vl.py, get_rope_index.
constexpr prompt_rules qwen3_vl_rules() {
  return {video_time::images, 1.0, video_end::largest_position};
}

/// GLM-4.1V, GLM-4.5V, GLM-4.6V, GLM-OCR.
/// Errors   None.
/// Source   transformers 5.12, models/glm4v/modeling_glm4v.py, get_rope_index.
constexpr prompt_rules glm4v_rules() {
  return {video_time::images, 1.0, video_end::largest_position};
}

/// ERNIE 4.5 VL. Frames are counted after merging (temporal_conv_size).
/// Errors   None.
/// Source   transformers 5.12, models/ernie4_5_vl_moe/modeling_ernie4_5_vl_moe.py.
constexpr prompt_rules ernie4_5_vl_rules() { return {}; }

/// The tokens that prompt_positions::erase removed. The tokens after them moved by -distance on all
/// axes.
struct erased_tokens {
  std::int64_t first;
  std::int64_t n_tokens;
  std::int64_t distance;
};

/// The positions of a prompt, owned. Three axes: time, height, width.
class prompt_positions {
public:
  static constexpr std::int64_t n_axes = 3;

  /// Errors   std::invalid_argument: positions_per_second is negative or not finite.
  explicit prompt_positions(const prompt_rules& rules = {});

  /// Appends tokens of text.
  /// Errors   std::invalid_argument: n_tokens < 0, or a position or size() would exceed 2^31.
  template <class Integer> void append_text(Integer n_tokens) {
    append_text_tokens(detail::to_index(n_tokens, "n_tokens"));
  }

  /// Appends an image.
  /// Units    Tokens: patches after merging (spatial_merge_size).
  /// Errors   std::invalid_argument: height or width < 1, a position or size() would exceed 2^31.
  template <class Height, class Width> void append_image(Height height, Width width) {
    append_grid(1, detail::to_index(height, "height"), detail::to_index(width, "width"), 0.0);
  }

  /// Appends a video.
  /// Units    n_frames: frames after merging (temporal_patch_size, temporal_merge_size). height and
  ///          width as for images. seconds_per_frame: `second_per_grid_ts`; not used by rules
  ///          without seconds.
  /// Errors   Those of append_image, and std::invalid_argument: n_frames < 1, seconds_per_frame is
  ///          negative or not finite, or the rules take frames as images.
  template <class Frames, class Height, class Width>
  void append_video(Frames n_frames, Height height, Width width, double seconds_per_frame = 1.0) {
    require_video(seconds_per_frame);
    append_grid(detail::to_index(n_frames, "n_frames"), detail::to_index(height, "height"),
                detail::to_index(width, "width"), seconds_per_frame);
  }

  /// Removes segments, and lowers the positions of later segments as if the removed ones had never
  /// been there. To do the same in a cache: remove the keys and values of the erased tokens, and
  /// rotate the n keys after them by rows_of(unscaled(freqs),
  /// axis_positions(&shift, n, 3).with_strides(0, 0)), with shift = -distance.
  /// Errors   std::invalid_argument: the segments [first, first + n_segments) do not exist.
  template <class Segment, class Count> erased_tokens erase(Segment first, Count n_segments) {
    return erase_segments(detail::to_index(first, "segment"),
                          detail::to_index(n_segments, "n_segments"));
  }

  std::int64_t size() const { return n_tokens_; }
  std::int64_t n_segments() const { return n_segments_; }
  /// The position of the first generated token, on all axes: the largest position so far + 1.
  std::int64_t next() const { return next_; }

  /// The positions of all tokens.
  [[nodiscard]] axis_positions view() const& { return view(0, n_tokens_); }
  axis_positions view() const&& = delete; // would dangle
  /// The positions of the tokens [first, first + n), for prompts that are processed in chunks.
  /// Errors   std::invalid_argument: the prompt does not have these tokens.
  [[nodiscard]] axis_positions view(std::int64_t first, std::int64_t n) const&;
  axis_positions view(std::int64_t first, std::int64_t n) const&& = delete;

private:
  struct segment {
    std::int64_t first_token;
    std::int64_t start; // position
  };

  void append_text_tokens(std::int64_t n);
  void append_grid(std::int64_t n_frames, std::int64_t height, std::int64_t width, double seconds);
  void require_video(double seconds) const;
  std::int64_t time_of(std::int64_t frame, double seconds) const;
  std::int64_t* begin_segment(std::int64_t n, std::int64_t extent);
  erased_tokens erase_segments(std::int64_t first, std::int64_t n);

  prompt_rules rules_;
  detail::buffer<std::int64_t> positions_; // [token][axis]
  detail::buffer<segment> segments_;
  std::int64_t n_tokens_ = 0;
  std::int64_t n_segments_ = 0;
  std::int64_t start_ = 0; // of the next segment
  std::int64_t next_ = 0;
};

} // namespace YARN_ABI
} // namespace yarn

#include "detail/prompts/positions.hpp"

#endif
