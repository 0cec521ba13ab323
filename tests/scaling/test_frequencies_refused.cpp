// SPDX-License-Identifier: MIT
// The errors of make_frequencies and frequencies_from. The message has the name and the value of
// the wrong field of a shape or a method.
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using support::expect_error;
using invalid = std::invalid_argument;

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

TEST(shape_error, rope_theta_not_positive_or_not_finite_is_named) {
  yarn::rope_shape unset;
  unset.head_dim = 64;
  expect_shape_error(unset, "rope_theta", "0");
  expect_shape_error(shape_of(64, 0, -10000), "rope_theta", "-10000");
  expect_shape_error(shape_of(64, 0, nan), "rope_theta", "nan");
  expect_shape_error(shape_of(64, 0, infinity), "rope_theta", "inf");
}

TEST(shape_error, head_dim_below_1_or_too_large_is_named) {
  yarn::rope_shape unset;
  unset.rope_theta = 10000;
  expect_shape_error(unset, "head_dim", "0");
  expect_shape_error(shape_of(-64), "head_dim", "-64");
  expect_shape_error(shape_of(largest), "head_dim", "9223372036854775807");
}

TEST(shape_error, rotary_dim_odd_or_negative_or_above_head_dim_is_named) {
  expect_shape_error(shape_of(64, 63), "rotary_dim", "63");
  expect_shape_error(shape_of(64, 66), "rotary_dim", "66");
  expect_shape_error(shape_of(64, -2), "rotary_dim", "-2");
}

// rotary_dim 0 means all of head_dim. So if head_dim is odd, the message names head_dim.
TEST(shape_error, odd_head_dim_without_a_rotary_dim_is_named) {
  expect_shape_error(shape_of(63), "head_dim", "63");
}

// ---- The methods ------------------------------------------------------------------------------

// The name of a method's type in the messages.
template <class Method> constexpr const char* type_name = nullptr;
template <> constexpr const char* type_name<yarn::linear_scaling> = "linear_scaling";
template <> constexpr const char* type_name<yarn::ntk_scaling> = "ntk_scaling";
template <> constexpr const char* type_name<yarn::dynamic_ntk_scaling> = "dynamic_ntk_scaling";
template <> constexpr const char* type_name<yarn::stepped_ntk_scaling> = "stepped_ntk_scaling";
template <> constexpr const char* type_name<yarn::ntk_by_parts_scaling> = "ntk_by_parts_scaling";
template <> constexpr const char* type_name<yarn::part_ntk_scaling> = "part_ntk_scaling";
template <>
constexpr const char* type_name<yarn::dynamic_part_ntk_scaling> = "dynamic_part_ntk_scaling";
template <> constexpr const char* type_name<yarn::yarn_scaling> = "yarn_scaling";
template <> constexpr const char* type_name<yarn::dynamic_yarn_scaling> = "dynamic_yarn_scaling";
template <> constexpr const char* type_name<yarn::llama3_scaling> = "llama3_scaling";
template <> constexpr const char* type_name<yarn::longrope_scaling> = "longrope_scaling";
template <> constexpr const char* type_name<yarn::proportional_scaling> = "proportional_scaling";

/// Expects a message with the field, as `type.field`, and its value.
template <class Method>
void expect_method_error(const Method& method, const std::string& field_name,
                         const std::string& value) {
  const std::string field = " " + std::string(type_name<Method>) + "." + field_name;
  const yarn::rope_shape shape = shape_of(64);
  constexpr std::int64_t seq_len =
      100000; // every dynamic method changes frequencies at this length
  expect_error<invalid>([&] { return yarn::make_frequencies(shape, method, seq_len); },
                        {field, value});
  // The message names the same field if the method is in an any_scaling or in freq_factors_scaling.
  expect_error<invalid>(
      [&] { return yarn::make_frequencies(shape, yarn::any_scaling(method), seq_len); },
      {field, value});
  yarn::freq_factors_scaling<Method> wrapped;
  wrapped.method = method;
  wrapped.freq_factors = std::vector<double>(32, 1.0);
  expect_error<invalid>([&] { return yarn::make_frequencies(shape, wrapped, seq_len); },
                        {field, value});
}

/// Sets a field of a correct method to each wrong value, and expects an error.
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

/// A method with this scaling factor and original length. Other fields keep their defaults.
template <class Method> Method method_of(double factor, std::int64_t original_length) {
  Method method;
  method.factor = factor;
  method.original_max_position_embeddings = original_length;
  return method;
}
yarn::yarn_scaling correct_yarn() { return method_of<yarn::yarn_scaling>(16, 4096); }
yarn::dynamic_yarn_scaling correct_dynamic_yarn() {
  return method_of<yarn::dynamic_yarn_scaling>(1, 4096);
}
yarn::ntk_by_parts_scaling correct_ntk_by_parts() {
  return method_of<yarn::ntk_by_parts_scaling>(16, 4096);
}
yarn::part_ntk_scaling correct_part_ntk() { return method_of<yarn::part_ntk_scaling>(16, 4096); }
yarn::llama3_scaling correct_llama3() { return method_of<yarn::llama3_scaling>(8, 8192); }
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
yarn::stepped_ntk_scaling correct_stepped_ntk() {
  yarn::stepped_ntk_scaling method;
  method.original_max_position_embeddings = 4096;
  return method;
}
yarn::longrope_scaling correct_longrope() {
  auto method = method_of<yarn::longrope_scaling>(32, 4096);
  method.short_factor = std::vector<double>(32, 1.0);
  method.long_factor = std::vector<double>(32, 2.0);
  return method;
}

// The tests below change one field of these methods. Without the change all methods are accepted.
TEST(method_error, correct_methods_are_accepted) {
  const yarn::rope_shape shape = shape_of(64);
  const yarn::any_scaling methods[] = {
      correct_yarn(),          correct_dynamic_yarn(),     correct_ntk_by_parts(),
      correct_part_ntk(),      correct_dynamic_part_ntk(), correct_dynamic_ntk(),
      correct_llama3(),        correct_longrope(),         correct_stepped_ntk(),
      yarn::linear_scaling{4}, yarn::ntk_scaling{4}};
  for (const yarn::any_scaling& method : methods) {
    EXPECT_NO_THROW(static_cast<void>(yarn::make_frequencies(shape, method, 100000)))
        << method.index();
  }
}

TEST(method_error, factor_not_positive_or_not_finite_is_named) {
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

// The factor of dynamic YaRN may be 0, which means the default, 1.
TEST(method_error, factor_of_dynamic_yarn_negative_or_not_finite_is_named) {
  yarn::dynamic_yarn_scaling method = correct_dynamic_yarn();
  method.factor = nan;
  expect_method_error(method, "factor", "nan");
  method.factor = infinity;
  expect_method_error(method, "factor", "inf");
  method.factor = -2.5;
  expect_method_error(method, "factor", "-2.5");
}

TEST(method_error, negative_training_seqlen_is_named) {
  yarn::stepped_ntk_scaling method = correct_stepped_ntk();
  method.training_seqlen = -1;
  expect_method_error(method, "training_seqlen", "-1");
}

TEST(method_error, length_unset_or_negative_is_named) {
  const std::string original = "original_max_position_embeddings";
  expect_length_field(correct_dynamic_ntk(), &yarn::dynamic_ntk_scaling::max_position_embeddings,
                      "max_position_embeddings");
  expect_length_field(correct_stepped_ntk(),
                      &yarn::stepped_ntk_scaling::original_max_position_embeddings, original);
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

TEST(method_error, beta_not_finite_is_named) {
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::beta_fast, "beta_fast");
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::beta_slow, "beta_slow");
  expect_finite_field(correct_ntk_by_parts(), &yarn::ntk_by_parts_scaling::beta_fast, "beta_fast");
  expect_finite_field(correct_ntk_by_parts(), &yarn::ntk_by_parts_scaling::beta_slow, "beta_slow");
}

TEST(method_error, beta_slow_above_beta_fast_names_both) {
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

TEST(method_error, field_of_yarn_not_finite_is_named) {
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::attention_factor, "attention_factor");
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::attn_factor, "attn_factor");
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::mscale, "mscale");
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::mscale_all_dim, "mscale_all_dim");
  expect_finite_field(correct_yarn(), &yarn::yarn_scaling::extrapolation_factor,
                      "extrapolation_factor");
}

// dynamic_yarn_scaling shares its checks with yarn_scaling, but the messages name the right type.
TEST(method_error, wrong_field_of_dynamic_yarn_is_named_with_that_type) {
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

// A wrong number is an error even if the formula does not use it.
TEST(method_error, field_without_effect_beside_an_attention_factor_is_checked_too) {
  yarn::yarn_scaling method = correct_yarn();
  method.attention_factor = 1.25;
  expect_finite_field(method, &yarn::yarn_scaling::attn_factor, "attn_factor");
  expect_finite_field(method, &yarn::yarn_scaling::mscale, "mscale");
  expect_finite_field(method, &yarn::yarn_scaling::mscale_all_dim, "mscale_all_dim");
  yarn::longrope_scaling longrope = correct_longrope();
  longrope.attention_factor = 1.25;
  expect_finite_field(longrope, &yarn::longrope_scaling::factor, "factor");
}

TEST(method_error, attention_factor_of_linear_not_positive_is_named) {
  expect_positive_field(yarn::linear_scaling{4}, &yarn::linear_scaling::attention_factor,
                        "attention_factor");
}

TEST(method_error, share_of_part_ntk_not_finite_is_named) {
  expect_finite_field(correct_part_ntk(), &yarn::part_ntk_scaling::ntk_factor, "ntk_factor");
  expect_finite_field(correct_part_ntk(), &yarn::part_ntk_scaling::extrapolation_factor,
                      "extrapolation_factor");
  expect_finite_field(correct_dynamic_part_ntk(), &yarn::dynamic_part_ntk_scaling::ntk_factor,
                      "ntk_factor");
  expect_finite_field(correct_dynamic_part_ntk(),
                      &yarn::dynamic_part_ntk_scaling::extrapolation_factor,
                      "extrapolation_factor");
}

TEST(method_error, band_of_llama3_not_finite_is_named) {
  expect_finite_field(correct_llama3(), &yarn::llama3_scaling::low_freq_factor, "low_freq_factor");
  expect_finite_field(correct_llama3(), &yarn::llama3_scaling::high_freq_factor,
                      "high_freq_factor");
}

TEST(method_error, rope_theta_up_to_1_is_refused_by_yarn) {
  for (const double theta : {1.0, 0.5}) {
    expect_error<invalid>(
        [&] { return yarn::make_frequencies(shape_of(64, 0, theta), correct_yarn()); },
        {"rope_theta = ", "must be > 1 for a method that blends by pair index"});
  }
}

TEST(method_error, rotary_dim_2_is_refused_where_the_base_changes) {
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

TEST(method_error, list_of_divisors_of_a_wrong_size_is_named) {
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

// Both lists are checked, although only one is used at a given length.
TEST(method_error, divisor_not_positive_or_not_finite_is_named_with_its_index) {
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

TEST(method_error, partial_rotary_factor_outside_0_to_1_is_named) {
  yarn::proportional_scaling method;
  expect_finite_field(method, &yarn::proportional_scaling::partial_rotary_factor,
                      "partial_rotary_factor");
  method.partial_rotary_factor = 1.5;
  expect_method_error(method, "partial_rotary_factor", "1.5");
  method.partial_rotary_factor = -0.5;
  expect_method_error(method, "partial_rotary_factor", "-0.5");
}

TEST(method_error, longrope_without_what_its_attention_factor_needs_is_refused) {
  yarn::longrope_scaling method = correct_longrope();
  method.factor = yarn::optional_number();
  expect_method_error(method, "factor", "not set");
  method.attention_factor = 1.25; // replaces the formula
  EXPECT_NO_THROW(static_cast<void>(yarn::make_frequencies(shape_of(64), method, 0)));
  method = correct_longrope();
  method.original_max_position_embeddings = 1; // its logarithm, 0, is a divisor in the formula
  expect_method_error(method, "original_max_position_embeddings", "1");
}

// The pairs of proportional_scaling span the whole head, so a shorter rotated part is a
// contradiction.
TEST(method_error, rotary_dim_beside_proportional_is_named) {
  expect_error<invalid>(
      [] { return yarn::make_frequencies(shape_of(64, 32), yarn::proportional_scaling{}); },
      {"rotary_dim", "32", "64"});
}

TEST(method_error, negative_seq_len_is_named) {
  const yarn::any_scaling methods[] = {correct_dynamic_yarn(), correct_dynamic_part_ntk(),
                                       correct_dynamic_ntk(), correct_stepped_ntk(),
                                       correct_longrope()};
  for (const yarn::any_scaling& method : methods) {
    expect_error<invalid>([&] { return yarn::make_frequencies(shape_of(64), method, -1); },
                          {"seq_len", "-1"});
  }
}

// ---- frequencies_from, inverse, adjoint, unscaled, rerotation ---------------------------------

TEST(frequencies_error, inv_freq_not_finite_is_named_with_its_index) {
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

TEST(frequencies_error, n_pairs_below_1_or_too_large_is_named) {
  const double given = 1;
  expect_error<invalid>([&] { return yarn::frequencies_from(&given, 0); }, {"n_pairs", "0"});
  expect_error<invalid>([&] { return yarn::frequencies_from(&given, -3); }, {"n_pairs", "-3"});
  expect_error<invalid>([&] { return yarn::frequencies_from(&given, ~std::uint64_t{0}); },
                        {"n_pairs", "18446744073709551615"});
}

TEST(frequencies_error, null_inv_freq_is_named) {
  expect_error<invalid>(
      [] { return yarn::frequencies_from(static_cast<const double*>(nullptr), 4); },
      {"inv_freq", "null"});
}

TEST(frequencies_error, attention_factor_out_of_range_is_named) {
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

TEST(frequencies_error, inv_freq_or_n_pairs_above_its_limit_is_named) {
  const double given[] = {1.0, 4294967296.0, -4294967296.0};
  for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
    expect_error<invalid>([&] { return yarn::frequencies_from(given + i, 1); },
                          {"inv_freq[0] = ", "4.29497e+09", "below 2^32"});
  }
  expect_error<invalid>([&] { return yarn::frequencies_from(given, (std::int64_t{1} << 23) + 1); },
                        {"n_pairs = 8388609 must be in [1, 2^23]"});
}

TEST(frequencies_error, group_operations_refuse_a_float32_pipeline) {
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

TEST(frequencies_error, rerotation_of_unequal_n_pairs_names_both) {
  const yarn::frequencies wide = yarn::make_frequencies(shape_of(64), yarn::default_scaling{});
  const yarn::frequencies narrow = yarn::make_frequencies(shape_of(62), yarn::default_scaling{});
  expect_error<invalid>([&] { return yarn::rerotation(wide, narrow); }, {"rerotation", "32", "31"});
}

} // namespace
