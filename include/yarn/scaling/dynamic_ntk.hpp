// SPDX-License-Identifier: MIT
// Dynamic NTK, and the form of it that grows in steps.
#ifndef YARN_SCALING_DYNAMIC_NTK_HPP
#define YARN_SCALING_DYNAMIC_NTK_HPP

#include "ntk.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Dynamic NTK: NTK-aware scaling that grows with the current length l. Hugging Face: rope_type
/// "dynamic". (In transformers 5.12.1, texts of at most L tokens get the frequencies of the last
/// longer text, which is a bug. The result of this method depends only on the arguments.)
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

/// NTK-aware scaling whose factor grows in steps: each time that the length exceeds L times a power
/// of two. Qwen 1 (use_dynamic_ntk) and TeleChat. (The code of Qwen 1 keeps the factor of the
/// prompt while it generates: pass the length of the prompt for the same frequencies.)
/// Formula  B^(-2i/d) with B = b * a^(d/(d-2)), a = 2^(k+1) - 1 and k = ceil(log2(n/L)), for n > L,
///          else B = b. n = max(l, T), where l is the current length. Attention factor:
///          0.1 ln(n/T) + 1 if T is set, else 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   modeling_qwen.py of Qwen-7B, QWenModel.get_ntk_alpha and RotaryEmbedding;
///          modeling_telechat.py of TeleChat-7B, RotaryEmbedding.
struct stepped_ntk_scaling {
  /// L, tokens, > 0. Qwen 1: `seq_length`. TeleChat: `base_seqlen`.
  std::int64_t original_max_position_embeddings = 0;
  std::int64_t training_seqlen = 0; ///< T, tokens. 0: not set. TeleChat: shorter texts count as T

  void resolve(spectrum& s, std::int64_t seq_len) const {
    require_length("stepped_ntk_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    if (training_seqlen < 0)
      detail::fail_argument(
          "yarn: stepped_ntk_scaling.training_seqlen = {} must be >= 0 (tokens; 0: not set)",
          training_seqlen);
    require_sequence_length(seq_len);
    detail::check_base_can_change(s, "stepped_ntk_scaling");
    const std::int64_t counted = seq_len < training_seqlen ? training_seqlen : seq_len;
    if (training_seqlen > 0 && counted > training_seqlen)
      s.attention_factor = log(real(counted) / real(training_seqlen)) / real(10) + real(1);
    if (counted <= original_max_position_embeddings)
      return;
    const auto length = static_cast<std::uint64_t>(counted);
    auto reached = static_cast<std::uint64_t>(original_max_position_embeddings);
    real factor = 1;
    for (; reached < length; reached *= 2) // at most 2 * length, which does not overflow
      factor = factor * real(2) + real(1);
    detail::set_ntk_base(s, factor);
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif
