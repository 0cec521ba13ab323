// SPDX-License-Identifier: MIT
// yarn/testing.hpp on what real implementations gave (tests/reference/README.md): Hugging Face,
// vLLM, the authors' code and ggml are found right but for their float32 angles, which are named;
// and held against another model's parameters, they are told apart.
#include "support/reference_cases.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace {

using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::report;

expectation expected_of(const reference::inv_freq_case& one, yarn::pairing order) {
  const reference::mapped_case mapped = reference::map_case(one);
  return {mapped.shape, mapped.scaling, order, mapped.seq_len};
}

// ---- Inverse frequencies ----------------------------------------------------------------------

/// Cases whose frequencies are not the library's, each with its reason in test_reference.cpp.
const std::set<std::string>& known_to_differ() {
  static const std::set<std::string> ids = KNOWN;
  return ids;
}

TEST(testing_reference, finds_recorded_frequencies_right) {
  std::size_t n_right = 0;
  for (const reference::inv_freq_case& one : reference::read_inv_freq_cases()) {
    const report r =
        yarn::testing::check_inv_freq(expected_of(one, yarn::pairing::half_split),
                                      one.inv_freq.data(), one.inv_freq.size(), one.attention_factor);
    EXPECT_EQ(r.ok(), known_to_differ().count(one.id) == 0) << one.id << ": " << r;
    n_right += r.ok() && r.findings.empty() ? 1 : 0;
  }
  EXPECT_EQ(n_right, 169U);
}
} // namespace
