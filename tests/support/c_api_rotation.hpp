// SPDX-License-Identifier: MIT
// Tensors of random numbers, and rotations of them by C and by C++.
#ifndef YARN_TESTS_SUPPORT_C_API_ROTATION_HPP
#define YARN_TESTS_SUPPORT_C_API_ROTATION_HPP

#include "c_api.hpp"

#include <yarn/norm.hpp>

namespace support {

/// Element e of a tensor of random numbers in [-2, 2).
template <class T> T random_element(std::uint64_t seed, std::size_t e) {
  std::uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15U + e * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 31U)) * 0x94d049bb133111ebU;
  T element;
  yarn::detail::narrow(static_cast<double>(x >> 11U) * 0x1p-51 - 2.0, element);
  return element;
}

/// Memory [n_tokens][n_heads][head_dim] with gaps, and the same bits a second time.
template <class T> struct tensor_pair {
  tensor_pair(std::int64_t n_tokens, std::int64_t n_heads, std::int64_t head_dim,
              std::uint64_t seed = 0)
      : tokens(n_tokens), heads(n_heads), dim(head_dim),
        c(static_cast<std::size_t>(n_tokens * token_stride())) {
    for (std::size_t e = 0; e < c.size(); ++e)
      c[e] = random_element<T>(seed, e);
    cpp = c;
  }

  std::int64_t head_stride() const { return dim + 3; }
  std::int64_t token_stride() const { return heads * head_stride() + 5; }
  yarn::heads_view<T> view() {
    return yarn::heads_view<T>(cpp.data(), tokens, heads, dim)
        .with_strides(token_stride(), head_stride());
  }
  yarn_tensor c_view() {
    return c_tensor(yarn::heads_view<T>(c.data(), tokens, heads, dim)
                        .with_strides(token_stride(), head_stride()));
  }
  /// Whether C and C++ have written the same bits, and have written something.
  void expect_same(const std::string& what, std::uint64_t seed = 0) const {
    EXPECT_EQ(std::memcmp(c.data(), cpp.data(), c.size() * sizeof(T)), 0) << what;
    bool is_changed = false;
    for (std::size_t e = 0; e < c.size() && !is_changed; ++e) {
      const T before = random_element<T>(seed, e);
      is_changed = std::memcmp(&before, &c[e], sizeof(T)) != 0;
    }
    EXPECT_TRUE(is_changed || c.empty()) << what;
  }

  std::int64_t tokens, heads, dim;
  std::vector<T> c;
  std::vector<T> cpp;
};

template <class T> const char* name_of_type() {
  return yarn::detail::format_traits<yarn::format_of_v<T>>::name;
}

/// Rows of the same YaRN frequencies, prepared, for C and for C++.
struct rotation_rows {
  explicit rotation_rows(std::int64_t rotary_dim, std::int64_t n_tokens) {
    yarn::yarn_scaling method;
    method.factor = 32;
    method.original_max_position_embeddings = 4096;
    const yarn::rope_shape shape{rotary_dim, 0, 1e4};
    cpp = yarn::make_frequencies(shape, method);
    const yarn_shape s = c_shape(shape);
    const yarn_method m = c_method(method);
    c = made<c_frequencies>(yarn_frequencies_make, &s, &m, std::int64_t{0});
    cpp_rows.assign(cpp, yarn::positions_from(1000, n_tokens));
    rows = made<c_rows>(yarn_rows_new, YARN_FLOAT32);
    const yarn_positions run = c_run(1000, n_tokens);
    EXPECT_EQ(yarn_rows_assign(rows.get(), c.get(), &run, nullptr), YARN_OK);
    source = sized<yarn_row_source>();
    source.rows = rows.get();
  }

  yarn::frequencies cpp;
  c_frequencies c;
  yarn::rotary_rows<float> cpp_rows;
  c_rows rows;
  yarn_row_source source;
};

/// The norms of norm.hpp with weights of type W, for C and for C++.
template <class W> struct norm_pair {
  norm_pair(std::int64_t n_heads, std::int64_t head_dim)
      : weights(static_cast<std::size_t>(n_heads * head_dim)) {
    for (std::size_t e = 0; e < weights.size(); ++e)
      weights[e] = random_element<W>(77, e);
  }

  /// Calls use(norm of C++, norm of C, name).
  template <class Use> void for_each(const Use& use) {
    const yarn::rms_norm<W> plain(weights.data(), 1e-5);
    auto c = sized<yarn_norm>();
    c.kind = YARN_RMS_NORM;
    c.weight_type = c_type<W>;
    c.weight = weights.data();
    c.eps = 1e-5;
    use(plain, c, "rms_norm");
    auto changed = c;
    changed.weight_plus_one = 1;
    use(plain.with_weight_plus_one(), changed, "rms_norm, plus one");
    changed = c;
    changed.weight_of_each_head = 1;
    use(plain.with_weight_of_each_head(), changed, "rms_norm, each head");
    changed = c;
    changed.over_all_heads = 1;
    use(plain.over_all_heads(), changed, "rms_norm, over all heads");
    changed = c;
    changed.kind = YARN_LAYER_NORM;
    use(yarn::layer_norm<W>(weights.data(), 1e-5), changed, "layer_norm");
    changed = sized<yarn_norm>();
    changed.without_weight = 1;
    changed.eps = 1e-5;
    use(yarn::rms_norm<W>::without_weight(1e-5), changed, "rms_norm, no weight");
  }

  std::vector<W> weights;
};

} // namespace support

#endif
