// SPDX-License-Identifier: MIT
// What an engine ought to do, and the other frequencies that it may have taken instead. Opt-in.
#ifndef YARN_TESTING_EXPECTATION_HPP
#define YARN_TESTING_EXPECTATION_HPP

#include "report.hpp"

#include <functional>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// Frequencies that an engine may have used, and the mistake that makes them.
struct candidate {
  diagnosis what;
  std::string text;
  std::vector<double> inv_freq;
  double attention_factor = 1;
};

inline std::vector<double> list_of(const frequencies& f) {
  return {f.inv_freq().begin(), f.inv_freq().end()};
}

template <class Member, class Method, class = void> struct has_member : std::false_type {};
template <class Member, class Method>
struct has_member<Member, Method, std::void_t<decltype(Member::of(std::declval<Method&>()))>>
    : std::true_type {};

// clang-format off
struct factor_member { template <class M> static auto of(M& m) -> decltype((m.factor)) { return m.factor; } };
struct original_length_member { template <class M> static auto of(M& m) -> decltype((m.original_max_position_embeddings)) { return m.original_max_position_embeddings; } };
struct length_member { template <class M> static auto of(M& m) -> decltype((m.max_position_embeddings)) { return m.max_position_embeddings; } };
struct truncate_member { template <class M> static auto of(M& m) -> decltype((m.truncate)) { return m.truncate; } };
struct betas_member { template <class M> static auto of(M& m) -> decltype((m.beta_fast)) { return m.beta_fast; } };
// clang-format on

inline double number_in(double value) { return value; }
inline double number_in(const optional_number& value) { return value.value(); }

inline const char* method_name(const default_scaling&) { return "default"; }
inline const char* method_name(const linear_scaling&) { return "linear"; }
inline const char* method_name(const ntk_scaling&) { return "NTK-aware"; }
inline const char* method_name(const dynamic_ntk_scaling&) { return "dynamic NTK"; }
inline const char* method_name(const ntk_by_parts_scaling&) { return "NTK by parts"; }
inline const char* method_name(const part_ntk_scaling&) { return "part NTK"; }
inline const char* method_name(const dynamic_part_ntk_scaling&) { return "dynamic part NTK"; }
inline const char* method_name(const dynamic_yarn_scaling&) { return "dynamic YaRN"; }
inline const char* method_name(const yarn_scaling&) { return "YaRN"; }
inline const char* method_name(const llama3_scaling&) { return "llama3"; }
inline const char* method_name(const longrope_scaling&) { return "LongRoPE"; }
inline const char* method_name(const proportional_scaling&) { return "proportional"; }
template <class Method> const char* method_name(const Method&) { return "the method"; }

/// The factor s and the original length L of a method, 0 where it has none.
struct method_numbers {
  std::string name;
  double factor = 0;
  std::int64_t length = 0;
  bool any_dim = true; ///< resolves for any rotary_dim: no list with a number for each pair
};

/// Resolves a method of any type, with one of its numbers changed. A change that the method's own
/// checks would refuse is not made: nothing here throws for what resolves unchanged.
class resolver {
public:
  template <class Method> static resolver of(const Method& method) {
    resolver r;
    r.resolve_ = [method](const rope_shape& shape, std::int64_t seq_len) {
      return make_frequencies(shape, method, seq_len);
    };
    r.numbers_.name = method_name(method);
    // A list, or a condition on the shape: only what is known to have neither takes any rotary_dim.
    r.numbers_.any_dim = has_member<factor_member, const Method>::value &&
                         !std::is_same_v<Method, longrope_scaling> &&
                         !std::is_same_v<Method, proportional_scaling>;
    r.numbers_.any_dim |= std::is_same_v<Method, default_scaling>;
    r.is_dynamic_ = is_dynamic_scaling_v<Method>;
    r.is_yarn_ = std::is_base_of_v<yarn_scaling, Method>;
    if constexpr (has_member<factor_member, Method>::value) {
      r.numbers_.factor = number_in(factor_member::of(method));
      r.with_factor_ = [method](double factor) {
        Method other = method;
        factor_member::of(other) = factor;
        return of_held(other);
      };
    }
    if constexpr (has_member<original_length_member, Method>::value)
      r.take_length<original_length_member>(method);
    else if constexpr (has_member<length_member, Method>::value)
      r.take_length<length_member>(method);
    if constexpr (has_member<truncate_member, Method>::value) {
      r.truncates_ = method.truncate;
      r.with_truncate_ = [method](bool truncate) {
        Method other = method;
        other.truncate = truncate;
        return of_held(other);
      };
    }
    if constexpr (std::is_base_of_v<yarn_scaling, Method>) {
      r.extrapolation_factor_ = method.extrapolation_factor;
      r.with_yarn_ = [method](double fast, double slow, yarn_ramp ramp) {
        Method other = method;
        other.beta_fast = fast;
        other.beta_slow = slow;
        other.ramp = ramp;
        return of_held(other);
      };
      r.beta_fast_ = method.beta_fast;
      r.beta_slow_ = method.beta_slow;
      r.ramp_ = method.ramp;
    }
    return r;
  }
  template <class... Methods> static resolver of(const std::variant<Methods...>& method) {
    return std::visit([](const auto& held) { return of(held); }, method);
  }

  frequencies resolve(const rope_shape& shape, std::int64_t seq_len) const {
    return resolve_(shape, seq_len);
  }
  const method_numbers& numbers() const { return numbers_; }
  bool is_dynamic() const { return is_dynamic_; }
  bool is_yarn() const { return is_yarn_; }
  bool has_factor() const { return with_factor_ != nullptr && numbers_.factor > 0; }
  bool has_length() const { return with_length_ != nullptr; }
  bool has_truncate() const { return with_truncate_ != nullptr; }
  bool truncates() const { return truncates_; }
  double extrapolation_factor() const { return extrapolation_factor_; }
  double beta_fast() const { return beta_fast_; }
  double beta_slow() const { return beta_slow_; }
  yarn_ramp ramp() const { return ramp_; }

  resolver with_factor(double factor) const { return with_factor_(factor); }
  resolver with_length(std::int64_t length) const { return with_length_(length); }
  resolver with_truncate(bool truncate) const { return with_truncate_(truncate); }
  resolver with_yarn(double fast, double slow, yarn_ramp ramp) const {
    return with_yarn_(fast, slow, ramp);
  }

private:
  // Through a function pointer's detour: `of` is not yet complete where its lambdas are made.
  template <class Method> static resolver of_held(const Method& method) { return of(method); }

  template <class Member, class Method> void take_length(const Method& method) {
    numbers_.length = Member::of(method);
    with_length_ = [method](std::int64_t length) {
      Method other = method;
      Member::of(other) = length;
      return of_held(other);
    };
  }

  std::function<frequencies(const rope_shape&, std::int64_t)> resolve_;
  std::function<resolver(double)> with_factor_;
  std::function<resolver(std::int64_t)> with_length_;
  std::function<resolver(bool)> with_truncate_;
  std::function<resolver(double, double, yarn_ramp)> with_yarn_;
  method_numbers numbers_;
  double extrapolation_factor_ = 1;
  double beta_fast_ = 0;
  double beta_slow_ = 0;
  yarn_ramp ramp_ = yarn_ramp::pair_index;
  bool is_dynamic_ = false;
  bool is_yarn_ = false;
  bool truncates_ = true;
};

} // namespace detail

/// What an engine ought to do: `expectation expected(shape, method, pairing::half_split);`
class expectation {
public:
  /// Units    seq_len in tokens, which static methods ignore.
  /// Errors   std::invalid_argument for what make_frequencies refuses.
  template <class Method, class Integer = std::int64_t>
  expectation(const rope_shape& shape_of_model, const Method& method, pairing order_of_pairs,
              Integer current_length = 0)
      : shape_(shape_of_model), order_(order_of_pairs), output_order_(order_of_pairs),
        seq_len_(yarn::detail::to_index(current_length, "seq_len")),
        resolver_(detail::resolver::of(method)), exact_(resolver_.resolve(shape_, seq_len_)) {}

  /// Reads pairs in one order and writes them in another, as DeepSeek-V3 does.
  expectation with_output_order(pairing order) const {
    expectation other = *this;
    other.output_order_ = order;
    return other;
  }
  /// The rotary part begins at this element of the head (0 without this; MLA: what precedes it).
  /// Errors   std::invalid_argument unless the rotary part fits behind it.
  template <class Integer> expectation with_rotary_offset(Integer offset) const {
    const std::int64_t first = yarn::detail::to_index(offset, "rotary_offset");
    if (first < 0 || first > shape_.head_dim - shape_.rotated())
      detail::fail_argument(
          "yarn: testing: rotary_offset = {} must be in [0, head_dim - rotary_dim = "
          "{}]",
          first, shape_.head_dim - shape_.rotated());
    expectation other = *this;
    other.rotary_offset_ = first;
    return other;
  }

  /// The same with another number of rotated elements, which the head has room for. Frequencies of
  /// a method that is made for one number only go on with those of the formula.
  expectation with_rotary_dim(std::int64_t rotary_dim) const {
    expectation other = *this;
    other.shape_.rotary_dim = rotary_dim;
    if (other.shape_.head_dim < rotary_dim)
      other.shape_.head_dim = rotary_dim;
    if (other.rotary_offset_ > other.shape_.head_dim - rotary_dim)
      other.rotary_offset_ = other.shape_.head_dim - rotary_dim;
    if (resolver_.numbers().any_dim && rotary_dim > 2) { // NTK needs more than one pair
      other.exact_ = resolver_.resolve(other.shape_, seq_len_);
    } else {
      other.resolver_ = detail::resolver::of(default_scaling{}); // which takes any
      const std::vector<double> list = continued(rotary_dim / 2);
      other.exact_ = frequencies_from(list.data(), list.size(), exact_.attention_factor());
    }
    return other;
  }
  /// The first n of the expected frequencies, and beyond them those of their formula.
  std::vector<double> continued(std::int64_t n) const {
    std::vector<double> list;
    for (std::int64_t i = 0; i < n; ++i)
      list.push_back(i < n_pairs()
                         ? exact_.inv_freq()[i]
                         : std::pow(shape_.rope_theta, -2 * static_cast<double>(i) /
                                                           static_cast<double>(shape_.rotated())));
    return list;
  }

  const rope_shape& shape() const { return shape_; }
  pairing order() const { return order_; }
  pairing output_order() const { return output_order_; }
  std::int64_t rotary_offset() const { return rotary_offset_; }
  std::int64_t seq_len() const { return seq_len_; }
  std::int64_t n_pairs() const { return exact_.n_pairs(); }
  /// The frequencies that the engine ought to use.
  const yarn::frequencies& frequencies() const { return exact_; }
  const detail::resolver& method() const { return resolver_; }

private:
  rope_shape shape_;
  pairing order_;
  pairing output_order_;
  std::int64_t rotary_offset_ = 0;
  std::int64_t seq_len_ = 0;
  detail::resolver resolver_;
  yarn::frequencies exact_;
};

} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif
