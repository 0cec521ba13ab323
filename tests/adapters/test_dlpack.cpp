// SPDX-License-Identifier: MIT
// Views of DLPack tensors: the elements are those that shape and strides give, and every tensor
// that cannot be viewed is refused with a message. Works with every version of DLPack; before 1.0
// there is no DLManagedTensorVersioned.
#include "../support/adapted.hpp"
#include "../support/dlpack_tensor.hpp"
#include "../support/expect_error.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/dlpack.hpp>
#include <yarn/eigen.hpp>
#include <yarn/mdspan.hpp>
#include <yarn/yarn.hpp>

#include <array>
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
using support::owned;
using invalid = std::invalid_argument;
using yarn::dim_order;
using yarn::heads_from;

constexpr head_counts counts{5, 3, 8};

template <class T> class dlpack : public ::testing::Test {};
#if defined(YARN_TEST_DLPACK_HAS_FLOAT8)
using element_types = support::element_types;
#else
using element_types = ::testing::Types<float, double, yarn::float16, yarn::bfloat16>;
#endif
TYPED_TEST_SUITE(dlpack, element_types, support::element_names);

// ---- The elements of views ---------------------------------------------------------------------

TYPED_TEST(dlpack, without_strides_is_compact) {
  owned<TypeParam, 3> x({5, 3, 8});
  const auto view = heads_from<TypeParam>(x.tensor);
  static_assert(std::is_same_v<decltype(view), const yarn::heads_view<TypeParam>>);
  EXPECT_EQ(view.data(), x.memory.data());
  expect_rotated_alike(view, counts, [&](int t, int h, int d) -> TypeParam& {
    return x.at({t, h, d});
  });
}

TYPED_TEST(dlpack, strides_and_offset) {
  owned<TypeParam, 3> x({5, 3, 8}, {100, 9, 1});
  x.tensor.byte_offset = 7 * sizeof(TypeParam);
  EXPECT_EQ(heads_from<TypeParam>(x.tensor).data(), x.memory.data() + 7);
  expect_rotated_alike(heads_from<TypeParam>(x.tensor), counts,
                       [&](int t, int h, int d) -> TypeParam& {
                         return x.at({t, h, d});
                       });
  owned<TypeParam, 3> transposed({5, 3, 8}, {8, 40, 1}); // [heads][tokens] in memory
  expect_rotated_alike(heads_from<TypeParam>(transposed.tensor), counts,
                       [&](int t, int h, int d) -> TypeParam& {
                         return transposed.at({t, h, d});
                       });
}

TYPED_TEST(dlpack, dimensions_in_any_order) {
  using T = TypeParam;
  owned<T, 3> htd({3, 5, 8});
  expect_rotated_alike(heads_from<T>(htd.tensor, dim_order::heads_tokens_dim), counts,
                       [&](int t, int h, int d) -> T& {
                         return htd.at({h, t, d});
                       });
  owned<T, 3> dht({8, 3, 5}, {1, 8, 24});
  expect_rotated_alike(heads_from<T>(dht.tensor, dim_order::dim_heads_tokens), counts,
                       [&](int t, int h, int d) -> T& {
                         return dht.at({d, h, t});
                       });
  owned<T, 3> dth({8, 5, 3}, {1, 8, 50});
  expect_rotated_alike(heads_from<T>(dth.tensor, dim_order::dim_tokens_heads), counts,
                       [&](int t, int h, int d) -> T& {
                         return dth.at({d, t, h});
                       });
}

TYPED_TEST(dlpack, sequences_of_a_batch) {
  using T = TypeParam;
  owned<T, 4> compact({2, 5, 3, 8});
  owned<T, 4> torch({2, 3, 5, 8}, {1000, 8, 30, 1}); // [batch, heads, tokens, dim], transposed
  owned<T, 4> last({8, 3, 5, 2}, {1, 8, 24, 500});
  for (int s = 0; s < 2; ++s) {
    expect_rotated_alike(heads_from<T>(compact.tensor, s), counts, [&](int t, int h, int d) -> T& {
      return compact.at({s, t, h, d});
    });
    expect_rotated_alike(heads_from<T>(torch.tensor, s, dim_order::heads_tokens_dim), counts,
                         [&](int t, int h, int d) -> T& {
                           return torch.at({s, h, t, d});
                         });
    expect_rotated_alike(heads_from<T>(last.tensor, s, dim_order::dim_heads_tokens), counts,
                         [&](int t, int h, int d) -> T& {
                           return last.at({d, h, t, s});
                         });
  }
}

TYPED_TEST(dlpack, visitors_know_the_type) {
  using T = TypeParam;
  owned<T, 3> x({5, 3, 8});
  bool is_right = false;
  yarn::visit_heads(x.tensor, [&](auto view) {
    is_right = std::is_same_v<decltype(view), yarn::heads_view<T>>;
    EXPECT_EQ(static_cast<void*>(view.data()), x.tensor.data);
    EXPECT_EQ(view.token_stride(), 24);
  });
  EXPECT_TRUE(is_right);
  const int n = yarn::visit_const_heads(x.tensor, [](auto view) {
    return std::is_same_v<decltype(view), yarn::heads_view<const T>> ? 17 : 0;
  });
  EXPECT_EQ(n, 17);
  owned<T, 4> batch({2, 3, 5, 8});
  yarn::visit_heads(
      batch.tensor,
      [&](auto view) {
        EXPECT_EQ(static_cast<void*>(view.data()), batch.memory.data() + 120);
        EXPECT_EQ(view.n_tokens(), 5);
        EXPECT_EQ(view.head_stride(), 40);
      },
      1, dim_order::heads_tokens_dim);
}

TYPED_TEST(dlpack, const_views_can_be_copied_from) {
  using T = TypeParam;
  owned<T, 3> x({5, 3, 8}, {40, 12, 1});
  support::random_source random(3);
  for (T& element : x.memory)
    yarn::detail::narrow(random.number(-4, 4), element);
  expect_copied_alike<T>(heads_from<const T>(x.tensor), counts, [&](int t, int h, int d) {
    return x.at({t, h, d});
  });
}

// ---- Types, devices ----------------------------------------------------------------------------

TEST(dlpack_type, must_be_that_of_the_view) {
  owned<float, 3> x({5, 3, 8});
  expect_error<invalid>([&] { heads_from<double>(x.tensor); }, {"dtype", "bits 32", "float64"});
  expect_error<invalid>([&] { heads_from<yarn::float16>(x.tensor); }, {"float32", "float16"});
  x.tensor.dtype = {kDLBfloat, 16, 1};
  expect_error<invalid>([&] { heads_from<yarn::float16>(x.tensor); }, {"bfloat16", "float16"});
  EXPECT_EQ(heads_from<yarn::bfloat16>(x.tensor).n_heads(), 3);
}

TEST(dlpack_type, must_be_a_known_type) {
  owned<float, 3> x({5, 3, 8});
  const auto refuse = [&](DLDataType type, const std::string& words) {
    x.tensor.dtype = type;
    expect_error<invalid>([&] { heads_from<float>(x.tensor); }, {"dtype", words});
    expect_error<invalid>([&] { yarn::visit_heads(x.tensor, [](auto) {}); }, {"dtype", words});
  };
  refuse({kDLFloat, 32, 4}, "lanes 4");
  refuse({kDLFloat, 32, 0}, "lanes 0");
  refuse({kDLBfloat, 16, 2}, "lanes 2");
  refuse({kDLFloat, 8, 1}, "bits 8");
  refuse({kDLBfloat, 32, 1}, "code 4, bits 32");
  refuse({kDLInt, 32, 1}, "code 0, bits 32");
  refuse({kDLComplex, 64, 1}, "code 5");
}

TEST(dlpack_device, must_be_of_the_host) {
  owned<float, 3> x({5, 3, 8});
  for (const DLDeviceType type : {kDLCPU, kDLCUDAHost, kDLROCMHost}) {
    x.tensor.device = {type, 1};
    EXPECT_EQ(heads_from<float>(x.tensor).data(), x.memory.data());
  }
  for (const DLDeviceType type : {kDLCUDA, kDLROCM, kDLMetal, kDLVulkan, kDLCUDAManaged}) {
    x.tensor.device = {type, 0};
    expect_error<invalid>([&] { heads_from<float>(x.tensor); },
                          {"device_type = " + std::to_string(type), "kDLCPU"});
  }
}

// ---- Shapes, strides, memory --------------------------------------------------------------------

TEST(dlpack_rank, must_fit_the_call) {
  owned<float, 2> two({5, 24});
  expect_error<invalid>([&] { heads_from<float>(two.tensor); }, {"ndim = 2", "must be 3"});
  owned<float, 4> four({2, 5, 3, 8});
  expect_error<invalid>([&] { heads_from<float>(four.tensor); },
                        {"ndim = 4", "index of a sequence"});
  owned<float, 3> three({5, 3, 8});
  expect_error<invalid>([&] { heads_from<float>(three.tensor, 0); }, {"ndim = 3", "must be 4"});
  three.tensor.shape = nullptr;
  expect_error<invalid>([&] { heads_from<float>(three.tensor); }, {"shape is null"});
}

TEST(dlpack_sequence, must_exist) {
  owned<float, 4> x({2, 5, 3, 8});
  using out = std::out_of_range;
  expect_error<out>([&] { heads_from<float>(x.tensor, 2); }, {"sequence 2", "[0, 2)"});
  expect_error<out>([&] { heads_from<float>(x.tensor, -1); }, {"sequence -1", "[0, 2)"});
  owned<float, 4> far({3, 5, 3, 8}, {std::int64_t{1} << 60, 24, 8, 1});
  EXPECT_EQ(heads_from<float>(far.tensor, 0).data(), far.memory.data());
  expect_error<invalid>([&] { heads_from<float>(far.tensor, 2); },
                        {"sequence 2", "1152921504606846976", "ptrdiff_t"});
}

TEST(dlpack_strides, must_be_of_a_view) {
  const auto refuse = [](const std::array<std::int64_t, 3>& strides,
                         const std::initializer_list<std::string>& words) {
    owned<float, 3> x({5, 3, 8}, strides);
    x.tensor.byte_offset = 4000;
    expect_error<invalid>([&] { heads_from<float>(x.tensor); }, words);
  };
  refuse({48, 16, 2}, {"stride 2", "dim", "contiguous"});
  refuse({24, 8, -1}, {"stride -1", "dim"});
  refuse({24, 8, 0}, {"stride 0", "dim"});
  refuse({0, 8, 1}, {"stride 0", "tokens", "> 0"}); // expanded
  refuse({24, 0, 1}, {"stride 0", "heads"});
  refuse({-24, 8, 1}, {"stride -24", "tokens"}); // flipped
  owned<float, 4> expanded({2, 5, 3, 8}, {0, 24, 8, 1});
  expect_error<invalid>([&] { heads_from<float>(expanded.tensor, 1); }, {"stride 0", "sequences"});
  owned<float, 3> x({5, 3, 8}, {24, 8, 1});
  expect_error<invalid>([&] { heads_from<float>(x.tensor, dim_order::dim_heads_tokens); },
                        {"stride 24", "dim", "[dim, heads, tokens]"});
}

TEST(dlpack_strides, of_dimensions_with_extent_1_may_be_any_number) {
  owned<float, 3> x({1, 3, 8}, {-7, 8, 1});
  EXPECT_EQ(heads_from<float>(x.tensor).token_stride(), 24);
  owned<float, 3> y({5, 1, 8}, {30, 0, 1});
  EXPECT_EQ(heads_from<float>(y.tensor).head_stride(), 8);
  EXPECT_EQ(heads_from<float>(y.tensor).token_stride(), 30);
  owned<float, 4> z({1, 5, 3, 8}, {0, 24, 8, 1});
  EXPECT_EQ(heads_from<float>(z.tensor, 0).data(), z.memory.data());
}

TEST(dlpack_shape, may_be_empty_but_not_negative) {
  owned<float, 3> none({5, 0, 8});
  none.tensor.data = nullptr;
  EXPECT_EQ(heads_from<float>(none.tensor).n_heads(), 0);
  EXPECT_EQ(heads_from<float>(none.tensor).data(), nullptr);
  owned<float, 3> negative({5, -3, 8});
  expect_error<invalid>([&] { heads_from<float>(negative.tensor); }, {"extent -3", "dimension 1"});
  owned<float, 3> huge({std::int64_t{1} << 40, std::int64_t{1} << 40, 8});
  expect_error<invalid>([&] { heads_from<float>(huge.tensor); }, {"shape", "ptrdiff_t"});
}

TEST(dlpack_data, must_be_there_and_aligned) {
  owned<float, 3> x({5, 3, 8});
  x.tensor.byte_offset = 6;
  expect_error<invalid>([&] { heads_from<float>(x.tensor); },
                        {"byte_offset = 6", "multiple of 4", "remainder is 2"});
  x.tensor.byte_offset = ~std::uint64_t{0} - 3;
  expect_error<invalid>([&] { heads_from<float>(x.tensor); }, {"byte_offset", "ptrdiff_t"});
  x.tensor.byte_offset = 8;
  x.tensor.data = nullptr;
  expect_error<invalid>([&] { heads_from<float>(x.tensor); }, {"data is null"});
}

// ---- Positions ---------------------------------------------------------------------------------

TEST(dlpack_positions, of_32_and_64_bits) {
  owned<std::int32_t, 1> narrow({3});
  narrow.memory = {9, 5, -6, 7};
  narrow.tensor.data = narrow.memory.data();
  narrow.tensor.byte_offset = 4;
  const auto list = yarn::positions_in(narrow.tensor);
  EXPECT_EQ(list.size(), 3);
  EXPECT_EQ(list[0], 5);
  EXPECT_EQ(list[1], -6);
  owned<std::int64_t, 2> wide({2, 3});
  wide.memory = {1, 2, 3, 4, std::int64_t{1} << 40, 6};
  wide.tensor.data = wide.memory.data();
  EXPECT_EQ(yarn::positions_in(wide.tensor, 1)[1], std::int64_t{1} << 40);
  EXPECT_EQ(yarn::positions_in(wide.tensor, 0)[0], 1);
  EXPECT_EQ(yarn::positions_in(wide.tensor, 0).size(), 3);
  // All sequences share one list (an expanded tensor).
  wide.strides = {0, 1};
  wide.tensor.strides = wide.strides.data();
  EXPECT_EQ(yarn::positions_in(wide.tensor, 1)[0], 1);
}

TEST(dlpack_positions, name_what_is_wrong) {
  owned<std::int64_t, 1> x({3}, {2});
  expect_error<invalid>([&] { return yarn::positions_in(x.tensor); }, {"stride 2", "positions"});
  owned<std::int64_t, 2> batch({2, 3});
  expect_error<invalid>([&] { return yarn::positions_in(batch.tensor); },
                        {"ndim = 2", "index of a sequence"});
  expect_error<std::out_of_range>([&] { return yarn::positions_in(batch.tensor, 2); },
                                  {"sequence 2"});
  owned<std::int64_t, 1> negative({-3});
  expect_error<invalid>([&] { return yarn::positions_in(negative.tensor); }, {"extent -3"});
  owned<std::int16_t, 1> small({3});
  expect_error<invalid>([&] { return yarn::positions_in(small.tensor); },
                        {"dtype", "bits 16", "int32"});
  owned<float, 1> real({3});
  expect_error<invalid>([&] { return yarn::positions_in(real.tensor); }, {"dtype", "code 2"});
  owned<std::int32_t, 1> odd({3});
  odd.tensor.byte_offset = 2;
  expect_error<invalid>([&] { return yarn::positions_in(odd.tensor); }, {"byte_offset = 2"});
  odd.tensor.device = {kDLCUDA, 0};
  expect_error<invalid>([&] { return yarn::positions_in(odd.tensor); }, {"device_type = 2"});
}

TEST(dlpack_axis_positions, are_where_the_strides_say) {
  owned<std::int64_t, 2> compact({3, 4}); // [axes, tokens]
  owned<std::int32_t, 2> by_token({3, 4}, {1, 3});
  owned<std::int64_t, 2> backwards({3, 4}, {-8, 2});
  backwards.tensor.byte_offset = 16 * sizeof(std::int64_t);
  owned<std::int64_t, 2> expanded({3, 4}, {0, 1});
  const auto expect_at = [](auto& x) {
    for (std::size_t i = 0; i < x.memory.size(); ++i)
      x.memory[i] = static_cast<std::decay_t<decltype(x.memory[i])>>(100 + i);
    const yarn::axis_positions list = yarn::axis_positions_in(x.tensor);
    EXPECT_EQ(list.size(), 4);
    EXPECT_EQ(list.n_axes(), 3);
    for (int axis = 0; axis < 3; ++axis)
      for (int t = 0; t < 4; ++t)
        EXPECT_EQ(list(t, axis), x.at({axis, t})) << "axis " << axis << ", token " << t;
  };
  expect_at(compact);
  expect_at(by_token);
  expect_at(backwards);
  expect_at(expanded);
}

TEST(dlpack_axis_positions, of_a_sequence) {
  owned<std::int64_t, 3> x({3, 2, 4}); // [axes, sequences, tokens]
  for (std::size_t i = 0; i < x.memory.size(); ++i)
    x.memory[i] = static_cast<std::int64_t>(i);
  for (int s = 0; s < 2; ++s) {
    const yarn::axis_positions list = yarn::axis_positions_in(x.tensor, s);
    EXPECT_EQ(list.size(), 4);
    EXPECT_EQ(list.n_axes(), 3);
    for (int axis = 0; axis < 3; ++axis)
      for (int t = 0; t < 4; ++t)
        EXPECT_EQ(list(t, axis), x.at({axis, s, t}));
  }
  expect_error<std::out_of_range>([&] { return yarn::axis_positions_in(x.tensor, 2); },
                                  {"sequence 2", "[0, 2)", "[axes, sequences, tokens]"});
}

TEST(dlpack_axis_positions, name_what_is_wrong) {
  owned<std::int64_t, 1> one({3});
  expect_error<invalid>([&] { return yarn::axis_positions_in(one.tensor); },
                        {"ndim = 1", "must be 2", "axes, tokens"});
  owned<std::int64_t, 3> batch({3, 2, 4});
  expect_error<invalid>([&] { return yarn::axis_positions_in(batch.tensor); },
                        {"ndim = 3", "must be 2", "index of a sequence"});
  owned<std::int64_t, 2> x({3, 4});
  expect_error<invalid>([&] { return yarn::axis_positions_in(x.tensor, 0); },
                        {"ndim = 2", "must be 3", "axes, sequences, tokens"});
  expect_error<invalid>([&] { return yarn::positions_in(x.tensor); }, {"axis_positions_in"});
  owned<std::int16_t, 2> small({3, 4});
  expect_error<invalid>([&] { return yarn::axis_positions_in(small.tensor); },
                        {"dtype", "bits 16", "int32"});
  owned<float, 2> real({3, 4});
  expect_error<invalid>([&] { return yarn::axis_positions_in(real.tensor); }, {"code 2"});
  owned<std::int32_t, 2> negative({3, -4});
  expect_error<invalid>([&] { return yarn::axis_positions_in(negative.tensor); },
                        {"extent -4", "dimension 1"});
  owned<std::int32_t, 2> odd({3, 4});
  odd.tensor.byte_offset = 2;
  expect_error<invalid>([&] { return yarn::axis_positions_in(odd.tensor); }, {"byte_offset = 2"});
  odd.tensor.byte_offset = 0;
  odd.tensor.data = nullptr;
  expect_error<invalid>([&] { return yarn::axis_positions_in(odd.tensor); }, {"data is null"});
  odd.tensor.device = {kDLCUDA, 0};
  expect_error<invalid>([&] { return yarn::axis_positions_in(odd.tensor); }, {"device_type = 2"});
  owned<std::int32_t, 2> none({3, 0});
  none.tensor.data = nullptr;
  EXPECT_EQ(yarn::axis_positions_in(none.tensor).size(), 0);
}

// ---- All adapters in one source ----------------------------------------------------------------

/// A type with the members of an mdspan that overload resolution looks at.
struct list_span {
  using element_type = const int;
  using reference = const int&;
  using rank_type = std::size_t;
  struct mapping_type {
    std::ptrdiff_t stride(std::size_t) const { return 1; }
  };
  const int* data;
  int size;

  static constexpr std::size_t rank() { return 1; }
  static constexpr bool is_always_strided() { return true; }
  static bool is_strided() { return true; }
  int extent(std::size_t) const { return size; }
  static int stride(std::size_t) { return 1; }
  const int* data_handle() const { return data; }
};

TEST(adapters, work_in_one_source) {
  owned<std::int32_t, 1> tensor({3});
  const Eigen::Vector3i vector(4, 5, 6);
  const list_span span{vector.data(), 3};
  EXPECT_EQ(yarn::positions_in(tensor.tensor)[2], 0);
  EXPECT_EQ(yarn::positions_in(vector)[2], 6);
  EXPECT_EQ(yarn::positions_in(span)[2], 6);
  owned<std::int32_t, 2> axes({3, 2});
  const Eigen::Matrix<int, 3, 2> matrix = Eigen::Matrix<int, 3, 2>::Constant(8);
  EXPECT_EQ(yarn::axis_positions_in(axes.tensor).n_axes(), 3);
  EXPECT_EQ(yarn::axis_positions_in(matrix)(1, 2), 8);
  owned<float, 3> x({5, 3, 8});
  Eigen::MatrixXf m(24, 5);
  EXPECT_EQ(heads_from<float>(x.tensor).token_stride(), heads_from(m, 3).token_stride());
}

// ---- DLPack 1.0 and newer ----------------------------------------------------------------------

#if defined(DLPACK_FLAG_BITMASK_READ_ONLY)
TEST(dlpack_versioned, read_only_is_respected) {
  owned<float, 3> x({5, 3, 8});
  owned<std::int32_t, 1> list({3});
  DLManagedTensorVersioned managed{};
  managed.version = {1, 3};
  managed.dl_tensor = x.tensor;
  EXPECT_EQ(heads_from<float>(managed).data(), x.memory.data());
  managed.flags = DLPACK_FLAG_BITMASK_READ_ONLY | DLPACK_FLAG_BITMASK_IS_COPIED;
  expect_error<invalid>([&] { heads_from<float>(managed); }, {"read-only", "flags"});
  expect_error<invalid>([&] { yarn::visit_heads(managed, [](auto) {}); }, {"read-only"});
  EXPECT_EQ(heads_from<const float>(managed).data(), x.memory.data());
  EXPECT_EQ(yarn::visit_const_heads(managed, [](auto view) { return view.n_tokens(); }), 5);
  managed.flags = DLPACK_FLAG_BITMASK_IS_COPIED;
  EXPECT_EQ(heads_from<float>(managed).data(), x.memory.data());
  managed.flags = DLPACK_FLAG_BITMASK_READ_ONLY;
  managed.dl_tensor = list.tensor;
  EXPECT_EQ(yarn::positions_in(managed).size(), 3);
}

TEST(dlpack_versioned, of_an_unknown_version_is_refused) {
  owned<float, 3> x({5, 3, 8});
  DLManagedTensorVersioned managed{};
  managed.version = {2, 1};
  managed.dl_tensor = x.tensor;
  expect_error<invalid>([&] { heads_from<const float>(managed); }, {"version = 2.1"});
  managed.version = {0, 8};
  EXPECT_EQ(heads_from<float>(managed).n_tokens(), 5);
}
#endif

} // namespace
