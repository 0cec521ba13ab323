// SPDX-License-Identifier: MIT
// Caches written from float: all combinations of the options (support/cache_matrix.hpp).
#include "../support/cache_matrix.hpp"

namespace {

TEST(kv_cache, written_from_float_has_the_bytes_of_the_unfused_way) {
  const long n_runs = support::cache_matrix<float>().run();
  EXPECT_GT(n_runs, 10 * 7 * 4 * 7); // more than one format for each shape
  RecordProperty("runs", static_cast<int>(n_runs));
}

} // namespace
