// SPDX-License-Identifier: MIT
// Finds the layout of an engine's rotation: which elements form pairs. The search needs no angles,
// because one row of cos and sin must explain all heads of a token. Opt-in.
#ifndef YARN_DETAIL_TESTING_LAYOUT_HPP
#define YARN_DETAIL_TESTING_LAYOUT_HPP

#include "../../testing/expectation.hpp"
#include "observation.hpp"

#include <algorithm>
#include <optional>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// The input and output of an engine's rotation, with [head][element] for each token. If the engine
/// is called several times, the heads of each call follow those of the call before.
struct samples {
  element_format format = element_format::unknown; ///< of the output
  token_positions positions;
  std::int64_t n_heads = 0; ///< in all calls together
  std::int64_t head_dim = 0;
  std::vector<double> before; ///< [token][head][element]
  std::vector<double> after;
  double noise = 0;

  std::size_t at(std::int64_t token, std::int64_t head, std::int64_t element) const {
    return static_cast<std::size_t>((token * n_heads + head) * head_dim + element);
  }
};

/// The way in which an engine writes the two sin terms of a pair. There is no enumerator for a
/// wrong sign in the second element: this mistake equals a wrong sign in the first element and the
/// other direction.
enum class sin_terms { rotation, first_sign, overwritten };

struct layout {
  pairing order = pairing::half_split;
  pairing output_order = pairing::half_split;
  std::int64_t offset = 0;
  std::int64_t rotary_dim = 0;
  std::int64_t distance = 0; ///< between the two elements of a half-split pair
  sin_terms kind = sin_terms::rotation;
  std::vector<finding> findings; ///< the differences from the expected layout

  std::int64_t n_pairs() const { return rotary_dim / 2; }
  std::int64_t first(pairing in_order, std::int64_t pair) const {
    return offset + (in_order == pairing::half_split ? pair : 2 * pair);
  }
  std::int64_t second(pairing in_order, std::int64_t pair) const {
    return offset + (in_order == pairing::half_split ? pair + distance : 2 * pair + 1);
  }
};

inline layout expected_layout(const expectation& expected) {
  layout l;
  l.order = expected.order();
  l.output_order = expected.output_order();
  l.offset = expected.rotary_offset();
  l.rotary_dim = expected.shape().rotated();
  l.distance = l.rotary_dim / 2;
  return l;
}

inline pairing opposite(pairing order) {
  return order == pairing::half_split ? pairing::interleaved : pairing::half_split;
}
inline const char* order_name(pairing order) {
  return order == pairing::half_split ? "half_split" : "interleaved";
}

inline std::string sign_text(const char* which) {
  return text_of("the sin term of the {} element of a pair has the wrong sign", which);
}

/// The equations of one token and pair: two for each head.
inline void add_equations(const samples& s, const layout& l, std::int64_t token, std::int64_t pair,
                          std::vector<equation>& list) {
  for (std::int64_t h = 0; h < s.n_heads; ++h) {
    const double x0 = s.before[s.at(token, h, l.first(l.order, pair))];
    const double x1 = s.before[s.at(token, h, l.second(l.order, pair))];
    const double y0 = s.after[s.at(token, h, l.first(l.output_order, pair))];
    const double y1 = s.after[s.at(token, h, l.second(l.output_order, pair))];
    const double length = std::sqrt(x0 * x0 + x1 * x1);
    const double scale = length > 0 ? length : 1;
    list.push_back({x0, l.kind == sin_terms::first_sign ? x1 : -x1, y0, scale});
    const double partner = l.kind == sin_terms::overwritten ? y0 : x0;
    list.push_back({x1, partner, y1, scale});
  }
}

inline observation observed(const samples& s, const layout& l) {
  observation seen;
  seen.positions = s.positions;
  seen.n_pairs = l.n_pairs();
  seen.per_pair = 2 * s.n_heads;
  seen.digits = digits_of(s.format);
  seen.noise = s.noise;
  for (std::int64_t token = 0; token < seen.n_tokens(); ++token)
    for (std::int64_t pair = 0; pair < seen.n_pairs; ++pair)
      add_equations(s, l, token, pair, seen.equations);
  return seen;
}

/// Whether, under this layout, each token has one row that explains all of its heads, and the rows
/// rotate at least one pair from `first_rotated` on, if there are such pairs.
inline bool has_rows(const samples& s, const layout& l, std::int64_t first_rotated) {
  bool rotated = first_rotated >= l.n_pairs();
  std::vector<equation> equations;
  // The loop begins with the last token: its position is large, so a wrong layout shows at the
  // first pairs.
  for (std::int64_t token = s.positions.size() - 1; token >= 0; --token)
    for (std::int64_t pair = 0; pair < l.n_pairs(); ++pair) {
      equations.clear();
      add_equations(s, l, token, pair, equations);
      const solved_row row = solved(equations.data(), static_cast<std::int64_t>(equations.size()));
      if (!(row.error <= 3 * s.noise))
        return false;
      rotated = rotated || (pair >= first_rotated && std::fabs(row.sin) > 3 * s.noise);
    }
  return rotated;
}

/// The first element outside of the rotated part that has changed, or -1.
inline std::ptrdiff_t first_changed_outside(const samples& s, const layout& l) {
  std::vector<bool> rotated(static_cast<std::size_t>(s.head_dim));
  for (std::int64_t pair = 0; pair < l.n_pairs(); ++pair)
    for (const std::int64_t element :
         {l.first(l.output_order, pair), l.second(l.output_order, pair)})
      rotated[static_cast<std::size_t>(element)] = true;
  for (std::size_t i = 0; i < s.after.size(); ++i)
    if (!rotated[i % static_cast<std::size_t>(s.head_dim)] && s.after[i] != s.before[i])
      return static_cast<std::ptrdiff_t>(i);
  return -1;
}

/// The differences of a layout from the right one.
inline std::vector<finding> differences(const layout& l, const layout& right) {
  std::vector<finding> list;
  if (l.order != right.order)
    list.push_back(
        {diagnosis::wrong_pairing, text_of("pairs are {} where they should be {}",
                                           order_name(l.order), order_name(right.order))});
  // The same wrong pairing for input and output is one mistake.
  const bool both =
      l.order != right.order && l.output_order == l.order && right.output_order == right.order;
  if (l.output_order != right.output_order && !both)
    list.push_back({diagnosis::wrong_output_order,
                    text_of("results are written in {} order where it should be {}",
                            order_name(l.output_order), order_name(right.output_order))});
  if (l.rotary_dim != right.rotary_dim)
    list.push_back({diagnosis::rotary_dim, rotary_dim_text(l.rotary_dim, right.rotary_dim)});
  if (l.offset != right.offset)
    list.push_back(
        {diagnosis::rotary_offset,
         text_of("the rotated part begins at element {} of the head where it should begin at {}",
                 l.offset, right.offset)});
  if (l.distance != l.rotary_dim / 2)
    list.push_back({diagnosis::pair_distance,
                    text_of("the elements of a pair are {} apart (half of the head) where they "
                            "should be {} apart (half of the rotated part)",
                            l.distance, l.rotary_dim / 2)});
  if (l.kind == sin_terms::overwritten)
    list.push_back(
        {diagnosis::overwritten_input,
         "the second element of a pair is computed from the new first element, not the old one"});
  if (l.kind == sin_terms::first_sign)
    list.push_back({diagnosis::sign_of_one_half, sign_text("first")});
  return list;
}

/// The expected layout, and those that engines use by mistake, sorted by the number of differences.
inline std::vector<layout> known_layouts(const expectation& expected) {
  const layout right = expected_layout(expected);
  const std::int64_t head_dim = expected.shape().head_dim;
  std::vector<layout> all;
  layout l;
  const auto add = [&](std::int64_t distance) {
    l.distance = distance;
    all.push_back(l);
    all.back().findings = differences(l, right);
  };
  const auto add_places = [&] {
    for (l.rotary_dim = 2; l.rotary_dim <= head_dim; l.rotary_dim += 2)
      for (const std::int64_t offset : {right.offset, std::int64_t{0}, head_dim - l.rotary_dim}) {
        l.offset = offset;
        const std::int64_t half = l.rotary_dim / 2, last = offset + head_dim / 2 + half;
        if (offset <= head_dim - l.rotary_dim)
          add(half);
        if (l.rotary_dim == right.rotary_dim && l.rotary_dim < head_dim && last <= head_dim &&
            offset == right.offset && l.order == pairing::half_split && l.output_order == l.order &&
            head_dim / 2 != half)
          add(head_dim / 2);
      }
  };
  for (const pairing in : {right.order, opposite(right.order)})
    for (const pairing out : {right.output_order, in, opposite(in)})
      for (const sin_terms kind :
           {sin_terms::rotation, sin_terms::first_sign, sin_terms::overwritten})
        if (in == right.order || kind == sin_terms::rotation) {
          l.order = in;
          l.output_order = out;
          l.kind = kind;
          add_places();
        }
  std::stable_sort(all.begin(), all.end(), [](const layout& a, const layout& b) {
    return a.findings.size() < b.findings.size();
  });
  return all;
}

/// The first known layout under which rows explain the output and the elements outside of the
/// rotated part are unchanged. If there is none, the first one with the expected rotary_dim under
/// which rows explain the output, and a finding about the changed elements.
inline std::optional<layout> find_layout(const samples& s, const expectation& expected) {
  const layout right = expected_layout(expected);
  std::optional<layout> with_changes;
  for (const layout& tried : known_layouts(expected)) {
    // A layout with more pairs than expected must rotate at least one of the additional pairs.
    const bool wider = tried.rotary_dim > right.rotary_dim;
    if (!has_rows(s, tried, wider ? right.n_pairs() : tried.n_pairs()))
      continue;
    const std::ptrdiff_t changed = first_changed_outside(s, tried);
    if (changed < 0)
      return tried;
    if (!with_changes && tried.rotary_dim == right.rotary_dim) {
      with_changes = tried;
      with_changes->findings.push_back(
          {diagnosis::unrotated_changed,
           text_of("element {} of a head is outside of the rotated part but changes from {:.9} to "
                   "{:.9}",
                   changed % s.head_dim, s.before[static_cast<std::size_t>(changed)],
                   s.after[static_cast<std::size_t>(changed)])});
    }
  }
  return with_changes;
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif
