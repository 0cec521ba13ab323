// SPDX-License-Identifier: MIT
// Our operators in sessions of the real onnxruntime give the bits of rope_apply. The tests also
// compare them with com.microsoft.RotaryEmbedding and the exact rotation, and check the messages of
// sessions that fail.
#include "onnx_model.hpp"
#include "support/bits.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using engines::onnx_model;
using engines::shape;
using support::first_difference;
using yarn::pairing;

constexpr int n_sequences = 2, n_heads = 4, n_tokens = 7, dim = 16;
constexpr std::size_t n_elements = std::size_t{n_sequences} * n_heads * n_tokens * dim;

yarn::frequencies frequencies_of(int rotary_dim = dim, double theta = 10000.0) {
  yarn::rope_shape s;
  s.head_dim = rotary_dim;
  s.rope_theta = theta;
  yarn::yarn_scaling method; // with an attention factor of 1.14
  method.factor = 4.0;
  method.original_max_position_embeddings = 2048;
  return yarn::make_frequencies(s, method);
}

template <class T> std::vector<T> random_elements(std::size_t n = n_elements) {
  support::random_source random(11);
  std::vector<T> list(n);
  for (T& element : list)
    yarn::detail::narrow(random.number(-4, 4), element);
  return list;
}

std::vector<std::int64_t> positions_of_batch() {
  std::vector<std::int64_t> ids;
  for (int s = 0; s < n_sequences; ++s)
    for (int t = 0; t < n_tokens; ++t)
      ids.push_back(s == 0 ? 1000 + t : 131065 + t);
  return ids;
}

/// The result of rope_apply on x, one sequence at a time. x has the layout of rank 3 or of rank 4.
template <class T>
std::vector<T> rotated(std::vector<T> x, bool is_rank_4, pairing p, const yarn::frequencies& f,
                       const std::vector<std::int64_t>& ids) {
  for (int s = 0; s < n_sequences; ++s) {
    T* const data = x.data() + static_cast<std::ptrdiff_t>(s) * n_heads * n_tokens * dim;
    yarn::heads_view<T> view{data, n_tokens, n_heads, dim};
    if (is_rank_4)
      view = view.with_strides(dim, n_tokens * dim);
    const std::ptrdiff_t first = ids.size() == n_tokens ? 0 : s * n_tokens;
    yarn::rotary_rows<float> rows; // float rows, also for doubles
    rows.assign(f, yarn::positions(ids.data() + first, n_tokens));
    yarn::rope_apply(view, rows, p);
  }
  return x;
}

const shape rank_4{n_sequences, n_heads, n_tokens, dim};
const shape rank_3{n_sequences, n_tokens, n_heads* dim};

template <class T> class onnx_rope_of : public ::testing::Test {};
using element_types = ::testing::Types<float, double, yarn::float16, yarn::bfloat16>;
TYPED_TEST_SUITE(onnx_rope_of, element_types, );

// ---- Bit for bit -------------------------------------------------------------------------------

TYPED_TEST(onnx_rope_of, each_type_has_the_bits_of_rope_apply) {
  using T = TypeParam;
  for (const int rotary_dim : {dim, 8}) // the rest of a head is copied
    for (const bool is_rank_4 : {true, false})
      for (const pairing p : {pairing::half_split, pairing::interleaved}) {
        const auto f = frequencies_of(rotary_dim);
        const yarn::onnx_rope_rows rows(f);
        const yarn::onnx_rope rope;
        auto x = random_elements<T>();
        auto ids = positions_of_batch();
        std::vector<T> y(x.size());
        onnx_model model;
        model.input("ids", ids, {n_sequences, n_tokens});
        model.input("x", x, is_rank_4 ? rank_4 : rank_3);
        model.output("y", y, is_rank_4 ? rank_4 : rank_3);
        model.node("RopeRows", "yarn", {"ids"}, "rows");
        model.node("Rope", "yarn", {"x", "rows"}, "y",
                   {{"interleaved", p == pairing::interleaved}, {"num_heads", n_heads}});
        model.start({&rows, &rope});
        model.run();
        const auto expected = rotated(x, is_rank_4, p, f, ids);
        EXPECT_EQ(first_difference(y.data(), expected.data(), y.size()), -1);
      }
}

// One graph with tensors of different types, one node that makes the rows for all layers, and a
// chain of rotations. The rotations in the middle of the chain are in place.
TEST(onnx_graph, layers_share_rows) {
  const auto f = frequencies_of();
  const auto other = frequencies_of(dim, 500000.0);
  const yarn::onnx_rope_rows rows(f), local(other, "LocalRopeRows");
  const yarn::onnx_rope rope;
  auto x = random_elements<float>();
  auto h = random_elements<yarn::float16>();
  std::vector<std::int64_t> ids{5, 6, 7, 8, 9, 10, 4000}; // for both sequences
  std::vector<float> y(x.size());
  std::vector<yarn::float16> g(h.size());
  onnx_model model;
  model.input("ids", ids, {n_tokens});
  model.input("x", x, rank_4);
  model.input("h", h, rank_3);
  model.output("y", y, rank_4);
  model.output("g", g, rank_3);
  model.node("RopeRows", "yarn", {"ids"}, "rows");
  model.node("LocalRopeRows", "yarn", {"ids"}, "local rows");
  model.node("Rope", "yarn", {"x", "rows"}, "a", {{"interleaved", 0}});
  model.node("Rope", "yarn", {"a", "local rows"}, "b", {{"interleaved", 0}});
  model.node("Rope", "yarn", {"b", "rows"}, "c", {{"interleaved", 1}});
  model.node("Identity", "", {"c"}, "y");
  model.node("Rope", "yarn", {"h", "rows"}, "g", {{"interleaved", 1}, {"num_heads", n_heads}});
  model.start({&rows, &local, &rope});
  for (int run = 0; run < 2; ++run) {
    ids[6] += run;
    model.run();
    auto expected = rotated(x, true, pairing::half_split, f, ids);
    expected = rotated(expected, true, pairing::half_split, other, ids);
    expected = rotated(expected, true, pairing::interleaved, f, ids);
    EXPECT_EQ(first_difference(y.data(), expected.data(), y.size()), -1);
    const auto halves = rotated(h, false, pairing::interleaved, f, ids);
    EXPECT_EQ(first_difference(g.data(), halves.data(), g.size()), -1);
  }
}

// position_ids [axes, sequences, tokens] of a model with M-RoPE, and the [sequences, tokens] of
// text.
TEST(onnx_graph, positions_have_axes) {
  const auto f = yarn::with_axes(frequencies_of(), yarn::axis_sections{2, 3, 3});
  const yarn::onnx_rope_rows rows(f);
  constexpr int n_rows = n_sequences * n_tokens;
  std::vector<std::int64_t> ids(std::size_t{3} * n_rows);
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<std::int64_t>(i * i % 97);
  const auto expected_rows = [&](const auto& list) {
    std::vector<float> expected(std::size_t{n_rows} * dim);
    yarn::fill_rows(f, list, expected.data(), expected.data() + dim / 2, dim);
    return expected;
  };
  const auto rows_of_session = [&](const shape& s) {
    std::vector<float> found(std::size_t{n_rows} * dim);
    onnx_model model;
    model.input("ids", ids, s);
    model.output("rows", found, {n_sequences, n_tokens, dim});
    model.node("RopeRows", "yarn", {"ids"}, "rows");
    model.start({&rows});
    model.run();
    return found;
  };
  const auto with_axes = rows_of_session({3, n_sequences, n_tokens});
  const auto expected = expected_rows(yarn::axis_positions(ids.data(), n_rows, 3));
  EXPECT_EQ(first_difference(with_axes.data(), expected.data(), expected.size()), -1);
  ids.resize(n_rows);
  const auto of_text = rows_of_session({n_sequences, n_tokens});
  const auto expected_text = expected_rows(yarn::positions(ids));
  EXPECT_EQ(first_difference(of_text.data(), expected_text.data(), expected_text.size()), -1);
  EXPECT_NE(first_difference(of_text.data(), with_axes.data(), with_axes.size()), -1);
}

TEST(onnx_graph, gives_the_same_bits_with_any_number_of_threads) {
  constexpr std::int64_t tokens = 3000, heads = 8, size = 64; // some 6 MB, divided among threads
  yarn::rope_shape s;
  s.head_dim = size;
  s.rope_theta = 10000.0;
  const auto f = yarn::make_frequencies(s, yarn::default_scaling{});
  const yarn::onnx_rope_rows rows(f);
  const yarn::onnx_rope rope;
  auto x = random_elements<float>(tokens * heads * size);
  std::vector<std::int64_t> ids(tokens);
  for (std::size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<std::int64_t>(i);
  auto expected = x;
  yarn::rope_apply(yarn::heads_view{expected.data(), tokens, heads, size},
                   yarn::rows_of(f, yarn::positions_from(0)), pairing::half_split);
  for (const int n_threads : {1, 4}) {
    std::vector<float> y(x.size());
    onnx_model model;
    model.input("ids", ids, {1, tokens});
    model.input("x", x, {1, tokens, heads * size});
    model.output("y", y, {1, tokens, heads * size});
    model.node("RopeRows", "yarn", {"ids"}, "rows");
    model.node("Rope", "yarn", {"x", "rows"}, "y", {{"interleaved", 0}, {"num_heads", heads}});
    model.start({&rows, &rope}, n_threads);
    model.run();
    EXPECT_EQ(first_difference(y.data(), expected.data(), y.size()), -1) << n_threads;
  }
}

TEST(onnx_graph, runs_without_tokens) {
  const yarn::onnx_rope_rows rows(frequencies_of());
  const yarn::onnx_rope rope;
  std::vector<float> x, y;
  std::vector<std::int64_t> ids;
  onnx_model model;
  model.input("ids", ids, {0});
  model.input("x", x, {1, n_heads, 0, dim});
  model.output("y", y, {1, n_heads, 0, dim});
  model.node("RopeRows", "yarn", {"ids"}, "rows");
  model.node("Rope", "yarn", {"x", "rows"}, "y", {{"interleaved", 0}});
  model.start({&rows, &rope});
  EXPECT_NO_THROW(model.run());
}

// ---- Comparison with com.microsoft.RotaryEmbedding ---------------------------------------------

/// The largest distance of a pair from the exact rotation, divided by the length of the pair.
double error_of(const std::vector<float>& x, const std::vector<float>& y, pairing p,
                const yarn::frequencies& f, const std::vector<std::int64_t>& ids) {
  double largest = 0;
  const std::size_t pairs = dim / 2;
  for (std::size_t head = 0; head < x.size() / dim; ++head) { // [sequences][heads][tokens]
    const std::size_t t = head % n_tokens, s = head / n_tokens / n_heads;
    for (std::size_t i = 0; i < pairs; ++i) {
      const std::size_t first = head * dim + (p == pairing::interleaved ? 2 * i : i);
      const std::size_t second = p == pairing::interleaved ? first + 1 : first + pairs;
      const long double angle =
          static_cast<long double>(ids[s * n_tokens + t]) * f.inv_freq().data()[i];
      const long double m = f.attention_factor(), c = m * std::cos(angle), z = m * std::sin(angle);
      const long double x0 = x[first], x1 = x[second];
      const long double distance =
          std::hypot(y[first] - (x0 * c - x1 * z), y[second] - (x0 * z + x1 * c));
      largest = std::max(largest, static_cast<double>(distance / (m * std::hypot(x0, x1))));
    }
  }
  return largest;
}

TEST(onnx_graph, is_near_the_builtin_operator_and_the_exact_rotation) {
  for (const pairing p : {pairing::half_split, pairing::interleaved}) {
    const auto f = frequencies_of();
    const yarn::onnx_rope_rows rows(f);
    const yarn::onnx_rope rope;
    auto x = random_elements<float>();
    auto ids = positions_of_batch();
    // The tables of the operator, by position, with the same entries as our rows.
    constexpr std::int64_t n_rows = 131072;
    std::vector<float> cos(n_rows * dim / 2), sin(cos.size());
    yarn::fill_rows(f, yarn::positions_from(0, n_rows), cos.data(), sin.data(), dim / 2);
    std::vector<float> ours(x.size()), theirs(x.size());
    onnx_model model;
    model.input("ids", ids, {n_sequences, n_tokens});
    model.input("x", x, rank_4);
    model.input("cos", cos, {n_rows, dim / 2});
    model.input("sin", sin, {n_rows, dim / 2});
    model.output("ours", ours, rank_4);
    model.output("theirs", theirs, rank_4);
    model.node("RopeRows", "yarn", {"ids"}, "rows");
    model.node("Rope", "yarn", {"x", "rows"}, "ours", {{"interleaved", p == pairing::interleaved}});
    model.node("RotaryEmbedding", "com.microsoft", {"x", "ids", "cos", "sin"}, "theirs",
               {{"interleaved", p == pairing::interleaved}});
    model.start({&rows, &rope});
    model.run();
    const double our_error = error_of(x, ours, p, f, ids),
                 their_error = error_of(x, theirs, p, f, ids);
    double difference = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      difference = std::max<double>(difference, std::fabs(ours[i] - theirs[i]));
    std::printf("%s: error of ours %.2g, of com.microsoft.RotaryEmbedding %.2g, largest difference "
                "%.2g\n",
                p == pairing::half_split ? "half_split" : "interleaved", our_error, their_error,
                difference);
    // 2 ULP of the length of the pair: the bound of rope.hpp with a fused multiply-add. An ULP is
    // at most 2^-23 of the length.
    EXPECT_LE(our_error, 2 * 0x1p-23);
    EXPECT_LE(their_error, 4 * 0x1p-23);
    EXPECT_LE(difference, 6 * 0x1p-23 * 8); // the magnitude of elements is below 8
    EXPECT_GT(error_of(x, x, p, f, ids), 0.1);
  }
}

// ---- Refused calls -----------------------------------------------------------------------------

template <class Work> std::string message_of(Work&& work) {
  try {
    work();
  } catch (const Ort::Exception& error) {
    return error.what();
  }
  return "(accepted)";
}

/// A node Rope with these shapes and attributes.
struct rope_call {
  shape x = rank_4, y = rank_4, rows{1, n_tokens, dim};
  std::vector<std::pair<const char*, std::int64_t>> attributes{{"interleaved", 0}};

  /// The error message of starting and running the model, or "(accepted)".
  std::string message() const {
    const auto size = [](const shape& s) {
      std::size_t n = 1;
      for (const std::int64_t extent : s)
        n *= static_cast<std::size_t>(extent);
      return n;
    };
    const yarn::onnx_rope rope;
    std::vector<float> x_data(size(x)), y_data(size(y)), rows_data(size(rows));
    onnx_model model;
    model.input("x", x_data, x);
    model.input("rows", rows_data, rows);
    model.output("y", y_data, y);
    model.node("Rope", "yarn", {"x", "rows"}, "y", attributes);
    return message_of([&] {
      model.start({&rope});
      model.run();
    });
  }
};

void expect_message(const std::string& message, const std::vector<std::string>& expected) {
  for (const std::string& word : expected)
    EXPECT_NE(message.find(word), std::string::npos) << "\"" << message << "\" without " << word;
}

TEST(onnx_refused, correct_calls_are_accepted) { EXPECT_EQ(rope_call{}.message(), "(accepted)"); }

TEST(onnx_refused, a_missing_pairing) {
  rope_call r;
  r.attributes = {};
  expect_message(r.message(), {"interleaved"});
}

TEST(onnx_refused, a_missing_number_of_heads) {
  rope_call r;
  r.x = r.y = rank_3;
  expect_message(r.message(), {"yarn: Rope: num_heads = 0", "64 elements", "[2, 7, 64]"});
  r.attributes.emplace_back("num_heads", 5);
  expect_message(r.message(), {"num_heads = 5"});
}

TEST(onnx_refused, shapes_that_do_not_fit) {
  rope_call r;
  r.rows = {1, n_tokens - 1, dim};
  expect_message(r.message(), {"yarn: Rope: rows", "[1, 6, 16]", "[1 or 2, 7, 2 * pairs]"});
  r.rows = {3, n_tokens, dim};
  expect_message(r.message(), {"[3, 7, 16]"});
  r.rows = {1, n_tokens, 2 * dim};
  expect_message(r.message(), {"yarn: ", "head_dim = 16", "rotary_dim = 32"});
  r.rows = {1, n_tokens, dim - 1};
  expect_message(r.message(), {"[1, 7, 15]"});
  r = {};
  r.x = r.y = {n_tokens, dim};
  expect_message(r.message(), {"yarn: Rope: x of shape [7, 16]"});
}

TEST(onnx_refused, elements_that_are_no_floats) {
  const yarn::onnx_rope rope;
  std::vector<std::int64_t> x(n_elements), y(n_elements);
  std::vector<float> rows(n_tokens * dim);
  onnx_model model;
  model.input("x", x, rank_4);
  model.input("rows", rows, {1, n_tokens, dim});
  model.output("y", y, rank_4);
  model.node("Rope", "yarn", {"x", "rows"}, "y", {{"interleaved", 0}});
  model.start({&rope});
  expect_message(message_of([&] { model.run(); }), {"yarn: Rope: x of ONNX's element type 7"});
}

/// The message of the failure of RopeRows to start or to run.
std::string message_of_rows(const yarn::frequencies& f, std::vector<std::int64_t> ids,
                            const shape& s) {
  const yarn::onnx_rope_rows rows(f);
  const std::int64_t n_tokens_of_rows = s.back();
  std::vector<float> out(ids.size() * dim);
  onnx_model model;
  model.input("ids", ids, s);
  model.output("rows", out, {1, n_tokens_of_rows, dim});
  model.node("RopeRows", "yarn", {"ids"}, "rows");
  return message_of([&] {
    model.start({&rows});
    model.run();
  });
}

TEST(onnx_refused, positions_beyond_the_exact_range) {
  const auto message = [&](std::vector<std::int64_t> ids, const shape& s) {
    return message_of_rows(frequencies_of(), std::move(ids), s);
  };
  EXPECT_EQ(message({1, 2}, {2}), "(accepted)");
  expect_message(message({1, std::int64_t{1} << 40}, {2}), {"yarn: position 1099511627776"});
  expect_message(message({1, 2}, {1, 1, 2}), {"yarn: RopeRows: position_ids of shape [1, 1, 2]"});
  expect_message(message({1, 2, 3, 4, 5, 6}, {3, 1, 2}),
                 {"yarn: RopeRows: position_ids of shape [3, 1, 2]", "one axis"});
}

TEST(onnx_refused, positions_on_other_axes) {
  const auto message = [&](std::vector<std::int64_t> ids, const shape& s) {
    return message_of_rows(yarn::with_axes(frequencies_of(), yarn::axis_sections{2, 3, 3}),
                           std::move(ids), s);
  };
  EXPECT_EQ(message({1, 2, 3, 4, 5, 6}, {3, 1, 2}), "(accepted)");
  expect_message(message({1, 2, 3, 4, 5, 6, 7, 8}, {4, 1, 2}), // as transformers passes them
                 {"yarn: RopeRows: position_ids of shape [4, 1, 2]", "[3, sequences, tokens]",
                  "the frequencies have 3 axes"});
  expect_message(message({1, 2, 3, 4}, {2, 1, 2}), {"[2, 1, 2]", "3 axes"});
  expect_message(message({1, 2, 3, 4, 5, 6}, {3, 1, 1, 2}), {"[3, 1, 1, 2]", "3 axes"});
  expect_message(message({1, 2, 3, 4, std::int64_t{1} << 40, 6}, {3, 1, 2}),
                 {"yarn: position 1099511627776 of token 0 on axis 2"});
}

TEST(onnx_refused, empty_frequencies) {
  const yarn::frequencies none;
  EXPECT_THROW(yarn::onnx_rope_rows{none}, std::invalid_argument);
}

} // namespace
