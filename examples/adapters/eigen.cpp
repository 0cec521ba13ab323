// SPDX-License-Identifier: MIT
// Rotates q and k of an attention layer in place in one Eigen matrix, which has a column [q|k|v]
// for each token. Afterwards the scores of equal tokens depend only on the distance of the tokens.
#include <yarn/eigen.hpp>
#include <yarn/yarn.hpp>

#include <Eigen/Core>
#include <cmath>
#include <cstdio>
#include <exception>

constexpr Eigen::Index n_q_heads = 4, n_kv_heads = 2, head_dim = 64;

int main() try {
  yarn::rope_shape shape;
  shape.head_dim = head_dim;
  shape.rope_theta = 10000.0;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, yarn::default_scaling{});

  // Two equal tokens, and the same two again at much larger positions.
  Eigen::MatrixXf qkv(head_dim * (n_q_heads + 2 * n_kv_heads), 4);
  qkv.leftCols(2).colwise() = Eigen::VectorXf::LinSpaced(qkv.rows(), -1, 1);
  qkv.rightCols(2) = qkv.leftCols(2);
  const Eigen::Vector4i positions(10, 17, 50010, 50017);

  auto q = qkv.topRows(head_dim * n_q_heads);
  auto k = qkv.middleRows(head_dim * n_q_heads, head_dim * n_kv_heads);
  yarn::rope_apply(yarn::heads_from(q, n_q_heads), yarn::heads_from(k, n_kv_heads),
                   yarn::rows_of(freqs, yarn::positions_in(positions)), yarn::pairing::half_split);

  const auto score = [&](int i, int j) { // of the first heads
    return q.col(i).head(head_dim).dot(k.col(j).head(head_dim));
  };
  std::printf("scores at positions 17 and 10: %.4f, 50017 and 50010: %.4f; 50010 and 10: %.4f\n",
              static_cast<double>(score(1, 0)), static_cast<double>(score(3, 2)),
              static_cast<double>(score(2, 0)));
  return std::fabs(score(1, 0) - score(3, 2)) < 1e-4F && std::fabs(score(1, 0) - score(2, 0)) > 1
             ? 0
             : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
