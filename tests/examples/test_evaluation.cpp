// SPDX-License-Identifier: MIT
// examples/evaluation: training is reproducible, files keep models, small models learn.
// test_evaluation_gradients compares the gradients with finite differences.
#include "../support/evaluation_models.hpp"

#include <engine/decoder.hpp>

#include <gtest/gtest.h>

namespace {

using evaluation::element_storage;
using evaluation::Index;
using evaluation::texts;
using evaluation::training_settings;
using support::some_texts;
using support::training_config;

training_settings short_training(Index n_steps) {
  training_settings s;
  s.n_steps = n_steps;
  s.n_sequences = 4;
  s.n_shards = 4;
  s.n_warmup = 5;
  s.task_share = 0.5;
  return s;
}

yarn::frequencies frequencies_of(const evaluation::model_config& c) {
  return yarn::make_frequencies(c.rope(), yarn::default_scaling{});
}

template <class T = float>
evaluation::training<T> start(const evaluation::model_config& c, const training_settings& s) {
  return {evaluation::random_model<T>(c, s.seed), s};
}
template <class T>
std::vector<double> train(evaluation::training<T>& state, Index n_steps, std::size_t n_threads) {
  const auto& c = state.model.config;
  evaluation::trainer<T> t(state, some_texts(), frequencies_of(c), c.context, n_threads);
  std::vector<double> losses;
  for (Index i = 0; i < n_steps; ++i)
    losses.push_back(t.step().text_nats);
  return losses;
}
std::string file_of(const evaluation::training<float>& state) {
  return evaluation::file_of(state, element_storage::float32, true);
}

// ---- The model ----------------------------------------------------------------------------------

TEST(evaluation, loss_of_an_untrained_model_is_that_of_a_guess) {
  for (const bool tied : {false, true}) {
    evaluation::model_config c = training_config();
    c.tied_head = tied;
    const auto m = evaluation::random_model<float>(c, 1);
    evaluation::decoder<float> run(c, 1, 128);
    run.rotate_by(frequencies_of(c));
    const auto tokens = support::random_bytes(128, 1), targets = support::random_bytes(128, 2);
    run.run(m, tokens.data(), targets.data());
    EXPECT_NEAR(run.nats().mean(), std::log(256.0), 0.03) << tied;
  }
}

// No token sees a later one, and tokens of different sequences do not see each other.
TEST(evaluation, tokens_see_only_earlier_tokens_of_their_sequence) {
  const evaluation::model_config c = training_config();
  const auto m = support::random_evaluation_model<float>(c, 1);
  auto tokens = support::random_bytes(256, 1);
  const auto targets = support::random_bytes(256, 2);
  evaluation::decoder<float> run(c, 2, 128);
  run.rotate_by(frequencies_of(c));
  run.run(m, tokens.data(), targets.data());
  const evaluation::vector<float> before = run.nats();
  tokens[70] ^= 1;
  run.run(m, tokens.data(), targets.data());
  for (Index t = 0; t < 256; ++t)
    EXPECT_EQ(run.nats()[t] == before[t], t < 70 || t >= 128) << t;
}

// The rotation reaches the scores: other frequencies give another loss, but only beyond the first
// token, which sees only itself.
TEST(evaluation, the_loss_depends_on_the_rotation) {
  for (const support::named_model& m : support::evaluation_models()) {
    SCOPED_TRACE(m.name);
    const auto model = support::random_evaluation_model<double>(m.config, 1);
    const auto tokens = support::random_bytes(9, 1), targets = support::random_bytes(9, 2);
    evaluation::decoder<double> run(m.config, 1, 9);
    run.rotate_by(support::frequencies_of(m));
    run.run(model, tokens.data(), targets.data());
    const evaluation::vector<double> nats = run.nats();
    run.rotate_each_by([&](Index) { return support::frequencies_of(m); });
    run.run(model, tokens.data(), targets.data());
    EXPECT_EQ(run.nats(), nats) << "the same frequencies for each token";
    yarn::linear_scaling half;
    half.factor = 2.0;
    run.rotate_by(yarn::make_frequencies(m.config.rope(), half));
    run.run(model, tokens.data(), targets.data());
    EXPECT_EQ(run.nats()[0], nats[0]);
    for (Index t = 1; t < 9; ++t)
      EXPECT_NE(run.nats()[t], nats[t]) << t;
  }
}

// examples/engine computes the same model in another way, which its own tests compare with plain
// formulas.
TEST(evaluation, the_decoder_gives_the_losses_of_the_example_engine) {
  evaluation::model_config c = support::small_evaluation_config();
  c.tied_head = true;
  const auto m = support::random_evaluation_model<double>(c, 1);
  engine::model_config sizes;
  sizes.n_layers = c.n_layers;
  sizes.hidden_size = c.hidden_size;
  sizes.intermediate_size = c.intermediate_size;
  sizes.vocab_size = evaluation::vocab_size;
  sizes.n_heads = c.n_heads;
  sizes.n_kv_heads = c.n_kv_heads;
  sizes.head_dim = c.head_dim;
  sizes.rope_theta = c.rope_theta;
  sizes.rope_scaling = support::small_yarn();
  engine::model<double> same{sizes, m.values[m.tensors.embedding].map(), {}, {}};
  for (const evaluation::layer_tensors& l : m.tensors.layers) {
    const auto of = [&](const evaluation::tensor& t) { return m.values[t].map(); };
    same.layers.push_back({of(l.attention_norm).transpose(), of(l.qkv), of(l.output),
                           of(l.mlp_norm).transpose(), of(l.gate_up), of(l.down)});
  }
  same.final_norm = m.values[m.tensors.final_norm].map().transpose();

  const auto tokens = support::random_bytes(9, 1), targets = support::random_bytes(9, 2);
  evaluation::decoder<double> run(c, 1, 9);
  run.rotate_by(yarn::make_frequencies(c.rope(), support::small_yarn(), 0));
  run.run(m, tokens.data(), targets.data());
  engine::decoder<double> steps(same);
  steps.add_sequence();
  for (std::size_t t = 0; t < 9; ++t) {
    const evaluation::vector<double> logits = steps.step({{0, {tokens[t]}}}).row(0).transpose();
    const double expected = std::log(logits.array().exp().sum()) - logits[targets[t]];
    EXPECT_NEAR(run.nats()[static_cast<Index>(t)], expected, 1e-11 * (1 + expected)) << t;
  }
}

// The same model with its pairs in the other order: row i of the first half of a head's rotated
// weights becomes row 2 i, and row i of the second half becomes row 2 i + 1.
TEST(evaluation, the_pairing_is_that_of_the_configuration) {
  evaluation::model_config c = support::small_evaluation_config();
  c.rotary_dim = 4; // of 8 elements
  const auto half_split = support::random_evaluation_model<double>(c, 1);
  c.pairing = yarn::pairing::interleaved;
  evaluation::model<double> interleaved(c), unchanged(c);
  interleaved.values = half_split.values;
  unchanged.values = half_split.values;
  const Index order[] = {0, 2, 1, 3}; // of the rotated elements
  for (const evaluation::layer_tensors& l : interleaved.tensors.layers)
    for (Index first = 0; first < c.q_size() + c.kv_size(); first += c.head_dim)
      for (Index i = 0; i < 4; ++i)
        interleaved.values[l.qkv].map().row(first + order[i]) =
            half_split.values[l.qkv].map().row(first + i);
  const auto tokens = support::random_bytes(9, 1), targets = support::random_bytes(9, 2);
  const auto nats_of = [&](const evaluation::model<double>& m) {
    evaluation::decoder<double> run(m.config, 1, 9);
    run.rotate_by(frequencies_of(m.config));
    run.run(m, tokens.data(), targets.data());
    return run.nats();
  };
  const evaluation::vector<double> expected = nats_of(half_split);
  EXPECT_LT((nats_of(interleaved) - expected).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_GT((nats_of(unchanged) - expected).cwiseAbs().maxCoeff(), 1e-3);
}

TEST(evaluation, models_that_do_not_exist_are_refused) {
  evaluation::model_config c = training_config();
  c.n_kv_heads = 3;
  EXPECT_THROW(evaluation::layout{c}, std::invalid_argument);
  c = training_config();
  c.hidden_size = 0;
  EXPECT_THROW(evaluation::layout{c}, std::invalid_argument);
}

// ---- Training -----------------------------------------------------------------------------------

TEST(evaluation, training_twice_gives_the_same_bits_with_any_number_of_threads) {
  const auto trained = [&](std::size_t n_threads, std::uint64_t seed) {
    training_settings s = short_training(20);
    s.seed = seed;
    auto state = start(training_config(), s);
    train(state, 20, n_threads);
    return file_of(state);
  };
  const std::string once = trained(2, 1);
  EXPECT_EQ(once, trained(2, 1));
  EXPECT_EQ(once, trained(1, 1));
  EXPECT_EQ(once, trained(3, 1));
  EXPECT_NE(once.substr(once.find("\n\n")), trained(2, 2).substr(once.find("\n\n")));
}

TEST(evaluation, a_training_that_goes_on_from_a_file_gives_the_same_bits) {
  auto whole = start(training_config(), short_training(20));
  train(whole, 20, 2);
  auto first = start(training_config(), short_training(20));
  train(first, 8, 2);
  auto read = evaluation::read_file<float>(file_of(first), "a test");
  EXPECT_EQ(read.state.n_done, 8);
  train(read.state, 12, 2);
  EXPECT_EQ(file_of(read.state), file_of(whole));
}

// The shards compute the gradient of the whole batch: in double, the number of shards changes only
// rounding errors.
TEST(evaluation, shards_do_not_change_the_result) {
  std::vector<std::vector<double>> losses;
  for (const Index n_shards : {1, 2, 4}) {
    training_settings s = short_training(8);
    s.n_shards = n_shards;
    auto state = start<double>(training_config(), s);
    losses.push_back(train(state, 8, 2));
  }
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(losses[1][i], losses[0][i], 1e-9) << i;
    EXPECT_NEAR(losses[2][i], losses[0][i], 1e-9) << i;
  }
}

// A step of AdamW, against its formula.
TEST(evaluation, a_training_step_is_that_of_adamw) {
  evaluation::model_config c = training_config();
  training_settings s = short_training(100);
  s.task_share = 0;
  s.largest_norm = 0.25; // the gradient is larger
  auto state = start<double>(c, s);
  const auto before = state.model.values.values;
  evaluation::trainer<double> t(state, some_texts(), frequencies_of(c), c.context, 2);
  const evaluation::step_report report = t.step();
  ASSERT_GT(report.gradient_norm, s.largest_norm);
  const double rate = s.learning_rate / 5; // step 1 of 5 of the warm-up
  EXPECT_NEAR(report.learning_rate, rate, 1e-18);
  // The running means contain (1 - beta) times the gradient, from which the gradient follows.
  const evaluation::vector<double> gradient = state.mean.values / (1 - s.beta1);
  EXPECT_NEAR(gradient.norm(), s.largest_norm, 1e-9);
  for (const evaluation::tensor& one : state.model.tensors.tensors())
    for (Index i = one.offset; i < one.offset + one.size(); ++i) {
      const double g = gradient[i];
      ASSERT_NEAR(state.square.values[i], (1 - s.beta2) * g * g, 1e-15);
      const double decayed = before[i] * (one.is_norm ? 1 : 1 - rate * s.weight_decay);
      ASSERT_NEAR(state.model.values.values[i], decayed - rate * g / (std::abs(g) + 1e-8), 1e-12)
          << one.name;
    }
}

TEST(evaluation, the_learning_rate_rises_and_falls) {
  training_settings s = short_training(105);
  EXPECT_DOUBLE_EQ(evaluation::learning_rate(s, 0), s.learning_rate / 5);
  EXPECT_DOUBLE_EQ(evaluation::learning_rate(s, 5), s.learning_rate);
  EXPECT_DOUBLE_EQ(evaluation::learning_rate(s, 55), s.learning_rate * (1 + s.final_share) / 2);
  EXPECT_DOUBLE_EQ(evaluation::learning_rate(s, 105), s.learning_rate * s.final_share);
}

// A text with a period of 7 bytes: the loss falls to nearly 0.
TEST(evaluation, a_small_model_learns_a_text_that_repeats) {
  std::string text;
  while (text.size() < 3000)
    text += "abcdefg";
  const texts repeating(text + '\0');
  evaluation::model_config c = training_config();
  c.context = 32;
  training_settings s = short_training(120);
  s.task_share = 0;
  s.learning_rate = 1e-2;
  auto state = start(c, s);
  evaluation::trainer<float> t(state, repeating, frequencies_of(c), c.context, 2);
  const double at_start = t.step().text_nats;
  EXPECT_NEAR(at_start, std::log(256.0), 0.1);
  double at_end = 0;
  for (Index i = 1; i < 120; ++i)
    at_end = t.step().text_nats;
  EXPECT_LT(at_end, 0.05);
}

// ---- Files --------------------------------------------------------------------------------------

TEST(evaluation, files_keep_weights_within_the_error_of_their_elements) {
  for (const auto& [name, config, scaling] : support::evaluation_models()) {
    SCOPED_TRACE(name);
    training_settings s = short_training(5);
    s.seed = 12345678901234567U;
    s.learning_rate = 1.0 / 3; // needs 17 digits in the file
    evaluation::training<float> state(support::random_evaluation_model<float>(config, 3), s);
    state.n_done = 4;
    for (const auto storage :
         {element_storage::float32, element_storage::bfloat16, element_storage::int8}) {
      const auto read =
          evaluation::read_file<float>(evaluation::file_of(state, storage, false), "a test");
      EXPECT_EQ(read.storage, storage);
      EXPECT_FALSE(read.has_optimiser);
      EXPECT_EQ(read.state.n_done, 4);
      EXPECT_EQ(evaluation::text_of(read.state.settings), evaluation::text_of(s));
      EXPECT_EQ(read.state.settings.learning_rate, s.learning_rate);
      EXPECT_EQ(evaluation::text_of(read.state.model.config), evaluation::text_of(config));
      bool differs = false;
      for (const evaluation::tensor& t : state.model.tensors.tensors())
        for (Index row = 0; row < t.rows; ++row) {
          const auto expected = state.model.values[t].map().row(row);
          const auto found = read.state.model.values[t].map().row(row);
          const float largest = expected.cwiseAbs().maxCoeff();
          for (Index i = 0; i < t.cols; ++i) {
            float bound = 0;
            if (!t.is_norm && storage == element_storage::bfloat16)
              bound = std::abs(expected[i]) / 256; // half a unit in the last of 8 bits
            if (!t.is_norm && storage == element_storage::int8)
              bound = largest / 127 * 0.50001F;
            ASSERT_LE(std::abs(found[i] - expected[i]), bound) << t.name;
            differs = differs || found[i] != expected[i];
          }
        }
      EXPECT_EQ(differs, storage != element_storage::float32);
    }
  }
}

void expect_refused(const std::string& file, const std::string& reason) {
  try {
    evaluation::read_file<float>(file, "a file");
    ADD_FAILURE() << "not refused: " << reason;
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
  }
}

TEST(evaluation, files_that_are_not_of_models_are_refused) {
  const auto state = start(support::small_evaluation_config(), short_training(5));
  const std::string file = evaluation::file_of(state, element_storage::int8, false);
  const auto with = [&](const std::string& old, const std::string& replacement) {
    std::string other = file;
    other.replace(other.find(old), old.size(), replacement);
    return other;
  };
  expect_refused("", "is not the file of a model");
  expect_refused(with("model 1", "model 2"), "is not the file of a model");
  expect_refused(file + 'x', "bytes in place of");
  expect_refused(file.substr(0, file.size() - 1), "bytes in place of");
  expect_refused(with("n_layers 2", "n_levels 2"), "n_layers is missing");
  expect_refused(with("n_layers 2", "n_layers 2\nmystery 1"), "unknown setting 'mystery'");
  expect_refused(with("n_layers 2", "n_layers 2\nn_layers 2"), "n_layers is given twice");
  expect_refused(with("n_layers 2", "n_layers two"), "'two' is not a number");
  expect_refused(with("half_split", "halves"), "must be half_split or interleaved");
  expect_refused(with("int8", "int4"), "must be float32, bfloat16 or int8");
  EXPECT_THROW(evaluation::file_of(state, element_storage::int8, true), std::invalid_argument);
}

// ---- Texts --------------------------------------------------------------------------------------

TEST(evaluation, retrieval_tasks_have_the_key_at_their_depth_and_at_their_end) {
  evaluation::random_numbers random(3);
  for (const double depth : {0.0, 0.5, 1.0}) {
    const std::string task = evaluation::retrieval_task(some_texts(), 200, depth, random);
    ASSERT_EQ(task.size(), 200U);
    const std::string key = task.substr(200 - evaluation::n_key_digits);
    EXPECT_EQ(key.find_first_not_of("0123456789"), std::string::npos) << key;
    const std::size_t place =
        task.find(evaluation::key_statement + key + evaluation::key_statement_end);
    const std::size_t n_filler = 200 - std::string(evaluation::key_statement).size() -
                                 2 * key.size() -
                                 std::string(evaluation::key_statement_end).size() -
                                 std::string(evaluation::key_question).size();
    EXPECT_NEAR(static_cast<double>(place), depth * static_cast<double>(n_filler), 0.51);
  }
  EXPECT_THROW(evaluation::retrieval_task(some_texts(), 95, 0, random), std::invalid_argument);
}

TEST(evaluation, batches_mark_asked_digits_and_copied_strings) {
  using evaluation::byte_kind;
  evaluation::random_numbers random(3);
  const auto b = evaluation::make_batch(some_texts(), 40, 255, 0.5, 0.5, random);
  ASSERT_EQ(b.tokens.size(), 40U * 255);
  ASSERT_EQ(b.kinds.size(), 40U * 255);
  for (std::size_t i = 0; i < b.tokens.size(); ++i) {
    if ((i + 1) % 255 != 0) {
      ASSERT_EQ(b.targets[i], b.tokens[i + 1]);
    }
    if (b.kinds[i] == byte_kind::answer) {
      EXPECT_TRUE(b.targets[i] >= '0' && b.targets[i] <= '9');
    }
    // A copied byte and the two bytes before it have occurred before in the sequence.
    if (b.kinds[i] == byte_kind::copied) {
      const std::string before(b.tokens.begin() + static_cast<std::ptrdiff_t>(i / 255 * 255),
                               b.tokens.begin() + static_cast<std::ptrdiff_t>(i + 1));
      ASSERT_GE(before.size(), 2U);
      const std::string last = before.substr(before.size() - 2) + static_cast<char>(b.targets[i]);
      EXPECT_NE(before.find(last), std::string::npos) << last;
    }
  }
  EXPECT_EQ(b.count(byte_kind::answer) % evaluation::n_key_digits, 0U);
  EXPECT_GT(b.count(byte_kind::answer), 25U);
  EXPECT_GT(b.count(byte_kind::copied), 200U);
  // The first occurrence of a string, and the first two bytes of each copy.
  EXPECT_GT(b.count(byte_kind::unpredictable), b.count(byte_kind::copied) / 6);
  EXPECT_GT(b.count(byte_kind::text), 40U * 255 / 2);
  const auto plain = evaluation::make_batch(some_texts(), 4, 255, 0, 0.5, random);
  EXPECT_EQ(plain.count(byte_kind::text), 4U * 255);
}

TEST(evaluation, passages_lie_within_documents) {
  const auto chosen = some_texts().passages(20, 1500, 1);
  ASSERT_EQ(chosen.size(), 20U);
  for (const std::string& passage : chosen) {
    EXPECT_EQ(passage.size(), 1500U);
    EXPECT_EQ(passage.find('\0'), std::string::npos);
  }
  EXPECT_THROW(some_texts().passages(1, 100000, 1), std::invalid_argument);
  EXPECT_THROW(texts(std::string("no zero")), std::invalid_argument);
}

} // namespace
