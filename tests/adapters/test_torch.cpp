// SPDX-License-Identifier: MIT
// Views of PyTorch tensors: the elements are those that sizes and strides give, and every tensor
// that cannot be viewed is refused with a message. The build without PyTorch uses a stand-in for
// at::Tensor; tests/engines/run compiles this test with PyTorch.
#include "../support/adapted.hpp"
#include "../support/expect_error.hpp"
#include "../support/torch_tensor.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/dlpack.hpp>
#include <yarn/mdspan.hpp>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using support::expect_copied_alike;
using support::expect_error;
using support::expect_rotated_alike;
using support::head_counts;
using support::torch_owned;
using invalid = std::invalid_argument;
using yarn::dim_order;
using yarn::heads_from;
using type = c10::ScalarType;

constexpr head_counts counts{5, 3, 8};

template <class T> class torch_view : public ::testing::Test {};
TYPED_TEST_SUITE(torch_view, support::element_types, support::element_names);

// ---- The elements of views ---------------------------------------------------------------------

TYPED_TEST(torch_view, follows_strides_and_offset) {
  using T = TypeParam;
  torch_owned<T> dense({5, 3, 8});
  const auto view = heads_from<T>(dense.tensor);
  static_assert(std::is_same_v<decltype(view), const yarn::heads_view<T>>);
  EXPECT_EQ(view.data(), dense.memory.data());
  expect_rotated_alike(view, counts, [&](int t, int h, int d) -> T& {
    return dense.at({t, h, d});
  });
  torch_owned<T> apart({5, 3, 8}, {100, 9, 1}, 7);
  EXPECT_EQ(heads_from<T>(apart.tensor).data(), apart.memory.data() + 7);
  expect_rotated_alike(heads_from<T>(apart.tensor), counts, [&](int t, int h, int d) -> T& {
    return apart.at({t, h, d});
  });
}

TYPED_TEST(torch_view, accepts_dimensions_in_any_order) {
  using T = TypeParam;
  torch_owned<T> htd({3, 5, 8});
  expect_rotated_alike(heads_from<T>(htd.tensor, dim_order::heads_tokens_dim), counts,
                       [&](int t, int h, int d) -> T& {
                         return htd.at({h, t, d});
                       });
  torch_owned<T> dht({8, 3, 5}, {1, 8, 24});
  expect_rotated_alike(heads_from<T>(dht.tensor, dim_order::dim_heads_tokens), counts,
                       [&](int t, int h, int d) -> T& {
                         return dht.at({d, h, t});
                       });
}

TYPED_TEST(torch_view, selects_a_sequence_of_a_batch) {
  using T = TypeParam;
  torch_owned<T> dense({2, 5, 3, 8});
  torch_owned<T> projected({2, 3, 5, 8}, {400, 8, 40, 1}); // view(b, t, h, d).transpose(1, 2)
  for (int s = 0; s < 2; ++s) {
    expect_rotated_alike(heads_from<T>(dense.tensor, s), counts, [&](int t, int h, int d) -> T& {
      return dense.at({s, t, h, d});
    });
    expect_rotated_alike(heads_from<T>(projected.tensor, s, dim_order::heads_tokens_dim), counts,
                         [&](int t, int h, int d) -> T& {
                           return projected.at({s, h, t, d});
                         });
  }
}

TYPED_TEST(torch_view, gives_visitors_its_type) {
  using T = TypeParam;
  torch_owned<T> x({2, 3, 5, 8});
  bool is_right = false;
  yarn::visit_heads(
      x.tensor,
      [&](auto view) {
        is_right = std::is_same_v<decltype(view), yarn::heads_view<T>>;
        EXPECT_EQ(static_cast<void*>(view.data()), x.memory.data() + 120);
        EXPECT_EQ(view.n_tokens(), 5);
        EXPECT_EQ(view.head_stride(), 40);
      },
      1, dim_order::heads_tokens_dim);
  EXPECT_TRUE(is_right);
  torch_owned<T> three({5, 3, 8});
  const int n = yarn::visit_const_heads(three.tensor, [](auto view) {
    return std::is_same_v<decltype(view), yarn::heads_view<const T>> ? 17 : 0;
  });
  EXPECT_EQ(n, 17);
}

TYPED_TEST(torch_view, const_views_can_be_copied_from) {
  using T = TypeParam;
  torch_owned<T> x({5, 3, 8}, {40, 12, 1});
  support::random_source random(3);
  for (T& element : x.memory)
    yarn::detail::narrow(random.number(-4, 4), element);
  expect_copied_alike<T>(heads_from<const T>(x.tensor), counts, [&](int t, int h, int d) {
    return x.at({t, h, d});
  });
}

TEST(torch_type, the_types_of_torch_are_elements) {
  EXPECT_EQ(heads_from<c10::Half>(support::torch_tensor_of_type(type::Half)).n_tokens(), 5);
  EXPECT_EQ(heads_from<c10::BFloat16>(support::torch_tensor_of_type(type::BFloat16)).n_heads(), 3);
  EXPECT_EQ(
      heads_from<c10::Float8_e4m3fn>(support::torch_tensor_of_type(type::Float8_e4m3fn)).head_dim(),
      8);
  EXPECT_EQ(
      heads_from<c10::Float8_e5m2>(support::torch_tensor_of_type(type::Float8_e5m2)).head_dim(), 8);
}

// ---- Refusals ----------------------------------------------------------------------------------

TEST(torch_type, must_be_that_of_the_view) {
  torch_owned<float> x({5, 3, 8});
  expect_error<invalid>([&] { heads_from<double>(x.tensor); }, {"dtype is Float", "float64"});
  expect_error<invalid>(
      [] { heads_from<yarn::float16>(support::torch_tensor_of_type(type::BFloat16)); },
      {"dtype is BFloat16", "is float16"});
  for (const type wrong : {type::Int, type::Long, type::Byte, type::Bool, type::ComplexFloat}) {
    const at::Tensor y = support::torch_tensor_of_type(wrong);
    expect_error<invalid>([&] { heads_from<float>(y); }, {"dtype", c10::toString(wrong)});
    expect_error<invalid>([&] { yarn::visit_heads(y, [](auto) {}); },
                          {"dtype", c10::toString(wrong), "bfloat16"});
  }
}

TEST(torch_tensor, must_have_dense_memory_of_the_cpu) {
  const auto refuse = [](const at::Tensor& x, std::initializer_list<std::string> words) {
    expect_error<invalid>([&] { heads_from<float>(x); }, words);
    expect_error<invalid>([&] { yarn::visit_const_heads(x, [](auto) {}); }, words);
  };
  refuse(at::Tensor(), {"at::Tensor is undefined"});
  refuse(support::torch_on_meta(), {"device is meta", "CPU"});
  refuse(support::torch_sparse(), {"layout", "torch.strided"});
  refuse(support::torch_negated(), {"is_neg()", "resolve_neg()"});
  refuse(at::from_blob(nullptr, {5, 3, 8}, {24, 8, 1}, type::Float), {"has no memory"});
  std::vector<float> memory(200);
  refuse(
      at::from_blob(reinterpret_cast<char*>(memory.data()) + 2, {5, 3, 8}, {24, 8, 1}, type::Float),
      {"multiple of 4", "remainder is 2"});
  expect_error<invalid>([] { yarn::positions_in(at::Tensor()); }, {"undefined"});
  expect_error<invalid>([] { yarn::axis_positions_in(at::Tensor()); }, {"undefined"});
}

TEST(torch_rank, must_fit_the_call) {
  torch_owned<float> two({5, 24}), three({5, 3, 8}), four({2, 5, 3, 8});
  expect_error<invalid>([&] { heads_from<float>(two.tensor); }, {"dim() = 2", "must be 3"});
  expect_error<invalid>([&] { heads_from<float>(four.tensor); },
                        {"dim() = 4", "index of a sequence"});
  expect_error<invalid>([&] { heads_from<float>(three.tensor, 0); }, {"dim() = 3", "must be 4"});
  for (const int sequence : {-1, 2})
    expect_error<std::out_of_range>([&] { heads_from<float>(four.tensor, sequence); },
                                    {"sequence " + std::to_string(sequence), "[0, 2)"});
}

TEST(torch_strides, heads_must_be_contiguous_and_apart) {
  torch_owned<float> strided({5, 3, 8}, {48, 16, 2}), expanded({5, 3, 8}, {8, 0, 1});
  torch_owned<float> batch({2, 3, 5, 8}, {0, 40, 8, 1});
  expect_error<invalid>([&] { heads_from<float>(strided.tensor); },
                        {"at::Tensor", "stride 2", "dim"});
  expect_error<invalid>([&] { heads_from<float>(expanded.tensor); },
                        {"stride 0", "heads", "must be > 0"});
  expect_error<invalid>([&] { heads_from<float>(batch.tensor, 0, dim_order::heads_tokens_dim); },
                        {"stride 0", "sequences"});
  expect_error<invalid>([&] { heads_from<float>(strided.tensor, static_cast<dim_order>(4)); },
                        {"dim_order = 4"});
}

TEST(torch_empty, has_no_elements) {
  float memory = 0;
  for (const std::vector<std::int64_t>& extents :
       {std::vector<std::int64_t>{0, 3, 8}, {5, 0, 8}, {5, 3, 0}})
    for (float* const data : {&memory, static_cast<float*>(nullptr)}) {
      const at::Tensor x = at::from_blob(data, extents, {24, 8, 1}, type::Float);
      const auto view = heads_from<float>(x);
      EXPECT_EQ(view.n_tokens(), extents[0]);
      EXPECT_EQ(view.n_heads(), extents[1]);
      EXPECT_EQ(view.head_dim(), extents[2]);
    }
}

// ---- Positions ---------------------------------------------------------------------------------

template <class Integer> void expect_positions() {
  torch_owned<Integer> x({2, 5}, {100, 1}, 3);
  for (std::size_t i = 0; i < x.memory.size(); ++i)
    x.memory[i] = static_cast<Integer>(7 * i);
  const at::Tensor one = at::from_blob(x.memory.data() + 3, {5}, {1}, x.tensor.scalar_type());
  const yarn::positions first = yarn::positions_in(one), second = yarn::positions_in(x.tensor, 1);
  ASSERT_EQ(first.size(), 5);
  ASSERT_EQ(second.size(), 5);
  // An expanded tensor has the same positions in each sequence.
  const at::Tensor shared =
      at::from_blob(x.memory.data() + 3, {2, 5}, {0, 1}, x.tensor.scalar_type());
  torch_owned<Integer> grid({3, 2, 5}, {1000, 100, 2}, 9);
  for (std::size_t i = 0; i < grid.memory.size(); ++i)
    grid.memory[i] = static_cast<Integer>(3 * i);
  const yarn::axis_positions axes = yarn::axis_positions_in(grid.tensor, 1);
  const at::Tensor flat =
      at::from_blob(grid.memory.data() + 9, {3, 5}, {1000, 2}, grid.tensor.scalar_type());
  const yarn::axis_positions of_one = yarn::axis_positions_in(flat);
  ASSERT_EQ(axes.size(), 5);
  ASSERT_EQ(axes.n_axes(), 3);
  for (int t = 0; t < 5; ++t) {
    EXPECT_EQ(first[t], 7 * (3 + t));
    EXPECT_EQ(second[t], 7 * (103 + t));
    EXPECT_EQ(yarn::positions_in(shared, 1)[t], 7 * (3 + t));
    for (int a = 0; a < 3; ++a) {
      EXPECT_EQ(axes(t, a), grid.at({a, 1, t}));
      EXPECT_EQ(of_one(t, a), grid.at({a, 0, t}));
    }
  }
}
TEST(torch_positions, are_integers_of_32_or_64_bits) {
  expect_positions<std::int32_t>();
  expect_positions<std::int64_t>();
}

TEST(torch_positions, are_refused_with_a_reason) {
  torch_owned<std::int64_t> x({2, 5}), apart({5}, {2}), three({3, 2, 5});
  torch_owned<float> real({5});
  expect_error<invalid>([&] { yarn::positions_in(real.tensor); }, {"dtype is Float", "int64"});
  expect_error<invalid>([&] { yarn::axis_positions_in(real.tensor); }, {"dtype is Float"});
  expect_error<invalid>([&] { yarn::positions_in(x.tensor); }, {"dim() = 2", "axis_positions_in"});
  expect_error<invalid>([&] { yarn::positions_in(apart.tensor); }, {"stride 2", "must be 1"});
  expect_error<std::out_of_range>([&] { yarn::positions_in(x.tensor, 2); }, {"sequence 2"});
  expect_error<invalid>([&] { yarn::axis_positions_in(three.tensor); }, {"dim() = 3", "sequence"});
  expect_error<std::out_of_range>([&] { yarn::axis_positions_in(three.tensor, 2); },
                                  {"sequence 2"});
}

} // namespace
