// SPDX-License-Identifier: MIT
// Tests that every function refuses bad arguments: the checks, rope_apply and rope_copy.
#ifndef YARN_TESTS_SUPPORT_REFUSED_CALLS_HPP
#define YARN_TESTS_SUPPORT_REFUSED_CALLS_HPP

#include "bits.hpp"
#include "emulated_rotation.hpp"
#include "expect_error.hpp"
#include "model_methods.hpp"
#include "tensors.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace support {

/// Function objects, so that a test can make the same call with rope_check and rope_apply, or with
/// rope_copy_check and rope_copy.
struct call_rope_check {
  template <class... Argument> void operator()(const Argument&... arguments) const {
    yarn::rope_check(arguments...);
  }
};
struct call_rope_apply {
  template <class... Argument> void operator()(const Argument&... arguments) const {
    yarn::rope_apply(arguments...);
  }
};
struct call_rope_copy_check {
  template <class... Argument> void operator()(const Argument&... arguments) const {
    yarn::rope_copy_check(arguments...);
  }
};
struct call_rope_copy {
  template <class... Argument> void operator()(const Argument&... arguments) const {
    yarn::rope_copy(arguments...);
  }
};

/// Valid arguments: tensors of 3 tokens with heads of 8 elements, of which 6 are rotated. Each test
/// replaces one argument by a bad one.
template <class T> class refused_calls : public ::testing::Test {
protected:
  static constexpr std::int64_t n_tokens = 3, n_q = 4, n_k = 2, dim = 8, n_pairs = 3;

  refused_calls() {
    rows.assign(freqs, yarn::positions_from(5, n_tokens));
    random_source random(1);
    std::generate(bytes_.begin(), bytes_.end(),
                  [&] { return static_cast<unsigned char>(random.next() >> 56U); });
    before_ = bytes_;
  }

  T* elements_at(std::size_t place) { return reinterpret_cast<T*>(bytes_.data() + place); }
  T* q_data() { return elements_at(512); }
  T* k_data() { return elements_at(1536); }
  T* other_data() { return elements_at(2560); }
  yarn::heads_view<T> q() { return {q_data(), n_tokens, n_q, dim}; }
  yarn::heads_view<T> k() { return {k_data(), n_tokens, n_k, dim}; }
  yarn::heads_view<T> other() { return {other_data(), n_tokens, n_q, dim}; }
  bool is_unchanged() const { return bytes_ == before_; }

  /// Expects the error from rope_check and from rope_apply, and that no byte changes.
  template <class Error, class Call>
  void expect_refused(std::initializer_list<std::string> words, const Call& call) {
    expect_refused_by_both<Error>(
        words, [&] { call(call_rope_check{}); }, [&] { call(call_rope_apply{}); });
  }
  /// Expects the error from rope_copy_check and from rope_copy, and that no byte changes.
  template <class Error, class Call>
  void expect_copy_refused(std::initializer_list<std::string> words, const Call& call) {
    expect_refused_by_both<Error>(
        words, [&] { call(call_rope_copy_check{}); }, [&] { call(call_rope_copy{}); });
  }

  /// Expects the error for a bad tensor as q, as k, and alone, with each source of rows.
  template <class Error>
  void expect_tensor_refused(std::initializer_list<std::string> words,
                             const yarn::heads_view<T>& bad) {
    expect_refused<Error>(words, [&](auto act) { act(bad, k(), rows, yarn::pairing::half_split); });
    expect_refused<Error>(words, [&](auto act) { act(q(), bad, rows, yarn::pairing::half_split); });
    expect_refused<Error>(words, [&](auto act) { act(bad, rows, yarn::pairing::half_split); });
    expect_refused<Error>(words, [&](auto act) {
      act(bad, k(), yarn::rows_of(freqs, list()), yarn::pairing::half_split);
    });
    expect_refused<Error>(words, [&](auto act) {
      act(q(), bad, yarn::rows_of(freqs, list()), yarn::pairing::half_split);
    });
    expect_refused<Error>(words, [&](auto act) {
      act(bad, yarn::rows_of(freqs, list()), yarn::pairing::half_split);
    });
    expect_refused<Error>(words, [&](auto act) {
      act(bad, k(), yarn::rows_of(table, list()), yarn::pairing::half_split);
    });
    expect_refused<Error>(words, [&](auto act) {
      act(q(), bad, yarn::rows_of(table, list()), yarn::pairing::half_split);
    });
    expect_refused<Error>(words, [&](auto act) {
      act(bad, yarn::rows_of(table, list()), yarn::pairing::half_split);
    });
  }

  yarn::positions list() const { return yarn::positions(list_); }

  const yarn::frequencies freqs = yarn::make_frequencies(shape_of(6, 1e4), [] {
    yarn::yarn_scaling method;
    method.factor = 16;
    method.original_max_position_embeddings = 4096;
    return method;
  }());
  const yarn::rotary_table<float> table = yarn::make_table<float>(freqs, 10);
  yarn::rotary_rows<float> rows;

private:
  // The parameters are std::function, not template parameters, because a hundred calls then compile
  // faster.
  template <class Error>
  void expect_refused_by_both(std::initializer_list<std::string> words,
                              const std::function<void()>& check,
                              const std::function<void()>& rotate) {
    expect_error<Error>(check, words);
    EXPECT_TRUE(is_unchanged()) << "the check wrote something";
    expect_error<Error>(rotate, words);
    EXPECT_TRUE(is_unchanged()) << "the refused call wrote something";
    bytes_ = before_;
  }

  std::vector<unsigned char> bytes_ = std::vector<unsigned char>(4096);
  std::vector<unsigned char> before_;
  std::vector<std::int32_t> list_{9, 0, 4};
};

} // namespace support

#endif // YARN_TESTS_SUPPORT_REFUSED_CALLS_HPP
