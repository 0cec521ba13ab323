// SPDX-License-Identifier: MIT
// yarn/gguf.hpp: the axes that rope.dimension_sections and the architecture give the pairs. The
// oracle is the loop of ggml over the pairs (ggml_mrope_cache_init), written a second time.
#include "../support/expect_error.hpp"
#include "../support/gguf_reading.hpp"

namespace {

using support::has_note;
using support::memory_gguf;
using support::read_gguf;
using axes = std::vector<std::uint8_t>;

memory_gguf with_sections(const char* architecture, const std::vector<double>& sections,
                          int head_dim = 16) {
  memory_gguf file(architecture);
  file.set("attention.key_length", head_dim).set("rope.freq_base", 10000);
  return file.set("rope.dimension_sections", sections);
}
axes axes_in(const char* architecture, const std::vector<double>& sections, int head_dim = 16) {
  return read_gguf(with_sections(architecture, sections, head_dim)).axis_of_pair;
}

/// The axis that ggml gives a pair; 3 is the fourth position.
int axis_in_ggml(int pair, const std::vector<int>& s, bool is_imrope) {
  const int sector = pair % (s[0] + s[1] + s[2] + s[3]);
  const int end_h = s[0] + s[1];
  const int end_w = end_h + s[2];
  if (is_imrope) {
    const bool is_h = sector % 3 == 1 && sector < 3 * s[1];
    const bool is_w = sector % 3 == 2 && sector < 3 * s[2];
    const bool is_t = sector % 3 == 0 && sector < 3 * s[0];
    return is_h ? 1 : is_w ? 2 : is_t ? 0 : 3;
  }
  return sector < s[0] ? 0 : sector < end_h ? 1 : sector < end_w ? 2 : 3;
}

TEST(gguf_axes, of_qwen_are_contiguous_or_interleaved_sections) {
  const memory_gguf qwen2 = with_sections("qwen2vl", {16, 24, 24, 0}, 128);
  const auto config = read_gguf(qwen2);
  EXPECT_EQ(config.dimension_sections, (std::vector<std::int64_t>{16, 24, 24, 0}));
  EXPECT_EQ(config.n_axes, 3);
  axes expected(16, 0);
  expected.insert(expected.end(), 24, 1);
  expected.insert(expected.end(), 24, 2);
  EXPECT_EQ(config.axis_of_pair, expected);
  EXPECT_EQ(config.unused, std::vector<std::string>{});
  EXPECT_EQ(config.notes, std::vector<std::string>{});
  EXPECT_EQ(yarn::gguf_pairing(config), yarn::pairing::half_split);

  for (const char* name : {"qwen35", "qwen35moe", "qwen3vl", "qwen3vlmoe"}) {
    EXPECT_EQ(axes_in(name, {3, 3, 2, 0}), (axes{0, 1, 2, 0, 1, 2, 0, 1})) << name;
  }
  for (const char* name : {"qwen2vl", "paddleocr", "glm4", "glm4moe", "hunyuan_vl"}) {
    EXPECT_EQ(axes_in(name, {3, 3, 2, 0}), (axes{0, 0, 0, 1, 1, 1, 2, 2})) << name;
  }
}

TEST(gguf_axes, are_in_the_frequencies) {
  memory_gguf file = with_sections("qwen3vl", {24, 20, 20, 0}, 128);
  const auto plain = support::frequencies_by(128, 10000, yarn::default_scaling{});
  for (const bool has_divisors : {false, true}) {
    if (has_divisors) {
      file.tensors["rope_freqs.weight"] = std::vector<float>(64, 2.0F);
    }
    const auto freqs = support::frequencies_in(file);
    EXPECT_EQ(freqs.n_axes(), 3);
    EXPECT_EQ(freqs.inv_freq()[5], plain.inv_freq()[5] / (has_divisors ? 2 : 1));
    const auto expected = yarn::with_axes(plain, yarn::interleaved_sections(24, 20, 20));
    for (std::int64_t pair = 0; pair < 64; ++pair) {
      EXPECT_EQ(freqs.axis(pair), expected.axis(pair)) << pair;
    }
  }
}

// In ggml, the pairs in no section turn with the fourth position.
TEST(gguf_axes, of_pairs_in_no_section_are_noted) {
  const auto config = read_gguf(with_sections("qwen3vl", {24, 20, 20, 0}, 128));
  EXPECT_EQ(axis_in_ggml(61, {24, 20, 20, 0}, true), 3);
  EXPECT_EQ(config.axis_of_pair[61], 0);
  EXPECT_TRUE(has_note(config, "2 pairs are in no section"));
  EXPECT_FALSE(has_note(read_gguf(with_sections("qwen35", {11, 11, 10, 0}, 64)), "no section"));
  const auto fourth = read_gguf(with_sections("qwen3vl", {2, 2, 2, 2}));
  EXPECT_EQ(fourth.n_axes, 4);
  EXPECT_EQ(fourth.axis_of_pair, (axes{0, 1, 2, 0, 1, 2, 3, 3}));
  EXPECT_FALSE(has_note(fourth, "no section"));
}

TEST(gguf_axes, are_those_of_ggml_for_all_small_sections) {
  int n_read = 0;
  for (int code = 0; code < 625; ++code) {
    const std::vector<int> s = {code % 5, code / 5 % 5, code / 25 % 5, code / 125};
    const int sum = s[0] + s[1] + s[2] + s[3];
    if (sum == s[3] || sum > 8) {
      continue; // ggml or this reader refuses these
    }
    const std::vector<double> sections(s.begin(), s.end());
    for (const bool alternates : {false, true}) {
      const auto config = read_gguf(with_sections(alternates ? "qwen3vl" : "qwen2vl", sections));
      ASSERT_EQ(config.axis_of_pair.size(), 8U);
      EXPECT_EQ(config.n_axes, s[3] > 0 ? 4 : 3);
      EXPECT_EQ(has_note(config, "pattern repeats"), sum < 8);
      for (int pair = 0; pair < 8; ++pair) {
        const int in_ggml = axis_in_ggml(pair, s, alternates);
        const int expected = in_ggml == 3 && s[3] == 0 ? 0 : in_ggml;
        EXPECT_EQ(config.axis_of_pair[static_cast<std::size_t>(pair)], expected)
            << "sections " << s[0] << " " << s[1] << " " << s[2] << " " << s[3] << ", pair " << pair
            << (alternates ? ", alternating" : "");
      }
      ++n_read;
    }
  }
  EXPECT_EQ(n_read, 2 * 350);
}

TEST(gguf_axes, of_other_architectures_are_ignored_and_noted) {
  const auto ignored = read_gguf(with_sections("llama", {3, 3, 2, 0}));
  EXPECT_EQ(ignored.n_axes, 1);
  EXPECT_TRUE(ignored.axis_of_pair.empty());
  EXPECT_TRUE(has_note(ignored, "llama.rope.dimension_sections has no effect"));
  const auto unknown = read_gguf(with_sections("warm", {3, 3, 2, 0}));
  EXPECT_EQ(unknown.n_axes, 1);
  EXPECT_TRUE(has_note(unknown, "warm.rope.dimension_sections: it is not known"));
  EXPECT_EQ(yarn::make_frequencies(unknown, 0).n_axes(), 1);
  // use_mrope() of llama.cpp looks at the first two sections.
  const auto glm = read_gguf(with_sections("glm4", {0, 3, 5, 0}));
  EXPECT_EQ(glm.n_axes, 1);
  EXPECT_TRUE(has_note(glm, "glm4.rope.dimension_sections has no effect"));
  EXPECT_EQ(yarn::gguf_pairing(glm), yarn::pairing::interleaved);
  const auto used = read_gguf(with_sections("glm4", {3, 3, 2, 0}));
  EXPECT_EQ(yarn::gguf_pairing(used), yarn::pairing::half_split);
  const auto absent = read_gguf(with_sections("glm4", {0, 0, 0, 0}));
  EXPECT_TRUE(absent.dimension_sections.empty());
  EXPECT_EQ(absent.notes, std::vector<std::string>{});
}

TEST(gguf_axes, are_refused_if_the_sections_do_not_fit) {
  const auto expect_refused = [](const memory_gguf& file,
                                 std::initializer_list<std::string> words) {
    support::expect_error<std::invalid_argument>([&] { read_gguf(file); }, words);
  };
  for (const char* name : {"qwen2vl", "qwen3vl"}) {
    const std::string key = std::string(name) + ".rope.dimension_sections";
    expect_refused(with_sections(name, {0, 0, 0, 0}), {key, "first three", "must be > 0"});
    expect_refused(memory_gguf(with_sections(name, {})).drop("rope.dimension_sections"),
                   {key, "is missing"});
    expect_refused(with_sections(name, {0, 0, 0, 8}), {key, "first three", "must be > 0"});
    expect_refused(with_sections(name, {3, 3, 3, 0}), {key, "9 pairs", "the 8 of the model"});
    expect_refused(with_sections(name, {8, 4, 4, 0}), {key, "16 pairs", "the 8 of the model"});
    expect_refused(with_sections(name, {2, 2, 2, 1, 1}), {key, "5 sections", "at most 4"});
  }
}

} // namespace
