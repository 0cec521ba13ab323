// SPDX-License-Identifier: MIT
// Compares the library with numbers of other implementations, in every case of inv_freq.json and
// angles.json. (tests/reference/README.md lists the implementations and says how the numbers were
// made.) A ledger lists the few cases in which the library differs on purpose.
#include "../support/oracle.hpp"
#include "../support/reference_cases.hpp"
#include "../support/reference_tolerance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

// ---- inv_freq.json ----------------------------------------------------------------------------

const std::vector<reference::inv_freq_case>& inv_freq_cases() {
  static const std::vector<reference::inv_freq_case> cases = reference::read_inv_freq_cases();
  return cases;
}

std::int64_t tolerance_ulp(const reference::inv_freq_case& test_case) {
  return reference::tolerance_ulp(test_case.rope_type,
                                  test_case.parameters.value("truncate", true));
}

struct comparison {
  std::int64_t worst_ulp = 0; // of float32, over all pairs
  std::size_t worst_pair = 0;
  double attention_error = 0; // relative
};

comparison compare(const reference::inv_freq_case& test_case) {
  const reference::mapped_case mapped = reference::map_case(test_case);
  const yarn::frequencies freqs =
      yarn::make_frequencies(mapped.shape, mapped.scaling, mapped.seq_len);
  if (static_cast<std::size_t>(freqs.inv_freq().size()) != test_case.inv_freq.size()) {
    throw std::length_error("another number of pairs than the reference");
  }
  comparison result;
  std::size_t pair = 0;
  for (const double inv_freq : freqs.inv_freq()) {
    const std::int64_t steps =
        reference::floats_between(static_cast<float>(inv_freq), test_case.inv_freq[pair]);
    if (steps > result.worst_ulp) {
      result.worst_ulp = steps;
      result.worst_pair = pair;
    }
    ++pair;
  }
  result.attention_error = std::fabs(freqs.attention_factor() / test_case.attention_factor - 1);
  return result;
}

bool agrees(const reference::inv_freq_case& test_case, const comparison& found) {
  return found.worst_ulp <= tolerance_ulp(test_case) && found.attention_error <= 1e-12;
}

/// How the library differs on purpose.
enum class difference { other_numbers, refused };
struct ledger_entry {
  const char* id;
  difference kind;
  const char* reason;
};
const ledger_entry ledger[] = {
    {"vllm-ntk-fixed-x8", difference::other_numbers,
     "another formula, (b s)^(-2i/d) / s^(2/d); ours is the paper's base b s^(d/(d-2))"},
    {"hf-yarn-edge-orig-1", difference::other_numbers,
     "high < low: the ramp there runs backwards and leaves pairs unscaled that never turn once; "
     "ours interpolates all but pair 0, like ggml"},
    {"hf-yarn-edge-orig-4", difference::other_numbers, "high < low, as in hf-yarn-edge-orig-1"},
    {"jq-yarn-orig4", difference::other_numbers, "high < low, as in hf-yarn-edge-orig-1"},
    {"hf-yarn-edge-betas-swapped", difference::refused,
     "beta_fast < beta_slow is a mistake of the configuration; there it inverts the ramp"},
};

const ledger_entry* find_in_ledger(const std::string& id) {
  for (const ledger_entry& entry : ledger) {
    if (id == entry.id) {
      return &entry;
    }
  }
  return nullptr;
}

class inv_freq_reference : public testing::TestWithParam<reference::inv_freq_case> {};

TEST_P(inv_freq_reference, is_reproduced_or_in_the_ledger) {
  const reference::inv_freq_case& test_case = GetParam();
  const ledger_entry* entry = find_in_ledger(test_case.id);
  if (entry != nullptr && entry->kind == difference::refused) {
    try {
      compare(test_case);
      ADD_FAILURE() << "accepted, but the ledger says it is refused: " << entry->reason;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("beta_fast"), std::string::npos) << error.what();
    }
    return;
  }
  const comparison found = compare(test_case);
  if (entry != nullptr) {
    EXPECT_FALSE(agrees(test_case, found)) << "agrees now: take it out of the ledger";
    return;
  }
  EXPECT_LE(found.worst_ulp, tolerance_ulp(test_case)) << "at pair " << found.worst_pair;
  EXPECT_LE(found.attention_error, 1e-12);
}

INSTANTIATE_TEST_SUITE_P(all, inv_freq_reference, testing::ValuesIn(inv_freq_cases()),
                         [](const auto& parameter) {
                           return reference::test_name(parameter.param.id);
                         });

TEST(inv_freq_ledger, lists_only_cases_that_exist) {
  for (const ledger_entry& entry : ledger) {
    const auto has_this_id = [&entry](const reference::inv_freq_case& test_case) {
      return test_case.id == entry.id;
    };
    EXPECT_EQ(std::count_if(inv_freq_cases().begin(), inv_freq_cases().end(), has_this_id), 1)
        << entry.id;
  }
}

// Do not add an entry only to make a failing test pass.
TEST(inv_freq_ledger, has_five_entries) { EXPECT_EQ(std::size(ledger), 5U); }

TEST(inv_freq_reference_data, is_complete) { EXPECT_EQ(inv_freq_cases().size(), 174U); }

// ---- angles.json ------------------------------------------------------------------------------

struct cos_and_sin {
  std::vector<std::vector<double>> cos; // [position][pair]
  std::vector<std::vector<double>> sin;
};

// NOLINTNEXTLINE(bugprone-exception-escape): the move of nlohmann::json is declared noexcept
struct angles_case {
  reference::inv_freq_case parameters;
  std::vector<std::int64_t> positions;
  std::vector<std::int64_t> pairs;
  std::vector<std::string> inv_freq_exact; // 50 digits
  std::vector<float> inv_freq_float32;
  cos_and_sin of_exact;
  cos_and_sin of_float32;
};

void PrintTo(const angles_case& test_case, std::ostream* out) { // NOLINT: GoogleTest's name
  *out << test_case.parameters.id;
}

std::vector<angles_case> read_angles_cases() {
  std::vector<angles_case> cases;
  for (const reference::json& entry : reference::read_json("angles.json")) {
    angles_case test_case;
    test_case.parameters.id = entry.at("id");
    test_case.parameters.parameters = entry.at("rope_parameters");
    test_case.parameters.rope_type = test_case.parameters.parameters.at("rope_type");
    test_case.parameters.head_dim = entry.at("head_dim");
    test_case.parameters.rotary_dim = entry.at("rotary_dim");
    test_case.parameters.max_position_embeddings = entry.at("max_position_embeddings");
    test_case.parameters.attention_factor = entry.at("attention_factor");
    test_case.positions = entry.at("positions").get<std::vector<std::int64_t>>();
    test_case.pairs = entry.at("pairs").get<std::vector<std::int64_t>>();
    test_case.inv_freq_exact = entry.at("inv_freq_exact").get<std::vector<std::string>>();
    test_case.inv_freq_float32 = reference::float32_values(entry.at("inv_freq_float32"));
    const auto read = [&entry](const char* key) {
      cos_and_sin table;
      table.cos = entry.at(key).at("cos").get<std::vector<std::vector<double>>>();
      table.sin = entry.at(key).at("sin").get<std::vector<std::vector<double>>>();
      return table;
    };
    test_case.of_exact = read("exact_inv_freq");
    test_case.of_float32 = read("float32_inv_freq");
    cases.push_back(test_case);
  }
  return cases;
}

const std::vector<angles_case>& angles_cases() {
  static const std::vector<angles_case> cases = read_angles_cases();
  return cases;
}

yarn::frequencies make(const angles_case& test_case) {
  const reference::mapped_case mapped = reference::map_case(test_case.parameters);
  return yarn::make_frequencies(mapped.shape, mapped.scaling, mapped.seq_len);
}

/// The tolerance of a row entry: `angle_error`, in rad, because sine and cosine change by at most
/// as much as the angle, plus the promised bound of the library's rounding and phase.
template <class T> double row_tolerance(std::int64_t position, double angle_error) {
  // The phase per token is rounded to 2^-64 turns, so the error of the phase is up to
  // position * 2^-65 turns. The bound of float rows, 0.501 * 2^-24 up to position 2^24, includes
  // this error. Double rows have this error and one rounding (rows.hpp).
  constexpr double two_pi = 6.283185307179587;
  const double phase_error = static_cast<double>(position) * 0x1p-65 * two_pi;
  const double own = std::is_same_v<T, float> ? 0.501 * 0x1p-24 : 0.501 * 0x1p-53 + phase_error;
  constexpr double of_reference = 0x1p-54; // its numbers are rounded to double
  return own + of_reference + angle_error;
}

/// Compares rows of `freqs` with the reference: pair `columns[c]` with column c.
/// `inv_freq_errors[c]` is the difference between inv_freq of the library and of the reference.
template <class T>
void expect_rows(const yarn::frequencies& freqs, const angles_case& test_case,
                 const std::vector<std::int64_t>& columns, const cos_and_sin& expected,
                 const std::vector<double>& inv_freq_errors) {
  yarn::rotary_rows<T> rows;
  rows.assign(freqs, yarn::positions(test_case.positions.data(), test_case.positions.size()));
  ASSERT_EQ(static_cast<std::size_t>(rows.n_rows()), test_case.positions.size());
  for (std::size_t row = 0; row < test_case.positions.size(); ++row) {
    for (std::size_t column = 0; column < columns.size(); ++column) {
      const std::int64_t position = test_case.positions[row];
      const double tolerance =
          row_tolerance<T>(position, static_cast<double>(position) * inv_freq_errors[column]);
      const auto at = static_cast<std::int64_t>(row);
      EXPECT_NEAR(double{rows.cos(at)[columns[column]]}, expected.cos[row][column], tolerance)
          << "cos, position " << position << ", pair " << columns[column];
      EXPECT_NEAR(double{rows.sin(at)[columns[column]]}, expected.sin[row][column], tolerance)
          << "sin, position " << position << ", pair " << columns[column];
    }
  }
}

class angles_reference : public testing::TestWithParam<angles_case> {};

TEST_P(angles_reference, inv_freq_is_within_one_ulp_of_the_digits) {
  const angles_case& test_case = GetParam();
  const yarn::frequencies freqs = make(test_case);
  EXPECT_NEAR(freqs.attention_factor(), test_case.parameters.attention_factor, 1e-12);
  for (std::size_t column = 0; column < test_case.pairs.size(); ++column) {
    const double inv_freq = freqs.inv_freq().data()[test_case.pairs[column]];
    EXPECT_LE(oracle::ulp_error(inv_freq, oracle::real::parse(test_case.inv_freq_exact[column])),
              1.0)
        << "pair " << test_case.pairs[column];
  }
}

// The reference uses the exact frequency, the library the nearest double. This moves the angle by
// position * |difference|, here at most 1e7 * 2^-54 rad. The test computes the difference;
// inv_freq_is_within_one_ulp_of_the_digits limits it to one ULP.
template <class T> void expect_rows_of_exact_inv_freq(const angles_case& test_case) {
  const yarn::frequencies freqs =
      yarn::unscaled(make(test_case)); // the reference has no attention factor
  std::vector<double> errors;
  for (std::size_t column = 0; column < test_case.pairs.size(); ++column) {
    errors.push_back(oracle::absolute_error(freqs.inv_freq().data()[test_case.pairs[column]],
                                            oracle::real::parse(test_case.inv_freq_exact[column])));
  }
  expect_rows<T>(freqs, test_case, test_case.pairs, test_case.of_exact, errors);
}
TEST_P(angles_reference, float_rows_have_the_angles_of_the_exact_inv_freq) {
  expect_rows_of_exact_inv_freq<float>(GetParam());
}
TEST_P(angles_reference, double_rows_have_the_angles_of_the_exact_inv_freq) {
  expect_rows_of_exact_inv_freq<double>(GetParam());
}

// A float32 frequency is exact as a double, so only the error of the library is left.
template <class T> void expect_rows_of_float32_inv_freq(const angles_case& test_case) {
  const yarn::frequencies freqs =
      yarn::frequencies_from(test_case.inv_freq_float32.data(), test_case.inv_freq_float32.size());
  std::vector<std::int64_t> columns;
  for (std::size_t column = 0; column < test_case.pairs.size(); ++column) {
    columns.push_back(static_cast<std::int64_t>(column));
  }
  expect_rows<T>(freqs, test_case, columns, test_case.of_float32,
                 std::vector<double>(columns.size(), 0));
}
TEST_P(angles_reference, float_rows_have_the_angles_of_the_float32_inv_freq) {
  expect_rows_of_float32_inv_freq<float>(GetParam());
}
TEST_P(angles_reference, double_rows_have_the_angles_of_the_float32_inv_freq) {
  expect_rows_of_float32_inv_freq<double>(GetParam());
}

// The product with the attention factor is rounded once, so the error is half an ULP at the
// attention factor.
TEST_P(angles_reference, float_rows_carry_the_attention_factor) {
  const angles_case& test_case = GetParam();
  const yarn::frequencies freqs =
      yarn::frequencies_from(test_case.inv_freq_float32.data(), test_case.inv_freq_float32.size(),
                             test_case.parameters.attention_factor);
  const double amplitude = test_case.parameters.attention_factor;
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions(test_case.positions.data(), test_case.positions.size()));
  for (std::size_t row = 0; row < test_case.positions.size(); ++row) {
    for (std::size_t column = 0; column < test_case.pairs.size(); ++column) {
      const auto at = static_cast<std::int64_t>(row);
      const oracle::sine_and_cosine exact =
          oracle::rotation(test_case.positions[row], double{test_case.inv_freq_float32[column]});
      EXPECT_LE(
          oracle::row_error(double{rows.cos(at)[column]}, amplitude * exact.cosine, amplitude),
          0.501)
          << "cos, position " << test_case.positions[row] << ", pair " << test_case.pairs[column];
      EXPECT_LE(oracle::row_error(double{rows.sin(at)[column]}, amplitude * exact.sine, amplitude),
                0.501)
          << "sin, position " << test_case.positions[row] << ", pair " << test_case.pairs[column];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(all, angles_reference, testing::ValuesIn(angles_cases()),
                         [](const auto& parameter) {
                           return reference::test_name(parameter.param.parameters.id);
                         });

TEST(angles_reference_data, is_complete) {
  ASSERT_EQ(angles_cases().size(), 3U);
  for (const angles_case& test_case : angles_cases()) {
    EXPECT_EQ(test_case.positions.size(), 17U);
    EXPECT_EQ(test_case.pairs.size(), 9U);
    EXPECT_EQ(test_case.of_exact.cos.size(), 17U);
    EXPECT_EQ(test_case.of_float32.sin.size(), 17U);
  }
}

// ---- The oracle, tested with the same data ----------------------------------------------------

TEST_P(angles_reference, oracle_gives_all_fifty_digits) {
  const angles_case& test_case = GetParam();
  const auto rotary_dim = static_cast<int>(test_case.parameters.rotary_dim);
  const double theta = test_case.parameters.parameters.at("rope_theta");
  const oracle::result made = test_case.parameters.rope_type == "yarn"
                                  ? oracle::yarn(rotary_dim, theta, 16)
                                  : oracle::default_rope(rotary_dim, theta);
  for (std::size_t column = 0; column < test_case.pairs.size(); ++column) {
    const oracle::real digits = oracle::real::parse(test_case.inv_freq_exact[column]);
    const oracle::real& inv_freq = made.inv_freq[static_cast<std::size_t>(test_case.pairs[column])];
    EXPECT_LE(abs(inv_freq / digits - 1), oracle::real::parse("1e-48"));
  }
}

TEST_P(angles_reference, oracle_gives_the_nearest_double) {
  const angles_case& test_case = GetParam();
  for (std::size_t row = 0; row < test_case.positions.size(); ++row) {
    for (std::size_t column = 0; column < test_case.pairs.size(); ++column) {
      const oracle::sine_and_cosine exact =
          oracle::rotation(test_case.positions[row], double{test_case.inv_freq_float32[column]});
      EXPECT_EQ(exact.cosine.to_double(), test_case.of_float32.cos[row][column]);
      EXPECT_EQ(exact.sine.to_double(), test_case.of_float32.sin[row][column]);
    }
  }
}

} // namespace
