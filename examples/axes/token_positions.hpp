// SPDX-License-Identifier: MIT
// The positions of the patches of images and videos, in the orders that vision towers and image
// transformers have. (yarn/prompt_positions.hpp makes the positions of prompts.)
#ifndef YARN_EXAMPLES_AXES_TOKEN_POSITIONS_HPP
#define YARN_EXAMPLES_AXES_TOKEN_POSITIONS_HPP

#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace families {

/// A list of tokens, each with a frame, a row, a column, and a fourth number that only FLUX.2 uses.
/// Several images are appended one after another. The views refer to the list.
class token_positions {
public:
  void append(std::int64_t frame, std::int64_t row, std::int64_t column, std::int64_t fourth = 0) {
    numbers_.insert(numbers_.end(), {frame, row, column, fourth});
  }

  /// Patches row by row, frames one after another. The first patch is at (frame, first, first).
  void append_rows(std::int64_t n_frames, std::int64_t height, std::int64_t width,
                   std::int64_t first = 0, std::int64_t frame = 0) {
    append_grid(n_frames, height, width, {frame, first, first}, 1);
  }

  /// Patches in blocks of merge x merge. Blocks are row by row, and so are the patches of a block.
  /// Errors   std::invalid_argument: merge does not divide height and width.
  void append_blocks(std::int64_t n_frames, std::int64_t height, std::int64_t width,
                     std::int64_t merge) {
    append_windows(n_frames, height, width, merge, std::max(height, width));
  }

  /// Blocks in windows of window x window patches. Windows are row by row, and so are the blocks of
  /// a window. Windows at the right and at the bottom may be smaller. Qwen2.5-VL's window has
  /// window_size / patch_size patches on a side: 112 / 14 = 8.
  /// Errors   std::invalid_argument: merge does not divide height, width and window.
  void append_windows(std::int64_t n_frames, std::int64_t height, std::int64_t width,
                      std::int64_t merge, std::int64_t window) {
    if (merge < 1 || window < 1 || height % merge != 0 || width % merge != 0 || window % merge != 0)
      throw std::invalid_argument("families: merge must divide height, width and window");
    for (std::int64_t frame = 0; frame < n_frames; ++frame)
      for (std::int64_t top = 0; top < height; top += window)
        for (std::int64_t left = 0; left < width; left += window)
          for (std::int64_t y = top; y < std::min(top + window, height); y += merge)
            for (std::int64_t x = left; x < std::min(left + window, width); x += merge)
              for (std::int64_t i = 0; i < merge * merge; ++i)
                append(frame, y + i / merge, x + i % merge);
  }

  /// Row by row, with position 0 in the middle: rows from height / 2 - height on. For Qwen-Image.
  void append_around_middle(std::int64_t n_frames, std::int64_t height, std::int64_t width,
                            std::int64_t frame = 0) {
    append_grid(n_frames, height, width, {frame, height / 2 - height, width / 2 - width}, 1);
  }

  /// Row by row, with the positions 1 - n, 3 - n … n - 1 of the centres of n patches. For DINOv3.
  void append_patch_centres(std::int64_t height, std::int64_t width) {
    append_grid(1, height, width, {0, 1 - height, 1 - width}, 2);
  }

  /// Tokens of text: position first, first + 1 … on t, h and w.
  void append_text(std::int64_t n_tokens, std::int64_t first) {
    for (std::int64_t i = first; i < first + n_tokens; ++i)
      append(i, i, i);
  }

  std::int64_t size() const { return static_cast<std::int64_t>(numbers_.size()) / 4; }

  yarn::axis_positions row_column() const { return view(1, 2); }
  yarn::axis_positions column_row() const { return view(2, 2).with_strides(-1, 4); }
  yarn::axis_positions frame_row_column() const { return view(0, 3); }
  yarn::axis_positions all() const { return view(0, 4); }

private:
  struct corner {
    std::int64_t frame, row, column;
  };
  void append_grid(std::int64_t n_frames, std::int64_t height, std::int64_t width, corner first,
                   std::int64_t increment) {
    for (std::int64_t frame = 0; frame < n_frames; ++frame)
      for (std::int64_t row = 0; row < height; ++row)
        for (std::int64_t column = 0; column < width; ++column)
          append(first.frame + frame, first.row + increment * row,
                 first.column + increment * column);
  }
  yarn::axis_positions view(std::int64_t first, std::int64_t n_axes) const {
    const std::int64_t* const data = numbers_.empty() ? nullptr : numbers_.data() + first;
    return yarn::axis_positions(data, size(), n_axes).with_strides(1, 4);
  }

  std::vector<std::int64_t> numbers_; // [token][4]
};

} // namespace families

#endif
