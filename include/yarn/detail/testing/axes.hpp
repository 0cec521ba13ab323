// SPDX-License-Identifier: MIT
// Mistakes in the axes of pairs, and in the positions on the axes: the positions with which pairs
// turn in an engine that has such a mistake. Opt-in.
#ifndef YARN_DETAIL_TESTING_AXES_HPP
#define YARN_DETAIL_TESTING_AXES_HPP

#include "../../testing/expectation.hpp"
#include "candidates.hpp"
#include "positions.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

struct axis_mistake {
  /// Empty in the entries of add_extensions. Such an entry is one way to give axes to the pairs
  /// after the sections, and another finding says that there are too many pairs.
  std::optional<diagnosis> what;
  std::string text;
  pair_positions at;
  std::vector<double> inv_freq;

  std::vector<finding> findings() const {
    return what ? std::vector<finding>{{*what, text}} : std::vector<finding>();
  }
};

/// Builds the list of mistakes, common ones first.
class axis_mistake_list {
public:
  axis_mistake_list(const expectation& expected, const token_positions& tokens)
      : right_{tokens, axes_of(expected.frequencies())}, n_axes_(expected.n_axes()),
        n_pairs_(expected.n_pairs()), inv_freq_(list_of(expected.frequencies())),
        sections_(static_cast<std::size_t>(n_axes_)) {
    const std::int64_t n = std::min(n_pairs_, expected.n_pairs_of_model());
    for (std::int64_t pair = 0; pair < n; ++pair)
      ++sections_[axis(pair)];
    if (n_pairs_ > n)
      add_extensions();
    add_ignored();
    add_orders();
    if (n_pairs_ == n)
      add_layouts();
    add_text();
  }

  const std::vector<axis_mistake>& all() const { return all_; }

private:
  using numbers = std::vector<std::int64_t>;

  std::size_t axis(std::int64_t pair) const {
    return right_.axis_of_pair[static_cast<std::size_t>(pair)];
  }

  // Skips what is equal to the expectation, and repetitions.
  void add(std::optional<diagnosis> what, std::string text, pair_positions at,
           std::vector<double> inv_freq) {
    if (at == right_ && inv_freq == inv_freq_)
      return;
    for (const axis_mistake& known : all_)
      if (known.at == at && known.inv_freq == inv_freq)
        return;
    all_.push_back({what, std::move(text), std::move(at), std::move(inv_freq)});
  }
  void add(std::optional<diagnosis> what, const std::string& text, const axis_list& axes) {
    add(what, text, {right_.tokens, axes}, inv_freq_);
  }
  void add(diagnosis what, const std::string& text, const token_positions& tokens) {
    add(what, text, {tokens, right_.axis_of_pair}, inv_freq_);
  }
  // Adds two mistakes with these axes. In the first, each pair keeps its frequency. In the second,
  // pair k of an axis has the frequency that pair k of this axis should have, as in an engine in
  // which each axis has its own series of frequencies.
  void add_moved(diagnosis what, const std::string& text, const axis_list& axes) {
    add(what, text, axes);
    std::vector<double> moved;
    for (std::size_t pair = 0; pair < axes.size(); ++pair) {
      auto k =
          std::count(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(pair), axes[pair]);
      std::size_t from = 0;
      while (from < axes.size() && (right_.axis_of_pair[from] != axes[pair] || k-- > 0))
        ++from;
      if (from == axes.size())
        return; // The axis has more pairs than it should have.
      moved.push_back(inv_freq_[from]);
    }
    add(what, text, {right_.tokens, axes}, moved);
  }

  // The axes of sections in this order, side by side. Pairs after the last section have the axis
  // `rest`.
  axis_list contiguous(const numbers& sections, const numbers& order, std::int64_t rest) const {
    axis_list axes;
    for (const std::int64_t which : order)
      axes.insert(axes.end(), static_cast<std::size_t>(sections[static_cast<std::size_t>(which)]),
                  static_cast<std::uint8_t>(which));
    axes.resize(static_cast<std::size_t>(n_pairs_), static_cast<std::uint8_t>(rest));
    return axes;
  }
  axis_list contiguous(const numbers& sections, std::int64_t rest = 0) const {
    return contiguous(sections, in_order(), rest);
  }
  // The axes of sections that alternate, as those of yarn::interleaved_sections.
  axis_list interleaved(const numbers& sections) const {
    axis_list axes;
    for (std::int64_t pair = 0; pair < n_pairs_; ++pair) {
      const std::int64_t a = pair % n_axes_;
      const bool is_in = pair < n_axes_ * sections[static_cast<std::size_t>(a)];
      axes.push_back(static_cast<std::uint8_t>(is_in ? a : 0));
    }
    return axes;
  }
  // The sections, repeated to the last pair.
  axis_list repeated(const numbers& sections) const {
    const std::int64_t sum = std::accumulate(sections.begin(), sections.end(), std::int64_t{0});
    const axis_list once = contiguous(sections);
    axis_list axes;
    for (std::int64_t pair = 0; pair < n_pairs_; ++pair)
      axes.push_back(once[static_cast<std::size_t>(pair % std::max<std::int64_t>(sum, 1))]);
    return axes;
  }
  numbers in_order() const {
    numbers order(static_cast<std::size_t>(n_axes_));
    std::iota(order.begin(), order.end(), 0);
    return order;
  }
  numbers scaled_sections(std::int64_t numerator, std::int64_t denominator) const {
    numbers scaled = sections_;
    for (std::int64_t& n : scaled)
      n = n * numerator / denominator;
    return scaled;
  }
  std::string shown(const numbers& list) const {
    std::string text;
    for (const std::int64_t number : list)
      text += (text.empty() ? "" : ", ") + std::to_string(number);
    return text;
  }

  // Whether the pairs of each axis are side by side.
  bool has_blocks() const {
    std::int64_t n_blocks = 1, n_used = 0;
    for (std::int64_t pair = 1; pair < n_pairs_; ++pair)
      n_blocks += axis(pair) != axis(pair - 1) ? 1 : 0;
    for (const std::int64_t n : sections_)
      n_used += n > 0 ? 1 : 0;
    return n_blocks == n_used;
  }

  // If more pairs are rotated than the sections have: ways to give axes to the other pairs.
  void add_extensions() {
    add({}, "", contiguous(sections_, 0));
    add({}, "", contiguous(sections_, n_axes_ - 1));
    add({}, "", contiguous(scaled_sections(2, 1)));
    add({}, "", interleaved(sections_));
    add({}, "", interleaved(scaled_sections(2, 1)));
  }

  void add_layouts() {
    const bool is_contiguous = right_.axis_of_pair == contiguous(sections_);
    const bool is_interleaved = right_.axis_of_pair == interleaved(sections_);
    const std::string list = shown(sections_);
    if (has_blocks())
      add_moved(diagnosis::sections_interleaved,
                text_of("the pairs of the axes alternate; the sections of {} pairs should be side "
                        "by side",
                        list),
                interleaved(sections_));
    else
      add_moved(diagnosis::sections_contiguous,
                text_of("the sections of {} pairs are side by side; the pairs of the axes should "
                        "alternate",
                        list),
                contiguous(sections_));
    const auto add_scaled = [&](const char* how, const axis_list& axes) {
      add(diagnosis::sections_in_elements,
          text_of("the sections are {}; {} are numbers of pairs, not of elements", how, list),
          axes);
    };
    if (is_contiguous) {
      const numbers halves = scaled_sections(1, 2);
      add_scaled("doubled", contiguous(scaled_sections(2, 1)));
      add_scaled("halved", repeated(halves));
      add_scaled("halved", contiguous(halves, n_axes_ - 1));
      add_scaled("halved", contiguous(halves));
    }
    if (is_interleaved) {
      add_scaled("doubled", interleaved(scaled_sections(2, 1)));
      add_scaled("halved", interleaved(scaled_sections(1, 2)));
    }
  }

  void add_ignored() {
    for (std::int64_t only = 0; only < n_axes_; ++only)
      add(diagnosis::axes_ignored,
          text_of("all pairs turn with the position on axis {}; each pair should turn with the "
                  "position on its own axis",
                  only),
          axis_list(right_.axis_of_pair.size(), static_cast<std::uint8_t>(only)));
    for (std::int64_t ignored = 0; ignored < n_axes_; ++ignored)
      for (std::int64_t used = 0; used < n_axes_; ++used) {
        axis_list axes = right_.axis_of_pair;
        std::replace(axes.begin(), axes.end(), static_cast<std::uint8_t>(ignored),
                     static_cast<std::uint8_t>(used));
        add(diagnosis::axes_ignored,
            text_of("the pairs of axis {} turn with the position on axis {}; the position on axis "
                    "{} is not used",
                    ignored, used, ignored),
            axes);
      }
  }

  void add_text() {
    const token_positions& tokens = right_.tokens;
    add(diagnosis::text_positions,
        "tokens of images turn with their index in the sequence on all axes, as if they were text; "
        "use their positions in the list",
        tokens.changed([&](std::int64_t token, std::int64_t, std::int64_t position) {
          return tokens.is_text(token) ? position : token;
        }));
    add(diagnosis::text_positions,
        "all tokens turn with their index in the sequence, also those of images; use the positions "
        "in the list",
        tokens.changed([](std::int64_t token, std::int64_t, std::int64_t) { return token; }));
  }

  void add_orders() {
    numbers order = in_order();
    // Four axes have 24 orders. Five have 120, so for more than four only cyclic shifts are tried.
    const auto next = [&] {
      if (n_axes_ <= 4)
        return std::next_permutation(order.begin(), order.end());
      std::rotate(order.begin(), order.begin() + 1, order.end());
      return order[0] != 0;
    };
    while (next()) {
      axis_list axes;
      for (const std::uint8_t right : right_.axis_of_pair)
        axes.push_back(static_cast<std::uint8_t>(order[right]));
      add(diagnosis::axis_order,
          text_of("the axes are exchanged: the pairs of axes {} turn with the positions on axes "
                  "{}",
                  shown(in_order()), shown(order)),
          axes);
      if (has_blocks())
        add_moved(diagnosis::axis_order,
                  text_of("the sections are exchanged: they follow each other in the order of axes "
                          "{} where it should be {}",
                          shown(order), shown(in_order())),
                  contiguous(sections_, order, 0));
    }
  }

  pair_positions right_;
  std::int64_t n_axes_;
  std::int64_t n_pairs_;
  std::vector<double> inv_freq_;
  numbers sections_; // the number of pairs of each axis
  std::vector<axis_mistake> all_;
};

/// The difference between two lists of axes.
inline std::string other_axes(const axis_list& actual, const axis_list& right) {
  const auto first = std::mismatch(actual.begin(), actual.end(), right.begin());
  std::int64_t n = 0;
  for (std::size_t pair = 0; pair < right.size(); ++pair)
    n += actual[pair] != right[pair] ? 1 : 0;
  return text_of("{} pairs belong to other axes; the first is pair {}, which turns with the "
                 "position on axis {} and should turn with that on axis {}",
                 n, first.first - actual.begin(), static_cast<int>(*first.first),
                 static_cast<int>(*first.second));
}

inline std::vector<axis_mistake> axis_mistakes(const expectation& expected,
                                               const token_positions& tokens) {
  if (expected.n_axes() == 1)
    return {};
  return axis_mistake_list(expected, tokens).all();
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif
