// SPDX-License-Identifier: MIT
// Calls C and C++ side by side, and compares the bits of frequencies, softmax scales, temperatures
// and rows. test_c_api_configurations.cpp compares configurations, and test_c_api_rotation.cpp
// rotations.
#include "../support/c_api.hpp"
#include "../support/gguf_models.hpp"
#include "../support/model_methods.hpp"

#include <yarn/gguf.hpp>
#include <yarn/hf_config.hpp>

#include <array>
#include <functional>
#include <iterator>

namespace {

using namespace support;
using support::detail::set;

c_frequencies c_make(const yarn::rope_shape& shape, const yarn_method& method,
                     std::int64_t seq_len) {
  const yarn_shape s = c_shape(shape);
  return made<c_frequencies>(yarn_frequencies_make, &s, &method, seq_len);
}
c_frequencies c_make(const model_method& model) {
  return c_make(model.shape, c_method(model.method), model.seq_len);
}

// ---- Frequencies -------------------------------------------------------------------------------

TEST(c_api, makes_the_frequencies_of_all_methods) {
  ASSERT_TRUE(model_methods_are_complete());
  for (const model_method& model : model_methods())
    expect_same(c_make(model).get(), model.frequencies(), model.name);
}

TEST(c_api, has_every_field_of_every_method) {
  yarn::yarn_scaling yarn_method_of_cpp;
  yarn_method_of_cpp.factor = 7;
  yarn_method_of_cpp.original_max_position_embeddings = 3000;
  yarn_method_of_cpp.beta_fast = 20;
  yarn_method_of_cpp.beta_slow = 2;
  yarn_method_of_cpp.attn_factor = 1.5;
  yarn_method_of_cpp.mscale = 0.8;
  yarn_method_of_cpp.mscale_all_dim = 0.9;
  yarn_method_of_cpp.extrapolation_factor = 0.7;
  yarn_method_of_cpp.truncate = false;
  yarn::yarn_scaling with_rotations = yarn_method_of_cpp;
  with_rotations.ramp = yarn::yarn_ramp::rotations;
  with_rotations.attention_factor = 1.25;
  yarn::linear_scaling linear;
  linear.factor = 3;
  linear.attention_factor = 1.75;
  yarn::stepped_ntk_scaling stepped;
  stepped.original_max_position_embeddings = 2048;
  stepped.training_seqlen = 8192;
  yarn::part_ntk_scaling part;
  part.factor = 8;
  part.original_max_position_embeddings = 2048;
  part.ntk_factor = 0.9;
  part.extrapolation_factor = 0.8;
  yarn::dynamic_part_ntk_scaling dynamic_part;
  dynamic_part.original_max_position_embeddings = 2048;
  dynamic_part.ntk_factor = 0.9;
  dynamic_part.extrapolation_factor = 0.8;
  yarn::ntk_by_parts_scaling by_parts;
  by_parts.factor = 4;
  by_parts.original_max_position_embeddings = 2048;
  by_parts.beta_fast = 24;
  by_parts.beta_slow = 3;
  yarn::llama3_scaling llama3;
  llama3.factor = 8;
  llama3.low_freq_factor = 1.5;
  llama3.high_freq_factor = 3.5;
  llama3.original_max_position_embeddings = 8192;
  yarn::longrope_scaling longrope;
  longrope.short_factor = support::detail::rising_factors(64, 2000);
  longrope.long_factor = support::detail::rising_factors(64, 9000);
  longrope.original_max_position_embeddings = 4096;
  longrope.short_mscale = 1.1;
  longrope.long_mscale = 1.2;
  yarn::longrope_scaling with_attention_factor = longrope;
  with_attention_factor.attention_factor = 1.3;
  yarn::proportional_scaling proportional;
  proportional.partial_rotary_factor = 0.5;
  proportional.factor = 4;
  yarn::dynamic_yarn_scaling dynamic_yarn;
  dynamic_yarn.original_max_position_embeddings = 2048;
  dynamic_yarn.factor = 2;
  dynamic_yarn.beta_fast = 28;
  const yarn::any_scaling methods[] = {
      yarn_method_of_cpp, with_rotations, linear, stepped,  part,
      dynamic_part,       by_parts,       llama3, longrope, with_attention_factor,
      proportional,       dynamic_yarn};
  for (const yarn::any_scaling& method : methods)
    for (const std::int64_t seq_len : {1000, 20000})
      expect_same(c_make({128, 0, 1e4}, c_method(method), seq_len).get(),
                  yarn::make_frequencies({128, 0, 1e4}, method, seq_len),
                  "method " + std::to_string(method.index()));
}

TEST(c_api, method_init_sets_the_defaults_of_cpp) {
  yarn_method yarn_defaults;
  set(yarn_defaults, YARN_METHOD_YARN);
  EXPECT_EQ(yarn_defaults.beta_fast, 32.0);
  EXPECT_EQ(yarn_defaults.beta_slow, 1.0);
  EXPECT_EQ(yarn_defaults.attn_factor, 1.0);
  EXPECT_EQ(yarn_defaults.truncate, 1);
  EXPECT_TRUE(std::isnan(yarn_defaults.attention_factor));
  yarn_method proportional;
  set(proportional, YARN_METHOD_PROPORTIONAL);
  EXPECT_EQ(proportional.factor, 1.0);
  EXPECT_EQ(proportional.partial_rotary_factor, 1.0);
}

TEST(c_api, divides_frequencies_by_freq_factors) {
  const std::vector<double> divisors = support::detail::rising_factors(64, 8000);
  yarn_method m = c_method(yarn::default_scaling{});
  m.freq_factors = divisors.data();
  m.n_freq_factors = 64;
  const yarn::freq_factors_scaling<yarn::any_scaling> method{yarn::default_scaling{}, divisors};
  expect_same(c_make({128, 0, 1e4}, m, 0).get(), yarn::make_frequencies({128, 0, 1e4}, method, 0),
              "freq_factors");
}

TEST(c_api, takes_frequencies_from_elsewhere) {
  const std::vector<double> list{1.0, -0.3, 0.01, 0};
  const std::vector<float> floats(list.begin(), list.end());
  expect_same(made<c_frequencies>(yarn_frequencies_from, list.data(), YARN_FLOAT64, 4, 1.5).get(),
              yarn::frequencies_from(list.data(), 4, 1.5), "doubles");
  expect_same(made<c_frequencies>(yarn_frequencies_from, floats.data(), YARN_FLOAT32, 4, 1.0).get(),
              yarn::frequencies_from(floats.data(), 4), "floats");
}

TEST(c_api, makes_inverse_adjoint_unscaled_and_rerotation) {
  const auto models = model_methods();
  const model_method& model = models[9]; // YaRN: an attention factor, and a correction range
  ASSERT_EQ(model.name, "yarn");
  const c_frequencies f = c_make(model);
  const c_frequencies unscaled_method = c_make(model.shape, c_method(yarn::default_scaling{}), 0);
  const yarn::frequencies cpp = model.frequencies();
  const yarn::frequencies cpp_unscaled =
      yarn::make_frequencies(model.shape, yarn::default_scaling{});
  expect_same(made<c_frequencies>(yarn_frequencies_copy, f.get()).get(), cpp, "copy");
  expect_same(made<c_frequencies>(yarn_inverse, f.get()).get(), yarn::inverse(cpp), "inverse");
  expect_same(made<c_frequencies>(yarn_adjoint, f.get()).get(), yarn::adjoint(cpp), "adjoint");
  expect_same(made<c_frequencies>(yarn_unscaled, f.get()).get(), yarn::unscaled(cpp), "unscaled");
  expect_same(made<c_frequencies>(yarn_float32_pipeline, f.get()).get(),
              yarn::float32_pipeline(cpp), "float32_pipeline");
  expect_same(made<c_frequencies>(yarn_rerotation, unscaled_method.get(), f.get()).get(),
              yarn::rerotation(cpp_unscaled, cpp), "rerotation");
}

TEST(c_api, gives_pairs_their_axes) {
  const yarn::frequencies cpp = yarn::make_frequencies({128, 0, 1e6}, yarn::default_scaling{});
  const c_frequencies f = c_make({128, 0, 1e6}, c_method(yarn::default_scaling{}), 0);
  const std::int64_t s[] = {16, 20, 24, 4};
  const std::int64_t three[] = {16, 24, 24};
  const std::int64_t two[] = {30, 34};
  expect_same(made<c_frequencies>(yarn_with_sections, f.get(), s, 4).get(),
              with_axes(cpp, yarn::axis_sections{16, 20, 24, 4}), "4 sections");
  expect_same(made<c_frequencies>(yarn_with_sections, f.get(), three, 3).get(),
              with_axes(cpp, yarn::axis_sections{16, 24, 24}), "3 sections");
  expect_same(made<c_frequencies>(yarn_with_sections, f.get(), two, 2).get(),
              with_axes(cpp, yarn::axis_sections{30, 34}), "2 sections");
  const c_frequencies alternating =
      made<c_frequencies>(yarn_with_interleaved_sections, f.get(), 24, 20, 20);
  expect_same(alternating.get(), with_axes(cpp, yarn::interleaved_sections{24, 20, 20}),
              "interleaved sections");
  std::vector<std::uint8_t> list(64);
  for (std::size_t i = 0; i < list.size(); ++i)
    list[i] = static_cast<std::uint8_t>(i % 5);
  expect_same(made<c_frequencies>(yarn_with_axes, f.get(), list.data(), 64, 5).get(),
              with_axes(cpp, list, 5), "list");
  const yarn_frequencies* const blocks[] = {f.get(), alternating.get(), f.get()};
  expect_same(made<c_frequencies>(yarn_joined, blocks, 3).get(),
              joined(cpp, with_axes(cpp, yarn::interleaved_sections{24, 20, 20}), cpp), "joined");
}

TEST(c_api, computes_softmax_scales_and_temperatures) {
  for (const model_method& model : model_methods())
    for (const int convention : {0, 1}) {
      const yarn_method m = c_method(model.method);
      double scale = 0;
      ASSERT_EQ(yarn_softmax_scale(192, &m, convention, model.seq_len, &scale), YARN_OK);
      EXPECT_EQ(scale, yarn::softmax_scale(192, model.method,
                                           static_cast<yarn::softmax_convention>(convention),
                                           model.seq_len))
          << model.name;
    }
  yarn_temperature t;
  ASSERT_EQ(yarn_temperature_init(&t, sizeof t, YARN_TEMPERATURE_LLAMA4), YARN_OK);
  double factor = 0;
  std::int64_t next = 0;
  ASSERT_EQ(yarn_temperature_at(&t, 20000, &factor, &next), YARN_OK);
  EXPECT_EQ(factor, yarn::llama4_temperature{}(20000));
  EXPECT_EQ(next, yarn::llama4_temperature{}.next_change(20000));
  t.kind = YARN_TEMPERATURE_MINISTRAL;
  t.original_max_position_embeddings = 4096;
  ASSERT_EQ(yarn_temperature_at(&t, 20000, &factor, nullptr), YARN_OK);
  EXPECT_EQ(factor, (yarn::ministral_temperature{0.1, 4096}(20000)));
  t.kind = YARN_TEMPERATURE_LOG_N;
  t.original_length = 2048;
  ASSERT_EQ(yarn_temperature_at(&t, 20000, &factor, &next), YARN_OK);
  EXPECT_EQ(factor, yarn::log_n_temperature{2048}(20000));
  t.kind = YARN_TEMPERATURE_NONE;
  ASSERT_EQ(yarn_temperature_at(&t, -3, &factor, &next), YARN_OK);
  EXPECT_EQ(factor, 1.0);
  EXPECT_EQ(next, INT64_MAX);
}

// ---- Rows --------------------------------------------------------------------------------------

class c_api_rows : public c_api_test {
protected:
  const yarn::rope_shape shape{96, 0, 1e4};
  const yarn::frequencies cpp =
      yarn::make_frequencies(shape, std::get<yarn::yarn_scaling>(model_methods()[9].method));
  const c_frequencies f = c_make(shape, c_method(model_methods()[9].method), 0);
};

template <class T>
void expect_rows(const yarn_rows* rows, const yarn::rotary_rows<T>& cpp, const char* what) {
  auto view = sized<yarn_cos_sin>();
  ASSERT_EQ(yarn_rows_get(rows, &view), YARN_OK) << yarn_last_error();
  ASSERT_EQ(view.type, c_type<T>) << what;
  ASSERT_EQ(view.n_rows, cpp.n_rows()) << what;
  ASSERT_EQ(view.n_pairs, cpp.n_pairs()) << what;
  ASSERT_EQ(view.row_stride, cpp.view().row_stride()) << what;
  const auto n = static_cast<std::size_t>(cpp.n_pairs());
  for (std::int64_t r = 0; r < cpp.n_rows(); ++r) {
    const T* const cos = static_cast<const T*>(view.cos) + r * view.row_stride;
    const T* const sin = static_cast<const T*>(view.sin) + r * view.row_stride;
    ASSERT_LT(first_difference(cos, cpp.cos(r), n), 0) << what << ", cos of row " << r;
    ASSERT_LT(first_difference(sin, cpp.sin(r), n), 0) << what << ", sin of row " << r;
  }
}

template <class T> class c_api_typed_rows : public c_api_rows {};
using row_types = testing::Types<float, double>;
TYPED_TEST_SUITE(c_api_typed_rows, row_types, c_type_names);

double half_of_position(void* user, std::int64_t position) {
  return *static_cast<double*>(user) + 0.5 * static_cast<double>(position);
}

TYPED_TEST(c_api_typed_rows, have_the_bits_of_cpp) {
  const c_rows rows = made<c_rows>(yarn_rows_new, c_type<TypeParam>);
  yarn::rotary_rows<TypeParam> expected;
  const std::vector<std::int32_t> ids{0, 5, -7, 131071};
  const std::vector<std::int64_t> ids64{3, 2, 1 << 30};
  const yarn_positions run = c_run(-100, 300), list = c_list(ids, 4), list64 = c_list(ids64, 3);

  ASSERT_EQ(yarn_rows_assign(rows.get(), this->f.get(), &run, nullptr), YARN_OK);
  expected.assign(this->cpp, yarn::positions_from(-100, 300));
  expect_rows(rows.get(), expected, "run");
  ASSERT_EQ(yarn_rows_append(rows.get(), this->f.get(), &list, nullptr), YARN_OK);
  expected.append(this->cpp, yarn::positions(ids));
  expect_rows(rows.get(), expected, "appended");
  ASSERT_EQ(yarn_rows_assign(rows.get(), this->f.get(), &list64, nullptr), YARN_OK);
  expected.assign(this->cpp, yarn::positions(ids64));
  expect_rows(rows.get(), expected, "list of 64 bits");
  yarn_rows_clear(rows.get());
  expected.clear();
  expect_rows(rows.get(), expected, "cleared");

  const yarn_positions ascending = c_run(5000, 200);
  const auto check = [&](const yarn_temperature& t, const auto& temperature, const char* what) {
    ASSERT_EQ(yarn_rows_assign(rows.get(), this->f.get(), &ascending, &t), YARN_OK)
        << yarn_last_error();
    expected.assign(this->cpp, yarn::positions_from(5000, 200), temperature);
    expect_rows(rows.get(), expected, what);
  };
  yarn_temperature t;
  ASSERT_EQ(yarn_temperature_init(&t, sizeof t, YARN_TEMPERATURE_LLAMA4), YARN_OK);
  t.attn_scale = 0.2;
  t.floor_scale = 512;
  check(t, yarn::llama4_temperature{0.2, 512}, "Llama 4");
  t.kind = YARN_TEMPERATURE_MINISTRAL;
  t.original_max_position_embeddings = 1024;
  check(t, yarn::ministral_temperature{0.1, 1024}, "Ministral");
  t.kind = YARN_TEMPERATURE_LOG_N;
  t.original_length = 100;
  check(t, yarn::log_n_temperature{100}, "log-n");
  double offset = 3;
  t.kind = YARN_TEMPERATURE_FUNCTION;
  t.function = half_of_position;
  t.user = &offset;
  check(
      t, [&](std::int64_t p) { return half_of_position(&offset, p); }, "function");
}

TYPED_TEST(c_api_typed_rows, fill_the_memory_of_the_caller_in_slices) {
  constexpr std::int64_t n = 37, stride = 50;
  std::vector<TypeParam> cos(n * stride), sin(cos), cpp_cos(cos), cpp_sin(cos);
  const yarn_positions run = c_run(77, n);
  for (const std::int64_t thread : {2, 0, 1})
    ASSERT_EQ(yarn_fill_rows(this->f.get(), &run, nullptr, c_type<TypeParam>, cos.data(),
                             sin.data(), stride, thread, 3),
              YARN_OK);
  fill_rows(this->cpp, yarn::positions_from(77, n), cpp_cos.data(), cpp_sin.data(), stride);
  EXPECT_LT(first_difference(cos.data(), cpp_cos.data(), cos.size()), 0);
  EXPECT_LT(first_difference(sin.data(), cpp_sin.data(), sin.size()), 0);
}

TYPED_TEST(c_api_typed_rows, of_several_axes_have_the_bits_of_cpp) {
  const std::int64_t sections[] = {20, 14, 14};
  const c_frequencies axes = made<c_frequencies>(yarn_with_sections, this->f.get(), sections, 3);
  const yarn::frequencies cpp_axes = with_axes(this->cpp, yarn::axis_sections{20, 14, 14});
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < 60; ++i)
    ids.push_back(i * i % 97);
  const c_rows rows = made<c_rows>(yarn_rows_new, c_type<TypeParam>);
  yarn::rotary_rows<TypeParam> expected;

  yarn_positions at = c_list(ids, 20, 3);
  ASSERT_EQ(yarn_rows_assign(rows.get(), axes.get(), &at, nullptr), YARN_OK) << yarn_last_error();
  expected.assign(cpp_axes, yarn::axis_positions(ids.data(), 20, 3));
  expect_rows(rows.get(), expected, "[axis][token]");
  at.axis_stride = 1;
  at.token_stride = 3;
  ASSERT_EQ(yarn_rows_assign(rows.get(), axes.get(), &at, nullptr), YARN_OK);
  expected.assign(cpp_axes, yarn::axis_positions(ids.data(), 20, 3).with_strides(1, 3));
  expect_rows(rows.get(), expected, "[token][axis]");
  at = c_run(9, 11);
  ASSERT_EQ(yarn_rows_assign(rows.get(), axes.get(), &at, nullptr), YARN_OK);
  expected.assign(cpp_axes, yarn::positions_from(9, 11));
  expect_rows(rows.get(), expected, "the same position on all axes");
  at = c_list(ids, 20); // every third number; in C++ only axis_positions have strides
  at.token_stride = 3;
  ASSERT_EQ(yarn_rows_assign(rows.get(), axes.get(), &at, nullptr), YARN_OK) << yarn_last_error();
  expected.assign(cpp_axes, yarn::axis_positions(ids.data(), 20, 3).with_strides(0, 3));
  expect_rows(rows.get(), expected, "a list with a stride");
}

TEST_F(c_api_rows, of_a_rerotation_have_its_phases) {
  // The rows come from the phase steps, which are not the rounded inv_freq.
  const c_frequencies from = c_make(shape, c_method(yarn::default_scaling{}), 0);
  const c_frequencies g = made<c_frequencies>(yarn_rerotation, from.get(), f.get());
  const auto cpp_g = yarn::rerotation(yarn::make_frequencies(shape, yarn::default_scaling{}), cpp);
  const c_rows rows = made<c_rows>(yarn_rows_new, YARN_FLOAT64);
  yarn::rotary_rows<double> expected;
  const yarn_positions run = c_run(1 << 30, 64);
  ASSERT_EQ(yarn_rows_assign(rows.get(), g.get(), &run, nullptr), YARN_OK);
  expected.assign(cpp_g, yarn::positions_from(1 << 30, 64));
  expect_rows(rows.get(), expected, "rerotation");
  const c_frequencies float32 = made<c_frequencies>(yarn_float32_pipeline, f.get());
  ASSERT_EQ(yarn_rows_assign(rows.get(), float32.get(), &run, nullptr), YARN_OK);
  expected.assign(yarn::float32_pipeline(cpp), yarn::positions_from(1 << 30, 64));
  expect_rows(rows.get(), expected, "float32_pipeline");
}

} // namespace
