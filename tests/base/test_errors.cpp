// SPDX-License-Identifier: MIT
// Errors: every mistake that DESIGN.md names is refused with the promised type and a message that
// names the field and its value, and a call that refuses leaves the tensors as they were.
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using support::expect_error;
using invalid = std::invalid_argument;
using out_of_range = std::out_of_range;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

yarn::rope_shape shape_of(std::int64_t head_dim, std::int64_t rotary_dim = 0,
                          double rope_theta = 10000) {
  yarn::rope_shape shape;
  shape.head_dim = head_dim;
  shape.rotary_dim = rotary_dim;
  shape.rope_theta = rope_theta;
  return shape;
}

// ---- The shape --------------------------------------------------------------------------------

void expect_shape_error(const yarn::rope_shape& shape, const std::string& field,
                        const std::string& value) {
  expect_error<invalid>([&] { return yarn::make_frequencies(shape, yarn::default_scaling{}); },
                        {field, value});
  expect_error<invalid>(
      [&] { return yarn::make_frequencies(shape, yarn::any_scaling(yarn::default_scaling{}), 0); },
      {field, value});
}

TEST(shape_error, names_rope_theta) {
  yarn::rope_shape unset;
  unset.head_dim = 64;
  expect_shape_error(unset, "rope_theta", "0");
  expect_shape_error(shape_of(64, 0, -10000), "rope_theta", "-10000");
  expect_shape_error(shape_of(64, 0, nan), "rope_theta", "nan");
  expect_shape_error(shape_of(64, 0, infinity), "rope_theta", "inf");
}

TEST(shape_error, names_head_dim) {
  yarn::rope_shape unset;
  unset.rope_theta = 10000;
  expect_shape_error(unset, "head_dim", "0");
  expect_shape_error(shape_of(-64), "head_dim", "-64");
  expect_shape_error(shape_of(largest), "head_dim", "9223372036854775807");
}

TEST(shape_error, names_rotary_dim) {
  expect_shape_error(shape_of(64, 63), "rotary_dim", "63");
  expect_shape_error(shape_of(64, 66), "rotary_dim", "66");
  expect_shape_error(shape_of(64, -2), "rotary_dim", "-2");
}

// rotary_dim 0 means all of head_dim: then that number is the odd one to name.
TEST(shape_error, names_an_odd_head_dim) { expect_shape_error(shape_of(63), "head_dim", "63"); }

// ---- The methods ------------------------------------------------------------------------------

// The name of the type, as the caller wrote it.
template <class Method> constexpr const char* type_name = nullptr;
template <> constexpr const char* type_name<yarn::linear_scaling> = "linear_scaling";
template <> constexpr const char* type_name<yarn::ntk_scaling> = "ntk_scaling";
template <> constexpr const char* type_name<yarn::dynamic_ntk_scaling> = "dynamic_ntk_scaling";
template <> constexpr const char* type_name<yarn::ntk_by_parts_scaling> = "ntk_by_parts_scaling";
template <> constexpr const char* type_name<yarn::part_ntk_scaling> = "part_ntk_scaling";
template <>
constexpr const char* type_name<yarn::dynamic_part_ntk_scaling> = "dynamic_part_ntk_scaling";
template <> constexpr const char* type_name<yarn::yarn_scaling> = "yarn_scaling";
template <> constexpr const char* type_name<yarn::dynamic_yarn_scaling> = "dynamic_yarn_scaling";
template <> constexpr const char* type_name<yarn::llama3_scaling> = "llama3_scaling";
template <> constexpr const char* type_name<yarn::longrope_scaling> = "longrope_scaling";
template <> constexpr const char* type_name<yarn::proportional_scaling> = "proportional_scaling";

/// The message names the field as `type.field`, and the value.
template <class Method>
void expect_method_error(const Method& method, const std::string& field_name,
                         const std::string& value) {
  const std::string field = " " + std::string(type_name<Method>) + "." + field_name;
  const yarn::rope_shape shape = shape_of(64);
  constexpr std::int64_t seq_len = 100000; // long enough for every dynamic method to act
  expect_error<invalid>([&] { return yarn::make_frequencies(shape, method, seq_len); },
                        {field, value});
  // Wrapped or chosen at run time, the same field is at fault.
  expect_error<invalid>(
      [&] { return yarn::make_frequencies(shape, yarn::any_scaling(method), seq_len); },
      {field, value});
  yarn::freq_factors_scaling<Method> wrapped;
  wrapped.method = method;
  wrapped.freq_factors = std::vector<double>(32, 1.0);
  expect_error<invalid>([&] { return yarn::make_frequencies(shape, wrapped, seq_len); },
                        {field, value});
}

/// Sets one number of a correct method to what it must not be.
template <class Method, class Base, class Member>
void expect_finite_field(Method correct, Member Base::*member, const std::string& field) {
  correct.*member = nan;
  expect_method_error(correct, field, "nan");
  correct.*member = infinity;
  expect_method_error(correct, field, "inf");
  correct.*member = -infinity;
  expect_method_error(correct, field, "-inf");
}
template <class Method, class Base, class Member>
void expect_positive_field(Method correct, Member Base::*member, const std::string& field) {
  expect_finite_field(correct, member, field);
  correct.*member = 0.0;
  expect_method_error(correct, field, "0");
  correct.*member = -2.5;
  expect_method_error(correct, field, "-2.5");
}
template <class Method, class Base>
void expect_length_field(Method correct, std::int64_t Base::*member, const std::string& field) {
  correct.*member = 0; // unset
  expect_method_error(correct, field, "0");
  correct.*member = -4096;
  expect_method_error(correct, field, "-4096");
}

yarn::yarn_scaling correct_yarn() {
  yarn::yarn_scaling method;
  method.factor = 16;
  method.original_max_position_embeddings = 4096;
  return method;
}
yarn::dynamic_yarn_scaling correct_dynamic_yarn() {
  yarn::dynamic_yarn_scaling method;
  method.factor = 1;
  method.original_max_position_embeddings = 4096;
  return method;
}
yarn::ntk_by_parts_scaling correct_ntk_by_parts() {
  yarn::ntk_by_parts_scaling method;
  method.factor = 16;
  method.original_max_position_embeddings = 4096;
  return method;
}
yarn::part_ntk_scaling correct_part_ntk() {
  yarn::part_ntk_scaling method;
  method.factor = 16;
  method.original_max_position_embeddings = 4096;
  return method;
}
yarn::dynamic_part_ntk_scaling correct_dynamic_part_ntk() {
  yarn::dynamic_part_ntk_scaling method;
  method.original_max_position_embeddings = 4096;
  return method;
}
yarn::dynamic_ntk_scaling correct_dynamic_ntk() {
  yarn::dynamic_ntk_scaling method;
  method.factor = 2;
  method.max_position_embeddings = 4096;
  return method;
}
yarn::llama3_scaling correct_llama3() {
  yarn::llama3_scaling method;
  method.factor = 8;
  method.original_max_position_embeddings = 8192;
  return method;
}
yarn::longrope_scaling correct_longrope() {
  yarn::longrope_scaling method;
  method.short_factor = std::vector<double>(32, 1.0);
  method.long_factor = std::vector<double>(32, 2.0);
  method.original_max_position_embeddings = 4096;
  method.factor = 32.0;
  return method;
}

// Or every test below could pass for the wrong reason.
TEST(method_error, does_not_come_from_the_correct_methods) {
  const yarn::rope_shape shape = shape_of(64);
  const yarn::any_scaling methods[] = {
      correct_yarn(),      correct_dynamic_yarn(),     correct_ntk_by_parts(),
      correct_part_ntk(),  correct_dynamic_part_ntk(), correct_dynamic_ntk(),
      correct_llama3(),    correct_longrope(),         yarn::linear_scaling{4},
      yarn::ntk_scaling{4}};
  for (const yarn::any_scaling& method : methods) {
    EXPECT_NO_THROW(static_cast<void>(yarn::make_frequencies(shape, method, 100000)))
        << method.index();
  }
}

TEST(method_error, names_a_factor) {
  expect_positive_field(yarn::linear_scaling{4}, &yarn::linear_scaling::factor, "factor");
  expect_positive_field(yarn::ntk_scaling{4}, &yarn::ntk_scaling::factor, "factor");
  expect_positive_field(correct_dynamic_ntk(), &yarn::dynamic_ntk_scaling::factor, "factor");
  expect_positive_field(correct_ntk_by_parts(), &yarn::ntk_by_parts_scaling::factor, "factor");
  expect_positive_field(correct_part_ntk(), &yarn::part_ntk_scaling::factor, "factor");
  expect_positive_field(correct_yarn(), &yarn::yarn_scaling::factor, "factor");
  expect_positive_field(correct_llama3(), &yarn::llama3_scaling::factor, "factor");
  expect_positive_field(yarn::proportional_scaling{}, &yarn::proportional_scaling::factor,
                        "factor");
  expect_positive_field(correct_longrope(), &yarn::longrope_scaling::factor, "factor");
}

TEST(method_error, names_the_factor_of_dynamic_yarn) { // where 0 is allowed: the default, 1
  yarn::dynamic_yarn_scaling method = correct_dynamic_yarn();
  method.factor = nan;
  expect_method_error(method, "factor", "nan");
  method.factor = infinity;
  expect_method_error(method, "factor", "inf");
  method.factor = -2.5;
  expect_method_error(method, "factor", "-2.5");
}

TEST(method_error, names_a_length) {
  const std::string original = "original_max_position_embeddings";
  expect_length_field(correct_dynamic_ntk(), &yarn::dynamic_ntk_scaling::max_position_embeddings,
                      "max_position_embeddings");
  expect_length_field(correct_ntk_by_parts(),
                      &yarn::ntk_by_parts_scaling::original_max_position_embeddings, original);
  expect_length_field(correct_part_ntk(), &yarn::part_ntk_scaling::original_max_position_embeddings,
                      original);
  expect_length_field(correct_dynamic_part_ntk(),
                      &yarn::dynamic_part_ntk_scaling::original_max_position_embeddings, original);
  expect_length_field(correct_yarn(), &yarn::yarn_scaling::original_max_position_embeddings,
                      original);
  expect_length_field(correct_llama3(), &yarn::llama3_scaling::original_max_position_embeddings,
                      original);
  expect_length_field(correct_longrope(), &yarn::longrope_scaling::original_max_position_embeddings,
                      original);
  expect_length_field(correct_dynamic_yarn(),
                      &yarn::dynamic_yarn_scaling::original_max_position_embeddings, original);
}

TEST(method_error, names_a_beta) {
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::beta_fast, "beta_fast");
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::beta_slow, "beta_slow");
  expect_finite_field(correct_ntk_by_parts(), &yarn::ntk_by_parts_scaling::beta_fast, "beta_fast");
  expect_finite_field(correct_ntk_by_parts(), &yarn::ntk_by_parts_scaling::beta_slow, "beta_slow");
}

TEST(method_error, names_betas_that_are_swapped) {
  const auto swap_betas = [](auto method) {
    method.beta_fast = 1.5;
    method.beta_slow = 32;
    expect_method_error(method, "beta_fast", "1.5");
    expect_method_error(method, "beta_slow", "32");
  };
  swap_betas(correct_yarn());
  swap_betas(correct_dynamic_yarn());
  swap_betas(correct_ntk_by_parts());
}

TEST(method_error, names_what_is_not_finite_in_yarn) {
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::attention_factor, "attention_factor");
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::attn_factor, "attn_factor");
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::mscale, "mscale");
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::mscale_all_dim, "mscale_all_dim");
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::extrapolation_factor,
                      "extrapolation_factor");
}

// dynamic_yarn_scaling shares its checks with yarn_scaling, and is named in the messages.
TEST(method_error, names_every_other_field_of_dynamic_yarn) {
  using dynamic_yarn = yarn::dynamic_yarn_scaling;
  const dynamic_yarn correct = correct_dynamic_yarn();
  expect_positive_field(correct, &dynamic_yarn::beta_fast, "beta_fast");
  expect_positive_field(correct, &dynamic_yarn::beta_slow, "beta_slow");
  expect_positive_field(correct, &dynamic_yarn::attention_factor, "attention_factor");
  expect_positive_field(correct, &dynamic_yarn::attn_factor, "attn_factor");
  expect_finite_field(correct, &dynamic_yarn::mscale, "mscale");
  expect_finite_field(correct, &dynamic_yarn::mscale_all_dim, "mscale_all_dim");
  expect_finite_field(correct, &dynamic_yarn::extrapolation_factor, "extrapolation_factor");
}

// A number that the formula would not have used is a mistake all the same.
TEST(method_error, names_what_is_not_finite_behind_an_explicit_attention_factor) {
  yarn::yarn_scaling method = correct_yarn();
  method.attention_factor = 1.25;
  expect_finite_field(method, &yarn::yarn_scaling::attn_factor, "attn_factor");
  expect_finite_field(method, &yarn::yarn_scaling::mscale, "mscale");
  expect_finite_field(method, &yarn::yarn_scaling::mscale_all_dim, "mscale_all_dim");
  yarn::longrope_scaling longrope = correct_longrope();
  longrope.attention_factor = 1.25;
  expect_finite_field(longrope, &yarn::longrope_scaling::factor, "factor");
}

TEST(method_error, names_the_attention_factor_of_linear) {
  expect_positive_field(yarn::linear_scaling{4}, &yarn::linear_scaling::attention_factor,
                        "attention_factor");
}

TEST(method_error, names_a_share_of_part_ntk) {
  expect_finite_field(correct_part_ntk(), &yarn::part_ntk_scaling::ntk_factor, "ntk_factor");
  expect_finite_field(correct_part_ntk(), &yarn::part_ntk_scaling::extrapolation_factor,
                      "extrapolation_factor");
  expect_finite_field(correct_dynamic_part_ntk(), &yarn::dynamic_part_ntk_scaling::ntk_factor,
                      "ntk_factor");
  expect_finite_field(correct_dynamic_part_ntk(),
                      &yarn::dynamic_part_ntk_scaling::extrapolation_factor,
                      "extrapolation_factor");
}

TEST(method_error, names_a_band_of_llama3) {
  expect_finite_field(correct_llama3(), &yarn::llama3_scaling::low_freq_factor, "low_freq_factor");
  expect_finite_field(correct_llama3(), &yarn::llama3_scaling::high_freq_factor,
                      "high_freq_factor");
}

TEST(method_error, names_a_base_whose_logarithm_is_no_divisor) {
  for (const double theta : {1.0, 0.5}) {
    expect_error<invalid>(
        [&] { return yarn::make_frequencies(shape_of(64, 0, theta), correct_yarn()); },
        {"rope_theta = ", "must be > 1 for a method that blends by pair index"});
  }
}

TEST(method_error, names_a_base_that_cannot_change) {
  const auto expect_it = [](const yarn::rope_shape& shape) {
    const auto with = [&shape](const auto& method) {
      expect_error<invalid>([&] { return yarn::make_frequencies(shape, method, 100000); },
                            {"rotary_dim", "2"});
    };
    with(yarn::ntk_scaling{4});
    with(correct_dynamic_ntk());
    with(correct_part_ntk());
    with(correct_dynamic_part_ntk());
  };
  expect_it(shape_of(2));
  expect_it(shape_of(64, 2));
}

TEST(method_error, names_a_list_of_the_wrong_size) {
  yarn::longrope_scaling method = correct_longrope();
  method.short_factor = std::vector<double>(31, 1.0);
  expect_method_error(method, "short_factor", "31");
  method = correct_longrope();
  method.long_factor = std::vector<double>(33, 1.0);
  expect_method_error(method, "long_factor", "33");
  method.long_factor = yarn::factor_list();
  expect_method_error(method, "long_factor", "0");

  yarn::freq_factors_scaling<yarn::default_scaling> wrapped;
  wrapped.freq_factors = {1.0, 2.0, 3.0};
  expect_error<invalid>([&] { return yarn::make_frequencies(shape_of(64), wrapped); },
                        {"freq_factors", "3", "32"});
}

// The list that is not in use at this length is checked, too: it will be in use later.
TEST(method_error, names_a_divisor) {
  struct wrong_divisor {
    double value;
    const char* text;
  };
  for (const wrong_divisor wrong :
       {wrong_divisor{nan, "nan"}, {infinity, "inf"}, {0.0, "0"}, {-1.5, "-1.5"}}) {
    std::vector<double> list(32, 1.0);
    list[17] = wrong.value;
    yarn::longrope_scaling method = correct_longrope();
    method.short_factor = list;
    expect_method_error(method, "short_factor[17]", wrong.text);
    method = correct_longrope();
    method.long_factor = list;
    expect_method_error(method, "long_factor[17]", wrong.text);
    yarn::freq_factors_scaling<yarn::default_scaling> wrapped;
    wrapped.freq_factors = list;
    expect_error<invalid>([&] { return yarn::make_frequencies(shape_of(64), wrapped); },
                          {"freq_factors[17]", wrong.text});
  }
}

TEST(method_error, names_a_share_that_is_none) {
  yarn::proportional_scaling method;
  expect_finite_field(method, &yarn::proportional_scaling::partial_rotary_factor,
                      "partial_rotary_factor");
  method.partial_rotary_factor = 1.5;
  expect_method_error(method, "partial_rotary_factor", "1.5");
  method.partial_rotary_factor = -0.5;
  expect_method_error(method, "partial_rotary_factor", "-0.5");
}

TEST(method_error, names_what_the_attention_factor_of_longrope_needs) {
  yarn::longrope_scaling method = correct_longrope();
  method.factor = yarn::optional_number();
  expect_method_error(method, "factor", "not set");
  method.attention_factor = 1.25; // then the formula is not needed
  EXPECT_NO_THROW(static_cast<void>(yarn::make_frequencies(shape_of(64), method, 0)));
  method = correct_longrope();
  method.original_max_position_embeddings = 1; // its logarithm is a divisor
  expect_method_error(method, "original_max_position_embeddings", "1");
}

// Its pairs span the whole head: a shorter rotary part is a contradiction.
TEST(method_error, names_a_rotary_dim_of_proportional) {
  expect_error<invalid>(
      [] { return yarn::make_frequencies(shape_of(64, 32), yarn::proportional_scaling{}); },
      {"rotary_dim", "32", "64"});
}

TEST(method_error, names_a_negative_current_length) {
  const yarn::any_scaling methods[] = {correct_dynamic_yarn(), correct_dynamic_part_ntk(),
                                       correct_dynamic_ntk(), correct_longrope()};
  for (const yarn::any_scaling& method : methods) {
    expect_error<invalid>([&] { return yarn::make_frequencies(shape_of(64), method, -1); },
                          {"seq_len", "-1"});
  }
}

// ---- Frequencies that are given, and the group ------------------------------------------------

TEST(frequencies_error, names_an_inverse_frequency) {
  struct wrong_value {
    double value;
    const char* text;
  };
  for (const wrong_value wrong :
       {wrong_value{nan, "nan"}, {infinity, "inf"}, {-infinity, "-inf"}}) {
    const std::vector<double> given = {1.0, wrong.value, 0.1};
    expect_error<invalid>([&] { return yarn::frequencies_from(given.data(), given.size()); },
                          {"inv_freq[1]", wrong.text});
    const std::vector<float> narrow = {1.0F, static_cast<float>(wrong.value), 0.1F};
    expect_error<invalid>([&] { return yarn::frequencies_from(narrow.data(), narrow.size()); },
                          {"inv_freq[1]", wrong.text});
  }
}

TEST(frequencies_error, names_a_count) {
  const double given = 1;
  expect_error<invalid>([&] { return yarn::frequencies_from(&given, 0); }, {"n_pairs", "0"});
  expect_error<invalid>([&] { return yarn::frequencies_from(&given, -3); }, {"n_pairs", "-3"});
  expect_error<invalid>([&] { return yarn::frequencies_from(&given, ~std::uint64_t{0}); },
                        {"n_pairs", "18446744073709551615"});
}

TEST(frequencies_error, names_memory_that_is_not_there) {
  expect_error<invalid>(
      [] { return yarn::frequencies_from(static_cast<const double*>(nullptr), 4); },
      {"inv_freq", "null"});
}

TEST(frequencies_error, names_an_attention_factor) {
  const double given = 1;
  expect_error<invalid>([&] { return yarn::frequencies_from(&given, 1, nan); },
                        {"attention_factor", "nan"});
  expect_error<invalid>([&] { return yarn::frequencies_from(&given, 1, infinity); },
                        {"attention_factor", "inf"});
  for (const double factor : {0.0, -1.0, 0x1p-61, 0x1p61}) {
    expect_error<invalid>([&] { return yarn::frequencies_from(&given, 1, factor); },
                          {"attention_factor = ", "must be in [2^-60, 2^60]"});
  }
}

TEST(frequencies_error, names_a_number_that_is_too_large) {
  const double given[] = {1.0, 4294967296.0, -4294967296.0};
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    expect_error<invalid>([&] { return yarn::frequencies_from(given + i, 1); },
                          {"inv_freq[0] = ", "4.29497e+09", "below 2^32"});
  }
  expect_error<invalid>([&] { return yarn::frequencies_from(given, (std::int64_t{1} << 23) + 1); },
                        {"n_pairs = 8388609 must be in [1, 2^23]"});
}

TEST(frequencies_error, names_what_float32_pipelines_cannot_do) {
  const yarn::frequencies exact = yarn::make_frequencies(shape_of(64), yarn::default_scaling{});
  const yarn::frequencies rounded = yarn::float32_pipeline(exact);
  expect_error<invalid>([&] { return yarn::inverse(rounded); }, {"inverse", "float32"});
  expect_error<invalid>([&] { return yarn::adjoint(rounded); }, {"adjoint", "float32"});
  expect_error<invalid>([&] { return yarn::unscaled(rounded); }, {"unscaled", "float32"});
  expect_error<invalid>([&] { return yarn::rerotation(rounded, exact); },
                        {"rerotation", "float32"});
  expect_error<invalid>([&] { return yarn::rerotation(exact, rounded); },
                        {"rerotation", "float32"});
}

TEST(frequencies_error, names_both_numbers_of_pairs_of_a_rerotation) {
  const yarn::frequencies wide = yarn::make_frequencies(shape_of(64), yarn::default_scaling{});
  const yarn::frequencies narrow = yarn::make_frequencies(shape_of(62), yarn::default_scaling{});
  expect_error<invalid>([&] { return yarn::rerotation(wide, narrow); }, {"rerotation", "32", "31"});
}

// ---- Rows -------------------------------------------------------------------------------------

class rows_error : public testing::Test {
protected:
  yarn::frequencies freqs = yarn::make_frequencies(shape_of(64), yarn::default_scaling{});
  yarn::frequencies narrow = yarn::make_frequencies(shape_of(62), yarn::default_scaling{});
};

TEST_F(rows_error, names_a_run_without_a_length) {
  yarn::rotary_rows<float> rows;
  expect_error<invalid>([&] { rows.assign(freqs, yarn::positions_from(0)); }, {"positions"});
  expect_error<invalid>([&] { rows.append(freqs, yarn::positions_from(0)); }, {"positions"});
}

TEST_F(rows_error, names_another_number_of_pairs) {
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions_from(0, 3));
  expect_error<invalid>([&] { rows.append(narrow, yarn::positions_from(3, 1)); },
                        {"n_pairs", "31", "32"});
  EXPECT_EQ(rows.n_rows(), 3); // as it was
  EXPECT_EQ(rows.n_pairs(), 32);
  EXPECT_EQ(rows.cos(0)[31], 1.0F);
}

TEST_F(rows_error, names_a_negative_table_size) {
  expect_error<invalid>([&] { return yarn::make_table<float>(freqs, -1); }, {"n_positions", "-1"});
}

TEST_F(rows_error, names_a_row_stride_and_writes_nothing) {
  std::vector<float> memory(2 * 64, 7.0F);
  const auto fill = [&](std::int64_t stride) {
    yarn::fill_rows(freqs, yarn::positions_from(0, 2), memory.data(), memory.data() + 64, stride);
  };
  expect_error<invalid>([&] { fill(31); }, {"row_stride", "31"});
  expect_error<invalid>([&] { fill(0); }, {"row_stride", "0"});
  expect_error<invalid>([&] { fill(-32); }, {"row_stride", "-32"});
  // In bytes, 2^62 floats are 0 in 64 bits: row 1 would land on row 0.
  expect_error<invalid>([&] { fill(std::int64_t{1} << 62); }, {"row_stride"});
  EXPECT_EQ(memory, std::vector<float>(2 * 64, 7.0F));
}

TEST_F(rows_error, names_memory_that_is_not_there) {
  std::vector<float> memory(2 * 32, 7.0F);
  float* const nowhere = nullptr;
  expect_error<invalid>(
      [&] { yarn::fill_rows(freqs, yarn::positions_from(0, 2), nowhere, memory.data(), 32); },
      {"null"});
  expect_error<invalid>(
      [&] { yarn::fill_rows(freqs, yarn::positions_from(0, 2), memory.data(), nowhere, 32); },
      {"null"});
  EXPECT_EQ(memory, std::vector<float>(2 * 32, 7.0F));
}

TEST_F(rows_error, names_a_position_that_no_row_is_exact_at) {
  yarn::rotary_rows<float> rows;
  const std::vector<std::int64_t> far = {0, (std::int64_t{1} << 31) + 1};
  expect_error<out_of_range>([&] { rows.assign(freqs, yarn::positions(far)); },
                             {"position", "2147483649"});
  expect_error<out_of_range>([&] { rows.assign(freqs, yarn::positions_from(-largest, 2)); },
                             {"position", "-9223372036854775807"});
}

TEST_F(rows_error, names_a_slice) {
  std::vector<float> memory(2 * 64, 7.0F);
  const auto fill = [&](yarn::thread_slice part) {
    yarn::fill_rows(freqs, yarn::positions_from(0, 2), memory.data(), memory.data() + 64, 32, part);
  };
  expect_error<invalid>([&] { fill({2, 2}); }, {"thread_slice.thread", "2"});
  expect_error<invalid>([&] { fill({-1, 2}); }, {"thread_slice.thread", "-1"});
  expect_error<invalid>([&] { fill({0, 0}); }, {"n_threads", "0"});
  expect_error<invalid>([&] { fill({0, -4}); }, {"n_threads", "-4"});
  EXPECT_EQ(memory, std::vector<float>(2 * 64, 7.0F));
}

// ---- Rotating ---------------------------------------------------------------------------------

constexpr auto half_split = yarn::pairing::half_split;

/// Correct arguments, to be spoilt one at a time; and a look at the tensors after each refusal.
class rope_error : public testing::Test {
protected:
  static constexpr std::int64_t n_tokens = 3;
  static constexpr std::int64_t n_heads = 2;
  static constexpr std::int64_t head_dim = 8;
  static constexpr std::size_t n_elements = 48;

  std::vector<float> q_memory = numbers();
  std::vector<float> k_memory = numbers();
  yarn::heads_view<float> q{q_memory.data(), n_tokens, n_heads, head_dim};
  yarn::heads_view<float> k{k_memory.data(), n_tokens, n_heads, head_dim};
  std::vector<std::int32_t> listed = {0, 5, 2};
  yarn::positions list{listed.data(), 3};
  yarn::frequencies freqs = yarn::make_frequencies(shape_of(head_dim), yarn::default_scaling{});
  yarn::rotary_rows<float> rows = [this] {
    yarn::rotary_rows<float> made;
    made.assign(freqs, list);
    return made;
  }();
  yarn::rotary_table<float> table = yarn::make_table<float>(freqs, 6);

  static std::vector<float> numbers() {
    std::vector<float> values;
    for (std::size_t i = 0; i < n_elements; ++i) {
      values.push_back(0.25F * static_cast<float>(i) - 3.0F);
    }
    return values;
  }

  /// rope_check and rope_apply refuse these arguments alike, and no byte has changed. What the
  /// check lets through is not applied: it may reach far outside the tensors.
  template <class Error, class... Arguments>
  void expect_refusal(std::initializer_list<std::string> words, const Arguments&... arguments) {
    if (expect_error<Error>([&] { yarn::rope_check(arguments...); }, words)) {
      expect_error<Error>([&] { yarn::rope_apply(arguments...); }, words);
    }
    const std::vector<float> before = numbers();
    EXPECT_EQ(std::memcmp(q_memory.data(), before.data(), n_elements * sizeof(float)), 0);
    EXPECT_EQ(std::memcmp(k_memory.data(), before.data(), n_elements * sizeof(float)), 0);
  }
};

// Or every test below could pass for the wrong reason.
TEST_F(rope_error, does_not_come_from_correct_arguments) {
  EXPECT_NO_THROW(yarn::rope_apply(q, k, yarn::rows_of(freqs, list), half_split));
  EXPECT_NO_THROW(yarn::rope_apply(q, k, rows, half_split));
  EXPECT_NO_THROW(yarn::rope_apply(q, k, yarn::rows_of(table, list), half_split));
  EXPECT_NO_THROW(yarn::rope_apply(q, k, rows.view(), half_split));
  EXPECT_NO_THROW(yarn::rope_apply(q, k, yarn::rows_of(table.view(), list), half_split));
  EXPECT_NE(q_memory, numbers());
}

TEST_F(rope_error, names_tokens_that_differ) {
  const yarn::heads_view<float> fewer(k_memory.data(), 2, n_heads, head_dim);
  expect_refusal<invalid>({"n_tokens", "3", "2"}, q, fewer, yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"n_tokens", "3", "2"}, q, fewer, rows, half_split);
  expect_refusal<invalid>({"n_tokens", "3", "2"}, q, fewer, yarn::rows_of(table, list), half_split);
}

TEST_F(rope_error, names_positions_that_are_not_one_a_token) {
  for (const std::int64_t n : {2, 4}) {
    const yarn::positions run = yarn::positions_from(0, n);
    const std::string count = std::to_string(n);
    expect_refusal<invalid>({"positions", count, "3"}, q, k, yarn::rows_of(freqs, run), half_split);
    expect_refusal<invalid>({"positions", count, "3"}, k, yarn::rows_of(freqs, run), half_split);
    expect_refusal<invalid>({"positions", count, "3"}, q, k, yarn::rows_of(table, run), half_split);
  }
}

TEST_F(rope_error, names_rows_that_are_not_one_a_token) {
  for (const std::int64_t n : {2, 4}) {
    yarn::rotary_rows<float> others;
    others.assign(freqs, yarn::positions_from(0, n));
    const std::string count = std::to_string(n);
    expect_refusal<invalid>({"n_rows", count, "3"}, q, k, others, half_split);
    expect_refusal<invalid>({"n_rows", count, "3"}, q, others, half_split);
    expect_refusal<invalid>({"n_rows", count, "3"}, q, k, others.view(), half_split);
  }
}

TEST_F(rope_error, names_more_pairs_than_a_head_has) {
  const yarn::frequencies wide = yarn::make_frequencies(shape_of(10), yarn::default_scaling{});
  yarn::rotary_rows<float> wide_rows;
  wide_rows.assign(wide, list);
  const yarn::rotary_table<float> wide_table = yarn::make_table<float>(wide, 6);
  expect_refusal<invalid>({"head_dim", "8", "10"}, q, k, yarn::rows_of(wide, list), half_split);
  expect_refusal<invalid>({"head_dim", "8", "10"}, q, k, wide_rows, half_split);
  expect_refusal<invalid>({"head_dim", "8", "10"}, q, k, yarn::rows_of(wide_table, list),
                          half_split);
  // Only k is too narrow.
  const yarn::heads_view<float> narrow(k_memory.data(), n_tokens, n_heads, 6);
  expect_refusal<invalid>({"head_dim", "6", "8"}, q, narrow, rows, half_split);
}

TEST_F(rope_error, names_a_negative_position_with_a_table) {
  listed[1] = -1;
  expect_refusal<out_of_range>({"position", "-1"}, q, k, yarn::rows_of(table, list), half_split);
  expect_refusal<out_of_range>({"position", "-1"}, k, yarn::rows_of(table.view(), list),
                               half_split);
  expect_refusal<out_of_range>({"position", "-2"}, q, k,
                               yarn::rows_of(table, yarn::positions_from(-2)), half_split);
}

TEST_F(rope_error, names_a_position_behind_a_table) {
  for (const std::int32_t position : {6, 7, std::numeric_limits<std::int32_t>::max()}) {
    listed[2] = position;
    const std::string text = std::to_string(position);
    expect_refusal<out_of_range>({"position", text, "6"}, q, k, yarn::rows_of(table, list),
                                 half_split);
    expect_refusal<out_of_range>({"position", text, "6"}, q, yarn::rows_of(table.view(), list),
                                 half_split);
  }
  // 4, 5, 6: the run leaves the table at its end.
  expect_refusal<out_of_range>({"position", "6"}, q, k,
                               yarn::rows_of(table, yarn::positions_from(4)), half_split);
  listed[2] = 5;
  EXPECT_NO_THROW(yarn::rope_apply(q, k, yarn::rows_of(table, list), half_split)); // the last row
}

TEST_F(rope_error, does_not_come_from_negative_positions_without_a_table) {
  listed[1] = -1;
  EXPECT_NO_THROW(yarn::rope_apply(q, k, yarn::rows_of(freqs, list), half_split));
}

TEST_F(rope_error, names_a_position_that_no_row_is_exact_at) {
  const std::vector<std::int64_t> far = {0, std::int64_t{1} << 40, 0};
  expect_refusal<out_of_range>({"position", "1099511627776"}, q, k,
                               yarn::rows_of(freqs, yarn::positions(far)), half_split);
}

TEST_F(rope_error, names_a_negative_extent) {
  const auto view = [this](std::int64_t tokens, std::int64_t heads, std::int64_t dim) {
    return yarn::heads_view<float>(q_memory.data(), tokens, heads, dim);
  };
  expect_refusal<invalid>({"n_tokens", "-3"}, view(-3, 2, 8), k, yarn::rows_of(freqs, list),
                          half_split);
  expect_refusal<invalid>({"n_heads", "-2"}, view(3, -2, 8), k, yarn::rows_of(freqs, list),
                          half_split);
  expect_refusal<invalid>({"head_dim", "-8"}, view(3, 2, -8), k, yarn::rows_of(freqs, list),
                          half_split);
  expect_refusal<invalid>({"head_dim", "-8"}, q, view(3, 2, -8), rows, half_split);
}

TEST_F(rope_error, names_an_extent_that_does_not_fit_64_bits) {
  expect_error<invalid>(
      [&] { yarn::heads_view<float>(q_memory.data(), ~std::uint64_t{0}, n_heads, head_dim); },
      {"n_tokens", "18446744073709551615"});
}

// The address of the last element, computed in 64 bits, would wrap round and pass any check.
TEST_F(rope_error, names_strides_that_overflow) {
  expect_refusal<invalid>({"token_stride"}, q.with_strides(largest / 2, head_dim), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"head_stride"}, q.with_strides(16, largest - 2), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"token_stride"}, q, k.with_strides(largest, head_dim), rows, half_split);
  const std::int64_t many = std::int64_t{1} << 40;
  const yarn::heads_view<float> huge(q_memory.data(), many, many, head_dim);
  expect_refusal<invalid>({"token_stride"}, huge, yarn::rows_of(freqs, yarn::positions_from(0)),
                          half_split);
}

// Two heads at one address would be rotated twice.
TEST_F(rope_error, names_strides_that_overlap) {
  expect_refusal<invalid>({"head_stride", "0"}, q.with_strides(16, 0), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"token_stride", "0"}, q.with_strides(0, 8), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"head_stride", "4"}, q.with_strides(16, 4), k,
                          yarn::rows_of(freqs, list), half_split);
  // The second head of a token is the first of the next one, in either order of the axes.
  expect_refusal<invalid>({"token_stride", "8"}, q.with_strides(8, 8), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"token_stride", "12"}, q.with_strides(12, 8), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"head_stride", "16"}, q, k.with_strides(8, 16), rows, half_split);
}

TEST_F(rope_error, names_a_row_stride) {
  const yarn::rows_view<float> dense = rows.view();
  const yarn::rows_view<float> narrow(dense.cos(0), dense.sin(0), 3, 4, 3);
  expect_refusal<invalid>({"row_stride", "3"}, q, k, narrow, half_split);
  const yarn::table_view<float> narrow_table(dense.cos(0), dense.sin(0), 3, 4, 3);
  expect_refusal<invalid>({"row_stride", "3"}, q, k,
                          yarn::rows_of(narrow_table, yarn::positions_from(0)), half_split);
}

// Views of the caller's arrays hold whatever the caller wrote; twice this n_pairs is negative.
TEST_F(rope_error, names_rows_that_no_memory_holds) {
  const yarn::rows_view<float> dense = rows.view();
  const yarn::heads_view<float> one(q_memory.data(), 1, n_heads, head_dim);
  const yarn::rows_view<float> wide(dense.cos(0), dense.sin(0), 1, largest, largest);
  expect_refusal<invalid>({"n_pairs"}, one, wide, half_split);
  const yarn::rows_view<float> none(dense.cos(0), dense.sin(0), 3, 0, 4);
  expect_refusal<invalid>({"n_pairs", "0"}, q, k, none, half_split);
  const yarn::rows_view<float> negative(dense.cos(0), dense.sin(0), 3, -4, 4);
  expect_refusal<invalid>({"n_pairs", "-4"}, q, k, negative, half_split);
  const yarn::rows_view<float> fewer_than_none(dense.cos(0), dense.sin(0), -3, 4, 4);
  expect_refusal<invalid>({"n_rows", "-3"}, q, k, fewer_than_none, half_split);
  const yarn::rows_view<float> far(dense.cos(0), dense.sin(0), 3, 4, largest / 2);
  expect_refusal<invalid>({"row_stride"}, q, k, far, half_split);
  const yarn::table_view<float> far_table(dense.cos(0), dense.sin(0), 6, 4, largest / 2);
  expect_refusal<invalid>({"row_stride"}, q, k, yarn::rows_of(far_table, list), half_split);
}

TEST_F(rope_error, names_memory_that_is_not_there) {
  const yarn::heads_view<float> nowhere(static_cast<float*>(nullptr), n_tokens, n_heads, head_dim);
  expect_refusal<invalid>({"null"}, nowhere, k, yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"null"}, q, nowhere, rows, half_split);
  const yarn::rows_view<float> no_sine(rows.cos(0), static_cast<const float*>(nullptr), 3, 4, 4);
  expect_refusal<invalid>({"null"}, q, k, no_sine, half_split);
}

TEST_F(rope_error, names_a_pairing_that_is_none) {
  expect_refusal<invalid>({"pairing", "7"}, q, k, yarn::rows_of(freqs, list),
                          static_cast<yarn::pairing>(7));
}

// rope_copy: q is the source, k the target. Neither changes.
class rope_copy_error : public rope_error {
protected:
  template <class Error, class... Arguments>
  void expect_copy_refusal(std::initializer_list<std::string> words,
                           const Arguments&... arguments) {
    expect_error<Error>([&] { yarn::rope_copy(arguments...); }, words);
    EXPECT_EQ(q_memory, numbers());
    EXPECT_EQ(k_memory, numbers());
  }
};

TEST_F(rope_copy_error, does_not_come_from_correct_arguments) {
  EXPECT_NO_THROW(yarn::rope_copy(q, k, rows, half_split));
  EXPECT_NO_THROW(yarn::rope_copy(q, k, yarn::rows_of(freqs, list), half_split));
  EXPECT_NO_THROW(yarn::rope_copy(q, k, yarn::rows_of(table, list), half_split));
  EXPECT_NO_THROW(
      yarn::rope_copy(q, k, rows, yarn::pairing::interleaved, yarn::output_order{half_split}));
  EXPECT_NO_THROW(yarn::rope_copy(q, q, rows, half_split)); // in place
}

TEST_F(rope_copy_error, names_a_shape_that_differs) {
  const auto target = [this](std::int64_t tokens, std::int64_t heads, std::int64_t dim) {
    return yarn::heads_view<float>(k_memory.data(), tokens, heads, dim);
  };
  expect_copy_refusal<invalid>({"n_tokens", "2", "3"}, q, target(2, 2, 8), rows, half_split);
  expect_copy_refusal<invalid>({"n_heads", "1", "2"}, q, target(3, 1, 8), rows, half_split);
  expect_copy_refusal<invalid>({"head_dim", "10", "8"}, q, target(3, 2, 10).with_strides(20, 10),
                               rows, half_split);
}

TEST_F(rope_copy_error, names_memory_in_common) {
  const yarn::heads_view<float> earlier(q_memory.data(), 2, n_heads, head_dim);
  const yarn::heads_view<float> later(q_memory.data() + 4, 2, n_heads, head_dim);
  const yarn::positions run = yarn::positions_from(0);
  expect_copy_refusal<invalid>({"source", "target"}, earlier, later, yarn::rows_of(freqs, run),
                               half_split);
  expect_copy_refusal<invalid>({"source", "target"}, later, earlier, yarn::rows_of(freqs, run),
                               half_split);
  // One view, but elements would be read after others were written in their place.
  expect_copy_refusal<invalid>({"source", "target"}, q, q, rows, yarn::pairing::interleaved,
                               yarn::output_order{half_split});
}

TEST_F(rope_copy_error, names_what_rope_apply_names) {
  listed[1] = -1;
  expect_copy_refusal<out_of_range>({"position", "-1"}, q, k, yarn::rows_of(table, list),
                                    half_split);
  listed[1] = 6;
  expect_copy_refusal<out_of_range>({"position", "6"}, q, k, yarn::rows_of(table, list),
                                    half_split);
  const yarn::frequencies wide = yarn::make_frequencies(shape_of(10), yarn::default_scaling{});
  expect_copy_refusal<invalid>({"head_dim", "8", "10"}, q, k, yarn::rows_of(wide, list),
                               half_split);
  expect_copy_refusal<invalid>({"positions", "2", "3"}, q, k,
                               yarn::rows_of(freqs, yarn::positions_from(0, 2)), half_split);
}

TEST_F(rope_error, is_none_for_an_empty_tensor) {
  const yarn::heads_view<float> no_tokens(q_memory.data(), 0, n_heads, head_dim);
  const yarn::heads_view<float> no_heads(q_memory.data(), n_tokens, 0, head_dim);
  EXPECT_NO_THROW(
      yarn::rope_apply(no_tokens, yarn::rows_of(freqs, yarn::positions_from(0)), half_split));
  EXPECT_NO_THROW(yarn::rope_apply(no_heads, yarn::rows_of(freqs, list), half_split));
  EXPECT_EQ(q_memory, numbers());
}

} // namespace
