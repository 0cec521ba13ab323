// SPDX-License-Identifier: MIT
// The frequencies of a model at a given length. Only this file calls make_frequencies.
#ifndef YARN_EXAMPLES_ENGINE_FREQUENCIES_HPP
#define YARN_EXAMPLES_ENGINE_FREQUENCIES_HPP

#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <variant>

namespace engine {

/// The length for which a dynamic method computes the frequencies of a sequence of n tokens. n
/// includes the tokens of the current step. By default the length is n. Then, above the original
/// length, dynamic NTK and dynamic YaRN change the frequencies with every token, and all cached
/// keys must be rotated again each time.
struct length_policy {
  /// A lower bound of the length. For a prompt that comes in chunks, set the length of the whole
  /// prompt. Then all chunks have the same frequencies, and no key is rotated again.
  std::int64_t at_least = 0;
  /// Lengths are rounded up to a multiple of `block`, so keys are rotated again once per `block`
  /// tokens. Use a divisor of the original length; otherwise s rises too early.
  std::int64_t block = 1;

  std::int64_t operator()(std::int64_t n_tokens) const {
    return std::max(at_least, (n_tokens + block - 1) / block * block);
  }
};

/// The frequencies of a model. The constructor makes the frequencies of a static method. `at` makes
/// the frequencies of a dynamic method for a given length.
class rope_frequencies {
public:
  rope_frequencies(const yarn::rope_shape& shape, const yarn::any_scaling& method)
      : shape_(shape), method_(method), at_start_(yarn::make_frequencies(shape, method, 0)),
        is_dynamic_(std::visit(
            [](const auto& chosen) {
              return yarn::is_dynamic_scaling_v<std::decay_t<decltype(chosen)>>;
            },
            method)) {}

  bool is_dynamic() const { return is_dynamic_; }
  const yarn::frequencies& at_start() const { return at_start_; }
  yarn::frequencies at(std::int64_t length) const {
    return yarn::make_frequencies(shape_, method_, length);
  }

private:
  yarn::rope_shape shape_;
  yarn::any_scaling method_;
  yarn::frequencies at_start_;
  bool is_dynamic_;
};

/// Whether two frequencies give the same rotation. A dynamic method has the same rotation for all
/// lengths up to the original length. Rows depend only on phase_steps() and on the attention
/// factor, so equal values of both give equal bits.
inline bool same_rotation(const yarn::frequencies& a, const yarn::frequencies& b) {
  const auto x = a.phase_steps(), y = b.phase_steps();
  return a.attention_factor() == b.attention_factor() &&
         std::equal(x.begin(), x.end(), y.begin(), y.end());
}

} // namespace engine

#endif
