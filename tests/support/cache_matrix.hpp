// SPDX-License-Identifier: MIT
// Writes into caches, in all combinations of the options: format, addressing, order of the pairs,
// norm, size of the heads, and rotated part. Each result is compared with the unfused way, byte for
// byte: norm and rotation to a tensor of floats, then the format, head by head. The decoded heads
// are compared with norm and rotation in long double.
#ifndef YARN_TESTS_SUPPORT_CACHE_MATRIX_HPP
#define YARN_TESTS_SUPPORT_CACHE_MATRIX_HPP

#include "caches.hpp"
#include "rope_copies.hpp"

#include <yarn/norm.hpp>

#include <array>
#include <type_traits>

namespace support {

enum class norm_kind {
  none,
  rms,
  rms_plus_one,
  rms_of_each_head,
  rms_over_all,
  without_weight,
  layer
};
inline constexpr norm_kind norm_kinds[] = {norm_kind::none,         norm_kind::rms,
                                           norm_kind::rms_plus_one, norm_kind::rms_of_each_head,
                                           norm_kind::rms_over_all, norm_kind::without_weight,
                                           norm_kind::layer};
inline constexpr double norm_eps = 1e-3;

/// Calls use(x) with the tensor, or with the normed tensor.
template <class T, class W, class Use>
void with_norm(norm_kind kind, const yarn::heads_view<T>& x, const W* weight, const Use& use) {
  const yarn::rms_norm<W> rms(weight, norm_eps);
  switch (kind) {
  case norm_kind::none:
    return use(x);
  case norm_kind::layer:
    return use(yarn::normed(x, yarn::layer_norm<W>(weight, norm_eps)));
  case norm_kind::rms_plus_one:
    return use(yarn::normed(x, rms.with_weight_plus_one()));
  case norm_kind::rms_of_each_head:
    return use(yarn::normed(x, rms.with_weight_of_each_head()));
  case norm_kind::rms_over_all:
    return use(yarn::normed(x, rms.over_all_heads()));
  case norm_kind::without_weight:
    return use(yarn::normed(x, yarn::rms_norm<W>::without_weight(norm_eps)));
  default:
    return use(yarn::normed(x, rms));
  }
}

/// Heads of one token, [head][dim], with the error that a computation in float may have.
struct exact_heads {
  std::vector<long double> values;
  std::vector<long double> slack;
};

/// Norm and rotation of one token in long double. `x` and `weight` are [head][dim].
template <class T, class W>
exact_heads exact_token(const T* x, std::int64_t n_heads, std::int64_t dim, norm_kind kind,
                        const W* weight, const float* cos, const float* sin, std::int64_t n_pairs,
                        const orders& order) {
  using wide = long double;
  const auto size = static_cast<std::size_t>(n_heads * dim);
  std::vector<wide> normed(size), magnitude(size);
  const bool of_each = kind == norm_kind::rms_of_each_head || kind == norm_kind::rms_over_all ||
                       kind == norm_kind::layer;
  const std::int64_t n = kind == norm_kind::rms_over_all ? n_heads * dim : dim; // elements per mean
  for (std::int64_t first = 0; first < n_heads * dim; first += n) {
    wide mean = 0, squares = 0;
    for (std::int64_t i = first; i < first + n && kind == norm_kind::layer; ++i)
      mean += static_cast<wide>(value_of(x[i])) / static_cast<wide>(n);
    for (std::int64_t i = first; i < first + n; ++i)
      squares += std::pow(static_cast<wide>(value_of(x[i])) - mean, 2.0L);
    const wide scale =
        kind == norm_kind::none
            ? 1
            : 1 / std::sqrt(squares / static_cast<wide>(n) + static_cast<wide>(norm_eps));
    for (std::int64_t i = first; i < first + n; ++i) {
      wide w = 1;
      if (kind != norm_kind::none && kind != norm_kind::without_weight)
        w = static_cast<wide>(value_of(weight[of_each ? i : i % dim])) +
            (kind == norm_kind::rms_plus_one ? 1 : 0);
      const auto value = static_cast<wide>(value_of(x[i]));
      const auto at = static_cast<std::size_t>(i);
      normed[at] = (value - mean) * scale * w;
      // LayerNorm subtracts the mean in float, so its error depends on the magnitude of x, too.
      magnitude[at] = (std::fabs(value) + std::fabs(mean)) * scale * std::fabs(w) *
                      (static_cast<wide>(n) / 64 + 16) * 0x1p-24L;
    }
  }
  exact_heads result{normed, magnitude};
  for (std::int64_t h = 0; h < n_heads; ++h)
    for (std::int64_t i = 0; i < n_pairs; ++i) {
      const auto from = places_of(i, order.in, n_pairs), to = places_of(i, order.out, n_pairs);
      const auto head = static_cast<std::size_t>(h * dim);
      const wide c = static_cast<wide>(cos[i]), s = static_cast<wide>(sin[i]);
      const wide x0 = normed[head + from.first], x1 = normed[head + from.second];
      result.values[head + to.first] = x0 * c - x1 * s;
      result.values[head + to.second] = x0 * s + x1 * c;
      const wide slack = (magnitude[head + from.first] + magnitude[head + from.second]) * 1.3L;
      result.slack[head + to.first] = result.slack[head + to.second] = slack;
    }
  return result;
}

/// Heads of these sizes. In all but two of them, the heads of a token do not fit the scratch memory
/// of a call (2048 floats).
inline constexpr copy_shape cache_shapes[] = {
    {4, 40, 32, 0},  {4, 3, 40, 0},  {4, 23, 48, 0},  {4, 17, 64, 0},  {4, 5, 288, 0},
    {4, 33, 16, 32}, {4, 3, 20, 40}, {4, 22, 32, 32}, {4, 17, 48, 32}, {4, 5, 32, 512}};

/// The options of one source type.
template <class T> class cache_matrix {
public:
  /// Runs the combinations. Returns their number.
  long run() {
    for (const copy_shape& s : cache_shapes)
      for (const norm_kind norm : norm_kinds)
        for (const orders& order : all_orders)
          run_rotation(s, norm, order);
    return n_runs_;
  }

private:
  const std::vector<std::int64_t> slots_{6, -1, 14, 0}; // blocks of 5 slots
  std::vector<format_case> formats_ = all_formats();
  long n_runs_ = 0;

  void run_rotation(const copy_shape& s, norm_kind norm, const orders& order) {
    const std::vector<T> heads = random_heads<T>(s, content::ordinary, 5);
    const std::vector<T> weight =
        random_heads<T>({1, s.n_heads, s.n_pairs, s.rest}, content::ordinary, 6);
    fenced_array<T> source(heads.size(), norm == norm_kind::rms ? fence::before : fence::after);
    std::copy(heads.begin(), heads.end(), source.data());
    const yarn::heads_view<const T> x(source.data(), s.n_tokens, s.n_heads, s.head_dim());
    const yarn::rotary_rows<float> rows = rows_for<float>(s);
    std::vector<float> unfused(heads.size());
    std::vector<exact_heads> exact;
    for (std::int64_t t = 0; t < s.n_tokens; ++t)
      exact.push_back(exact_token(heads.data() + t * s.n_heads * s.head_dim(), s.n_heads,
                                  s.head_dim(), norm, weight.data(), rows.cos(t), rows.sin(t),
                                  s.n_pairs, order));
    with_norm(norm, x, weight.data(), [&](const auto& operand) {
      yarn::rope_copy(operand,
                      yarn::heads_view<float>(unfused.data(), s.n_tokens, s.n_heads, s.head_dim()),
                      rows, order.in, yarn::output_order{order.out});
      for (const format_case& format : formats_) {
        if (!format.accepts(s.head_dim()))
          continue;
        expect_close(format, s, unfused, exact);
        for (const addressing where : addressings) {
          SCOPED_TRACE(::testing::Message()
                       << format.name << ", " << name_of(where) << ", norm "
                       << static_cast<int>(norm) << ", " << description(s, order));
          run_write(format, where, s, unfused, [&](const auto& target, yarn::thread_slice part) {
            yarn::rope_copy_check(operand, target, rows, order.in, yarn::output_order{order.out});
            yarn::rope_copy_unchecked(operand, target, rows, order.in,
                                      yarn::output_order{order.out}, part);
          });
          if (::testing::Test::HasFailure())
            return;
        }
      }
    });
  }

  /// Expects that `write` changes exactly the heads of the slots, to the encoded floats. Every
  /// other write is in slices.
  template <class Write>
  void run_write(const format_case& format, addressing where, const copy_shape& s,
                 const std::vector<float>& unfused, const Write& write) {
    const cache_shape shape{3, 5, s.n_heads, format.format.head_bytes(s.head_dim())};
    cache_memory<unsigned char> cache(where, shape, n_runs_ % 4 < 2 ? fence::after : fence::before);
    std::vector<unsigned char> expected = cache.contents();
    std::vector<unsigned char> head(static_cast<std::size_t>(shape.head_units));
    const std::vector<float> scales_before = format.scales();
    for (std::int64_t t = 0; t < s.n_tokens; ++t) {
      const std::int64_t row = cache.row(slots_, t);
      for (std::int64_t h = 0; h < s.n_heads && row >= 0; ++h) {
        format.format.encode(unfused.data() + (t * s.n_heads + h) * s.head_dim(), s.head_dim(),
                             head.data(), {row, h});
        cache.put(expected, row, h, head.data());
      }
    }
    const std::vector<float> expected_scales = format.scales();
    format.set_scales(scales_before);
    const int n_slices = n_runs_ % 2 == 0 ? 1 : 3;
    cache.with_view(slots_, [&](const auto& view) {
      for (int i = 0; i < n_slices; ++i)
        write(yarn::stored(view, format.format, s.head_dim()), yarn::thread_slice{i, n_slices});
    });
    ASSERT_TRUE(same_bytes(cache.contents(), expected));
    ASSERT_TRUE(same_bytes(format.scales(), expected_scales));
    format.set_scales(std::vector<float>(expected_scales.size(), 1.0F));
    ++n_runs_;
  }

  /// Expects that the encoded floats decode to the exact heads, within the bound of the format.
  void expect_close(const format_case& format, const copy_shape& s,
                    const std::vector<float>& unfused, const std::vector<exact_heads>& exact) {
    const std::int64_t dim = s.head_dim(), size = format.block == 0 ? dim : format.block;
    std::vector<unsigned char> bytes(static_cast<std::size_t>(format.format.head_bytes(dim)));
    std::vector<float> decoded(static_cast<std::size_t>(dim));
    for (std::int64_t t = 0; t < s.n_tokens; ++t)
      for (std::int64_t h = 0; h < s.n_heads; ++h) {
        const float* const values = unfused.data() + (t * s.n_heads + h) * dim;
        const exact_heads& truth = exact[static_cast<std::size_t>(t)];
        format.format.encode(values, dim, bytes.data(), {t, h});
        format.format.decode(bytes.data(), dim, decoded.data(), {t, h});
        double low = 0, high = 0; // of the block
        for (std::int64_t e = 0; e < dim; ++e) {
          if (e % size == 0) {
            const auto range = std::minmax_element(values + e, values + e + size);
            low = static_cast<double>(*range.first);
            high = static_cast<double>(*range.second);
          }
          const auto at = static_cast<std::size_t>(h * dim + e);
          const long double error = std::fabs(
              static_cast<long double>(decoded[static_cast<std::size_t>(e)]) - truth.values[at]);
          ASSERT_LE(error, static_cast<long double>(
                               format.bound(low, high, static_cast<double>(values[e]))) +
                               truth.slack[at])
              << format.name << ", " << description(s, all_orders[0]) << ", token " << t
              << ", head " << h << ", element " << e;
        }
      }
  }
};

} // namespace support

#endif // YARN_TESTS_SUPPORT_CACHE_MATRIX_HPP
