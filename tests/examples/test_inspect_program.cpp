// SPDX-License-Identifier: MIT
// The inspector as a program: exit codes, one line per error, and no incomplete files.
#include "npy.hpp"

#include <yarn/hf_config.hpp>
#include <yarn/rows.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct result {
  int code;
  std::string out;
  std::string err;
};

class program : public testing::Test {
protected:
  program() : folder_(fs::path(testing::TempDir()) / ("yarn-inspect-" + name())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~program() override { fs::remove_all(folder_); }

  // Runs `inspect arguments` in a shell. `before` precedes the name of the program.
  result run(const std::string& arguments, const std::string& before = "") const {
    const std::string command = before + "\"" INSPECT_PROGRAM "\" " + arguments + " > \"" +
                                file("stdout") + "\" 2> \"" + file("stderr") + "\"";
    return {code_of(command), content(file("stdout")), content(file("stderr"))};
  }
  static int code_of(const std::string& command) {
    const int status = std::system(command.c_str());
#if defined(WEXITSTATUS)
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
#else
    return status;
#endif
  }

  // Expects exit code 2, nothing on stdout, and one line on stderr that contains these texts.
  void expect_refused(const std::string& arguments, const std::string& words,
                      const std::string& before = "") const {
    const result r = run(arguments, before);
    EXPECT_EQ(r.code, 2) << arguments;
    EXPECT_EQ(r.out, "") << arguments;
    EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << arguments << "\n" << r.err;
    EXPECT_EQ(r.err.rfind("inspect: ", 0), 0U) << arguments << "\n" << r.err;
    EXPECT_NE(r.err.find(words), std::string::npos) << arguments << "\n" << r.err;
  }

  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  std::string config(const std::string& text) const {
    std::ofstream(file("config.json"), std::ios::binary) << text;
    return "\"" + file("config.json") + "\"";
  }
  static std::string sample(const std::string& name) {
    return "\"" INSPECT_CONFIGS "/" + name + ".json\"";
  }

private:
  static std::string name() {
    return testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  fs::path folder_;
};

TEST_F(program, reports_every_sample) {
  int samples = 0;
  for (const auto& entry : fs::directory_iterator(INSPECT_CONFIGS)) {
    if (entry.path().extension() != ".json")
      continue;
    ++samples;
    const result r = run("\"" + entry.path().string() + "\"");
    EXPECT_EQ(r.code, 0) << entry.path();
    EXPECT_EQ(r.err, "") << entry.path();
    EXPECT_EQ(r.out.rfind(entry.path().stem().string(), 0), 0U) << r.out;
    EXPECT_NE(r.out.find("rope_type"), std::string::npos);
    EXPECT_EQ(r.out.find("warning:"), std::string::npos) << r.out;
  }
  EXPECT_EQ(samples, 5);
}

TEST_F(program, names_a_model_by_its_folder_if_the_file_is_config_json) {
  EXPECT_EQ(run(config(R"({"head_dim": 64, "rope_theta": 1e4})")).out.rfind("yarn-inspect-", 0),
            0U);
}

TEST_F(program, prints_json_with_the_bits_of_the_library) {
  const result r = run(sample("gpt-oss-20b") + " --json --seq-len 5000");
  ASSERT_EQ(r.code, 0) << r.err;
  const json parsed = json::parse(r.out);
  const yarn::hf_config config = yarn::hf_config_from_file(INSPECT_CONFIGS "/gpt-oss-20b.json");
  const yarn::frequencies freqs = yarn::make_frequencies(config.shape, config.method, 5000);
  const auto inv_freq = parsed["inv_freq"].get<std::vector<double>>();
  ASSERT_EQ(inv_freq.size(), 32U);
  EXPECT_EQ(std::memcmp(inv_freq.data(), freqs.inv_freq().data(), 32 * sizeof(double)), 0);
  EXPECT_EQ(parsed["attention_factor"].get<double>(), freqs.attention_factor());
  EXPECT_EQ(parsed["correction_range"][0].get<double>(), freqs.correction_range().low);
  EXPECT_EQ(parsed["seq_len"], 5000);
  EXPECT_EQ(parsed["warnings"], json::array());
  EXPECT_EQ(parsed["notes"][0]["id"], "truncate-false");
}

TEST_F(program, takes_theta_from_an_option_if_the_configuration_has_none) {
  const std::string file = config(R"({"head_dim": 64})");
  EXPECT_EQ(run(file).code, 2);
  const result r = run(file + " --json --default-rope-theta 10000");
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(json::parse(r.out)["rope_theta"], 10000.0);
}

TEST_F(program, prints_an_array_if_layer_types_differ) {
  const result all = run(sample("gemma-3-12b") + " --json");
  ASSERT_EQ(all.code, 0) << all.err;
  const json parsed = json::parse(all.out);
  ASSERT_EQ(parsed.size(), 2U);
  EXPECT_EQ(parsed[0]["layer_type"], "sliding_attention"); // that of the first layer
  EXPECT_EQ(parsed[0]["inv_freq"][0], 1.0);
  EXPECT_EQ(parsed[1]["inv_freq"][0], 0.125);
  const json sliding =
      json::parse(run(sample("gemma-3-12b") + " --json --layer-type sliding_attention").out);
  EXPECT_EQ(sliding["rope_theta"], 10000.0);
}

TEST_F(program, writes_a_table_with_the_bits_of_rows) {
  const std::string path = file("out.npy");
  const result r = run(sample("phi-3.5-mini") + " --table \"" + path + "\" --positions -5:20");
  ASSERT_EQ(r.code, 0) << r.err;
  const std::string bytes = content(path);
  ASSERT_EQ(bytes.size(), 128U + 2 * 25 * 48 * sizeof(float));
  EXPECT_NE(bytes.find("'shape': (2, 25, 48), }"), std::string::npos);
  const yarn::hf_config config = yarn::hf_config_from_file(INSPECT_CONFIGS "/phi-3.5-mini.json");
  const yarn::frequencies freqs = yarn::make_frequencies(config.shape, config.method, 131072);
  float values[2][25][48];
  std::memcpy(values, bytes.data() + 128, sizeof values);
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions_from(-5, 25));
  const std::uint16_t one = 1;
  // The file is little-endian, but the expected bytes have the order of this machine.
  if (*reinterpret_cast<const unsigned char*>(&one) != 1)
    GTEST_SKIP() << "needs a little-endian machine";
  for (int t = 0; t < 25; ++t) {
    EXPECT_EQ(std::memcmp(values[0][t], rows.cos(t), sizeof values[0][t]), 0) << t;
    EXPECT_EQ(std::memcmp(values[1][t], rows.sin(t), sizeof values[1][t]), 0) << t;
  }
}

TEST_F(program, refuses_files_that_are_no_configuration) {
  expect_refused("\"" + file("") + "\"", "is a directory");
  expect_refused("\"" + file("missing.json") + "\"", "cannot be opened: No such file");
  expect_refused(config(""), "config.json: is empty");
  expect_refused(config("not JSON"), "config.json: is not JSON: parse error at line 1, column 2");
  expect_refused(config("{\"a\": \"\n\"}"), "is not JSON");
  expect_refused(config("\xff\xfe\n\n"), "is not JSON");
  expect_refused(config("[1, 2]"), "must be an object");
  expect_refused(config(std::string(3000000, '[')), "is not JSON");
  if (fs::exists("/proc/self/mem"))
    expect_refused("/proc/self/mem", "cannot be read");
  if (fs::exists("/dev/zero"))
    expect_refused("/dev/zero", "more than 64 MiB");
  expect_refused("", "config is required");
}

TEST_F(program, refuses_configurations_that_are_wrong) {
  expect_refused(config("{}"), "rope_theta");
  expect_refused(config(R"({"rope_theta": 10000})"), "head_dim");
  expect_refused(config(R"({"head_dim": 64, "rope_theta": NaN})"), "is not JSON");
  expect_refused(config(R"({"head_dim": 64, "rope_theta": 1e400})"), "number overflow");
  expect_refused(config(R"({"head_dim": 63, "rope_theta": 1e4})"), "must be even");
  expect_refused(config(R"({"head_dim": 1e30, "rope_theta": 1e4})"), "head_dim = 1e+30");
  expect_refused(config(R"({"head_dim": 64, "rope_theta": "10000"})"), "must be a number");
  expect_refused(config(R"({"head_dim": 64, "rope_theta": 1e4, "rope_scaling": {"type": "a\nb"}})"),
                 "must be one of");
  expect_refused(config(R"({"head_dim": 64, "rope_theta": 1e4, "rope_scaling": {"type": "yarn",
    "factor": 2}})"),
                 "original_max_position_embeddings is missing");
}

TEST_F(program, refuses_options_that_are_wrong) {
  const std::string llama = sample("llama-3.1-8b");
  for (const char* length : {"0", "-1", "abc", "1e5", "4096 ", "99999999999999999999"})
    expect_refused(llama + " --seq-len=\"" + length + "\"",
                   std::string("--seq-len = \"") + length + "\" must be a whole number of tokens");
  expect_refused(llama + " --seq-len=", "--seq-len");
  expect_refused(llama + " --seq-len -1", "must be a whole number of tokens in [1, 2^31]");
  expect_refused(llama + " --layer-type full_attention", "all layers have the same RoPE");
  expect_refused(sample("gemma-3-12b") + " --layer-type global",
                 "is not one of the configuration's: full_attention, sliding_attention");
  expect_refused(llama + " --nonsense", "--nonsense");
  expect_refused(llama + " --compare longrope", "known: default, linear, ntk,");
  expect_refused(llama + " --compare yarn --factor 0", "--factor = 0 must be finite and > 0");
  expect_refused(llama + " --compare yarn --factor nan", "must be finite");
  expect_refused(llama + " --factor 2", "--compare, which is missing");
  expect_refused(llama + " --default-rope-theta 0", "--default-rope-theta = 0 must be finite");
  expect_refused(sample("gemma-3-12b") + " --compare yarn", "--compare takes one configuration");
  expect_refused(llama + " --table x.npy", "--table requires --positions");
  expect_refused(llama + " --positions 0:4", "--positions requires --table");
}

TEST_F(program, refuses_files_that_it_cannot_write) {
  const std::string llama = sample("llama-3.1-8b");
  expect_refused(llama + " --positions 0:4 --table \"" + file("no/such/out.npy") + "\"",
                 "cannot be opened for writing");
  expect_refused(llama + " --positions 0:4 --table \"" + file("") + "\"",
                 "cannot be opened for writing");
  expect_refused(llama + " --positions 0:99999999 --table \"" + file("out.npy") + "\"",
                 "has 47.7 GiB; at most 8 are written");
  EXPECT_FALSE(fs::exists(file("out.npy")));
  if (fs::exists("/dev/full"))
    expect_refused(llama + " --positions 0:4 --table /dev/full",
                   "/dev/full: cannot be written: No space left on device");
  expect_refused(llama + " --plot \"" + file("x.pdf") + "\"", "must end in .png or .svg");
}

TEST_F(program, fails_if_stdout_cannot_be_written) {
  // Every write to /dev/full fails. Linux has this file; macOS and Windows do not.
  if (!fs::exists("/dev/full"))
    GTEST_SKIP() << "needs /dev/full";
  const std::string inspect = "\"" INSPECT_PROGRAM "\" " + sample("llama-3.1-8b");
  const std::string errors = " 2> \"" + file("stderr") + "\"";
  EXPECT_EQ(code_of(inspect + " > /dev/full" + errors), 1);
  EXPECT_EQ(content(file("stderr")),
            "inspect: stdout cannot be written: No space left on device\n");
  EXPECT_EQ(code_of(inspect + " --json > /dev/full" + errors), 1);
  EXPECT_EQ(code_of(inspect + " >&-" + errors), 1);
  EXPECT_EQ(code_of(inspect + " --help > /dev/full" + errors), 1);
  // The reader of the pipe ends before the program writes.
  EXPECT_EQ(code_of("{ sleep 0.3; " + inspect + errors + "; echo $? > \"" + file("code") +
                    "\"; } | true"),
            0);
  for (int i = 0; i < 100 && content(file("code")).empty(); ++i)
    EXPECT_EQ(code_of("sleep 0.1"), 0);
  EXPECT_EQ(content(file("code")), "1\n");
  EXPECT_EQ(content(file("stderr")), "inspect: stdout cannot be written: Broken pipe\n");
}

TEST_F(program, reports_that_gnuplot_is_missing) {
  const std::string path = file("x.png");
  expect_refused(sample("llama-3.1-8b") + " --plot \"" + path + "\"",
                 "gnuplot is not installed (not found in PATH)", "PATH=/nonexistent ");
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(program, reports_that_gnuplot_fails) {
  fs::create_directory(file("bin"));
  std::ofstream(file("bin/gnuplot")) << "#!/bin/sh\necho 'line one' >&2\necho two >&2\nexit 1\n";
  fs::permissions(file("bin/gnuplot"), fs::perms::owner_all);
  expect_refused(sample("llama-3.1-8b") + " --plot \"" + file("x.png") + "\"",
                 "gnuplot failed on " + file("x.png") + ": line one two",
                 "PATH=\"" + file("bin") + ":$PATH\" ");
}

TEST_F(program, draws_png_and_svg) {
  // gnuplot is optional. reports_that_gnuplot_is_missing tests the inspector without gnuplot.
  if (code_of("gnuplot --version > \"" + file("version") + "\" 2>&1") != 0)
    GTEST_SKIP() << "gnuplot is not installed";
  const std::string picture = file("it's.png"), vectors = file("a.svg");
  const result r = run(sample("yarn-llama-2-7b-128k") + " --compare all --plot \"" + picture +
                       "\" --attention-plot \"" + vectors + "\"");
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.err, "");
  EXPECT_EQ(content(picture).substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_GT(content(picture).size(), 20000U);
  const std::string svg = content(vectors);
  EXPECT_EQ(svg.rfind("<?xml", 0), 0U);
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
  for (const char* words : {"dynamic_yarn", "0.1 ln(l/4096) + 1", "its square, on logits"})
    EXPECT_NE(svg.find(words), std::string::npos) << words;
}

TEST_F(program, prints_its_options_for_help) {
  const result r = run("--help");
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.err, "");
  EXPECT_NE(r.out.find("--seq-len"), std::string::npos);
}

} // namespace
