// SPDX-License-Identifier: MIT
// The scaling method of an expectation. The method can have any type. Its numbers can be changed,
// to simulate engines that use the right method with wrong numbers. Opt-in.
#ifndef YARN_DETAIL_TESTING_METHOD_HPP
#define YARN_DETAIL_TESTING_METHOD_HPP

#include "../../yarn.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

inline const char* method_name(const default_scaling&) { return "default"; }
inline const char* method_name(const linear_scaling&) { return "linear"; }
inline const char* method_name(const ntk_scaling&) { return "NTK-aware"; }
inline const char* method_name(const dynamic_ntk_scaling&) { return "dynamic NTK"; }
inline const char* method_name(const stepped_ntk_scaling&) { return "stepped NTK"; }
inline const char* method_name(const ntk_by_parts_scaling&) { return "NTK by parts"; }
inline const char* method_name(const part_ntk_scaling&) { return "part NTK"; }
inline const char* method_name(const dynamic_part_ntk_scaling&) { return "dynamic part NTK"; }
inline const char* method_name(const dynamic_yarn_scaling&) { return "dynamic YaRN"; }
inline const char* method_name(const yarn_scaling&) { return "YaRN"; }
inline const char* method_name(const llama3_scaling&) { return "llama3"; }
inline const char* method_name(const longrope_scaling&) { return "LongRoPE"; }
inline const char* method_name(const proportional_scaling&) { return "proportional"; }
template <class Method> const char* method_name(const Method&) { return "the method"; }

template <class Method, class = void> inline constexpr bool has_factor_v = false;
template <class Method>
inline constexpr bool has_factor_v<Method, std::void_t<decltype(std::declval<Method&>().factor)>> =
    true;

template <class Method, class = void> inline constexpr bool has_truncate_v = false;
template <class Method>
inline constexpr bool
    has_truncate_v<Method, std::void_t<decltype(std::declval<Method&>().truncate)>> = true;

// A pointer to the field with the original length, or nullptr if the method has none.
template <class Method>
auto length_field(Method& method, int) -> decltype(&method.original_max_position_embeddings) {
  return &method.original_max_position_embeddings;
}
template <class Method>
auto length_field(Method& method, long) -> decltype(&method.max_position_embeddings) {
  return &method.max_position_embeddings;
}
template <class Method> std::nullptr_t length_field(Method&, ...) { return nullptr; }
template <class Method>
inline constexpr bool has_length_v =
    !std::is_null_pointer_v<decltype(length_field(std::declval<Method&>(), 0))>;

/// The numbers of a method that engines get wrong. Numbers that the method does not have keep these
/// defaults.
struct method_numbers {
  std::string name;
  bool is_dynamic = false;
  bool is_yarn = false;
  bool is_unknown = false; ///< the frequencies were given, not the method
  bool any_dim = false;    ///< any rotary_dim is allowed; numbers_of decides by the type
  bool has_length = false;
  bool has_truncate = false;
  double factor = 0;       ///< s
  std::int64_t length = 0; ///< L
  bool truncate = true;
  double extrapolation_factor = 1;
  double beta_fast = 0;
  double beta_slow = 0;
  yarn_ramp ramp = yarn_ramp::pair_index;

  bool has_factor() const { return factor > 0; }
};

template <class Method> method_numbers numbers_of(const Method& method) {
  method_numbers numbers;
  numbers.name = method_name(method);
  numbers.is_dynamic = is_dynamic_scaling_v<Method>;
  // A method with a list, or with a condition on the shape, allows one rotary_dim only. A method
  // without a factor may be such a method, and counts as one, except for default_scaling.
  numbers.any_dim = std::is_same_v<Method, default_scaling> ||
                    (has_factor_v<const Method> && !std::is_same_v<Method, longrope_scaling> &&
                     !std::is_same_v<Method, proportional_scaling>);
  if constexpr (has_factor_v<const Method>)
    numbers.factor = optional_number(method.factor).value_or_zero();
  if constexpr (has_length_v<const Method>) {
    numbers.has_length = true;
    numbers.length = *length_field(method, 0);
  }
  if constexpr (has_truncate_v<const Method>) {
    numbers.has_truncate = true;
    numbers.truncate = method.truncate;
  }
  if constexpr (std::is_base_of_v<yarn_scaling, Method>) {
    numbers.is_yarn = true;
    numbers.extrapolation_factor = method.extrapolation_factor;
    numbers.beta_fast = method.beta_fast;
    numbers.beta_slow = method.beta_slow;
    numbers.ramp = method.ramp;
  }
  return numbers;
}

/// The method with these numbers. The scaling factor is written only if it differs, so that an
/// optional factor that is absent stays absent.
template <class Method> Method with_numbers(Method method, const method_numbers& numbers) {
  [[maybe_unused]] const method_numbers own = numbers_of(method);
  if constexpr (has_factor_v<Method>)
    if (numbers.factor != own.factor)
      method.factor = numbers.factor;
  if constexpr (has_length_v<Method>)
    *length_field(method, 0) = numbers.length;
  if constexpr (has_truncate_v<Method>)
    method.truncate = numbers.truncate;
  if constexpr (std::is_base_of_v<yarn_scaling, Method>) {
    method.extrapolation_factor = numbers.extrapolation_factor;
    method.beta_fast = numbers.beta_fast;
    method.beta_slow = numbers.beta_slow;
    method.ramp = numbers.ramp;
  }
  return method;
}

/// Frequencies for another theta: a frequency theta^e becomes other^e. The divisor of a scaled
/// frequency counts as a part of the power, so it changes, too.
inline frequencies at_another_theta(const frequencies& f, double theta, double other) {
  const double exponent = std::log(other) / std::log(theta);
  std::vector<double> list;
  for (const double inv_freq : f.inv_freq())
    list.push_back(inv_freq > 0 ? std::min(std::pow(inv_freq, exponent), 1e9) : 0);
  return frequencies_from(list.data(), list.size(), f.attention_factor());
}

/// A method of any type, of the library or of the user. resolve() uses the numbers, which can be
/// changed.
class changeable_method {
public:
  template <class Method>
  explicit changeable_method(const Method& method)
      : numbers_(numbers_of(method)),
        resolve_(
            [method](const method_numbers& numbers, const rope_shape& shape, std::int64_t seq_len) {
              return make_frequencies(shape, with_numbers(method, numbers), seq_len);
            }) {}
  template <class... Methods>
  explicit changeable_method(const std::variant<Methods...>& method)
      : changeable_method(
            std::visit([](const auto& held) { return changeable_method(held); }, method)) {}
  /// The unknown method that gave these frequencies to this shape.
  changeable_method(const frequencies& f, const rope_shape& shape_of_f)
      : resolve_([f, shape_of_f](const method_numbers&, const rope_shape& shape, std::int64_t) {
          return shape.rope_theta == shape_of_f.rope_theta
                     ? f
                     : at_another_theta(f, shape_of_f.rope_theta, shape.rope_theta);
        }) {
    numbers_.name = "the method";
    numbers_.is_unknown = true;
  }

  frequencies resolve(const rope_shape& shape, std::int64_t seq_len) const {
    return resolve_(numbers_, shape, seq_len);
  }
  const method_numbers& numbers() const { return numbers_; }

  /// A copy with another number: `with(&method_numbers::factor, 8)`.
  template <class Number>
  changeable_method with(Number method_numbers::*which, std::common_type_t<Number> value) const {
    changeable_method changed = *this;
    changed.numbers_.*which = value;
    return changed;
  }

private:
  method_numbers numbers_;
  std::function<frequencies(const method_numbers&, const rope_shape&, std::int64_t)> resolve_;
};

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif
