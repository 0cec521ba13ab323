// SPDX-License-Identifier: MIT
// Engines with known mistakes, and assertions about the reports of yarn/testing.hpp.
#ifndef YARN_TESTS_SUPPORT_ENGINE_REPORTS_HPP
#define YARN_TESTS_SUPPORT_ENGINE_REPORTS_HPP

#include "tiny_engine.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace support {

using yarn::testing::diagnosis;
using yarn::testing::report;

inline tiny_engine engine_of(const yarn::frequencies& f, yarn::pairing order) {
  tiny_engine engine;
  engine.inv_freq.assign(f.inv_freq().begin(), f.inv_freq().end());
  engine.cos_factor = engine.sin_factor = f.attention_factor();
  engine.order = engine.output_order = order;
  return engine;
}

inline std::vector<diagnosis> found(const report& r) {
  std::vector<diagnosis> list;
  for (const yarn::testing::finding& entry : r.findings) {
    list.push_back(entry.what);
  }
  std::sort(list.begin(), list.end());
  return list;
}
/// Whether the report passes, with no findings or exactly the findings `remarks`.
inline ::testing::AssertionResult is_right(const report& r,
                                           const std::vector<diagnosis>& remarks = {}) {
  const std::vector<diagnosis> list = found(r);
  if (r.ok() && (list.empty() || list == remarks)) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << r;
}
inline ::testing::AssertionResult names(const report& r, std::vector<diagnosis> wanted) {
  std::sort(wanted.begin(), wanted.end());
  if (!r.ok() && found(r) == wanted) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << r;
}

template <class T>
report rows_report(const tiny_engine& engine, const yarn::testing::expectation& expected,
                   const std::vector<std::int64_t>& list, const yarn::testing::options& o = {}) {
  std::vector<T> cos;
  std::vector<T> sin;
  std::vector<double> c;
  std::vector<double> s;
  for (std::size_t t = 0; t < list.size(); ++t) {
    engine.row(t, list[t], c, s);
    for (std::size_t i = 0; i < c.size(); ++i) {
      cos.emplace_back();
      sin.emplace_back();
      yarn::detail::narrow(c[i], cos.back());
      yarn::detail::narrow(s[i], sin.back());
    }
  }
  const yarn::rows_view<T> rows{cos.data(), sin.data(), list.size(), engine.n_pairs(),
                                engine.n_pairs()};
  return yarn::testing::check_rows(expected, rows, yarn::positions(list), o);
}

} // namespace support

#endif
