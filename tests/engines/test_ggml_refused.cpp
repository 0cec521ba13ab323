// SPDX-License-Identifier: MIT
// Tensors of ggml as views, modes as pairings, and every refusal.
#include "ggml_graphs.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using engines::all_parameters;
using engines::memory;
using engines::new_positions;
using engines::new_tensor;
using engines::our_frequencies;
using yarn::pairing;

TEST(ggml_heads, have_the_address_and_strides_of_the_tensor) {
  const engines::context_ptr context = engines::make_context(memory);
  ggml_tensor* const x = new_tensor<float>(context.get(), 3, 4, 1, 2);
  const auto second = yarn::heads_from<float>(x, 1);
  EXPECT_EQ(second.data(), static_cast<float*>(x->data) + 4 * 3 * 128);
  EXPECT_EQ(second.n_tokens(), 4);
  EXPECT_EQ(second.n_heads(), 3);
  EXPECT_EQ(second.head_dim(), 128);
  EXPECT_EQ(second.token_stride(), 3 * 128);
  EXPECT_EQ(second.head_stride(), 128);

  ggml_tensor* const half = new_tensor<yarn::float16>(context.get(), 6, 5);
  ggml_tensor* const section =
      ggml_view_3d(context.get(), half, 64, 2, 5, half->nb[1], half->nb[2], 3 * half->nb[1] + 128);
  const auto view = yarn::heads_from<const yarn::float16>(section);
  EXPECT_EQ(view.data(), static_cast<yarn::float16*>(half->data) + 3 * 128 + 64);
  EXPECT_EQ(view.head_dim(), 64);
  EXPECT_EQ(view.n_heads(), 2);
  EXPECT_EQ(view.token_stride(), 6 * 128);
  EXPECT_EQ(view.head_stride(), 128);
}

template <class Call> void expect_refusal(Call&& call, std::initializer_list<std::string> words) {
  support::expect_error<std::invalid_argument>(call, words);
}

TEST(ggml_heads, are_refused_with_the_name_and_number) {
  const engines::context_ptr context = engines::make_context(memory);
  ggml_tensor* const x = new_tensor<float>(context.get(), 3, 4);
  ggml_set_name(x, "Qcur");
  expect_refusal([&] { static_cast<void>(yarn::heads_from<yarn::float16>(x)); },
                 {"Qcur holds f32", "element type of the view is f16"});
  expect_refusal(
      [&] {
        static_cast<void>(
            yarn::heads_from<yarn::bfloat16>(new_tensor<yarn::float16>(context.get(), 3, 4)));
      },
      {"holds f16", "element type of the view is bf16"});
  expect_refusal([&] { static_cast<void>(yarn::heads_from<float>(nullptr)); }, {"is null"});
  expect_refusal(
      [&] {
        static_cast<void>(yarn::heads_from<float>(ggml_permute(context.get(), x, 1, 0, 2, 3)));
      },
      {"nb[0] = 512", "4 bytes"});
  ggml_tensor* const crooked = ggml_view_3d(context.get(), x, 8, 2, 2, 126, 512, 0);
  expect_refusal([&] { static_cast<void>(yarn::heads_from<float>(crooked)); },
                 {"nb[1] = 126", "multiple of the 4 bytes"});
  crooked->nb[1] = 128;
  crooked->nb[2] = 513;
  expect_refusal([&] { static_cast<void>(yarn::heads_from<float>(crooked)); }, {"nb[2] = 513"});
  ggml_tensor* const batch = new_tensor<float>(context.get(), 3, 4, 1, 2);
  expect_refusal([&] { static_cast<void>(yarn::heads_from<float>(batch)); },
                 {"ne[3] = 2 sequences"});
  for (const int sequence : {-1, 2}) {
    support::expect_error<std::out_of_range>(
        [&] { static_cast<void>(yarn::heads_from<float>(batch, sequence)); },
        {"sequence = " + std::to_string(sequence), "[0, ne[3] = 2)"});
  }
  const engines::context_ptr empty(ggml_init({1 << 16, nullptr, true}));
  expect_refusal(
      [&] {
        static_cast<void>(
            yarn::heads_from<float>(ggml_new_tensor_3d(empty.get(), GGML_TYPE_F32, 128, 3, 4)));
      },
      {"has no memory yet"});
}

TEST(ggml_graph, refuses_bad_tensors_when_it_is_built) {
  const engines::context_ptr context = engines::make_context(memory);
  ggml_context* const c = context.get();
  const auto freqs = our_frequencies(all_parameters[0]);
  ggml_tensor* const positions = new_positions(c, {1, 2, 3});
  ggml_tensor* const rows = yarn::rope_rows_node(c, positions, freqs);
  ggml_tensor* const x = new_tensor<float>(c, 2, 3);
  const auto node = [&](ggml_tensor* tensor, ggml_tensor* with) {
    return
        [=] { static_cast<void>(yarn::rope_inplace_node(c, tensor, with, pairing::half_split)); };
  };
  ASSERT_NE(yarn::rope_inplace_node(c, x, rows, pairing::half_split), nullptr);
  expect_refusal(
      [&] { static_cast<void>(yarn::rope_inplace_node(nullptr, x, rows, pairing::half_split)); },
      {"context is null"});
  expect_refusal(node(nullptr, rows), {"x is null"});
  expect_refusal(node(x, nullptr), {"rows is null"});
  expect_refusal(
      [&] { static_cast<void>(yarn::rope_inplace_node(c, x, rows, static_cast<pairing>(7))); },
      {"pairing = 7"});
  ggml_tensor* const quantised = ggml_new_tensor_3d(c, GGML_TYPE_Q8_0, 128, 2, 3);
  ggml_set_name(quantised, "k_cache");
  expect_refusal(node(quantised, rows), {"k_cache holds q8_0", "f32, f16 and bf16"});
  expect_refusal(node(new_tensor<float>(c, 2, 4), rows), {"rows.n_rows = 3", "n_tokens = 4"});
  expect_refusal(node(ggml_new_tensor_3d(c, GGML_TYPE_F32, 64, 2, 3), rows),
                 {"x.head_dim = 64", "rotary_dim = 128"});
  expect_refusal(node(ggml_permute(c, x, 1, 0, 2, 3), rows), {"nb[0] = 512"});
  expect_refusal(node(ggml_view_3d(c, x, 128, 2, 3, 256, 1024, 0), rows), {"overlap"});
  ggml_tensor* const woven =
      ggml_view_4d(c, new_tensor<float>(c, 4, 3), 128, 2, 3, 2, 512, 2048, 1024, 0);
  expect_refusal(node(woven, rows), {"nb[3] = 1024", "overlap or interweave"});
  for (ggml_tensor* const wrong :
       {ggml_new_tensor_2d(c, GGML_TYPE_F16, 128, 3), ggml_new_tensor_2d(c, GGML_TYPE_F32, 127, 3),
        ggml_new_tensor_3d(c, GGML_TYPE_F32, 128, 3, 2)}) {
    expect_refusal(node(x, wrong), {"must be f32 [2 * n_pairs, n_tokens]"});
  }
  expect_refusal(node(x, ggml_view_2d(c, rows, 128, 3, 510, 0)), {"nb[1] = 510"});

  const auto rows_of = [&](ggml_tensor* list) {
    return [&, list] { static_cast<void>(yarn::rope_rows_node(c, list, freqs)); };
  };
  expect_refusal(rows_of(nullptr), {"positions is null"});
  expect_refusal(rows_of(ggml_new_tensor_1d(c, GGML_TYPE_I64, 3)), {"i64 [3, 1, 1, 1]"});
  expect_refusal(rows_of(ggml_new_tensor_2d(c, GGML_TYPE_I32, 3, 4)), {"i32 [3, 4, 1, 1]"});
  const yarn::frequencies none;
  expect_refusal([&] { static_cast<void>(yarn::rope_rows_node(c, positions, none)); },
                 {"n_pairs = 0"});

  ggml_tensor* const input = ggml_new_tensor_2d(c, GGML_TYPE_F32, 128, 3);
  expect_refusal([&] { yarn::fill_rope_rows(input, freqs, yarn::positions_from(0, 4)); },
                 {"positions.size = 4", "3"});
  expect_refusal([&] { yarn::fill_rope_rows(input, freqs, yarn::positions_from(0)); },
                 {"positions.size = -1"});
  expect_refusal(
      [&] {
        yarn::fill_rope_rows(ggml_new_tensor_2d(c, GGML_TYPE_F32, 64, 3), freqs,
                             yarn::positions_from(0, 3));
      },
      {"ne[0] = 64", "2 * n_pairs = 128"});
  support::expect_error<std::out_of_range>(
      [&] { yarn::fill_rope_rows(input, freqs, yarn::positions_from(std::int64_t{1} << 31, 3)); },
      {"2147483650"});
}

TEST(ggml_axes, are_refused_by_name) {
  const auto freqs = our_frequencies(all_parameters[0]); // 64 pairs
  const auto with = [&](int mode, std::initializer_list<int> sections) {
    return [&freqs, mode, sections = std::vector<int>(sections)] {
      static_cast<void>(yarn::with_axes_of_mode(freqs, mode, sections.data()));
    };
  };
  const int mrope = GGML_ROPE_TYPE_MROPE, imrope = GGML_ROPE_TYPE_IMROPE;
  const int vision = GGML_ROPE_TYPE_VISION;
  for (const int mode : {GGML_ROPE_TYPE_NORMAL, GGML_ROPE_TYPE_NEOX, 7})
    expect_refusal(with(mode, {16, 24, 24, 0}), {"mode = " + std::to_string(mode), "MROPE = 8"});
  expect_refusal([&] { static_cast<void>(yarn::with_axes_of_mode(freqs, mrope, nullptr)); },
                 {"sections is null"});
  expect_refusal(with(mrope, {16, -24, 24, 0}), {"sections[1] = -24"});
  expect_refusal(with(imrope, {0, 0, 0, 64}), {"sections[0]", "> 0"}); // ggml aborts
  expect_refusal(with(mrope, {16, 24, 25, 0}), {"sum", "= 65", "n_pairs = 64"});
  expect_refusal(with(imrope, {48, 40, 40, 0}), {"sum", "= 128", "pairs, not elements"});
  expect_refusal(with(vision, {64, 32, 0, 0}), {"sections[1] = 32", "n_pairs = 64"});
  expect_refusal(with(vision, {32, 64, 0, 0}), {"sections[0] = 32", "n_pairs = 64"});
  const int squares[] = {64, 64, 0, 0};
  EXPECT_EQ(yarn::with_axes_of_mode(freqs, vision, squares).n_pairs(), 128);
  const auto yarn_freqs = our_frequencies(all_parameters[4]);
  expect_refusal([&] { static_cast<void>(yarn::with_axes_of_mode(yarn_freqs, vision, squares)); },
                 {"ramp", "VISION", "zones"});
  const yarn::frequencies none;
  expect_refusal([&] { static_cast<void>(yarn::with_axes_of_mode(none, mrope, squares)); },
                 {"n_pairs = 0"});
}

TEST(ggml_axes, of_positions_are_not_ignored) {
  const engines::context_ptr context = engines::make_context(memory);
  ggml_context* const c = context.get();
  const auto text = our_frequencies(all_parameters[0]);
  const int sections[] = {16, 24, 24, 0};
  const auto freqs = yarn::with_axes_of_mode(text, GGML_ROPE_TYPE_MROPE, sections);
  ggml_tensor* const list = new_positions(c, {1, 2, 3, 1, 2, 3, 1, 2, 3, 0, 0, 0});
  ggml_set_name(list, "inp_pos");
  const auto rows = [&](const yarn::frequencies& f, std::int64_t n_tokens) {
    return [&, n_tokens] { static_cast<void>(yarn::rope_rows_node(c, list, f, n_tokens)); };
  };
  expect_refusal(rows(text, 3), {"inp_pos", "4 axes", "one axis", "with_axes_of_mode"});
  const auto five = yarn::with_axes(text, std::vector<int>(64, 4), 5);
  expect_refusal(rows(five, 3), {"inp_pos", "4 axes", "n_axes = 5"});
  for (const std::int64_t n_tokens : {4, 2, 0, -3, 48})
    expect_refusal(rows(freqs, n_tokens),
                   {"inp_pos: 12 positions", "n_tokens = " + std::to_string(n_tokens)});
  // Without n_tokens, the positions are those of 12 tokens, and x has 3.
  ggml_tensor* const twelve = yarn::rope_rows_node(c, list, freqs);
  expect_refusal(
      [&] {
        static_cast<void>(
            yarn::rope_inplace_node(c, new_tensor<float>(c, 2, 3), twelve, pairing::half_split));
      },
      {"rows.n_rows = 12", "n_tokens = 3", "pass n_tokens to rope_rows_node"});
  ggml_tensor* const input = ggml_new_tensor_2d(c, GGML_TYPE_F32, 128, 3);
  const auto* const ids = static_cast<const std::int32_t*>(list->data);
  expect_refusal([&] { yarn::fill_rope_rows(input, text, yarn::axis_positions(ids, 3, 4)); },
                 {"n_axes = 4", "one axis"});
  expect_refusal([&] { yarn::fill_rope_rows(input, freqs, yarn::axis_positions(ids, 3, 3)); },
                 {"n_axes = 3", "4"});
}

TEST(ggml_mode, is_a_pairing) {
  EXPECT_EQ(yarn::pairing_from_mode(GGML_ROPE_TYPE_NORMAL), pairing::interleaved);
  for (const int mode :
       {GGML_ROPE_TYPE_NEOX, GGML_ROPE_TYPE_MROPE, GGML_ROPE_TYPE_VISION, GGML_ROPE_TYPE_IMROPE})
    EXPECT_EQ(yarn::pairing_from_mode(mode), pairing::half_split);
  for (const int mode : {1, 10, -1})
    expect_refusal([&] { static_cast<void>(yarn::pairing_from_mode(mode)); },
                   {"mode = " + std::to_string(mode)});
}

} // namespace
