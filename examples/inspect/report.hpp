// SPDX-License-Identifier: MIT
// All numbers about one configuration at one length. The code that prints, plots and warns only
// reads these numbers.
#ifndef YARN_EXAMPLES_INSPECT_REPORT_HPP
#define YARN_EXAMPLES_INSPECT_REPORT_HPP

#include <yarn/axes.hpp>
#include <yarn/hf_config.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace inspect {

/// Lengths in tokens; 0 if the configuration does not give them.
struct context_lengths {
  std::int64_t original = 0; ///< the length before the extension
  /// Whether `original` is max_position_embeddings, because the original length is missing.
  bool original_is_max_position = false;
  std::int64_t extended = 0; ///< the length after the extension
};

struct pair_report {
  double unscaled;            ///< the frequency without scaling, rad/token
  double inv_freq;            ///< the scaled frequency, rad/token
  double unscaled_wavelength; ///< 2 pi / unscaled, tokens
  double wavelength;          ///< 2 pi / inv_freq; infinity for a pair that does not turn
  double turns; ///< turns of the unscaled pair within the original length; NaN: not known
  double ratio; ///< inv_freq / unscaled
  yarn::frequency_zone zone;
  std::int64_t axis; ///< the axis of positions with which the pair turns
};

struct model_report {
  std::string name;       ///< the name in titles and legends
  std::string layer_type; ///< empty: all layers that rotate have this rope
  std::string layers;     ///< which layers have this rope; empty: not known
  yarn::hf_config config;
  context_lengths lengths;
  /// The length for which the frequencies were made. 0: not known, and the frequencies are those
  /// of short texts.
  std::int64_t seq_len = 0;
  bool seq_len_given = false; ///< false: seq_len is the extended length
  yarn::frequencies frequencies;
  std::vector<pair_report> pairs;
  /// rad; of float32(position * inv_freq) at the last position. Empty: the length is not known.
  std::optional<double> float32_angle_error;

  bool knows_length() const { return seq_len != 0; }
  std::int64_t rotary_dim() const { return config.shape.rotated(); }
  std::int64_t n_axes() const { return frequencies.n_axes(); }
  double logit_factor() const {
    return frequencies.attention_factor() * frequencies.attention_factor();
  }
};

context_lengths lengths_of(const yarn::hf_config& config);

/// Computes the numbers of the pairs from report.frequencies.
void set_pairs(model_report& report);

/// The report at this length, or at the extended length if none is given.
/// Errors   std::invalid_argument from make_frequencies.
model_report make_report(const std::string& name, const yarn::hf_config& config,
                         std::optional<std::int64_t> seq_len);

/// The same model with other methods, each with the original length of `base` and with `factor`, by
/// default the factor of `base`. (If `base` has the method of Llama 3, whose factor is no ratio of
/// lengths, the default is its extended length / its original length.)
/// Errors   std::invalid_argument: a name that method_named does not know, a model without original
///          length, or neither `factor` nor a factor of `base` above 1.
std::vector<model_report> compare(const model_report& base, const std::vector<std::string>& methods,
                                  std::optional<double> factor);

/// "extrapolated", "blended", ...
const char* zone_name(yarn::frequency_zone zone);

/// The number of pairs in this zone.
std::int64_t count(const model_report& report, yarn::frequency_zone zone);

/// The number of pairs of this axis.
std::int64_t pairs_of_axis(const model_report& report, std::int64_t axis);

} // namespace inspect

#endif
