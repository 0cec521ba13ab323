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
  const auto c = static_cast<std::size_t>(
      std::find(t.columns.begin(), t.columns.end(), column) - t.columns.begin());
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

TEST(evaluation_model, perplexity) {
  const table t = run(evaluation::perplexity,
                      {"--lengths", "256,1024", "--n_passages", "3", "--methods",
                       "none,pi,ntk,by_parts,by_parts_index,yarn,dynamic_yarn"});
  std::printf("%s", evaluation::as_text(t).c_str());
}

TEST(evaluation_model, passkey) {
  const table t = run(evaluation::passkey, {"--lengths", "512,1024", "--n_passages", "4",
                                            "--n_depths", "4", "--methods", "none,yarn,ntk,pi"});
  std::printf("%s", evaluation::as_text(t).c_str());
}

TEST(evaluation_model, temperature) {
  const table t = run(evaluation::temperature, {"--factors", "4", "--n_passages", "3", "--first",
                                                "0.9", "--last", "1.6", "--step", "0.1"});
  std::printf("%s", evaluation::as_text(t).c_str());
}
TEST(evaluation_model, limits) {
  const table t = run(evaluation::limits, {"--factors", "4", "--n_passages", "3", "--methods",
                                           "none,yarn,ntk,pi", "--length", "1536"});
  std::printf("%s", evaluation::as_text(t).c_str());
}
TEST(evaluation_model, beta_grid) {
  const table t = run(evaluation::beta_grid, {"--slow", "1,8", "--fast", "16,32,64", "--n_passages",
                                              "3", "--length", "1024"});
  std::printf("%s", evaluation::as_text(t).c_str());
}
TEST(evaluation_model, dynamic_cache) {
  const table t = run(evaluation::dynamic_cache,
                      {"--chunk", "128", "--n_passages", "3", "--length", "1024"});
  std::printf("%s", evaluation::as_text(t).c_str());
}
TEST(evaluation_model, key_formats) {
  const table t = run(evaluation::key_formats, {"--n_moves", "0,16", "--n_passages", "2",
                                                "--length", "512", "--formats",
                                                "bfloat16,float8_e4m3,q8_0,q4_0"});
  std::printf("%s", evaluation::as_text(t).c_str());
}

} // namespace
