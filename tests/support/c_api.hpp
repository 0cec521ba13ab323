// SPDX-License-Identifier: MIT
// The C API beside the C++ API: handles that free themselves, and C structs with the numbers of C++
// objects. Includes no implementation of the C API.
#ifndef YARN_TESTS_SUPPORT_C_API_HPP
#define YARN_TESTS_SUPPORT_C_API_HPP

#include "bits.hpp"

#include <yarn/c_api.h>
#include <yarn/yarn.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace support {

template <class T, void (*Free)(T*)> struct freed_by {
  void operator()(T* handle) const { Free(handle); }
};
template <class T, void (*Free)(T*)> using handle = std::unique_ptr<T, freed_by<T, Free>>;
using c_frequencies = handle<yarn_frequencies, yarn_frequencies_free>;
using c_rows = handle<yarn_rows, yarn_rows_free>;
using c_config = handle<yarn_config, yarn_config_free>;
using c_layers = handle<yarn_layers, yarn_layers_free>;

/// The handle that function(arguments..., &handle) makes.
template <class Handle, class Function, class... Arguments>
Handle made(Function* function, Arguments... arguments) {
  typename Handle::pointer result = nullptr;
  EXPECT_EQ(function(arguments..., &result), YARN_OK) << yarn_last_error();
  return Handle(result);
}

/// A struct that is zero, except for struct_size.
template <class S> S sized() {
  S s;
  std::memset(&s, 0, sizeof s);
  s.struct_size = sizeof s;
  return s;
}

inline yarn_shape c_shape(const yarn::rope_shape& shape) {
  auto s = sized<yarn_shape>();
  s.head_dim = shape.head_dim;
  s.rotary_dim = shape.rotary_dim;
  s.rope_theta = shape.rope_theta;
  return s;
}

inline double or_nan(const yarn::optional_number& number) {
  return number.has_value() ? number.value() : std::numeric_limits<double>::quiet_NaN();
}

namespace detail {
inline void set(yarn_method& m, yarn_method_kind kind) {
  EXPECT_EQ(yarn_method_init(&m, sizeof m, kind), YARN_OK) << yarn_last_error();
}
inline void fill(yarn_method& m, const yarn::default_scaling&) { set(m, YARN_METHOD_DEFAULT); }
inline void fill(yarn_method& m, const yarn::linear_scaling& x) {
  set(m, YARN_METHOD_LINEAR);
  m.factor = x.factor;
  m.attention_factor = or_nan(x.attention_factor);
}
inline void fill(yarn_method& m, const yarn::ntk_scaling& x) {
  set(m, YARN_METHOD_NTK);
  m.factor = x.factor;
}
inline void fill(yarn_method& m, const yarn::dynamic_ntk_scaling& x) {
  set(m, YARN_METHOD_DYNAMIC_NTK);
  m.factor = x.factor;
  m.original_max_position_embeddings = x.max_position_embeddings;
}
inline void fill(yarn_method& m, const yarn::stepped_ntk_scaling& x) {
  set(m, YARN_METHOD_STEPPED_NTK);
  m.original_max_position_embeddings = x.original_max_position_embeddings;
  m.training_seqlen = x.training_seqlen;
}
inline void fill(yarn_method& m, const yarn::ntk_by_parts_scaling& x) {
  set(m, YARN_METHOD_NTK_BY_PARTS);
  m.factor = x.factor;
  m.original_max_position_embeddings = x.original_max_position_embeddings;
  m.beta_fast = x.beta_fast;
  m.beta_slow = x.beta_slow;
}
inline void fill(yarn_method& m, const yarn::part_ntk_scaling& x) {
  set(m, YARN_METHOD_PART_NTK);
  m.factor = x.factor;
  m.original_max_position_embeddings = x.original_max_position_embeddings;
  m.ntk_factor = x.ntk_factor;
  m.extrapolation_factor = x.extrapolation_factor;
}
inline void fill(yarn_method& m, const yarn::dynamic_part_ntk_scaling& x) {
  set(m, YARN_METHOD_DYNAMIC_PART_NTK);
  m.original_max_position_embeddings = x.original_max_position_embeddings;
  m.ntk_factor = x.ntk_factor;
  m.extrapolation_factor = x.extrapolation_factor;
}
inline void fill_yarn(yarn_method& m, const yarn::yarn_scaling& x) {
  m.factor = x.factor;
  m.original_max_position_embeddings = x.original_max_position_embeddings;
  m.beta_fast = x.beta_fast;
  m.beta_slow = x.beta_slow;
  m.attention_factor = or_nan(x.attention_factor);
  m.attn_factor = x.attn_factor;
  m.mscale = or_nan(x.mscale);
  m.mscale_all_dim = or_nan(x.mscale_all_dim);
  m.extrapolation_factor = x.extrapolation_factor;
  m.truncate = x.truncate ? 1 : 0;
  m.ramp = x.ramp == yarn::yarn_ramp::rotations ? YARN_RAMP_ROTATIONS : YARN_RAMP_PAIR_INDEX;
}
inline void fill(yarn_method& m, const yarn::yarn_scaling& x) {
  set(m, YARN_METHOD_YARN);
  fill_yarn(m, x);
}
inline void fill(yarn_method& m, const yarn::dynamic_yarn_scaling& x) {
  set(m, YARN_METHOD_DYNAMIC_YARN);
  fill_yarn(m, x);
}
inline void fill(yarn_method& m, const yarn::llama3_scaling& x) {
  set(m, YARN_METHOD_LLAMA3);
  m.factor = x.factor;
  m.low_freq_factor = x.low_freq_factor;
  m.high_freq_factor = x.high_freq_factor;
  m.original_max_position_embeddings = x.original_max_position_embeddings;
}
inline void fill(yarn_method& m, const yarn::longrope_scaling& x) {
  set(m, YARN_METHOD_LONGROPE);
  m.factor = or_nan(x.factor);
  m.original_max_position_embeddings = x.original_max_position_embeddings;
  m.short_factor = x.short_factor.data();
  m.n_short_factor = static_cast<std::int64_t>(x.short_factor.size());
  m.long_factor = x.long_factor.data();
  m.n_long_factor = static_cast<std::int64_t>(x.long_factor.size());
  m.attention_factor = or_nan(x.attention_factor);
  m.short_mscale = or_nan(x.short_mscale);
  m.long_mscale = or_nan(x.long_mscale);
}
inline void fill(yarn_method& m, const yarn::proportional_scaling& x) {
  set(m, YARN_METHOD_PROPORTIONAL);
  m.factor = x.factor;
  m.partial_rotary_factor = x.partial_rotary_factor;
}
} // namespace detail

/// The method, whose lists must outlive the result.
inline yarn_method c_method(const yarn::any_scaling& method) {
  yarn_method m;
  std::visit([&](const auto& x) { detail::fill(m, x); }, method);
  return m;
}

inline yarn_frequencies_info info_of(const yarn_frequencies* f) {
  auto info = sized<yarn_frequencies_info>();
  EXPECT_EQ(yarn_frequencies_get(f, &info), YARN_OK) << yarn_last_error();
  return info;
}

/// All numbers of both must have the same bits.
inline void expect_same(const yarn_frequencies* handle, const yarn::frequencies& f,
                        const std::string& what) {
  ASSERT_NE(handle, nullptr) << what;
  const yarn_frequencies_info info = info_of(handle);
  ASSERT_EQ(info.n_pairs, f.n_pairs()) << what;
  for (std::int64_t i = 0; i < f.n_pairs(); ++i) {
    ASSERT_EQ(bits_of(info.inv_freq[i]), bits_of(f.inv_freq()[i])) << what << ", pair " << i;
    ASSERT_EQ(info.phase_steps[i], f.phase_steps()[i]) << what << ", pair " << i;
    ASSERT_EQ(info.axis_of_pair[i], f.axis(i)) << what << ", pair " << i;
    ASSERT_EQ(info.zones[i], static_cast<std::uint8_t>(f.zone(i))) << what << ", pair " << i;
  }
  EXPECT_EQ(bits_of(info.attention_factor), bits_of(f.attention_factor())) << what;
  EXPECT_EQ(bits_of(info.rope_theta), bits_of(f.rope_theta())) << what;
  EXPECT_EQ(info.n_axes, f.n_axes()) << what;
  EXPECT_EQ(info.is_float32_pipeline != 0, f.is_float32_pipeline()) << what;
  EXPECT_EQ(info.has_correction_range != 0, f.correction_range().has_value) << what;
  if (f.correction_range().has_value) {
    EXPECT_EQ(info.correction_low, f.correction_range().low) << what;
    EXPECT_EQ(info.correction_high, f.correction_range().high) << what;
  }
}

inline yarn_positions c_run(std::int64_t first, std::int64_t n) {
  auto p = sized<yarn_positions>();
  p.first = first;
  p.n_tokens = n;
  return p;
}
template <class Integer>
yarn_positions c_list(const std::vector<Integer>& ids, std::int64_t n, std::int64_t n_axes = 0) {
  yarn_positions p;
  EXPECT_EQ(yarn_positions_init(&p, sizeof p, ids.data(),
                                sizeof(Integer) == 8 ? YARN_INT64 : YARN_INT32, n, n_axes),
            YARN_OK);
  return p;
}

template <class T> inline constexpr yarn_element_type c_type = 0;
template <> inline constexpr yarn_element_type c_type<float> = YARN_FLOAT32;
template <> inline constexpr yarn_element_type c_type<double> = YARN_FLOAT64;
template <> inline constexpr yarn_element_type c_type<yarn::float16> = YARN_FLOAT16;
template <> inline constexpr yarn_element_type c_type<yarn::bfloat16> = YARN_BFLOAT16;
template <> inline constexpr yarn_element_type c_type<yarn::float8_e4m3> = YARN_FLOAT8_E4M3;
template <> inline constexpr yarn_element_type c_type<yarn::float8_e5m2> = YARN_FLOAT8_E5M2;

template <class T> yarn_tensor c_tensor(const yarn::heads_view<T>& x) {
  using plain = std::remove_const_t<T>;
  yarn_tensor t;
  EXPECT_EQ(yarn_tensor_init(&t, sizeof t, const_cast<plain*>(x.data()), c_type<plain>,
                             x.n_tokens(), x.n_heads(), x.head_dim()),
            YARN_OK);
  t.token_stride = x.token_stride();
  t.head_stride = x.head_stride();
  return t;
}

/// For TYPED_TEST_SUITE.
struct c_type_names {
  template <class T> static std::string GetName(int) {
    return yarn::detail::format_traits<yarn::format_of_v<T>>::name;
  }
};

/// The rotations of the tests run with the instruction set of the test itself.
class c_api_test : public testing::Test {
protected:
  c_api_test() { EXPECT_EQ(yarn_use_instruction_set("baseline"), YARN_OK) << yarn_last_error(); }
  ~c_api_test() override { yarn_use_instruction_set(nullptr); }
};

} // namespace support

#endif
