// SPDX-License-Identifier: MIT
// The trained model of examples/evaluation reads the pages of docs/, on which it was not trained.
// docs/evidence.md has the same evaluations with more text; the margins here hold for models that
// were trained with other seeds, too.
#include <evaluation/cached_keys.hpp>
#include <evaluation/checkpoint.hpp>
#include <evaluation/fine_tuning.hpp>
#include <evaluation/formats.hpp>
#include <evaluation/limits.hpp>
#include <evaluation/passkey.hpp>
#include <evaluation/perplexity.hpp>
#include <evaluation/temperature.hpp>

#include <gtest/gtest.h>

#include <filesystem>

namespace {

using evaluation::bytes;
using evaluation::cell;
using evaluation::evaluation_input;
using evaluation::Index;
using evaluation::named_values;
using evaluation::table;

const evaluation_input& input() {
  static const evaluation_input in = [] {
    const std::string model = YARN_EVALUATION_MODEL;
    std::vector<std::filesystem::path> pages;
    for (const auto& entry : std::filesystem::directory_iterator(YARN_DOCS_DIR))
      if (entry.path().extension() == ".md")
        pages.push_back(entry.path());
    std::sort(pages.begin(), pages.end());
    bytes text;
    for (const auto& page : pages)
      text += evaluation::read_bytes(page.string()) + '\0';
    return evaluation_input{
        evaluation::read_file<float>(evaluation::read_bytes(model), model).state.model, "",
        evaluation::texts(text)};
  }();
  return in;
}

table run(table (*command)(const evaluation_input&, named_values&),
          std::initializer_list<const char*> list) {
  named_values arguments{static_cast<int>(list.size()), list.begin()};
  return command(input(), arguments);
}

/// The number in a column of the row that has these texts in its first columns.
double at(const table& t, const char* column, const std::vector<std::string>& row_key) {
  const auto c = static_cast<std::size_t>(std::find(t.columns.begin(), t.columns.end(), column) -
                                          t.columns.begin());
  for (const auto& row : t.rows) {
    bool found = true;
    for (std::size_t i = 0; i < row_key.size(); ++i)
      found = found && evaluation::text_of(row[i]) == row_key[i];
    if (found)
      return std::holds_alternative<double>(row.at(c))
                 ? std::get<double>(row[c])
                 : static_cast<double>(std::get<long long>(row.at(c)));
  }
  ADD_FAILURE() << "no row " << row_key.at(0);
  return std::nan("");
}

table losses_at(const char* length) {
  return run(evaluation::perplexity, {"--lengths", length, "--n_passages", "3", "--methods",
                                      "none,pi,ntk,by_parts_index,yarn"});
}
/// Nats per byte of texts of 1024 bytes.
double loss(const std::string& method) {
  static const table t = losses_at("1024");
  return at(t, "nats_per_byte", {method, "1024"});
}

TEST(evaluation_model, perplexity_beyond_the_context_is_lowest_with_yarn_and_highest_with_pi) {
  const table t = losses_at("2048");
  const double with_yarn = at(t, "nats_per_byte", {"yarn", "2048"});
  for (const char* other : {"none", "ntk", "by_parts_index"})
    EXPECT_LT(with_yarn + 0.01, at(t, "nats_per_byte", {other, "2048"})) << other;
  EXPECT_GT(loss("pi"), loss("none") + 1);
}

TEST(evaluation_model, perplexity_is_lower_with_the_attention_factor_of_the_paper_than_with_1) {
  const double m = 0.1 * std::log(4.0) + 1;
  const std::string squared = evaluation::to_text(m * m);
  const table t = run(evaluation::temperature, {"--factors", "4", "--n_passages", "3", "--first",
                                                squared.c_str(), "--last", squared.c_str()});
  EXPECT_LT(loss("yarn") + 0.005, std::get<double>(t.rows.at(0).at(3)));
  EXPECT_LT(loss("yarn") + 0.01, loss("by_parts_index")); // the factor 1
}

TEST(evaluation_model, keys_beyond_the_context_are_found_best_with_yarn) {
  const table t = run(evaluation::passkey, {"--lengths", "1024", "--n_passages", "4", "--n_depths",
                                            "3", "--methods", "none,pi,yarn"});
  const auto of = [&](const char* column, const char* method) {
    return at(t, column, {method, "1024", "all"});
  };
  EXPECT_GE(of("accuracy", "yarn"), of("accuracy", "none") + 0.05);
  EXPECT_LE(of("accuracy", "pi"), 0.1);
  EXPECT_LT(of("nats_per_digit", "yarn") + 0.5, of("nats_per_digit", "none"));
}

TEST(evaluation_model, texts_within_the_context_have_the_loss_of_no_scaling_with_dynamic_methods) {
  const auto passages = evaluation::choose_passages(input(), 3, 256);
  const auto nats = [&](const char* method) {
    const auto f = evaluation::frequencies_for(method, input().model.config, {}, 256);
    return evaluation::score(input(), passages, evaluation::rotated_by(f)).nats;
  };
  const auto none = nats("none");
  EXPECT_EQ(nats("dynamic_yarn"), none);
  EXPECT_EQ(nats("dynamic_ntk"), none);
  evaluation::method_numbers fixed;
  fixed.factor = 8;
  const auto f = evaluation::frequencies_for("yarn", input().model.config, fixed, 256);
  const auto scaled = evaluation::score(input(), passages, evaluation::rotated_by(f)).nats;
  EXPECT_GT(scaled.mean(), none.mean() + 0.005F);
}

TEST(evaluation_model, yarn_reaches_four_contexts_and_pi_none) {
  const table t = run(evaluation::limits, {"--factors", "4", "--n_passages", "3", "--methods",
                                           "pi,yarn", "--length", "1024"});
  EXPECT_EQ(at(t, "limit", {"yarn", "4.0000"}), 1024);
  EXPECT_EQ(at(t, "limit", {"pi", "4.0000"}), 0);
}

TEST(evaluation_model, interpolating_more_pairs_than_in_the_paper_raises_the_loss) {
  const table t = run(evaluation::beta_grid,
                      {"--slow", "8", "--fast", "32", "--n_passages", "3", "--length", "1024"});
  EXPECT_LT(loss("yarn") + 0.03, std::get<double>(t.rows.at(0).at(2)));
}

TEST(evaluation_model, rerotated_keys_are_as_good_as_recomputed_ones_and_stale_keys_are_not) {
  const table t = run(evaluation::dynamic_cache, {"--chunk", "128", "--n_passages", "3", "--length",
                                                  "1024", "--methods", "dynamic_yarn"});
  const auto of = [&](const char* keys) {
    return at(t, "nats_per_byte", {"dynamic_yarn", keys, "768"});
  };
  EXPECT_NEAR(of("rerotated"), of("recomputed"), 0.03);
  EXPECT_GT(of("stale"), of("rerotated") + 0.05);
}

TEST(evaluation_model, formats_of_eight_bits_change_the_loss_little_and_moves_of_four_bits_much) {
  const table t =
      run(evaluation::key_formats, {"--n_moves", "0,16", "--n_passages", "2", "--length", "512",
                                    "--formats", "bfloat16,float8_e4m3,q8_0,q4_0"});
  for (const char* moves : {"0", "16"})
    for (const char* format : {"bfloat16", "q8_0"})
      EXPECT_LT(std::abs(at(t, "change", {format, moves})), 0.01) << format << ' ' << moves;
  EXPECT_LT(std::abs(at(t, "change", {"float8_e4m3", "0"})), 0.03);
  EXPECT_GT(at(t, "change", {"q4_0", "16"}), 0.05);
}

// A few steps of fine-tuning lower the loss of PI. YaRN is better before them than PI after them.
TEST(evaluation_model, fine_tuning_helps_pi_and_yarn_is_better_without_it) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "yarn-evaluation";
  std::filesystem::create_directories(folder);
  evaluation::write_bytes((folder / "train").string(), input().held_out.all);
  evaluation_input in = input();
  in.corpus = folder.string();
  std::initializer_list<const char*> list = {
      "--factor",        "2",    "--n_steps",    "8", "--every",    "8",
      "--n_sequences",   "2",    "--n_shards",   "2", "--n_warmup", "2",
      "--learning_rate", "1e-3", "--n_passages", "2", "--methods",  "pi,yarn"};
  named_values arguments{static_cast<int>(list.size()), list.begin()};
  const table t = evaluation::fine_tuning(in, arguments);
  std::filesystem::remove_all(folder);
  const auto of = [&](const char* method, const char* step) {
    return at(t, "nats_per_byte", {method, "2.0000", "2.0000", step});
  };
  EXPECT_LT(of("pi", "8") + 0.2, of("pi", "0"));
  EXPECT_LT(of("yarn", "0") + 0.2, of("pi", "8"));
}

} // namespace
