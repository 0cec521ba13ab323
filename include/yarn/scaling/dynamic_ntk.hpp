// SPDX-License-Identifier: MIT
// Dynamic NTK, and the form of it that grows in steps.
#ifndef YARN_SCALING_DYNAMIC_NTK_HPP
#define YARN_SCALING_DYNAMIC_NTK_HPP

#include "ntk.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Dynamic NTK: NTK-aware scaling that grows with the current length l. Hugging Face: rope_type
/// "dynamic". (transformers 5.12.1 keeps the frequencies of the longest length that a model object
/// has seen, which is a bug. The result of this method depends only on the arguments.)
/// Formula  B^(-2i/d) with B = b * (s l/L - s + 1)^(d/(d-2)) for l > L, else B = b. Attention
///          factor: 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   transformers, _compute_dynamic_ntk_parameters. With factor 1: YaRN paper, arXiv
///          2309.00071, section 3.3.
struct dynamic_ntk_scaling {
  double factor = 1.0;                      ///< s > 0
  std::int64_t max_position_embeddings = 0; ///< L, tokens, > 0: the original length

  // Keys in a cache keep the frequencies of the step that wrote them. A rotation by `rerotation`
  // (frequencies.hpp) brings them to the current frequencies.
  void resolve(spectrum& s, std::int64_t seq_len) const {
    require_positive("dynamic_ntk_scaling.factor", factor);
    require_length("dynamic_ntk_scaling.max_position_embeddings", max_position_embeddings);
    require_sequence_length(seq_len);
    detail::check_base_can_change(s, "dynamic_ntk_scaling");
    if (seq_len <= max_position_embeddings)
      return;
    const real growth = real(seq_len) / real(max_position_embeddings) - real(1);
    detail::set_ntk_base(s, real(factor) * growth + real(1));
  }
};

/// NTK-aware scaling whose factor grows in steps: each time that the current length l exceeds L
/// times a power of two. Qwen 1: use_dynamic_ntk. (The code of Qwen 1 keeps the factor of the
/// prompt while it generates: pass the length of the prompt for the same frequencies.)
/// Formula  B^(-2i/d) with B = b * a^(d/(d-2)), a = 2^(k+1) - 1 and k = ceil(log2(l/L)), for l > L,
///          else B = b. Attention factor: 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   modeling_qwen.py of Qwen-7B, QWenModel.get_ntk_alpha and RotaryEmbedding.
struct stepped_ntk_scaling {
  std::int64_t original_max_position_embeddings = 0; ///< L, tokens, > 0 (`seq_length` of Qwen 1)

  void resolve(spectrum& s, std::int64_t seq_len) const {
    require_length("stepped_ntk_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    require_sequence_length(seq_len);
    detail::check_base_can_change(s, "stepped_ntk_scaling");
    if (seq_len <= original_max_position_embeddings)
      return;
    const auto length = static_cast<std::uint64_t>(seq_len);
    auto reached = static_cast<std::uint64_t>(original_max_position_embeddings);
    real factor = 1;
    for (; reached < length; reached *= 2) // at most 2 * seq_len, which does not overflow
      factor = factor * real(2) + real(1);
    detail::set_ntk_base(s, factor);
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif
