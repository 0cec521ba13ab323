// SPDX-License-Identifier: MIT
// The checks of testing.hpp by C and by C++, with right and with wrong engines: the reports must be
// the same.
#include "../support/c_api_rotation.hpp"

#include <yarn/testing.hpp>

namespace {

using namespace support;
using yarn::pairing;
namespace checks = yarn::testing;

using c_expectation = handle<yarn_expectation, yarn_expectation_free>;
using c_report = handle<yarn_report, yarn_report_free>;
constexpr const yarn_check_options* defaults = nullptr;

void expect_same(const yarn_report* report, const checks::report& expected) {
  ASSERT_NE(report, nullptr) << yarn_last_error();
  auto info = sized<yarn_report_info>();
  ASSERT_EQ(yarn_report_get(report, &info), YARN_OK);
  EXPECT_EQ(info.text, expected.text());
  EXPECT_EQ(info.subject, expected.subject);
  EXPECT_EQ(info.unit, expected.unit);
  EXPECT_EQ(info.passed != 0, expected.passed);
  EXPECT_EQ(info.max_error, expected.max_error);
  EXPECT_EQ(info.max_error_ulp, expected.max_error_ulp);
  EXPECT_EQ(info.tolerance, expected.tolerance);
  EXPECT_EQ(info.remaining_error, expected.remaining_error);
  EXPECT_EQ(info.worst_position, expected.worst.position);
  EXPECT_EQ(info.worst_pair, expected.worst.pair);
  EXPECT_EQ(info.worst_element, expected.worst.element);
  EXPECT_EQ(info.worst_axis, expected.worst.axis);
  EXPECT_EQ(info.worst_what, expected.worst.what);
  EXPECT_EQ(info.worst_expected, expected.worst.expected);
  EXPECT_EQ(info.worst_actual, expected.worst.actual);
  ASSERT_EQ(yarn_texts_size(info.findings), static_cast<std::int64_t>(expected.findings.size()));
  for (std::size_t i = 0; i < expected.findings.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    EXPECT_STREQ(yarn_texts_at(info.diagnoses, index), checks::name_of(expected.findings[i].what));
    EXPECT_EQ(yarn_texts_at(info.findings, index), expected.findings[i].text);
  }
  ASSERT_EQ(yarn_texts_size(info.notes), static_cast<std::int64_t>(expected.notes.size()));
}

class c_api_tester : public c_api_test {
protected:
  c_api_tester() {
    method.factor = 8;
    method.original_max_position_embeddings = 4096;
    const yarn_method m = c_method(method);
    const yarn_shape s = c_shape(shape);
    c = made<c_expectation>(yarn_expectation_make, &s, &m, YARN_HALF_SPLIT, std::int64_t{0});
    freqs = yarn::make_frequencies(shape, method);
    unscaled = yarn::make_frequencies(shape, yarn::default_scaling{});
  }

  const yarn::rope_shape shape{64, 0, 1e4};
  yarn::yarn_scaling method;
  const checks::expectation cpp{shape, method_of_model(), pairing::half_split};
  c_expectation c;
  yarn::frequencies freqs, unscaled;

private:
  static yarn::yarn_scaling method_of_model() {
    yarn::yarn_scaling m;
    m.factor = 8;
    m.original_max_position_embeddings = 4096;
    return m;
  }
};

TEST_F(c_api_tester, compares_rows_and_tables) {
  const std::vector<std::int64_t> ids{0, 1, 4095, 100000};
  const yarn_positions at = c_list(ids, 4);
  for (const yarn::frequencies* engine : {&freqs, &unscaled}) {
    yarn::rotary_rows<float> rows;
    rows.assign(*engine, yarn::positions(ids));
    auto view = sized<yarn_cos_sin>();
    view.cos = rows.cos(0);
    view.sin = rows.sin(0);
    view.type = YARN_FLOAT32;
    view.n_rows = 4;
    view.n_pairs = 32;
    view.row_stride = rows.view().row_stride();
    expect_same(made<c_report>(yarn_check_rows, c.get(), &view, &at, defaults).get(),
                checks::check_rows(cpp, rows.view(), yarn::positions(ids)));
    const auto table = yarn::make_table<float>(*engine, 300);
    view.cos = table.cos(0);
    view.sin = table.sin(0);
    view.n_rows = 300;
    expect_same(made<c_report>(yarn_check_table, c.get(), &view, defaults).get(),
                checks::check_table(cpp, table.view()));
    const auto list = engine->inv_freq();
    expect_same(made<c_report>(yarn_check_inv_freq, c.get(), list.data(), YARN_FLOAT64, 32,
                               engine->attention_factor(), defaults)
                    .get(),
                checks::check_inv_freq(cpp, list.data(), 32, engine->attention_factor()));
  }
}

// Engines that rotate by the frequencies to which `user` points.
void rotate_float(void* user, const yarn_tensor* x, const yarn_positions* at) {
  const auto& f = *static_cast<const yarn::frequencies*>(user);
  const yarn::heads_view<float> view(static_cast<float*>(x->data), x->n_tokens, x->n_heads,
                                     x->head_dim);
  const auto* const ids = static_cast<const std::int64_t*>(at->data);
  if (at->n_axes == 0)
    rope_apply(view, rows_of(f, yarn::positions(ids, at->n_tokens)), pairing::half_split);
  else
    rope_apply(view, rows_of(f, yarn::axis_positions(ids, at->n_tokens, at->n_axes)),
               pairing::half_split);
}
void copy_to_float(void* user, const yarn_tensor* source, const yarn_tensor* target,
                   const yarn_positions* at) {
  std::memcpy(target->data, source->data,
              static_cast<std::size_t>(source->n_tokens * source->token_stride) * sizeof(float));
  rotate_float(user, target, at);
}

TEST_F(c_api_tester, calls_the_engine) {
  for (yarn::frequencies* engine : {&freqs, &unscaled}) {
    const auto call = [&](const yarn::heads_view<float>& x, const std::vector<std::int64_t>& ids) {
      rope_apply(x, rows_of(*engine, yarn::positions(ids)), pairing::half_split);
    };
    const auto call_for_k = [&](const yarn::heads_view<float>& x,
                                const std::vector<std::int64_t>& ids) {
      rope_apply(x, rows_of(*engine, yarn::positions(ids)), pairing::half_split);
    };
    const auto copy = [&](const yarn::heads_view<const float>& from,
                          const yarn::heads_view<float>& to, const std::vector<std::int64_t>& ids) {
      rope_copy(from, to, rows_of(*engine, yarn::positions(ids)), pairing::half_split);
    };
    yarn_check_options o;
    ASSERT_EQ(yarn_check_options_init(&o, sizeof o), YARN_OK);
    EXPECT_EQ(o.max_position, checks::options{}.max_position);
    o.n_heads = 3;
    o.max_position = 5000;
    checks::options cpp_o;
    cpp_o.n_heads = 3;
    cpp_o.max_position = 5000;
    const yarn_check_options* const options = &o;
    void* const user = engine;
    expect_same(
        made<c_report>(yarn_check_rotation, c.get(), YARN_FLOAT32, rotate_float, user, options)
            .get(),
        checks::check_rotation<float>(cpp, call, cpp_o));
    expect_same(made<c_report>(yarn_check_rotations, c.get(), YARN_FLOAT32, rotate_float,
                               rotate_float, user, options)
                    .get(),
                checks::check_rotations<float>(cpp, call, call_for_k, cpp_o));
    expect_same(made<c_report>(yarn_check_copy, c.get(), YARN_FLOAT32, YARN_FLOAT32, copy_to_float,
                               user, options)
                    .get(),
                (checks::check_copy<float, float>(cpp, copy, cpp_o)));
  }
}

TEST_F(c_api_tester, compares_recorded_tensors) {
  const std::vector<std::int64_t> ids{1, 4095, 77};
  const yarn_positions at = c_list(ids, 3);
  tensor_pair<float> before(3, 2, 64), after(3, 2, 64);
  rope_apply(after.view(), rows_of(unscaled, yarn::positions(ids)), pairing::half_split);
  after.c = after.cpp;
  const yarn_tensor b = before.c_view(), a = after.c_view();
  expect_same(made<c_report>(yarn_check_rotated, c.get(), &b, &a, &at, defaults).get(),
              checks::check_rotated(cpp, before.view(), after.view(), yarn::positions(ids)));
}

TEST_F(c_api_tester, has_expectations_with_axes_orders_and_offsets) {
  std::vector<std::uint8_t> list(32, 1);
  list[0] = list[1] = 0;
  ASSERT_EQ(yarn_expectation_set_axes(c.get(), list.data(), 32, 2), YARN_OK) << yarn_last_error();
  ASSERT_EQ(yarn_expectation_set_output_order(c.get(), YARN_INTERLEAVED), YARN_OK);
  const auto expected = cpp.with_axes(list, 2).with_output_order(pairing::interleaved);
  yarn::frequencies engine = yarn::with_axes(freqs, list, 2);
  const auto call = [&](const yarn::heads_view<float>& x, const std::vector<std::int64_t>& ids) {
    rope_apply(x, rows_of(engine, yarn::axis_positions(ids.data(), x.n_tokens(), 2)),
               pairing::half_split);
  };
  expect_same(made<c_report>(yarn_check_rotation, c.get(), YARN_FLOAT32, rotate_float,
                             static_cast<void*>(&engine), defaults)
                  .get(),
              checks::check_rotation<float>(expected, call));

  const yarn::rope_shape mla{96, 64, 1e4};
  const yarn_shape s = c_shape(mla);
  const c_frequencies f = made<c_frequencies>(yarn_frequencies_from, freqs.inv_freq().data(),
                                              YARN_FLOAT64, 32, freqs.attention_factor());
  const c_expectation from =
      made<c_expectation>(yarn_expectation_from, &s, f.get(), YARN_HALF_SPLIT);
  ASSERT_EQ(yarn_expectation_set_rotary_offset(from.get(), 32), YARN_OK);
  expect_same(
      made<c_report>(yarn_check_rotation, from.get(), YARN_FLOAT32, rotate_float,
                     static_cast<void*>(&freqs), defaults)
          .get(),
      checks::check_rotation<float>(
          checks::expectation(
              mla, yarn::frequencies_from(freqs.inv_freq().data(), 32, freqs.attention_factor()),
              pairing::half_split)
              .with_rotary_offset(32),
          [&](const yarn::heads_view<float>& x, const std::vector<std::int64_t>& ids) {
            rope_apply(x, rows_of(freqs, yarn::positions(ids)), pairing::half_split);
          }));
  EXPECT_EQ(yarn_expectation_set_rotary_offset(from.get(), 33), YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(),
               "yarn: testing: rotary_offset = 33 must be in [0, head_dim - rotary_dim = 32]");
}

} // namespace
