// SPDX-License-Identifier: MIT
// How a model's heads turn at a length: the one place that asks yarn for frequencies.
#ifndef YARN_EXAMPLES_ENGINE_FREQUENCIES_HPP
#define YARN_EXAMPLES_ENGINE_FREQUENCIES_HPP

#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <variant>

namespace engine {

/// Which length a dynamic method is asked for when a sequence has n tokens, those of the step
/// included. As it is, n: the scale changes with every token, and so do all cached keys.
struct length_policy {
  /// The length of a prompt that comes in chunks. With it all chunks are rotated as the whole
  /// prompt would be, and no key is rotated again.
  std::int64_t at_least = 0;
  /// Lengths are rounded up to multiples of this: keys are rotated again once in so many tokens. A
  /// divisor of the method's original length, or the scale rises before that is reached.
  std::int64_t block = 1;

  std::int64_t operator()(std::int64_t n_tokens) const {
    return std::max(at_least, (n_tokens + block - 1) / block * block);
  }
};

/// Frequencies of a static method are made once, here; those of a dynamic one by `at`.
class rope_frequencies {
public:
  rope_frequencies(const yarn::rope_shape& shape, const yarn::any_scaling& method)
      : shape_(shape), method_(method), at_start_(yarn::make_frequencies(shape, method, 0)),
        is_dynamic_(std::visit(
            [](const auto& held) {
              return yarn::is_dynamic_scaling_v<std::decay_t<decltype(held)>>;
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

/// Whether two lengths mean the same rotation, as they do below the original length. Phase steps
/// are what rows are made of, so equal steps are equal bits.
inline bool same_rotation(const yarn::frequencies& a, const yarn::frequencies& b) {
  const auto x = a.phase_steps(), y = b.phase_steps();
  return a.attention_factor() == b.attention_factor() &&
         std::equal(x.begin(), x.end(), y.begin(), y.end());
}

} // namespace engine

#endif
