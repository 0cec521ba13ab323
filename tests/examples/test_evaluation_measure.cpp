// SPDX-License-Identifier: MIT
// examples/evaluation: methods by name, the scores on which all evaluations except dynamic_cache
// are built, cached keys, and the tables and plots of the commands.
#include "../support/evaluation_models.hpp"

#include <evaluation/cached_keys.hpp>
#include <evaluation/formats.hpp>
#include <evaluation/limits.hpp>
#include <evaluation/passkey.hpp>
#include <evaluation/perplexity.hpp>
#include <evaluation/plot.hpp>
#include <evaluation/temperature.hpp>

#include <gtest/gtest.h>

#include <set>

namespace {

using evaluation::bytes;
using evaluation::cached_keys;
using evaluation::decoder;
using evaluation::evaluation_input;
using evaluation::frequencies_for;
using evaluation::Index;
using evaluation::named_values;
using evaluation::table;

evaluation::model_config input_config(Index n_layers = 2) {
  evaluation::model_config c = support::training_config();
  c.n_layers = n_layers;
  c.head_dim = 32; // q8_0 has blocks of 32
  c.rotary_dim = 32;
  c.context = 32;
  return c;
}
evaluation_input input(Index n_layers = 2) {
  return {support::random_evaluation_model<float>(input_config(n_layers), 1), "",
          support::some_texts()};
}
bool same(const yarn::frequencies& a, const yarn::frequencies& b) {
  return std::equal(a.phase_steps().begin(), a.phase_steps().end(), b.phase_steps().begin(),
                    b.phase_steps().end()) &&
         a.attention_factor() == b.attention_factor();
}
evaluation::vector<float> run_whole(const evaluation_input& in, const bytes& passage,
                                    const yarn::frequencies& f) {
  decoder<float> run(in.model.config, 1, static_cast<Index>(passage.size()) - 1);
  run.rotate_by(f);
  const auto* const tokens = reinterpret_cast<const std::uint8_t*>(passage.data());
  run.run(in.model, tokens, tokens + 1);
  return run.nats();
}

// ---- Methods ------------------------------------------------------------------------------------

TEST(evaluation_measure, names_give_the_methods_of_the_library) {
  const evaluation::model_config c = input_config();
  const auto of = [&](const char* name, Index length, double factor = 0) {
    evaluation::method_numbers n;
    n.factor = factor;
    n.beta_fast = 8.0;
    return frequencies_for(name, c, n, length);
  };
  const auto direct = [&](const auto& method) {
    return yarn::make_frequencies(c.rope(), yarn::any_scaling(method), 128);
  };
  yarn::linear_scaling pi;
  pi.factor = 4.0; // 128 / 32
  yarn::ntk_scaling ntk;
  ntk.factor = 4.0;
  yarn::dynamic_ntk_scaling dynamic_ntk;
  dynamic_ntk.max_position_embeddings = 32;
  yarn::ntk_by_parts_scaling parts;
  parts.factor = 4.0;
  parts.original_max_position_embeddings = 32;
  parts.beta_fast = 8.0;
  yarn::yarn_scaling deployed;
  deployed.factor = 4.0;
  deployed.original_max_position_embeddings = 32;
  deployed.beta_fast = 8.0;
  yarn::yarn_scaling rotations = deployed, index = deployed;
  rotations.ramp = yarn::yarn_ramp::rotations;
  index.attention_factor = 1.0;
  EXPECT_TRUE(same(of("none", 128), direct(yarn::default_scaling{})));
  EXPECT_TRUE(same(of("pi", 128), direct(pi)));
  EXPECT_TRUE(same(of("ntk", 128), direct(ntk)));
  EXPECT_TRUE(same(of("dynamic_ntk", 128), direct(dynamic_ntk)));
  EXPECT_TRUE(same(of("by_parts", 128), direct(parts)));
  EXPECT_TRUE(same(of("by_parts_index", 128), direct(index)));
  EXPECT_TRUE(same(of("yarn", 128), direct(deployed)));
  EXPECT_TRUE(same(of("yarn_rotations", 128), direct(rotations)));
  EXPECT_TRUE(same(of("dynamic_yarn", 128), direct(deployed)));
  EXPECT_TRUE(same(of("dynamic_yarn", 32), of("none", 32)));
  EXPECT_TRUE(same(of("yarn", 32), of("none", 32)));
  EXPECT_TRUE(same(of("pi", 32, 4.0), direct(pi))) << "a given factor holds at each length";
  EXPECT_NEAR(of("yarn", 128).attention_factor(), 0.1 * std::log(4.0) + 1, 1e-15);
  std::set<std::vector<std::uint64_t>> all;
  for (const std::string& name : evaluation::method_names()) {
    const auto f = of(name.c_str(), 128);
    all.emplace(f.phase_steps().begin(), f.phase_steps().end());
  }
  // The same frequencies: yarn, by_parts_index, dynamic_yarn; by_parts, yarn_rotations; ntk,
  // dynamic_ntk.
  EXPECT_EQ(all.size(), evaluation::method_names().size() - 4);
}

TEST(evaluation_measure, unknown_methods_and_unused_numbers_are_refused) {
  const evaluation::model_config c = input_config();
  evaluation::method_numbers n;
  EXPECT_THROW(frequencies_for("yarm", c, n, 32), std::invalid_argument);
  n.attention_factor = 1.25;
  EXPECT_THROW(frequencies_for("ntk", c, n, 32), std::invalid_argument);
  for (const char* name : {"pi", "yarn", "dynamic_yarn"})
    EXPECT_EQ(frequencies_for(name, c, n, 64).attention_factor(), 1.25) << name;
}

// ---- Scores -------------------------------------------------------------------------------------

TEST(evaluation_measure, scores_are_those_of_the_decoder_with_any_number_of_threads) {
  evaluation_input in = input();
  const auto f = frequencies_for("yarn", in.model.config, {2.0, 1.0, 32.0, {}}, 64);
  const auto passages = evaluation::choose_passages(in, 5, 64);
  const auto s = evaluation::score(in, passages, evaluation::rotated_by(f));
  for (const std::size_t n_threads : {std::size_t{1}, std::size_t{4}}) {
    in.n_threads = n_threads;
    EXPECT_EQ(evaluation::score(in, passages, evaluation::rotated_by(f)).nats, s.nats);
  }
  double share_best = 0;
  for (Index i = 0; i < 5; ++i) {
    const auto nats = run_whole(in, passages[static_cast<std::size_t>(i)], f);
    EXPECT_EQ(s.nats.row(i), nats.transpose());
    for (Index t = 0; t < 64; ++t) {
      if (s.is_best(i, t) != 0) {
        EXPECT_LT(nats[t], std::log(256.0)) << "the most probable of 256 bytes";
      }
      if (nats[t] < std::log(2.0)) {
        EXPECT_EQ(s.is_best(i, t), 1) << "a probability above 1/2";
      }
      share_best += s.is_best(i, t) / 320.0;
    }
  }
  EXPECT_LT(share_best, 0.9);
}

TEST(evaluation_measure, estimates_have_the_mean_and_its_error) {
  const auto e = evaluation::estimate_of({1.0, 2.0, 6.0});
  EXPECT_NEAR(e.mean, 3.0, 1e-15);
  EXPECT_NEAR(e.error, 1.96 * std::sqrt(7.0 / 3.0), 1e-12); // variance 7
  evaluation::matrix<float> nats(2, 4);
  nats << 9, 1, 3, 9, 9, 5, 7, 9;
  EXPECT_EQ(evaluation::mean_nats(nats, 1, 2).mean, 4.0);
  EXPECT_NEAR(evaluation::mean_nats(nats, 1, 2).error, 1.96 * 2.0, 1e-12);
  EXPECT_EQ(evaluation::mean_nats(nats, 1, 2, 2).mean, 4.0);
  EXPECT_EQ(evaluation::mean_nats(nats, 1, 2, 2).error, 0.0);
}

TEST(evaluation_measure, divided_passages_score_the_same_bytes) {
  EXPECT_EQ(evaluation::divided({"abcdefg", "hijklmn"}, 3),
            (std::vector<bytes>{"abcd", "defg", "hijk", "klmn"}));
  EXPECT_THROW(evaluation::divided({"abcdefg"}, 4), std::invalid_argument);
}

// Compares the loss of each byte t with that of the window whose second half contains t. (For
// t < 16: with that of the first window.)
TEST(evaluation_measure, losses_within_the_context_have_between_half_a_context_and_a_context) {
  const evaluation_input in = input();
  const auto passages = evaluation::choose_passages(in, 2, 96);
  const auto within = evaluation::nats_within_context(in, passages);
  const auto f = frequencies_for("none", in.model.config, {}, 32);
  for (Index p = 0; p < 2; ++p)
    for (Index t = 0; t < 96; ++t) {
      const Index first = t < 16 ? 0 : t / 16 * 16 - 16;
      const auto window =
          passages[static_cast<std::size_t>(p)].substr(static_cast<std::size_t>(first), 33);
      ASSERT_EQ(within(p, t), run_whole(in, window, f)[t - first]) << t;
    }
}

TEST(evaluation_measure, an_answer_is_right_if_all_its_digits_are) {
  evaluation::scores s;
  s.is_best.setOnes(4, 9);
  s.is_best(1, 8) = 0; // the last digit
  s.is_best(2, 4) = 0; // the first digit
  s.is_best(3, 3) = 0; // the byte before
  EXPECT_EQ(evaluation::accuracy(s), 0.5);
}

// ---- Cached keys --------------------------------------------------------------------------------

double distance(const evaluation::vector<float>& a, const evaluation::vector<float>& b) {
  return static_cast<double>((a - b).cwiseAbs().maxCoeff());
}

TEST(evaluation_measure, chunks_with_cached_keys_give_the_losses_of_one_pass) {
  const evaluation_input in = input();
  const bytes passage = evaluation::choose_passages(in, 1, 96).front();
  const auto f = frequencies_for("yarn", in.model.config, {3.0, 1.0, 32.0, {}}, 96);
  const auto whole = run_whole(in, passage, f);
  for (const auto kind : {cached_keys::stale, cached_keys::rerotated, cached_keys::recomputed})
    for (const Index chunk : {1, 16, 96})
      EXPECT_LT(distance(evaluation::nats_by_chunks(in.model, passage, chunk, kind,
                                                    [&](Index) { return f; }),
                         whole),
                1e-4)
          << name_of(kind) << ' ' << chunk;
}

// With one layer, keys do not depend on earlier frequencies, so rerotated keys are those of a whole
// run with the last frequencies. Stale keys are those of one run in which each token is rotated by
// the frequencies of its chunk.
TEST(evaluation_measure, rerotated_keys_have_the_last_frequencies_and_stale_keys_their_first) {
  const evaluation_input in = input(1);
  const bytes passage = evaluation::choose_passages(in, 1, 96).front();
  const auto at = [&](Index n) { return frequencies_for("dynamic_yarn", in.model.config, {}, n); };
  const auto by = [&](cached_keys kind) {
    return evaluation::nats_by_chunks(in.model, passage, 16, kind, at);
  };
  const auto rerotated = by(cached_keys::rerotated), stale = by(cached_keys::stale);
  EXPECT_LT(distance(rerotated, by(cached_keys::recomputed)), 1e-4);
  EXPECT_LT(distance(rerotated.tail(16), run_whole(in, passage, at(96)).tail(16)), 1e-4);
  EXPECT_GT(distance(stale, rerotated), 1e-2);
  decoder<float> run(in.model.config, 1, 96);
  run.rotate_each_by([&](Index t) { return at(t / 16 * 16 + 16); });
  const auto* const tokens = reinterpret_cast<const std::uint8_t*>(passage.data());
  run.run(in.model, tokens, tokens + 1);
  EXPECT_LT(distance(stale, run.nats()), 1e-4);
}

// Moves away and back end at the same place, up to the errors of the format.
TEST(evaluation_measure, keys_pass_through_formats) {
  const evaluation::model_config c = input_config();
  const auto f = frequencies_for("yarn", c, {4.0, 1.0, 32.0, {}}, 128);
  evaluation::matrix<float> keys(7, c.kv_size());
  evaluation::random_numbers random(1);
  for (float& key : keys.reshaped())
    key = static_cast<float>(2 * random.unit() - 1);
  const auto error = [&](const char* format, const evaluation::key_moves& moves) {
    auto passed = keys;
    evaluation::pass_through(format, evaluation::all(passed), c, f, moves);
    return static_cast<double>((passed - keys).cwiseAbs().maxCoeff());
  };
  const std::pair<const char*, double> bounds[] = {{"float32", 0.0},
                                                   {"float16", 1.0 / 4096},
                                                   {"bfloat16", 1.0 / 512},
                                                   {"float8_e4m3", 1.0 / 32},
                                                   {"float8_e5m2", 1.0 / 16},
                                                   {"q8_0", 1.0 / 254 + 1.0 / 2048},
                                                   {"q5_1", 2.0 / 62 + 2.0 / 1024},
                                                   {"q4_0", 1.0 / 8 + 1.0 / 2048}};
  ASSERT_EQ(std::size(bounds), evaluation::format_names().size());
  for (const auto& [format, bound] : bounds) {
    EXPECT_LE(error(format, {}), bound) << format;
    EXPECT_GE(error(format, {}), bound * 0.25) << format;
    // Five roundings, one of the store and four of moves. A move mixes the errors of the elements
    // of a pair, and elements grow by up to sqrt(2).
    EXPECT_LE(error(format, {4, 5}), 5 * 2 * bound + 1e-5) << format;
    EXPECT_GT(error(format, {4, 5}), error(format, {})) << format;
  }
  EXPECT_THROW(error("q9_9", {}), std::invalid_argument);
}

// ---- Commands -----------------------------------------------------------------------------------

named_values arguments(std::initializer_list<const char*> list) {
  return {static_cast<int>(list.size()), list.begin()};
}
double number(const table& t, std::size_t row, const char* column) {
  for (std::size_t i = 0; i < t.columns.size(); ++i)
    if (t.columns[i] == column)
      return std::get<double>(t.rows.at(row)[i]);
  ADD_FAILURE() << "no column " << column;
  return 0;
}

TEST(evaluation_measure, perplexity_is_the_exponential_of_the_mean_loss) {
  const evaluation_input in = input();
  auto a = arguments({"--methods", "none,yarn,pi", "--lengths", "32,64", "--n_passages", "3"});
  const table t = evaluation::perplexity(in, a);
  ASSERT_EQ(t.rows.size(), 6U);
  const auto passages = evaluation::choose_passages(in, 3, 64);
  double mean = 0;
  for (const bytes& passage : passages)
    mean += static_cast<double>(
        run_whole(in, passage, frequencies_for("pi", in.model.config, {2.0, 1, 32, {}}, 64))
            .mean());
  EXPECT_NEAR(number(t, 5, "nats_per_byte"), mean / 3, 1e-5);
  EXPECT_NEAR(number(t, 5, "perplexity"), std::exp(mean / 3), 1e-3);
  EXPECT_EQ(number(t, 2, "nats_per_byte"), number(t, 0, "nats_per_byte")) << "within the context";
  EXPECT_NE(number(t, 3, "nats_per_byte"), number(t, 1, "nats_per_byte"));
  auto unknown = arguments({"--lenghts", "32"});
  EXPECT_THROW(evaluation::perplexity(in, unknown), std::invalid_argument);
}

// All lengths score the same bytes: the first window ends at the longest length, 64. The score of
// length 32 is compared with windows that are computed one by one.
TEST(evaluation_measure, sliding_windows_score_the_last_bytes_of_each_window) {
  const evaluation_input in = input();
  auto a =
      arguments({"--methods", "none", "--lengths", "32,64", "--n_passages", "2", "--stride", "8"});
  const table t = evaluation::sliding_window(in, a);
  const auto passages = evaluation::choose_passages(in, 2, 64 + 24);
  double sum = 0;
  for (const bytes& passage : passages)
    for (std::size_t end = 64; end <= 88; end += 8)
      sum += static_cast<double>(run_whole(in, passage.substr(end - 32, 33),
                                           frequencies_for("none", in.model.config, {}, 32))
                                     .tail(8)
                                     .sum());
  EXPECT_NEAR(number(t, 0, "nats_per_byte"), sum / 64, 1e-5);
}

TEST(evaluation_measure, by_position_has_no_excess_within_the_context) {
  const evaluation_input in = input();
  auto a =
      arguments({"--methods", "none", "--length", "96", "--bucket", "16", "--n_passages", "2"});
  const table t = evaluation::by_position(in, a);
  ASSERT_EQ(t.rows.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_EQ(number(t, i, "excess") == 0, i < 2) << i;
}

// Without weights of q, attention is uniform: its entropy is the mean of ln(position + 1).
TEST(evaluation_measure, entropy_of_uniform_attention_is_that_of_the_formula) {
  evaluation_input in = input();
  for (const auto& l : in.model.tensors.layers)
    in.model.values[l.qkv].top(in.model.config.q_size()).map().setZero();
  auto a = arguments({"--factors", "2", "--first", "1", "--last", "1.1", "--n_passages", "3"});
  const table t = evaluation::temperature(in, a);
  double expected = 0;
  for (int query = 32; query < 64; ++query)
    expected += std::log(query + 1.0) / 32;
  ASSERT_EQ(t.rows.size(), 3U);
  for (std::size_t row = 0; row < 3; ++row)
    for (const char* column : {"entropy", "entropy_0", "entropy_1"})
      EXPECT_NEAR(number(t, row, column), expected, 1e-5);
  EXPECT_EQ(std::get<std::string>(t.rows[0][2]), "no");
  EXPECT_EQ(std::get<std::string>(t.rows[1][2]), "yes")
      << "0.1 ln 2 + 1 = 1.069 is nearest to 1.05";
}

TEST(evaluation_measure, all_commands_make_tables) {
  const evaluation_input in = input();
  const auto rows_of = [&](table (*run)(const evaluation_input&, named_values&),
                           std::initializer_list<const char*> list) {
    auto a = arguments(list);
    a.set("n_passages", "2");
    const table t = run(in, a);
    for (const auto& row : t.rows)
      for (const auto& cell : row)
        if (const double* const value = std::get_if<double>(&cell)) {
          EXPECT_TRUE(std::isfinite(*value));
        }
    return t.rows.size();
  };
  EXPECT_EQ(rows_of(evaluation::passkey,
                    {"--methods", "none,yarn", "--lengths", "128", "--n_depths", "3"}),
            8U);
  EXPECT_EQ(
      rows_of(evaluation::limits, {"--methods", "none,pi", "--length", "64", "--factors", "1,2"}),
      3U);
  EXPECT_EQ(rows_of(evaluation::beta_grid, {"--length", "64", "--slow", "1,2", "--fast", "2,4"}),
            3U);
  EXPECT_EQ(rows_of(evaluation::dynamic_cache, {"--length", "64", "--chunk", "16"}), 12U);
  EXPECT_EQ(rows_of(evaluation::key_formats, {"--length", "64", "--n_moves", "0,1"}), 16U);
}

TEST(evaluation_measure, tables_are_printed_as_text_csv_and_json) {
  table t{{"name", "n", "value"}, {}};
  t.add("a", 12, 0.5);
  t.add("long", 3, -1e-9);
  EXPECT_EQ(evaluation::formatted(t, "text"), "name   n   value\n"
                                              "a     12  0.5000\n"
                                              "long   3  0.0000\n");
  EXPECT_EQ(evaluation::formatted(t, "csv"), "name,n,value\na,12,0.5000\nlong,3,0.0000\n");
  t.add("bad", 0, std::nan(""));
  EXPECT_EQ(evaluation::formatted(t, "json"),
            "[\n"
            "  {\"name\": \"a\", \"n\": 12, \"value\": 0.5000},\n"
            "  {\"name\": \"long\", \"n\": 3, \"value\": 0.0000},\n"
            "  {\"name\": \"bad\", \"n\": 0, \"value\": null}\n]\n");
  EXPECT_THROW(evaluation::formatted(t, "xml"), std::invalid_argument);
  EXPECT_THROW(t.add("too few"), std::invalid_argument);
}

TEST(evaluation_measure, curves_have_the_points_of_their_series) {
  table t{{"method", "length", "loss", "error"}, {}};
  t.add("no_scaling", 256, 1.0, 0.25);
  t.add("yarn", 256, 1.5, 0.5);
  t.add("no_scaling", 512, 2.0, 0.125);
  evaluation::plot_layout p;
  p.x = "length";
  p.values = {"loss"};
  p.error = "error";
  p.series = {"method"};
  p.scale = evaluation::plot_layout::x_scale::log2;
  const std::string script = evaluation::gnuplot_script(t, p);
  EXPECT_NE(script.find("title \"no scaling\""), std::string::npos) << script;
  EXPECT_NE(script.find("set logscale x 2"), std::string::npos);
  EXPECT_NE(script.find("\n256 1.0000 0.2500\n512 2.0000 0.1250\ne\n256 1.5000 0.5000\ne\n"),
            std::string::npos)
      << script;
  p.scale = evaluation::plot_layout::x_scale::categories;
  p.error = "";
  const std::string places = evaluation::gnuplot_script(t, p);
  EXPECT_NE(places.find("set xtics (\"256\" 0, \"512\" 1)"), std::string::npos) << places;
  EXPECT_NE(places.find("\n0 1.0000\n1 2.0000\ne\n0 1.5000\ne\n"), std::string::npos) << places;
  p.x = "lenght";
  EXPECT_THROW(evaluation::gnuplot_script(t, p), std::invalid_argument);
}

TEST(evaluation_measure, heat_maps_have_a_panel_for_each_series_and_one_range_of_colors) {
  table t{{"method", "length", "depth", "accuracy"}, {}};
  for (const char* method : {"none", "yarn"}) {
    t.add(method, 256, "0.00", 0.25);
    t.add(method, 256, "1.00", 0.75);
    t.add(method, 256, "all", 9.0);
  }
  evaluation::plot_layout p;
  p.drawn_as = evaluation::plot_layout::style::heat_maps;
  p.x = "length";
  p.y = "depth";
  p.values = {"accuracy"};
  p.series = {"method"};
  const std::string script = evaluation::gnuplot_script(t, p);
  for (const char* part :
       {"set cbrange [0.25:0.75]", "set ytics (\"0.00\" 0, \"1.00\" 1)", "set title \"none\"",
        "set title \"yarn\"", "\n0 0 0.2500\n0 1 0.7500\ne\n"})
    EXPECT_NE(script.find(part), std::string::npos) << part << " in\n" << script;
}

} // namespace
