// SPDX-License-Identifier: MIT
// The numbers, plots, JSON and numpy arrays of the inspector.
#include "file.hpp"
#include "gnuplot.hpp"
#include "json_report.hpp"
#include "methods.hpp"
#include "npy.hpp"
#include "print.hpp"
#include "terminal_plot.hpp"
#include "text.hpp"

#include <yarn/rows.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace {

using inspect::model_report;
using json = nlohmann::json;

model_report report_of(const std::string& text, std::optional<std::int64_t> seq_len = {}) {
  return inspect::make_report("m", yarn::hf_config_from(json::parse(text)), seq_len);
}

constexpr const char* yarn_llama_2 = R"({"head_dim": 128, "rope_theta": 10000,
  "max_position_embeddings": 131072, "rope_scaling": {"type": "yarn", "factor": 32,
  "original_max_position_embeddings": 4096}})";
constexpr const char* proportional = R"({"head_dim": 16, "rope_theta": 10000,
  "max_position_embeddings": 4096, "rope_parameters": {"rope_type": "proportional",
  "partial_rotary_factor": 0.25}})";
constexpr const char* dynamic = R"({"head_dim": 64, "rope_theta": 1000000,
  "max_position_embeddings": 4096, "partial_rotary_factor": 0.5, "rope_scaling": {
  "rope_type": "dynamic", "factor": 4}})";

std::vector<std::string> sample_paths() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(INSPECT_CONFIGS))
    if (entry.path().extension() == ".json")
      paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}
std::vector<model_report> samples() {
  std::vector<model_report> reports;
  for (const std::string& path : sample_paths()) {
    const json config = json::parse(inspect::read_file(path));
    std::vector<std::string> types = yarn::hf_layer_types(config);
    if (types.empty())
      types = {""};
    for (const std::string& type : types) {
      yarn::hf_options layer;
      layer.layer_type = type;
      reports.push_back(inspect::make_report(path, yarn::hf_config_from(config, layer), {}));
    }
  }
  return reports;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}
// The number of code points, each of which takes one column.
std::size_t columns(const std::string& line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}
std::size_t occurrences(const std::string& text, const std::string& of) {
  std::size_t n = 0;
  for (std::size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1))
    ++n;
  return n;
}

std::string temporary(const std::string& name) {
  return (std::filesystem::path(testing::TempDir()) / ("yarn-inspect-" + name)).string();
}

TEST(report, of_yarn_equals_the_formula) {
  const model_report r = report_of(yarn_llama_2);
  ASSERT_EQ(r.pairs.size(), 64U);
  EXPECT_EQ(r.lengths.original, 4096);
  EXPECT_FALSE(r.lengths.original_is_max_position);
  EXPECT_EQ(r.lengths.extended, 131072);
  EXPECT_EQ(r.seq_len, 131072);
  EXPECT_EQ(r.rotary_dim(), 128);
  const double m = 0.1 * std::log(32.0) + 1;
  EXPECT_NEAR(r.logit_factor(), m * m, 1e-14);
  const double pi = 3.14159265358979323846;
  for (int i = 0; i < 64; ++i) {
    const inspect::pair_report& pair = r.pairs[static_cast<std::size_t>(i)];
    const double wavelength = 2 * pi * std::pow(10000.0, 2 * i / 128.0);
    const double ramp = std::clamp((i - 20) / 26.0, 0.0, 1.0);
    const double ratio = ramp / 32 + 1 - ramp;
    EXPECT_NEAR(pair.unscaled_wavelength / wavelength, 1, 1e-13) << i;
    EXPECT_NEAR(pair.ratio / ratio, 1, 1e-13) << i;
    EXPECT_NEAR(pair.wavelength * ratio / wavelength, 1, 1e-13) << i;
    EXPECT_NEAR(pair.turns * wavelength / 4096, 1, 1e-13) << i;
    EXPECT_EQ(pair.inv_freq, r.frequencies.inv_freq()[i]) << i;
    EXPECT_EQ(pair.zone, i <= 20   ? yarn::frequency_zone::extrapolated
                         : i >= 46 ? yarn::frequency_zone::interpolated
                                   : yarn::frequency_zone::blended)
        << i;
  }
  EXPECT_EQ(count(r, yarn::frequency_zone::extrapolated), 21);
  EXPECT_EQ(count(r, yarn::frequency_zone::blended), 25);
  EXPECT_EQ(count(r, yarn::frequency_zone::interpolated), 18);
  EXPECT_EQ(count(r, yarn::frequency_zone::unrotated), 0);
}

TEST(report, uses_the_given_length_or_else_the_extended_one) {
  const model_report extended = report_of(dynamic);
  EXPECT_EQ(extended.lengths.original, 4096);
  EXPECT_EQ(extended.seq_len, 16384);
  EXPECT_FALSE(extended.seq_len_given);
  EXPECT_GT(extended.frequencies.rope_theta(), 1.5e7);
  const model_report original = report_of(dynamic, 4096);
  EXPECT_EQ(original.seq_len, 4096);
  EXPECT_TRUE(original.seq_len_given);
  EXPECT_EQ(original.frequencies.rope_theta(), 1e6);
  EXPECT_EQ(original.rotary_dim(), 32);
}

TEST(report, extends_to_max_position_embeddings_unless_the_factor_reaches_further) {
  const auto extended = [](const std::string& more) {
    return report_of(R"({"head_dim": 64, "rope_theta": 500000, )" + more + "}").lengths;
  };
  EXPECT_EQ(extended(R"("max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3",
    "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
    "original_max_position_embeddings": 8192})")
                .extended,
            131072);
  EXPECT_EQ(extended(R"("max_position_embeddings": 4096)").extended, 4096);
  EXPECT_TRUE(extended(R"("max_position_embeddings": 4096)").original_is_max_position);
  EXPECT_EQ(extended(R"("max_position_embeddings": 4096, "rope_scaling": {"type": "linear",
    "factor": 4})")
                .extended,
            4096);
  // Qwen: the configuration still gives the length before the extension.
  EXPECT_EQ(extended(R"("max_position_embeddings": 32768, "rope_scaling": {"type": "yarn",
    "factor": 4, "original_max_position_embeddings": 32768})")
                .extended,
            131072);
  EXPECT_EQ(extended(R"("rope_scaling": null)").extended, 0);
}

TEST(report, measures_float32_angles) {
  // 10007 * 0.1 in float32, compared with the product in double.
  const model_report r = report_of(R"({"head_dim": 4, "rope_theta": 100,
    "max_position_embeddings": 10008})");
  EXPECT_EQ(r.pairs[1].inv_freq, 0.1);
  const float angle = 10007.0F * 0.1F;
  ASSERT_TRUE(r.float32_angle_error.has_value());
  EXPECT_NEAR(*r.float32_angle_error, std::fabs(static_cast<double>(angle) - 1000.7), 1e-12);
  EXPECT_GT(*r.float32_angle_error, 1e-6);
}

TEST(report, of_an_unrotated_pair_has_an_infinite_wavelength) {
  const model_report r = report_of(proportional);
  EXPECT_EQ(count(r, yarn::frequency_zone::unrotated), 6);
  EXPECT_TRUE(std::isinf(r.pairs[7].wavelength));
  EXPECT_EQ(r.pairs[7].ratio, 0.0);
}

TEST(compare, gives_every_method_the_same_factor_and_length) {
  const model_report base = report_of(yarn_llama_2);
  const auto others = inspect::compare(base, inspect::comparable_methods(), {});
  ASSERT_EQ(others.size(), inspect::comparable_methods().size());
  for (const model_report& other : others) {
    const auto inv_freq = [&](std::size_t i) { return other.pairs[i].inv_freq; };
    EXPECT_EQ(other.seq_len, 131072) << other.name;
    if (other.name == "yarn" || other.name == "dynamic_yarn") {
      for (std::size_t i = 0; i < 64; ++i)
        EXPECT_EQ(inv_freq(i), base.pairs[i].inv_freq) << other.name << i;
      EXPECT_EQ(other.frequencies.attention_factor(), base.frequencies.attention_factor());
    } else {
      EXPECT_EQ(other.frequencies.attention_factor(), 1.0) << other.name;
    }
    if (other.name == "linear") {
      EXPECT_EQ(inv_freq(0), 1.0 / 32);
    } else {
      EXPECT_EQ(inv_freq(0), 1.0) << other.name;
    }
    if (other.name == "default") {
      EXPECT_EQ(other.pairs[63].ratio, 1.0);
    } else {
      EXPECT_NEAR(other.pairs[63].ratio, 1.0 / 32, 1e-15) << other.name;
    }
  }
  EXPECT_EQ(inspect::compare(base, {"linear"}, 4.0)[0].pairs[0].inv_freq, 0.25);
}

TEST(compare, refuses_unknown_methods_and_missing_numbers) {
  const auto message = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "nothing";
  };
  const model_report plain =
      report_of(R"({"head_dim": 64, "rope_theta": 1e4, "max_position_embeddings": 4096})");
  EXPECT_EQ(message([&] { inspect::compare(plain, {"yarn"}, {}); }),
            "--compare: the configuration does not extend the context, so --factor is needed");
  EXPECT_EQ(inspect::compare(plain, {"yarn"}, 2.0).size(), 1U);
  EXPECT_EQ(message([&] {
              inspect::compare(plain, {"longrope"}, 2.0);
            }).rfind("--compare: there is no method \"longrope\"", 0),
            0U);
  const model_report unknown = report_of(R"({"head_dim": 64, "rope_theta": 1e4})");
  EXPECT_EQ(message([&] { inspect::compare(unknown, {"yarn"}, 2.0); }),
            "--compare: the configuration has no original length");
}

TEST(parameters, are_complete) {
  const auto of = [](const char* text) {
    return inspect::parameters_of(report_of(text).config.method).dump();
  };
  EXPECT_EQ(of(yarn_llama_2),
            R"({"factor":32.0,"original_max_position_embeddings":4096,"beta_fast":32.0,)"
            R"("beta_slow":1.0,"attn_factor":1.0,"extrapolation_factor":1.0,"truncate":true,)"
            R"("ramp":"pair_index"})");
  EXPECT_EQ(of(dynamic), R"({"factor":4.0,"max_position_embeddings":4096})");
  EXPECT_EQ(of(R"({"head_dim": 4, "rope_theta": 10000, "original_max_position_embeddings": 64,
    "rope_scaling": {"type": "longrope", "factor": 2, "short_factor": [1, 1.5],
    "long_factor": [1, 2]}})"),
            R"({"original_max_position_embeddings":64,"factor":2.0,"short_factor":[1.0,1.5],)"
            R"("long_factor":[1.0,2.0]})");
}

TEST(json_report, gives_the_same_bits) {
  for (const model_report& r : samples()) {
    const json parsed = json::parse(inspect::json_report(r, {}, {}).dump(1));
    const auto inv_freq = parsed["inv_freq"].get<std::vector<double>>();
    ASSERT_EQ(inv_freq.size(), r.pairs.size()) << r.name;
    EXPECT_EQ(std::memcmp(inv_freq.data(), r.frequencies.inv_freq().data(),
                          inv_freq.size() * sizeof(double)),
              0)
        << r.name;
    EXPECT_EQ(parsed["attention_factor"].get<double>(), r.frequencies.attention_factor());
    EXPECT_EQ(parsed["rope_theta"].get<double>(), r.config.shape.rope_theta);
    EXPECT_EQ(parsed["rotary_dim"], r.rotary_dim());
    EXPECT_EQ(parsed["head_dim"], r.config.shape.head_dim);
    EXPECT_EQ(parsed["rope_type"], r.config.rope_type);
    EXPECT_EQ(parsed["seq_len"], r.seq_len);
    EXPECT_EQ(parsed["unused"], json(r.config.unused));
    const yarn::pair_range range = r.frequencies.correction_range();
    EXPECT_EQ(parsed["correction_range"].is_null(), !range.has_value) << r.name;
    if (range.has_value) {
      EXPECT_EQ(parsed["correction_range"], json({range.low, range.high})) << r.name;
    }
    for (std::size_t i = 0; i < r.pairs.size(); ++i) {
      EXPECT_EQ(parsed["zones"][i], inspect::zone_name(r.pairs[i].zone));
      EXPECT_EQ(parsed["wavelength"][i], r.pairs[i].wavelength);
      EXPECT_EQ(parsed["turns"][i], r.pairs[i].turns);
    }
  }
}

TEST(json_report, has_null_where_there_is_no_number) {
  const json parsed = json::parse(inspect::json_report(report_of(proportional), {}, {}).dump());
  EXPECT_TRUE(parsed["wavelength"][7].is_null());
  EXPECT_EQ(parsed["inv_freq"][7], 0.0);
  EXPECT_EQ(parsed["zones"][7], "unrotated");
  EXPECT_TRUE(parsed["original_max_position_embeddings"].is_null());
  EXPECT_TRUE(parsed["pairing"].is_null());
  EXPECT_TRUE(parsed["layer_type"].is_null());
}

TEST(json_report, lists_warnings_and_notes_separately) {
  const std::vector<inspect::remark> remarks = {{true, "a", "first"}, {false, "b", "second"}};
  const model_report base = report_of(yarn_llama_2);
  const json parsed = json::parse(
      inspect::json_report(base, remarks, inspect::compare(base, {"linear"}, {})).dump());
  EXPECT_EQ(parsed["warnings"], json::parse(R"([{"id": "a", "text": "first"}])"));
  EXPECT_EQ(parsed["notes"], json::parse(R"([{"id": "b", "text": "second"}])"));
  EXPECT_EQ(parsed["compared"][0]["name"], "linear");
  EXPECT_EQ(parsed["compared"][0]["inv_freq"][0], 1.0 / 32);
}

TEST(npy, has_the_header_of_numpy_and_the_entries_of_rows) {
  const model_report r = report_of(yarn_llama_2);
  const std::string path = temporary("table.npy");
  inspect::write_npy(path, r.frequencies, {-3, 5});
  const std::string bytes = inspect::read_file(path);
  std::filesystem::remove(path);
  ASSERT_GE(bytes.size(), 128U);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\1\0", 8));
  const std::size_t header =
      static_cast<unsigned char>(bytes[8]) + 256U * static_cast<unsigned char>(bytes[9]);
  EXPECT_EQ((10 + header) % 64, 0U);
  EXPECT_EQ(bytes[10 + header - 1], '\n');
  EXPECT_EQ(bytes.substr(10, 64),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 8, 64), } ");
  ASSERT_EQ(bytes.size(), 10 + header + 2 * 8 * 64 * sizeof(float));
  for (std::size_t entry = 0; entry < 2 * 8 * 64; ++entry) {
    std::uint32_t bits = 0;
    for (std::size_t byte = 0; byte < 4; ++byte)
      bits |= std::uint32_t{static_cast<unsigned char>(bytes[10 + header + 4 * entry + byte])}
              << 8 * byte;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    const bool is_sin = entry >= 8 * 64;
    const auto position = static_cast<long double>(entry / 64 % 8) - 3;
    const auto angle = position * static_cast<long double>(r.pairs[entry % 64].inv_freq);
    const auto m = static_cast<long double>(r.frequencies.attention_factor());
    const long double exact = m * (is_sin ? std::sin(angle) : std::cos(angle));
    EXPECT_NEAR(value, static_cast<double>(exact), 0.51 * 0x1p-23) << entry;
  }
}

TEST(npy, written_in_sections_has_the_entries_of_rows) {
  const model_report r = report_of(R"({"head_dim": 4, "rope_theta": 10000,
    "max_position_embeddings": 4096})");
  const std::int64_t n = (1 << 20) + 17; // a section has 2^19 positions if there are two pairs
  const std::string path = temporary("large.npy");
  inspect::write_npy(path, r.frequencies, {7, 7 + n});
  const std::string bytes = inspect::read_file(path);
  std::filesystem::remove(path);
  const auto entries = static_cast<std::size_t>(2 * n * 2);
  ASSERT_EQ(bytes.size(), 128 + entries * sizeof(float));
  std::vector<float> cos(entries / 2), sin(entries / 2);
  yarn::fill_rows(r.frequencies, yarn::positions_from(7, n), cos.data(), sin.data(), 2);
  // On a little-endian machine the bytes of the file are those of the floats.
  std::vector<float> values(entries);
  std::memcpy(values.data(), bytes.data() + 128, entries * sizeof(float));
  const std::uint16_t one = 1;
  if (*reinterpret_cast<const unsigned char*>(&one) == 1) {
    EXPECT_TRUE(std::equal(cos.begin(), cos.end(), values.begin()));
    EXPECT_TRUE(std::equal(sin.begin(), sin.end(), values.begin() + static_cast<long>(cos.size())));
  }
}

TEST(npy, refuses_positions_and_files_that_it_cannot_write) {
  const model_report r = report_of(yarn_llama_2);
  const std::string path = temporary("refused.npy");
  EXPECT_THROW(inspect::write_npy(path, r.frequencies, {0, std::int64_t{1} << 31}),
               std::invalid_argument);
  EXPECT_FALSE(std::filesystem::exists(path));
  // With 64 pairs, 2^24 positions take 8 GiB.
  EXPECT_THROW(inspect::write_npy(path, r.frequencies, {0, (1 << 24) + 1}), std::invalid_argument);
  EXPECT_THROW(inspect::write_npy(path + "/x/y", r.frequencies, {0, 1}), std::runtime_error);
  if (std::filesystem::exists("/dev/full")) {
    EXPECT_THROW(inspect::write_npy("/dev/full", r.frequencies, {0, 1}), std::runtime_error);
    EXPECT_TRUE(
        std::filesystem::exists("/dev/full")); // an incomplete file is removed, a device not
  }
}

TEST(positions, are_read_from_begin_and_end) {
  const auto range = [](const char* text) {
    const inspect::position_range r = inspect::position_range_from(text);
    return std::make_pair(r.begin, r.end);
  };
  EXPECT_EQ(range("0:4096"), std::make_pair(std::int64_t{0}, std::int64_t{4096}));
  EXPECT_EQ(range("-2147483648:2147483649"),
            std::make_pair(std::int64_t{-2147483648}, std::int64_t{2147483649}));
  for (const char* wrong : {"", ":", "4", "4:", ":4", "a:4", "0:b", "0:4:8", "0-4", "0: 4", "4:4",
                            "5:4", "-2147483649:0", "0:2147483650", "0:99999999999999999999"})
    EXPECT_THROW(inspect::position_range_from(wrong), std::invalid_argument) << wrong;
}

TEST(terminal_plot, fits_80_columns) {
  std::vector<model_report> all = samples();
  all.push_back(report_of(proportional));
  all.push_back(report_of(dynamic));
  for (const std::int64_t dim : {2, 4, 6, 40, 136, 138, 512, 4096})
    all.push_back(report_of(R"({"rope_theta": 10000, "max_position_embeddings": 4096,
      "head_dim": )" + std::to_string(dim) +
                            "}"));
  ASSERT_GE(all.size(), 14U);
  for (const model_report& r : all)
    for (const bool ascii : {false, true}) {
      const std::string text = inspect::terminal_plot(r, ascii);
      EXPECT_EQ(lines_of(text).size(), 22U) << text;
      for (const std::string& line : lines_of(text)) {
        EXPECT_LE(columns(line), 80U) << line;
        EXPECT_TRUE(line.empty() || line.back() != ' ' || line.size() < 14) << line;
      }
      if (ascii) {
        EXPECT_EQ(columns(text), text.size());
      }
    }
}

TEST(terminal_plot, shows_wavelengths_before_and_after_scaling) {
  const std::vector<std::string> lines =
      lines_of(inspect::terminal_plot(report_of(yarn_llama_2), true));
  // A line has a label, an axis, and a column for each pair. The first pairs are not scaled.
  const auto row_of = [&](std::size_t pair, char mark) {
    for (std::size_t row = 1; row <= 18; ++row)
      if (lines[row].size() > 12 + pair && lines[row][12 + pair] == mark)
        return static_cast<int>(row);
    return -1;
  };
  EXPECT_EQ(row_of(0, '#'), 18);
  EXPECT_EQ(row_of(0, 'o'), -1);
  EXPECT_EQ(row_of(20, 'o'), -1);
  EXPECT_EQ(row_of(63, '#'), 1);
  // A factor of 32 is 1.5 decades. The first and the last row of the plot are 17 rows and 5.44
  // decades apart, so 1.5 decades are 4.7 rows.
  EXPECT_NEAR(row_of(63, 'o') - row_of(63, '#'), 4.7, 0.7);
  EXPECT_EQ(lines[21], "  o unscaled   # scaled   - original 4096   . extended 131072");
  const std::string never = inspect::terminal_plot(report_of(proportional), true);
  EXPECT_NE(lines_of(never)[1].find("^^^^"), std::string::npos) << never;
  EXPECT_NE(never.find("^ does not turn"), std::string::npos);
}

TEST(print, fits_80_columns) {
  for (const model_report& r : samples()) {
    std::string text = inspect::print_pairs(r);
    text += inspect::print_remarks({{true, "id", std::string(40, 'x') + " " + std::string(60, 'y')},
                                    {false, "id", "a\nb " + std::string(50, 'z') + " end of it"}});
    if (r.config.rope_type == "yarn")
      text += inspect::print_comparison(r, inspect::compare(r, inspect::comparable_methods(), {}));
    model_report named = r;
    named.name = "m";
    text += inspect::print_summary(named);
    for (const std::string& line : lines_of(text))
      EXPECT_LE(columns(line), 80U) << line;
  }
}

TEST(print, shows_the_resolved_method_and_numbers) {
  const std::string text = inspect::print_summary(report_of(yarn_llama_2));
  for (const char* words :
       {"rope_type           yarn (yarn::yarn_scaling)\n", "beta_fast 32, beta_slow 1",
        "128, all of it rotated: 64 pairs\n", "1.34657359 on cos and sin", "1.813260434\n",
        "kept up to pair 20, interpolated from pair 46 on\n",
        "21 extrapolated, 25 blended, 18 interpolated\n", "unused keys         none\n"})
    EXPECT_NE(text.find(words), std::string::npos) << words << "\n" << text;
  const std::string changed = inspect::print_summary(report_of(dynamic));
  EXPECT_NE(changed.find("1000000, in use 15424327.66"), std::string::npos) << changed;
  EXPECT_NE(changed.find("64, 32 rotated: 16 pairs"), std::string::npos) << changed;
  EXPECT_NE(inspect::print_pairs(report_of(proportional)).find("  never "), std::string::npos);
}

TEST(text, of_lengths_has_four_digits_and_a_suffix) {
  EXPECT_EQ(inspect::tokens(6.283185), "6.283");
  EXPECT_EQ(inspect::tokens(999.94), "999.9");
  EXPECT_EQ(inspect::tokens(999.96), "1k");
  EXPECT_EQ(inspect::tokens(54410.0), "54.41k");
  EXPECT_EQ(inspect::tokens(1.741e6), "1.741M");
  EXPECT_EQ(inspect::tokens(HUGE_VAL), "never");
  EXPECT_EQ(inspect::one_line("a\nb\tc\x7f"
                              "d"),
            "a b c d");
  EXPECT_EQ(inspect::format("%s", std::string(5000, 'x').c_str()).size(), 5000U);
}

TEST(gnuplot, scripts_hold_the_numbers) {
  model_report r = report_of(yarn_llama_2);
  r.name = "it's\n`x`";
  const std::string script = inspect::wavelength_script({r});
  EXPECT_NE(script.find("set title 'it''s `x`, yarn x32: RoPE wavelengths'\n"), std::string::npos);
  EXPECT_NE(script.find("63 1741124"), std::string::npos); // 32 * 2 pi 10000^(126/128)
  EXPECT_NE(script.find("63 54410."), std::string::npos);
  EXPECT_NE(script.find("'original 4096'"), std::string::npos);
  EXPECT_NE(script.find("'extended 131072'"), std::string::npos);
  EXPECT_EQ(occurrences(script, "\ne\n"), 4U); // before the scaling, and three zones
}

TEST(gnuplot, draws_equal_curves_once) {
  const model_report base = report_of(yarn_llama_2);
  std::vector<model_report> all = inspect::compare(base, {"yarn", "linear", "default"}, {});
  all.insert(all.begin(), base);
  const std::string wavelengths = inspect::wavelength_script(all);
  // Before the scaling, YaRN (which is there twice), linear, default.
  EXPECT_EQ(occurrences(wavelengths, "\ne\n"), 4U);
  EXPECT_EQ(occurrences(wavelengths, "NaN with"), 1U);
  const std::string attention = inspect::attention_script(all);
  EXPECT_EQ(occurrences(attention, "\ne\n"), 2U);
  EXPECT_EQ(occurrences(attention, "NaN with"), 2U);
  for (const char* title : {"'m, yarn'", "'yarn'", "'linear'", "'default'"})
    EXPECT_EQ(occurrences(attention, std::string("title ") + title), 1U) << title;
  EXPECT_NE(attention.find("\n131072 1.34657359"), std::string::npos);
}

TEST(gnuplot, refuses_files_other_than_png_and_svg) {
  EXPECT_THROW(inspect::draw("", temporary("x.pdf")), std::invalid_argument);
}

} // namespace
