// SPDX-License-Identifier: MIT
// The gradients of examples/evaluation, compared with finite differences, in double.
#include "../support/evaluation_models.hpp"

#include <gtest/gtest.h>

namespace {

using evaluation::all;
using evaluation::Index;
using matrix = evaluation::matrix<double>;
using vector = evaluation::vector<double>;
using support::named_model;

/// The derivative of f by x, from the values of f at x +- h and x +- 2 h. The error is of the order
/// of h^4.
template <class F> double derivative(double& x, const F& f) {
  constexpr double h = 2e-4;
  const double at = x;
  const auto difference = [&](double by) {
    x = at + by;
    const double above = f();
    x = at - by;
    const double below = f();
    x = at;
    return above - below;
  };
  return (8 * difference(h) - difference(2 * h)) / (12 * h);
}

/// Compares a gradient with the derivatives of f by each element of x.
template <class X, class G, class F>
void expect_gradient(const char* what, X& x, const G& gradient, const F& f) {
  ASSERT_EQ(x.size(), gradient.size());
  double largest = 0;
  for (Index i = 0; i < x.size(); ++i) {
    const double expected = derivative(x.data()[i], f);
    largest = std::max(largest, std::abs(expected));
    ASSERT_NEAR(gradient.data()[i], expected, 1e-8 * (1 + std::abs(expected))) << what << ' ' << i;
  }
  EXPECT_GT(largest, 1e-3) << what << ": the gradient is 0, so nothing was compared";
}

matrix random_matrix(Index rows, Index cols, std::uint64_t seed) {
  evaluation::random_numbers random(seed);
  matrix m(rows, cols);
  for (double& element : m.reshaped())
    element = 3 * random.unit() - 1.5;
  return m;
}

double dot(const matrix& a, const matrix& b) { return a.cwiseProduct(b).sum(); }

// ---- Each layer: f is the product of the output with a random dy --------------------------------

TEST(evaluation_gradients, of_rms_norm_are_the_derivatives) {
  matrix x = random_matrix(3, 7, 1), w = random_matrix(1, 7, 2), y(3, 7);
  const matrix dy = random_matrix(3, 7, 3);
  vector inv_rms(3);
  const auto f = [&] {
    evaluation::rms_norm(all(std::as_const(w)), all(x), all(y), inv_rms);
    return dot(y, dy);
  };
  f();
  matrix dx = matrix::Ones(3, 7), dw = matrix::Zero(1, 7);
  evaluation::rms_norm_gradient(all(w), all(x), inv_rms, all(dy), all(dx), all(dw),
                                evaluation::update::add);
  expect_gradient("dx", x, (dx.array() - 1).matrix().eval(), f);
  expect_gradient("dw", w, dw, f);
}

TEST(evaluation_gradients, of_swiglu_are_the_derivatives) {
  matrix x = random_matrix(3, 8, 1), y;
  const matrix dy = random_matrix(3, 4, 2);
  const auto f = [&] {
    evaluation::swiglu(x, y);
    return dot(y, dy);
  };
  matrix dx = x;
  evaluation::swiglu_gradient(dx, dy);
  expect_gradient("dx", x, dx, f);
}

TEST(evaluation_gradients, of_softmax_loss_are_the_derivatives) {
  matrix logits = random_matrix(3, 5, 1), probabilities;
  const std::uint8_t targets[] = {4, 0, 2};
  const vector weight = random_matrix(3, 1, 2);
  vector nats;
  std::vector<std::uint8_t> best;
  const auto f = [&] {
    probabilities = logits;
    evaluation::softmax_loss(probabilities, targets, nats, best);
    return nats.dot(weight);
  };
  f();
  matrix d = probabilities;
  evaluation::softmax_loss_gradient(d, targets, weight);
  expect_gradient("d logits", logits, d, f);
}

// There are more queries than in one block.
TEST(evaluation_gradients, of_attention_are_the_derivatives) {
  const Index n = evaluation::attention_block + 6, dim = 3;
  matrix q = random_matrix(n, dim, 1), k = random_matrix(n, dim, 2), v = random_matrix(n, dim, 3);
  const matrix d_out = random_matrix(n, dim, 4);
  matrix out(n, dim);
  vector log_sum(n);
  evaluation::attention_scratch<double> scratch;
  const auto f = [&] {
    evaluation::attend(all(q), all(k), all(v), 0.7, 0, all(out), log_sum.data(), scratch,
                       [](Index, const auto&) {});
    return dot(out, d_out);
  };
  f();
  matrix dq(n, dim), dk = matrix::Zero(n, dim), dv = matrix::Zero(n, dim);
  evaluation::attend_gradient(all(q), all(k), all(v), 0.7, all(out), log_sum.data(), all(d_out),
                              all(dq), all(dk), all(dv), scratch);
  expect_gradient("dq", q, dq, f);
  expect_gradient("dk", k, dk, f);
  expect_gradient("dv", v, dv, f);
}

// The gradient of the rotation is the rotation by adjoint(f), for heads of q and of k.
TEST(evaluation_gradients, of_rotation_are_the_derivatives) {
  for (const named_model& m : support::evaluation_models()) {
    SCOPED_TRACE(m.name);
    const yarn::frequencies f = support::frequencies_of(m);
    const Index n = 5, size = m.config.n_heads * m.config.head_dim;
    matrix x = random_matrix(n, size, 1);
    const matrix dy = random_matrix(n, size, 2);
    const auto rotate = [&](matrix& heads, const yarn::frequencies& by) {
      const yarn::heads_view<double> all_heads{heads.data(), n, m.config.n_heads,
                                               m.config.head_dim};
      yarn::rope_apply(all_heads, yarn::rows_of(by, yarn::positions_from(3)), m.config.pairing);
    };
    matrix dx = dy;
    rotate(dx, yarn::adjoint(f));
    expect_gradient("dx", x, dx, [&] {
      matrix y = x;
      rotate(y, f);
      return dot(y, dy);
    });
  }
}

// ---- The whole model ----------------------------------------------------------------------------

// All tensors of each model, with two sequences. Each token has a different weight in the loss.
TEST(evaluation_gradients, of_the_whole_model_are_the_derivatives) {
  const Index n_sequences = 2, length = 6;
  for (const named_model& m : support::evaluation_models()) {
    SCOPED_TRACE(m.name);
    auto model = support::random_evaluation_model<double>(m.config, 1);
    const auto tokens = support::random_bytes(12, 2), targets = support::random_bytes(12, 3);
    const vector weight = random_matrix(12, 1, 4);
    evaluation::decoder<double> run(m.config, n_sequences, length, true);
    run.rotate_by(support::frequencies_of(m));
    const auto f = [&] {
      run.run(model, tokens.data(), targets.data());
      return run.nats().dot(weight);
    };
    f();
    evaluation::weights<double> gradient(model.tensors);
    run.add_gradient(model, tokens.data(), targets.data(), weight, gradient);
    for (const evaluation::tensor& t : model.tensors.tensors()) {
      // About 13 elements of each tensor.
      double largest = 0;
      for (Index i = 0; i < t.size(); i += 1 + t.size() / 13) {
        double& element = model.values.values[t.offset + i];
        const double expected = derivative(element, f);
        largest = std::max(largest, std::abs(expected));
        ASSERT_NEAR(gradient.values[t.offset + i], expected, 1e-8 * (1 + std::abs(expected)))
            << t.name << ' ' << i;
      }
      if (t.name != "embedding") { // most bytes do not occur
        EXPECT_GT(largest, 1e-4) << t.name;
      }
    }
    for (Index i = 0; i < m.config.hidden_size; ++i) { // the embedding of a byte that occurs
      const Index at = model.tensors.embedding.offset + tokens[7] * m.config.hidden_size + i;
      const double expected = derivative(model.values.values[at], f);
      ASSERT_NEAR(gradient.values[at], expected, 1e-8 * (1 + std::abs(expected)));
    }
  }
}

} // namespace
