// SPDX-License-Identifier: MIT
// Compares the recipes of examples/axes with the rotations of the classes of transformers
// (axis_rotations.json; tests/reference/README.md says how it was made). The list below says which
// recipe serves which entry.
#include "../support/axis_rotations.hpp"
#include "../support/bits.hpp"
#include "../support/reference_cases.hpp"
#include "../support/reference_tolerance.hpp"
#include "axes/catalog.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

namespace {

using reference::json;

// ---- Which recipe serves which entry ----------------------------------------------------------

yarn::frequencies linear(std::int64_t head_dim, double theta, double factor, std::int64_t rotary) {
  yarn::linear_scaling method;
  method.factor = factor;
  return yarn::make_frequencies(yarn::rope_shape{head_dim, rotary, theta}, method);
}
yarn::frequencies yarn_of(std::int64_t head_dim, double theta, double factor, std::int64_t original,
                          std::int64_t rotary = 0) {
  yarn::yarn_scaling method;
  method.factor = factor;
  method.original_max_position_embeddings = original;
  return yarn::make_frequencies(yarn::rope_shape{head_dim, rotary, theta}, method);
}
yarn::frequencies qwen2_yarn() {
  return families::contiguous(yarn_of(128, 1e6, 4, 32768), {16, 24, 24});
}
yarn::frequencies qwen3_omni() {
  return families::interleaved(families::text(128, 1e6), {24, 20, 20});
}

struct recipe {
  const char* entry;
  const char* family;                    // in the catalog: pairing, parts, axes
  yarn::frequencies (*make)() = nullptr; // nullptr: the frequencies of the catalog
};

const recipe recipes[] = {
    {"qwen2-vl-7b", "qwen2-vl"},
    {"qwen2-vl-7b-yarn-4", "qwen2-vl", qwen2_yarn},
    {"qwen2.5-vl-7b", "qwen2-vl"},
    {"qwen2.5-vl-7b-yarn-4", "qwen2-vl", qwen2_yarn},
    {"qwen2.5-vl-7b-linear-2", "qwen2-vl",
     [] {
       return families::contiguous(linear(128, 1e6, 2, 0), {16, 24, 24});
     }},
    {"qwen2.5-omni-7b-thinker", "qwen2-vl"},
    {"qwen2.5-omni-7b-talker", "qwen2-vl"},
    {"qwen3-vl-8b", "qwen3-vl"},
    {"qwen3-vl-8b-yarn-3", "qwen3-vl",
     [] {
       return families::interleaved(yarn_of(128, 5e6, 3, 262144), {24, 20, 20});
     }},
    {"qwen3-vl-without-sections", "qwen3-vl"},
    {"qwen3-vl-uneven-sections", "qwen3-vl",
     [] {
       return families::interleaved(families::text(128, 5e6), {40, 4, 20});
     }},
    {"qwen3-vl-not-interleaved", "qwen3-vl"},
    {"qwen3-vl-30b-a3b", "qwen3-vl"},
    {"qwen3-omni-30b-a3b-thinker", "qwen3-vl", qwen3_omni},
    {"qwen3-omni-30b-a3b-talker", "qwen3-vl", qwen3_omni},
    {"qwen3.5-9b", "qwen3.5"},
    {"qwen3.5-yarn-4", "qwen3.5",
     [] {
       return families::interleaved(yarn_of(256, 1e7, 4, 262144, 64), {11, 11, 10});
     }},
    {"qwen3.5-35b-a3b", "qwen3.5"},
    {"cosmos3-omni", "qwen3-vl"},
    {"glm-4.1v-9b", "glm-4.1v"},
    {"glm-4v-linear-4", "glm-4.1v",
     [] {
       return families::contiguous(linear(128, 1e4, 4, 64), {8, 12, 12});
     }},
    {"glm-4.5v", "glm-4.5v"},
    {"glm-4.6v-flash", "glm-4.1v",
     [] {
       return families::contiguous(families::text(128, 5e5, 64), {8, 12, 12});
     }},
    {"glm-ocr", "glm-ocr"},
    {"glm-image", "glm-4.5v"},
    {"ernie-4.5-vl-28b-a3b", "ernie-4.5-vl"},
    {"ernie-4.5-vl-without-sections", "ernie-4.5-vl"},
    {"paddleocr-vl", "paddleocr-vl"},
    {"qwen2-vl-vision", "qwen2-vl-vision"},
    {"qwen2-vl-vision-video", "qwen2-vl-vision"},
    {"qwen2-vl-vision-large", "qwen2-vl-vision"},
    {"qwen2.5-vl-vision", "qwen2-vl-vision"},
    {"qwen2.5-omni-vision", "qwen2-vl-vision"},
    {"exaone-4.5-vision", "qwen2-vl-vision"},
    {"ernie-4.5-vl-vision", "qwen2-vl-vision"},
    {"qwen3-vl-vision", "qwen3-vl-vision"},
    {"qwen3-vl-moe-vision", "qwen3-vl-vision"},
    {"qwen3-omni-vision", "qwen3-vl-vision"},
    {"qwen3.5-vision", "qwen3-vl-vision"},
    {"qwen3-vl-vision-large", "qwen3-vl-vision"},
    {"paddleocr-vl-vision", "qwen3-vl-vision"},
    {"video-llama-3-vision", "qwen3-vl-vision"},
    {"glm-4.1v-vision", "glm-4.1v-vision"},
    {"glm-4.5v-vision", "glm-4.1v-vision"},
    {"glm-ocr-vision", "glm-4.1v-vision", [] { return families::halves(64); }},
    {"mlcd-vision", "glm-4.1v-vision", [] { return families::halves(104); }},
    {"minimax-m3-vl-vision", "minimax-m3-vision"},
    {"pixtral-12b-vision", "pixtral-vision"},
    {"mistral-small-3.1-vision", "pixtral-vision"},
    {"llama-4-vision", "llama-4-vision"},
    {"gemma-4-vision", "gemma-4-vision"},
    {"dinov3-vits16", "dinov3"},
    {"sapiens2", "dinov3"},
    {"eomt-dinov3", "dinov3"},
    {"sam3-vision-window", "sam"},
    {"sam3-vision-global", "sam", [] { return families::sam(64, 1e4, 24.0 / 72); }},
    {"sam2-video-memory", "sam", [] { return families::sam(256); }},
    {"edgetam-video-memory", "sam", [] { return families::sam(256); }},
    {"efficientloftr", "efficientloftr"},
};

// ---- Entries ----------------------------------------------------------------------------------

const json& data() { return reference::axis_rotation_data(); }

const families::family& family_named(const std::string& name) {
  const auto* const found =
      std::find_if(std::begin(families::catalog), std::end(families::catalog),
                   [&](const families::family& family) { return family.name == name; });
  if (found == std::end(families::catalog))
    throw std::invalid_argument("no family " + name);
  return *found;
}

/// An entry of the data, and what its recipe says about it.
struct rotation {
  const json& entry;
  const families::family& family;
  yarn::frequencies part;                           // of each part that is rotated alone
  yarn::frequencies freqs;                          // of all pairs
  std::vector<double> unit;                         // of positions, for each axis
  std::vector<std::vector<std::int64_t>> positions; // [axis][token], in this unit

  std::size_t n_tokens() const { return entry.at("positions")[0].size(); }
  std::size_t n_axes() const { return entry.at("axes").size(); }
  double recorded_position(std::size_t axis, std::size_t token) const {
    return entry.at("positions")[axis][token];
  }
  json row(const char* of, std::size_t token) const {
    return data().at("rows").at(entry.at("rows").get<std::size_t>()).at(of).at(token);
  }
  std::vector<float> inv_freq() const {
    return reference::float32_values(
        data().at("inv_freq").at(entry.at("inv_freq").get<std::size_t>()));
  }
  bool is_yarn() const {
    return entry.at("id").get<std::string>().find("yarn") != std::string::npos;
  }
  std::vector<std::int64_t> by_axis() const {
    std::vector<std::int64_t> all;
    for (const auto& axis : positions)
      all.insert(all.end(), axis.begin(), axis.end());
    return all;
  }
};

/// The tokens of a tower in the order of the recipe, or none if the entry has its own list.
families::token_positions tokens_of(const json& entry, const families::family& family) {
  families::token_positions tokens;
  if (!entry.contains("token_order"))
    return tokens;
  const json& order = entry.at("token_order");
  const json grids = order.contains("grids") ? order.at("grids") : json::array({order.at("grid")});
  const std::string name = order.at("order");
  for (std::size_t i = 0; i < grids.size(); ++i) {
    const std::int64_t t = grids[i][0], h = grids[i][1], w = grids[i][2];
    const std::int64_t merge = order.contains("merges") ? order.at("merges")[i] : order.at("merge");
    const std::string family_name = family.name;
    if (name == "blocks") {
      tokens.append_blocks(t, h, w, merge);
    } else if (name == "windows of blocks") {
      const json& config = entry.at("config").at("vision_config");
      tokens.append_windows(t, h, w, merge,
                            config.at("window_size").get<std::int64_t>() /
                                config.at("patch_size").get<std::int64_t>());
    } else if (family_name == "dinov3") {
      tokens.append_patch_centres(h, w);
    } else {
      const bool from_1 = family_name == "llama-4-vision" || family_name == "efficientloftr";
      tokens.append_rows(t, h, w, from_1 ? 1 : 0);
    }
  }
  return tokens;
}

yarn::axis_positions view_of(const families::token_positions& tokens, const std::string& axes) {
  return axes == "hw"   ? tokens.row_column()
         : axes == "wh" ? tokens.column_row()
                        : tokens.frame_row_column();
}

rotation rotation_of(const recipe& recipe, const json& entry) {
  const families::family& family = family_named(recipe.family);
  const yarn::frequencies part = recipe.make == nullptr ? family.make() : recipe.make();
  rotation r{entry, family, part, family.n_parts == 2 ? yarn::joined(part, part) : part, {}, {}};
  const families::token_positions tokens = tokens_of(entry, family);
  for (std::size_t axis = 0; axis < r.n_axes(); ++axis) {
    double unit = 1;
    if (r.entry.at("id") == "sam3-vision-global")
      unit = 24.0 / 72;
    if (std::string(family.name) == "dinov3")
      unit = 1 / entry.at("token_order").at("grid")[axis + 1].get<double>();
    r.unit.push_back(unit);
    r.positions.emplace_back();
    for (std::size_t token = 0; token < r.n_tokens(); ++token) {
      const auto t = static_cast<std::int64_t>(token);
      r.positions.back().push_back(
          t < tokens.size()
              ? view_of(tokens, family.axes)(t, static_cast<std::int64_t>(axis))
              : static_cast<std::int64_t>(std::lround(r.recorded_position(axis, token) / unit)));
    }
  }
  return r;
}

const recipe* recipe_for(const std::string& id) {
  const auto* const found = std::find_if(std::begin(recipes), std::end(recipes),
                                         [&](const recipe& r) { return r.entry == id; });
  return found == std::end(recipes) ? nullptr : found;
}

std::vector<std::string> ids() {
  std::vector<std::string> list;
  for (const json& entry : data().at("entries"))
    list.push_back(entry.at("id"));
  return list;
}

TEST(axis_families, have_a_recipe_for_every_entry) {
  std::set<std::string> with_recipe;
  for (const recipe& r : recipes)
    EXPECT_TRUE(with_recipe.insert(r.entry).second) << r.entry << " is twice in the list";
  const std::vector<std::string> all = ids();
  EXPECT_EQ(all.size(), 59U);
  EXPECT_EQ(with_recipe, std::set<std::string>(all.begin(), all.end()));
}

class axis_family : public testing::TestWithParam<std::string> {
protected:
  static rotation make() {
    const recipe* const found = recipe_for(GetParam());
    for (const json& entry : data().at("entries"))
      if (found != nullptr && entry.at("id") == GetParam())
        return rotation_of(*found, entry);
    throw std::invalid_argument("no recipe for " + GetParam());
  }
};

// ---- What the recipes say ---------------------------------------------------------------------

TEST_P(axis_family, has_the_axes_pairing_and_size_of_the_class) {
  const rotation r = make();
  std::string axes;
  for (const json& axis : r.entry.at("axes"))
    axes += axis.get<std::string>();
  EXPECT_EQ(axes, r.family.axes);
  EXPECT_EQ(r.entry.at("pairing") == "interleaved", r.family.pairing == yarn::pairing::interleaved);
  EXPECT_EQ(r.entry.at("block"), 2 * r.part.n_pairs());
  EXPECT_EQ(r.entry.at("rotary_dim"), 2 * r.freqs.n_pairs());
  // A recipe of the catalog has the head_dim of its model. Other sizes come from the list above.
  if (recipe_for(GetParam())->make == nullptr) {
    EXPECT_EQ(r.entry.at("head_dim"), r.family.head_dim);
  }

  ASSERT_EQ(r.entry.at("axis_of_pair").size(), static_cast<std::size_t>(r.freqs.n_pairs()));
  EXPECT_EQ(r.freqs.n_axes(), static_cast<std::int64_t>(r.n_axes()));
  for (std::int64_t pair = 0; pair < r.freqs.n_pairs(); ++pair)
    EXPECT_EQ(r.entry.at("axis_of_pair")[static_cast<std::size_t>(pair)], r.freqs.axis(pair))
        << "pair " << pair;
}

TEST_P(axis_family, has_the_frequencies_of_the_class) {
  const rotation r = make();
  EXPECT_NEAR(r.freqs.attention_factor() / r.entry.at("attention_factor").get<double>(), 1, 1e-12);
  const std::vector<float> recorded = r.inv_freq();
  ASSERT_EQ(recorded.size(), r.freqs.inv_freq().size());
  const std::int64_t tolerance = reference::tolerance_ulp(r.is_yarn() ? "yarn" : "default", true);
  for (std::size_t pair = 0; pair < recorded.size(); ++pair) {
    const double ours =
        r.freqs.inv_freq()[pair] / r.unit[r.freqs.axis_of_pair()[pair]]; // per whole position
    EXPECT_LE(reference::floats_between(static_cast<float>(ours), recorded[pair]), tolerance)
        << "pair " << pair << ": " << ours << " and " << recorded[pair];
  }
}

/// The position that the class computes in float32 from a whole number.
float position_in_float32(const rotation& r, std::size_t axis, std::int64_t position) {
  if (std::string(r.family.name) == "dinov3") {
    const auto n = r.entry.at("token_order").at("grid")[axis + 1].get<std::int64_t>();
    const std::int64_t patch = (position + n - 1) / 2;
    return 2.0F * ((static_cast<float>(patch) + 0.5F) / static_cast<float>(n)) - 1.0F;
  }
  return static_cast<float>(static_cast<double>(position) * r.unit[axis]);
}

TEST_P(axis_family, has_the_token_order_of_the_class) {
  const rotation r = make();
  for (std::size_t axis = 0; axis < r.n_axes(); ++axis)
    for (std::size_t token = 0; token < r.n_tokens(); ++token)
      EXPECT_EQ(position_in_float32(r, axis, r.positions[axis][token]),
                static_cast<float>(r.recorded_position(axis, token)))
          << "axis " << axis << ", token " << token;
}

// ---- Rows and rotations -----------------------------------------------------------------------

/// The distance between neighbouring float32 numbers of this size.
double spacing(double size) { return std::ldexp(1, std::max(std::ilogb(size), -126) - 23); }

/// By how much an entry may differ from the recorded one: 2.4e-7 if the angle has the same bits (as
/// in test_rotation_reference.cpp); otherwise also by the distance of the angles, both rounded to
/// float32. If the class keeps no frequencies, the recorded ones come from rounded cosines and sines
/// of position 1. Then the class's own frequency can be one float32 away, and the position
/// multiplies this distance. (This happens in pair 7 of Sam 2.)
double tolerance_of(const rotation& r, std::size_t pair, std::size_t token, float recorded) {
  const std::size_t axis = r.freqs.axis_of_pair()[pair];
  const double position = r.recorded_position(axis, token);
  const double theirs = position * static_cast<double>(recorded);
  const double ours = static_cast<double>(r.positions[axis][token]) *
                      static_cast<double>(static_cast<float>(r.freqs.inv_freq()[pair]));
  double moved = std::fabs(ours - theirs);
  if (r.entry.at("inv_freq_from") == "angle")
    moved += std::fabs(position) * spacing(static_cast<double>(recorded));
  if (moved > 0)
    moved += spacing(theirs);
  return r.freqs.attention_factor() * (2.4e-7 + moved);
}

yarn::rotary_rows<float> rows_of(const rotation& r) {
  yarn::rotary_rows<float> rows;
  const std::vector<std::int64_t> list = r.by_axis();
  rows.assign(yarn::float32_pipeline(r.freqs),
              yarn::axis_positions(list.data(), r.n_tokens(), r.n_axes()));
  return rows;
}

TEST_P(axis_family, has_the_rows_of_the_class) {
  const rotation r = make();
  const yarn::rotary_rows<float> rows = rows_of(r);
  const std::vector<float> recorded = r.inv_freq();
  double largest = 0;
  for (std::size_t token = 0; token < r.n_tokens(); ++token) {
    const auto t = static_cast<std::int64_t>(token);
    const json cos = r.row("cos", token), sin = r.row("sin", token);
    ASSERT_EQ(cos.size(), recorded.size());
    for (std::size_t pair = 0; pair < recorded.size(); ++pair) {
      const double tolerance = tolerance_of(r, pair, token, recorded[pair]);
      const double c = static_cast<double>(rows.cos(t)[pair]) - cos[pair].get<double>();
      const double s = static_cast<double>(rows.sin(t)[pair]) - sin[pair].get<double>();
      EXPECT_NEAR(c, 0, tolerance) << "cos of token " << token << ", pair " << pair;
      EXPECT_NEAR(s, 0, tolerance) << "sin of token " << token << ", pair " << pair;
      largest = std::max(largest, std::max(std::fabs(c), std::fabs(s)) / tolerance);
    }
  }
  std::printf("%-30s rows: %.2f of the tolerance\n", GetParam().c_str(), largest);
}

/// The two elements of a pair, as the entry describes them.
std::pair<std::size_t, std::size_t> elements_of(const json& entry, std::size_t pair) {
  if (entry.at("pairing") == "interleaved")
    return {2 * pair, 2 * pair + 1};
  const std::size_t half = entry.at("block").get<std::size_t>() / 2;
  const std::size_t first = pair / half * 2 * half + pair % half;
  return {first, first + half};
}

// rope_apply with the pairing of the recipe multiplies the elements of the class by the recorded
// numbers, and leaves the others.
TEST_P(axis_family, rotates_the_elements_of_the_class) {
  const rotation r = make();
  const auto head_dim = r.entry.at("head_dim").get<std::size_t>();
  support::random_source random(5);
  std::vector<float> before;
  for (std::size_t i = 0; i < r.n_tokens() * head_dim; ++i)
    before.push_back(static_cast<float>(random.number(-0.5, 0.5)));
  std::vector<float> after = before;
  const yarn::heads_view x(after.data(), r.n_tokens(), 1, head_dim);
  if (r.family.n_parts == 2) {
    families::gemma4_vision_apply(x, yarn::float32_pipeline(r.part),
                                  yarn::positions(r.positions[0]), yarn::positions(r.positions[1]));
  } else {
    yarn::rope_apply(x, rows_of(r), r.family.pairing);
  }
  const std::vector<float> recorded = r.inv_freq();
  for (std::size_t token = 0; token < r.n_tokens(); ++token) {
    const float* const from = before.data() + token * head_dim;
    const float* const to = after.data() + token * head_dim;
    const json cos = r.row("cos", token), sin = r.row("sin", token);
    for (std::size_t pair = 0; pair < recorded.size(); ++pair) {
      const auto [i, j] = elements_of(r.entry, pair);
      const double x0 = static_cast<double>(from[i]), x1 = static_cast<double>(from[j]);
      const double c = cos[pair], s = sin[pair];
      // |x0| + |x1| <= 1, and the rotation rounds numbers below 1.
      const double tolerance = tolerance_of(r, pair, token, recorded[pair]) + 1.2e-7;
      EXPECT_NEAR(static_cast<double>(to[i]), x0 * c - x1 * s, tolerance)
          << "token " << token << ", pair " << pair;
      EXPECT_NEAR(static_cast<double>(to[j]), x1 * c + x0 * s, tolerance)
          << "token " << token << ", pair " << pair;
    }
    for (std::size_t i = r.entry.at("rotary_dim"); i < head_dim; ++i)
      EXPECT_EQ(support::bits_of(to[i]), support::bits_of(from[i])) << "element " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(all, axis_family, testing::ValuesIn(ids()),
                         [](const auto& id) { return reference::test_name(id.param); });

// The code of docs/axes.md; check_snippets.cmake compares the two.
TEST(axis_families, rotate_an_image_in_the_tower_of_qwen2_vl) {
  std::vector<float> q_data(24 * 16 * 80, 0.5F), k_data = q_data;
  const yarn::heads_view q(q_data.data(), 24, 16, 80), k(k_data.data(), 24, 16, 80);

  const yarn::frequencies vision = families::halves(80); // 80 elements per head; axes: row, column
  families::token_positions patches;
  patches.append_blocks(1, 4, 6, 2); // an image of 4 x 6 patches, in blocks of 2 x 2
  yarn::rotary_rows<float> rows;
  rows.assign(vision, patches.row_column());
  yarn::rope_apply(q, k, rows, yarn::pairing::half_split);

  const recipe* const found = recipe_for("qwen2-vl-vision");
  ASSERT_NE(found, nullptr);
  for (const json& entry : data().at("entries")) {
    if (entry.at("id") != found->entry)
      continue;
    const rotation r = rotation_of(*found, entry);
    for (std::size_t token = 0; token < 24; ++token)
      for (std::size_t i = 0; i < 40; ++i) {
        const double c = r.row("cos", token)[i], s = r.row("sin", token)[i];
        EXPECT_NEAR(static_cast<double>(k_data[token * 1280 + i]), 0.5 * (c - s), 1e-6);
        EXPECT_NEAR(static_cast<double>(q_data[token * 1280 + 1200 + 40 + i]), 0.5 * (c + s), 1e-6);
      }
  }
}

} // namespace
