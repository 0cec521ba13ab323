// SPDX-License-Identifier: MIT
#include "report.hpp"

#include "methods.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace inspect {
namespace {

constexpr double two_pi = 6.283185307179586;

/// Larger numbers are not lengths, and would not fit into 64 bits.
constexpr double longest = 9007199254740992.0;

std::int64_t product(std::int64_t length, double factor) {
  return static_cast<std::int64_t>(std::min(static_cast<double>(length) * factor, longest));
}

// The largest difference over all pairs between the float32 angle of common frameworks and the
// exact angle.
double float32_angle_error(const yarn::frequencies& frequencies, std::int64_t position) {
  double worst = 0;
  for (const double inv_freq : frequencies.inv_freq()) {
    const float angle = static_cast<float>(position) * static_cast<float>(inv_freq);
    const long double exact =
        static_cast<long double>(position) * static_cast<long double>(inv_freq);
    worst =
        std::max(worst, static_cast<double>(std::fabs(static_cast<long double>(angle) - exact)));
  }
  return worst;
}

} // namespace

void set_pairs(model_report& report) {
  yarn::hf_config plain = report.config;
  plain.method = yarn::default_scaling{};
  const yarn::frequencies unscaled = yarn::make_frequencies(plain, report.seq_len);
  report.pairs.clear();
  for (std::int64_t i = 0; i < report.frequencies.n_pairs(); ++i) {
    pair_report pair{};
    pair.unscaled = unscaled.inv_freq()[i];
    pair.inv_freq = report.frequencies.inv_freq()[i];
    pair.unscaled_wavelength = two_pi / pair.unscaled;
    pair.wavelength = two_pi / pair.inv_freq;
    pair.turns = report.lengths.original == 0
                     ? std::numeric_limits<double>::quiet_NaN()
                     : static_cast<double>(report.lengths.original) / pair.unscaled_wavelength;
    pair.ratio = pair.inv_freq / pair.unscaled;
    pair.zone = report.frequencies.zone(i);
    pair.axis = report.frequencies.axis(i);
    report.pairs.push_back(pair);
  }
  report.float32_angle_error.reset();
  if (report.knows_length())
    report.float32_angle_error = float32_angle_error(report.frequencies, report.seq_len - 1);
}

context_lengths lengths_of(const yarn::hf_config& config) {
  context_lengths lengths;
  lengths.original = config.original_max_position_embeddings;
  if (lengths.original == 0) {
    lengths.original = config.max_position_embeddings;
    lengths.original_is_max_position = true;
  }
  // The factor of Llama 3 is not a ratio of lengths (factor 8, from 8192 to 131072). The lists of
  // LongRoPE are made for max_position_embeddings. With linear scaling, max_position_embeddings is
  // the length before the extension in some published models, and the length after it in others.
  // So without an original length, the factor does not give the extended length.
  lengths.extended = config.max_position_embeddings;
  const bool factor_extends = std::holds_alternative<yarn::yarn_scaling>(config.method) ||
                              std::holds_alternative<yarn::dynamic_yarn_scaling>(config.method) ||
                              std::holds_alternative<yarn::dynamic_ntk_scaling>(config.method) ||
                              std::holds_alternative<yarn::linear_scaling>(config.method);
  if (factor_extends && config.original_max_position_embeddings != 0)
    lengths.extended = product(lengths.original, factor_of(config.method).value_or(1.0));
  return lengths;
}

model_report make_report(const std::string& name, const yarn::hf_config& config,
                         std::optional<std::int64_t> seq_len) {
  model_report report;
  report.name = name;
  report.config = config;
  report.lengths = lengths_of(config);
  report.seq_len_given = seq_len.has_value();
  report.seq_len = seq_len.value_or(report.lengths.extended);
  report.frequencies = yarn::make_frequencies(config, report.seq_len);
  set_pairs(report);
  return report;
}

std::vector<model_report> compare(const model_report& base, const std::vector<std::string>& methods,
                                  std::optional<double> factor) {
  const std::int64_t original = base.lengths.original;
  if (original == 0)
    throw std::invalid_argument("--compare: the configuration has no original length");
  double s = factor_of(base.config.method).value_or(1.0);
  if (factor)
    s = *factor;
  else if (std::holds_alternative<yarn::llama3_scaling>(base.config.method))
    s = static_cast<double>(base.lengths.extended) / static_cast<double>(original);
  if (!(s > 1.0) && !factor)
    throw std::invalid_argument(
        "--compare: the configuration does not extend the context, so --factor is needed");
  std::vector<model_report> reports;
  for (const std::string& name : methods) {
    model_report report;
    report.name = name;
    report.layer_type = base.layer_type;
    report.config = base.config; // make_frequencies also reads fields other than the method
    report.config.pairing.reset();
    report.config.unused.clear();
    report.config.notes.clear();
    report.config.method = method_named(name, s, original);
    report.config.rope_type = name;
    report.config.original_max_position_embeddings = original;
    report.lengths.original = original;
    report.lengths.extended = product(original, s);
    report.seq_len_given = base.seq_len_given;
    report.seq_len = base.seq_len_given ? base.seq_len : report.lengths.extended;
    report.frequencies = yarn::make_frequencies(report.config, report.seq_len);
    if (report.n_axes() != base.n_axes())
      report.frequencies =
          yarn::with_axes(report.frequencies, base.frequencies.axis_of_pair(), base.n_axes());
    set_pairs(report);
    reports.push_back(report);
  }
  return reports;
}

const char* zone_name(yarn::frequency_zone zone) {
  switch (zone) {
  case yarn::frequency_zone::extrapolated:
    return "extrapolated";
  case yarn::frequency_zone::blended:
    return "blended";
  case yarn::frequency_zone::interpolated:
    return "interpolated";
  case yarn::frequency_zone::unrotated:
    return "unrotated";
  case yarn::frequency_zone::unknown:
    break;
  }
  return "unknown";
}

std::int64_t count(const model_report& report, yarn::frequency_zone zone) {
  return std::count_if(report.pairs.begin(), report.pairs.end(),
                       [&](const pair_report& pair) { return pair.zone == zone; });
}

std::int64_t pairs_of_axis(const model_report& report, std::int64_t axis) {
  return std::count_if(report.pairs.begin(), report.pairs.end(),
                       [&](const pair_report& pair) { return pair.axis == axis; });
}

} // namespace inspect
