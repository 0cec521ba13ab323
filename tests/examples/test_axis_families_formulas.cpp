// SPDX-License-Identifier: MIT
// Tests the recipes of examples/axes for which no class was recorded, and their errors. Each
// formula is written here a second time, as a plain loop over frames, rows, columns and pairs in
// long double.
#include "axes/catalog.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

/// The angles of a token, and its position on each axis.
struct expected_token {
  std::vector<std::int64_t> position;
  std::vector<long double> angles;
};

/// Appends the angles of a block of dim elements: position * theta^(-2i / dim).
void append_block(expected_token& token, int dim, long double theta, std::int64_t position) {
  token.position.push_back(position);
  for (int i = 0; i < dim / 2; ++i)
    token.angles.push_back(static_cast<long double>(position) *
                           std::pow(theta, static_cast<long double>(-2 * i) / dim));
}

/// Expects the positions and the rows. An entry is within 0.501 * 2^-24 of the cosine or sine of
/// position * frequency. The frequency is a double within 1 ULP of the exact one, which changes the
/// angle by less than 1e-13 at these positions.
void expect_rows(const yarn::frequencies& freqs, const yarn::axis_positions& positions,
                 const std::vector<expected_token>& expected) {
  ASSERT_EQ(positions.size(), static_cast<std::int64_t>(expected.size()));
  ASSERT_EQ(positions.n_axes(), freqs.n_axes());
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, positions);
  long double largest = 0;
  for (std::int64_t t = 0; t < positions.size(); ++t) {
    const expected_token& token = expected[static_cast<std::size_t>(t)];
    ASSERT_EQ(token.angles.size(), static_cast<std::size_t>(freqs.n_pairs()));
    ASSERT_EQ(token.position.size(), static_cast<std::size_t>(positions.n_axes()));
    for (std::size_t axis = 0; axis < token.position.size(); ++axis)
      ASSERT_EQ(positions(t, static_cast<std::int64_t>(axis)), token.position[axis])
          << "token " << t << ", axis " << axis;
    for (std::size_t pair = 0; pair < token.angles.size(); ++pair) {
      const long double c =
          std::fabs(static_cast<long double>(rows.cos(t)[pair]) - std::cos(token.angles[pair]));
      const long double s =
          std::fabs(static_cast<long double>(rows.sin(t)[pair]) - std::sin(token.angles[pair]));
      largest = std::max({largest, c, s});
      ASSERT_LE(c, 0.501L * 0x1p-24L + 1e-13L) << "token " << t << ", pair " << pair;
      ASSERT_LE(s, 0.501L * 0x1p-24L + 1e-13L) << "token " << t << ", pair " << pair;
    }
  }
  std::printf("%zu tokens: largest error %.3f * 2^-24\n", expected.size(),
              static_cast<double>(largest * 0x1p24L));
}

struct grid {
  std::int64_t t, h, w;
};
constexpr grid grids[] = {{1, 1, 1}, {1, 64, 64}, {1, 5, 7}, {1, 48, 30}, {3, 6, 5}, {21, 4, 3}};

TEST(axis_families_formulas, flux_with_a_reference_image) {
  for (const grid& g : grids) {
    families::token_positions tokens;
    std::vector<expected_token> expected;
    const auto expect = [&](std::int64_t t, std::int64_t h, std::int64_t w) {
      expected_token token;
      append_block(token, 16, 10000, t);
      append_block(token, 56, 10000, h);
      append_block(token, 56, 10000, w);
      expected.push_back(token);
    };
    for (int i = 0; i < 7; ++i) {
      tokens.append(0, 0, 0); // text
      expect(0, 0, 0);
    }
    tokens.append_rows(1, g.h, g.w);
    tokens.append_rows(1, g.w, g.h, 0, 1); // the reference image of Kontext
    for (std::int64_t i = 0; i < g.h * g.w; ++i)
      expect(0, i / g.w, i % g.w);
    for (std::int64_t i = 0; i < g.h * g.w; ++i)
      expect(1, i / g.h, i % g.h);
    expect_rows(families::flux(), tokens.frame_row_column(), expected);
  }
}

TEST(axis_families_formulas, flux2_with_reference_images) {
  for (const grid& g : grids) {
    families::token_positions tokens;
    std::vector<expected_token> expected;
    const auto expect = [&](std::array<std::int64_t, 4> position) {
      expected_token token;
      for (const std::int64_t p : position)
        append_block(token, 32, 2000, p);
      expected.push_back(token);
    };
    for (std::int64_t i = 0; i < 9; ++i) {
      tokens.append(0, 0, 0, i); // text
      expect({0, 0, 0, i});
    }
    tokens.append_rows(1, g.h, g.w);
    for (std::int64_t row = 0; row < g.h; ++row)
      for (std::int64_t column = 0; column < g.w; ++column)
        expect({0, row, column, 0});
    for (std::int64_t k = 0; k < 2; ++k) {
      tokens.append_rows(1, 3, 4, 0, 10 + 10 * k);
      for (std::int64_t row = 0; row < 3; ++row)
        for (std::int64_t column = 0; column < 4; ++column)
          expect({10 + 10 * k, row, column, 0});
    }
    expect_rows(families::flux2(), tokens.all(), expected);
  }
}

// The source has a table for positions 0, 1 … and a table for positions -1, -2 …. An image takes
// the last height - height / 2 rows of the second table and the first height / 2 rows of the first.
TEST(axis_families_formulas, qwen_image_with_two_images) {
  for (const grid& g : grids) {
    families::token_positions tokens;
    std::vector<expected_token> expected;
    const auto expect = [&](std::int64_t t, std::int64_t h, std::int64_t w) {
      expected_token token;
      append_block(token, 16, 10000, t);
      append_block(token, 56, 10000, h);
      append_block(token, 56, 10000, w);
      expected.push_back(token);
    };
    const auto centred = [](std::int64_t n) {
      std::vector<std::int64_t> list;
      for (std::int64_t i = n - n / 2; i > 0; --i)
        list.push_back(-i);
      for (std::int64_t i = 0; i < n / 2; ++i)
        list.push_back(i);
      return list;
    };
    std::int64_t text_start = 0;
    const grid images[] = {g, {1, 9, 4}};
    for (std::int64_t k = 0; k < 2; ++k) {
      const grid image = images[k];
      tokens.append_around_middle(image.t, image.h, image.w, k);
      for (std::int64_t frame = 0; frame < image.t; ++frame)
        for (const std::int64_t row : centred(image.h))
          for (const std::int64_t column : centred(image.w))
            expect(k + frame, row, column);
      text_start = std::max({text_start, image.h / 2, image.w / 2});
    }
    tokens.append_text(11, text_start);
    for (std::int64_t i = 0; i < 11; ++i)
      expect(text_start + i, text_start + i, text_start + i);
    expect_rows(families::qwen_image(), tokens.frame_row_column(), expected);
  }
}

TEST(axis_families_formulas, wan_and_hunyuan_video) {
  for (const grid& g : grids) {
    families::token_positions tokens;
    tokens.append_rows(g.t, g.h, g.w);
    std::vector<expected_token> wan, hunyuan;
    for (std::int64_t t = 0; t < g.t; ++t)
      for (std::int64_t h = 0; h < g.h; ++h)
        for (std::int64_t w = 0; w < g.w; ++w) {
          wan.emplace_back();
          append_block(wan.back(), 44, 10000, t);
          append_block(wan.back(), 42, 10000, h);
          append_block(wan.back(), 42, 10000, w);
          hunyuan.emplace_back();
          append_block(hunyuan.back(), 16, 256, t);
          append_block(hunyuan.back(), 56, 256, h);
          append_block(hunyuan.back(), 56, 256, w);
        }
    expect_rows(families::wan(), tokens.frame_row_column(), wan);
    expect_rows(families::hunyuan_video(), tokens.frame_row_column(), hunyuan);
  }
}

TEST(axis_families_formulas, moonvit) {
  for (const grid& g : grids) {
    families::token_positions tokens;
    tokens.append_rows(1, g.h, g.w);
    std::vector<expected_token> expected;
    for (std::int64_t row = 0; row < g.h; ++row)
      for (std::int64_t column = 0; column < g.w; ++column) {
        expected_token token{{column, row}, {}};
        for (int k = 0; k < 72 / 4; ++k) {
          const long double frequency = std::pow(10000.0L, -4.0L * k / 72);
          token.angles.push_back(static_cast<long double>(column) * frequency);
          token.angles.push_back(static_cast<long double>(row) * frequency);
        }
        expected.push_back(token);
      }
    expect_rows(families::moonvit(72), tokens.column_row(), expected);
  }
}

// Every family without recorded numbers is in one of the tests above, with the numbers of the
// catalog, and is interleaved.
TEST(axis_families_formulas, agree_with_the_catalog) {
  const struct {
    const char* name;
    yarn::frequencies freqs;
  } tested[] = {{"flux", families::flux()},
                {"flux2", families::flux2()},
                {"qwen-image", families::qwen_image()},
                {"wan", families::wan()},
                {"hunyuan-video", families::hunyuan_video()},
                {"moonvit", families::moonvit(72)}};
  for (const auto& [name, freqs] : tested) {
    int n_found = 0;
    for (const families::family& family : families::catalog) {
      if (family.name != std::string(name))
        continue;
      ++n_found;
      const yarn::frequencies listed = family.make();
      EXPECT_TRUE(family.pairing == yarn::pairing::interleaved) << name;
      EXPECT_EQ(family.head_dim, 2 * freqs.n_pairs()) << name;
      EXPECT_EQ(static_cast<std::int64_t>(std::string(family.axes).size()), freqs.n_axes()) << name;
      ASSERT_EQ(listed.n_pairs(), freqs.n_pairs()) << name;
      for (std::int64_t pair = 0; pair < freqs.n_pairs(); ++pair) {
        EXPECT_EQ(listed.axis(pair), freqs.axis(pair)) << name;
        EXPECT_EQ(listed.phase_steps()[pair], freqs.phase_steps()[pair]) << name;
      }
    }
    EXPECT_EQ(n_found, 1) << name;
  }
}

// ---- Order of tokens and errors ---------------------------------------------------------------

/// The rows and columns of a list, "row,column …".
std::string listed(const families::token_positions& tokens) {
  std::string text;
  const yarn::axis_positions at = tokens.row_column();
  for (std::int64_t t = 0; t < at.size(); ++t)
    text += std::to_string(at(t, 0)) + "," + std::to_string(at(t, 1)) + " ";
  return text;
}

// Windows of 2 x 2 blocks of 1 patch, on a grid that they do not fill: the windows at the right and
// at the bottom are smaller.
TEST(axis_families_formulas, windows_may_be_cut_off) {
  families::token_positions tokens;
  tokens.append_windows(1, 3, 3, 1, 2);
  EXPECT_EQ(listed(tokens), "0,0 0,1 1,0 1,1 0,2 1,2 2,0 2,1 2,2 ");
}

TEST(axis_families_formulas, an_empty_list_has_no_tokens) {
  const families::token_positions none;
  EXPECT_EQ(none.row_column().size(), 0);
  yarn::rotary_rows<float> rows;
  rows.assign(families::halves(80), none.row_column());
  EXPECT_EQ(rows.n_rows(), 0);
}

TEST(axis_families_formulas, refuse_what_the_models_refuse) {
  const yarn::frequencies text = families::text(128, 5e5);
  EXPECT_THROW(families::ernie(text, {20, 24, 20}), std::invalid_argument);
  EXPECT_THROW(families::ernie(text, {22, 22, 22}), std::invalid_argument);
  EXPECT_THROW(families::contiguous(text, {16, 24, 20}), std::invalid_argument);
  EXPECT_THROW(families::halves(81), std::invalid_argument);
  EXPECT_THROW(families::pixtral(66), std::invalid_argument);
  families::token_positions tokens;
  EXPECT_THROW(tokens.append_blocks(1, 5, 6, 2), std::invalid_argument);
  EXPECT_THROW(tokens.append_blocks(1, 6, 5, 2), std::invalid_argument);
  EXPECT_THROW(tokens.append_windows(1, 6, 6, 2, 3), std::invalid_argument);
  EXPECT_EQ(tokens.size(), 0);
}

} // namespace
