// SPDX-License-Identifier: MIT
// Calls with a norm refuse bad arguments before they write anything.
#include "../support/refused_calls.hpp"

#include <gtest/gtest.h>
#include <yarn/norm.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace {

using std::invalid_argument;
using yarn::layer_norm;
using yarn::normed;
using yarn::pairing;
using yarn::rms_norm;

constexpr pairing half = pairing::half_split;

class norm_refused : public support::refused_calls<float> {
protected:
  /// Expects that a call is refused with this norm on q, on k, on one tensor, and on the source of
  /// a copy.
  template <class Norm>
  void expect_norm_refused(std::initializer_list<std::string> words, const Norm& bad) {
    expect_refused_naming("q", words, [&](auto act) { act(normed(q(), bad), k(), rows, half); });
    expect_refused_naming("k", words, [&](auto act) { act(q(), normed(k(), bad), rows, half); });
    expect_refused_naming("k", words, [&](auto act) {
      act(normed(q(), good()), normed(k(), bad), yarn::rows_of(freqs, list()), half);
    });
    expect_refused_naming("x", words, [&](auto act) { act(normed(q(), bad), rows, half); });
    expect_refused_naming(
        "x", words, [&](auto act) { act(normed(q(), bad), yarn::rows_of(table, list()), half); });
    expect_copy_refused<invalid_argument>(words, [&](auto act) {
      act(normed(q(), bad), other(), rows, half, yarn::output_order{half});
    });
  }
  rms_norm<float> good() const { return {weights, 1e-6}; }

  const float weights[32] = {};

private:
  template <class Call>
  void expect_refused_naming(const std::string& tensor, std::initializer_list<std::string> words,
                             const Call& call) {
    expect_refused<invalid_argument>(words, call);
    expect_refused<invalid_argument>({"of " + tensor + " "}, call);
  }
};

TEST_F(norm_refused, weight_that_is_null) {
  expect_norm_refused({"weight", "is null"}, rms_norm<float>(nullptr, 1e-6));
  expect_norm_refused({"weight", "is null"}, rms_norm<float>(nullptr, 1e-6).over_all_heads());
  expect_norm_refused({"weight", "is null"}, layer_norm<yarn::bfloat16>(nullptr, 1e-6));
}

TEST_F(norm_refused, eps_that_is_negative_or_not_finite) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double eps : {-1e-6, -infinity, infinity, std::nan(""), 1e39}) {
    expect_norm_refused({"eps"}, rms_norm<float>(weights, eps));
    expect_norm_refused({"eps"}, yarn::rms_norm_without_weight(eps));
    expect_norm_refused({"eps"}, layer_norm<float>(weights, eps));
  }
  expect_norm_refused({"eps = -0.5"}, rms_norm<float>(weights, -0.5));
  yarn::rope_check(normed(q(), rms_norm<float>(weights, 0.0)), rows, half);
}

TEST_F(norm_refused, more_than_1024_rotated_elements) {
  constexpr std::int64_t long_dim = 1032;
  const std::vector<double> inv_freq(long_dim / 2, 0.5);
  std::vector<float> data(long_dim, 1);
  const std::vector<float> weight(long_dim, 1), before = data;
  for (const std::int64_t rotated_pairs : {512, 513}) {
    const auto f = yarn::frequencies_from(inv_freq.data(), rotated_pairs, 1.0);
    const auto call = [&] {
      yarn::rope_apply(
          normed(yarn::heads_view{data.data(), 1, 1, long_dim}, rms_norm(weight.data(), 0.0)),
          yarn::rows_of(f, yarn::positions_from(1)), half);
    };
    if (rotated_pairs == 512) {
      yarn::rope_check(
          normed(yarn::heads_view{data.data(), 1, 1, long_dim}, rms_norm(weight.data(), 0.0)),
          yarn::rows_of(f, yarn::positions_from(1)), half);
    } else {
      support::expect_error<invalid_argument>(call, {"x", "1026", "1024"});
    }
    EXPECT_EQ(data, before);
  }
}

TEST_F(norm_refused, tensors_that_a_plain_call_refuses) {
  const yarn::heads_view<float> null{static_cast<float*>(nullptr), n_tokens, n_q, dim};
  const yarn::heads_view<float> narrow{q_data(), n_tokens, n_q, 4};
  const yarn::heads_view<float> long_tensor{q_data(), n_tokens + 1, n_q, dim};
  const auto overlapping = q().with_strides(n_q * dim, dim - 1);
  for (const auto& bad : {null, narrow, long_tensor, overlapping}) {
    expect_refused<invalid_argument>({}, [&](auto act) { act(normed(bad, good()), rows, half); });
    expect_refused<invalid_argument>({},
                                     [&](auto act) { act(q(), normed(bad, good()), rows, half); });
    expect_copy_refused<invalid_argument>({}, [&](auto act) {
      act(normed(bad, good()), other(), rows, half, yarn::output_order{half});
    });
    expect_copy_refused<invalid_argument>(
        {}, [&](auto act) { act(normed(q(), good()), bad, rows, half, yarn::output_order{half}); });
  }
  expect_refused<invalid_argument>({"q and k overlap"}, [&](auto act) {
    act(normed(q(), good()), normed(q(), good()), rows, half);
  });
  expect_copy_refused<invalid_argument>({"overlap"}, [&](auto act) {
    act(normed(q(), good()), q(), rows, half, yarn::output_order{pairing::interleaved});
  });
  expect_copy_refused<invalid_argument>({"overlap"}, [&](auto act) {
    const yarn::heads_view<float> shifted{q_data() + 1, n_tokens, n_q, dim};
    act(normed(q(), good()), shifted, rows, half, yarn::output_order{half});
  });
  expect_refused<std::out_of_range>({"position"}, [&](auto act) {
    act(normed(q(), good()), yarn::rows_of(table, yarn::positions_from(8)), half);
  });
}

} // namespace
