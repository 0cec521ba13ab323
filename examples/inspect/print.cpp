// SPDX-License-Identifier: MIT
#include "print.hpp"

#include "methods.hpp"
#include "text.hpp"
#include "wrap.hpp"

#include <algorithm>
#include <cmath>

namespace inspect {
namespace {

std::string parameters_text(const model_report& report) {
  const nlohmann::ordered_json parameters = parameters_of(report.config.method);
  std::string text;
  for (const auto& [name, value] : parameters.items()) {
    std::string shown;
    if (value.is_array()) {
      const auto list = value.get<std::vector<double>>();
      const auto [least, most] = std::minmax_element(list.begin(), list.end());
      shown =
          list.empty() ? "empty" : format("%zu values from %g to %g", list.size(), *least, *most);
    } else if (value.is_number_float()) {
      shown = format("%.10g", value.get<double>());
    } else {
      shown = value.is_string() ? value.get<std::string>() : value.dump();
    }
    text.append(text.empty() ? "" : ", ").append(name).append(" ").append(shown);
  }
  return text.empty() ? "none" : text;
}

std::string length_text(std::int64_t length) {
  return length == 0 ? "not given" : std::to_string(length);
}

// Operations of the model that depend on positions but are not in the rows. Empty for most models.
std::string other_operations(const yarn::hf_config& config) {
  std::string text;
  if (const nlohmann::ordered_json temperature = temperature_of(config); !temperature.is_null()) {
    std::string words = temperature["type"].get<std::string>();
    for (const auto& [name, value] : temperature["parameters"].items())
      words += format(", %s %.10g", name.c_str(), value.get<double>());
    const bool is_partial = config.temperature_layers == yarn::temperature_scope::unrotated;
    text += labelled("temperature", "q is multiplied by a factor that depends on the position (" +
                                        words + ") in " +
                                        (is_partial ? "layers that do not rotate" : "all layers"));
  }
  if (config.dual_chunk_size != 0)
    text += labelled("dual chunk attention",
                     format("positions are folded into chunks of chunk_size - local_size tokens; "
                            "rows of plain positions give the logits of the model only at "
                            "positions below chunk_size = %lld",
                            static_cast<long long>(config.dual_chunk_size)));
  if (config.derotates_output)
    text += labelled("output", "is rotated back by the position of the query");
  return text;
}

} // namespace

std::string print_summary(const model_report& report) {
  const yarn::hf_config& config = report.config;
  std::string text = one_line(report.name) + "\n";
  if (!report.layers.empty())
    text += labelled("layers", report.layers);
  text += labelled("rope_type", config.rope_type + " (yarn::" + type_of(config.method) + ")");
  text += labelled("parameters", parameters_text(report));
  const std::int64_t rotary = report.rotary_dim();
  text += labelled("head_dim", format("%lld, %s rotated: %lld pairs",
                                      static_cast<long long>(config.shape.head_dim),
                                      rotary == config.shape.head_dim
                                          ? "all of it"
                                          : format("%lld", static_cast<long long>(rotary)).c_str(),
                                      static_cast<long long>(rotary / 2)));
  const char* pairing = "not in the configuration";
  if (config.pairing)
    pairing = *config.pairing == yarn::pairing::half_split ? "half_split" : "interleaved";
  text += labelled("pairing", pairing);
  const double theta = report.frequencies.rope_theta();
  text +=
      labelled("rope_theta", theta == config.shape.rope_theta
                                 ? format("%.10g", theta)
                                 : format("%.10g, in use %.10g", config.shape.rope_theta, theta));
  text += labelled("attention factor",
                   format("%.10g on cos and sin of q and of k: logits times %.10g",
                          report.frequencies.attention_factor(), report.logit_factor()));
  const yarn::pair_range range = report.frequencies.correction_range();
  if (range.has_value)
    text += labelled(
        "correction range",
        format("kept up to pair %.10g, interpolated from pair %.10g on", range.low, range.high));
  text += labelled("lengths",
                   format("original %s%s, extended %s, max_position_embeddings %s",
                          length_text(report.lengths.original).c_str(),
                          report.lengths.original_is_max_position && report.lengths.original != 0
                              ? " (max_position_embeddings)"
                              : "",
                          length_text(report.lengths.extended).c_str(),
                          length_text(config.max_position_embeddings).c_str()));
  text += labelled("seq_len",
                   report.knows_length()
                       ? format("%lld%s", static_cast<long long>(report.seq_len),
                                report.seq_len_given ? "" : " (extended; --seq-len N for another)")
                       : "not known (--seq-len N)");
  std::string zones;
  for (const auto zone : {yarn::frequency_zone::extrapolated, yarn::frequency_zone::blended,
                          yarn::frequency_zone::interpolated, yarn::frequency_zone::unrotated})
    if (const std::int64_t n = count(report, zone); n != 0)
      zones += format("%s%lld %s", zones.empty() ? "" : ", ", static_cast<long long>(n),
                      zone_name(zone));
  text += labelled("pairs", zones);
  if (report.n_axes() > 1) {
    std::string axes;
    for (std::int64_t axis = 0; axis < report.n_axes(); ++axis)
      axes += format("%s%lld", axis == 0 ? "" : ", ",
                     static_cast<long long>(pairs_of_axis(report, axis)));
    text +=
        labelled("axes", format("%lld, with %s pairs: each pair turns with the token's position "
                                "on its axis",
                                static_cast<long long>(report.n_axes()), axes.c_str()));
  }
  if (report.float32_angle_error)
    text += labelled("float32 angles", format("off by up to %.2g rad at the last position",
                                              *report.float32_angle_error));
  text += other_operations(config);
  std::string unused;
  for (const std::string& key : config.unused)
    unused += (unused.empty() ? "" : ", ") + one_line(key);
  text += labelled("unused keys", unused.empty() ? "none" : unused);
  return text;
}

std::string print_pairs(const model_report& report) {
  const bool has_axes = report.n_axes() > 1;
  std::string text =
      has_axes ? "  pair axis  turns/L wavelength    scaled  scaled rad/tok     ratio zone\n"
               : "  pair  turns/L wavelength    scaled  scaled rad/tok     ratio  zone\n";
  long long i = 0;
  for (const pair_report& pair : report.pairs) {
    text += format("  %4lld", i++);
    if (has_axes)
      text += format(" %4lld", static_cast<long long>(pair.axis));
    text += format(" %9s %9s %9s %15.9g %9.6g ",
                   std::isnan(pair.turns) ? "-" : format("%.4g", pair.turns).c_str(),
                   tokens(pair.unscaled_wavelength).c_str(), tokens(pair.wavelength).c_str(),
                   pair.inv_freq, pair.ratio);
    text += (has_axes ? "" : " ") + std::string(zone_name(pair.zone)) + "\n";
  }
  text += report.lengths.original == 0
              ? "  turns/L: not known without an original length; wavelength: tokens\n"
              : "  turns/L: of the unscaled pair within the original length; wavelength: tokens\n";
  return text;
}

std::string print_comparison(const model_report& base, const std::vector<model_report>& others) {
  std::string text =
      "  wavelength of pair      first      1/4      1/2      3/4     last  attention"
      "\n";
  std::vector<const model_report*> all = {&base};
  for (const model_report& other : others)
    all.push_back(&other);
  for (const model_report* report : all) {
    const std::string name = report == &base ? report->config.rope_type + " (given)" : report->name;
    text += format("  %-20s", name.c_str());
    const std::size_t n = report->pairs.size();
    for (const std::size_t pair : {std::size_t{0}, n / 4, n / 2, 3 * n / 4, n - 1})
      text += format(" %8s", tokens(report->pairs[pair].wavelength).c_str());
    text += format("  %9.7g\n", report->frequencies.attention_factor());
  }
  return text;
}

std::string print_remarks(const std::vector<remark>& remarks) {
  std::string text;
  for (const remark& each : remarks)
    text += wrapped(each.is_warning ? "  warning: " : "  note:    ",
                    one_line(each.text) + " [" + each.id + "]");
  return text;
}

} // namespace inspect
