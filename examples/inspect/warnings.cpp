// SPDX-License-Identifier: MIT
#include "warnings.hpp"

#include "methods.hpp"
#include "remarks.hpp"
#include "text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace inspect {
namespace {

// Whether the layers attend only to a window. Such layers get no warnings about long distances.
bool is_local(const model_report& r) { return r.layer_type.find("sliding") != std::string::npos; }

void on_lengths(const model_report& r, remark_list& to) {
  const std::int64_t max = r.config.max_position_embeddings;
  const std::int64_t original = r.config.original_max_position_embeddings;
  const std::optional<double> factor = factor_of(r.config.method);
  const bool from_factor = yarn_method(r) != nullptr ||
                           method<yarn::linear_scaling>(r) != nullptr ||
                           method<yarn::longrope_scaling>(r) != nullptr;
  if (from_factor && original != 0 && max != 0 && factor) {
    const double covered = static_cast<double>(original) * *factor;
    const double ratio = static_cast<double>(max) / covered;
    const bool is_unextended = static_cast<double>(max) <= 1.5 * static_cast<double>(original) &&
                               covered > 1.01 * double(max);
    if (is_unextended)
      to.note("max-position-not-extended",
              format("max_position_embeddings = %lld is %s; factor %g extends %lld to %.0f tokens, "
                     "but engines may use max_position_embeddings as their limit",
                     shown(max),
                     max == original ? "the original length" : "close to the original length",
                     *factor, shown(original), covered));
    else if (ratio > 1.01)
      to.warn(
          "factor-and-lengths",
          format("factor = %g covers %lld * %g = %.0f tokens, but max_position_embeddings = %lld: "
                 "positions above %.0f are beyond the interpolated range (factor = %g would match)",
                 *factor, shown(original), *factor, covered, shown(max), covered,
                 static_cast<double>(max) / static_cast<double>(original)));
    else if (ratio < 0.99)
      to.warn(
          "factor-and-lengths",
          format("factor = %g covers %lld * %g = %.0f tokens, but max_position_embeddings = %lld: "
                 "frequencies are divided by more than this length needs (factor = %g would match)",
                 *factor, shown(original), *factor, covered, shown(max),
                 static_cast<double>(max) / static_cast<double>(original)));
  }
  if (const auto* llama3 = method<yarn::llama3_scaling>(r);
      llama3 != nullptr && max != 0 &&
      static_cast<double>(original) * llama3->factor != static_cast<double>(max))
    to.note("llama3-factor",
            format("factor %g * %lld is not max_position_embeddings = %lld; with llama3 the two "
                   "may differ: Llama 3.1 has factor 8 and the lengths 8192 and 131072",
                   llama3->factor, shown(original), shown(max)));
  if (max == 0)
    to.note("no-max-position",
            "max_position_embeddings is not given: the intended length is unknown");
  if (r.seq_len_given && r.lengths.extended != 0 && r.seq_len > r.lengths.extended)
    to.warn("seq-len-beyond-context",
            format("seq_len = %lld is beyond the %lld tokens that the model is made for",
                   shown(r.seq_len), shown(r.lengths.extended)));
  const bool is_static = !is_dynamic(r.config.method);
  if (is_static && factor && *factor > 1.0 && r.seq_len_given && original != 0 &&
      r.seq_len <= original && method<yarn::llama3_scaling>(r) == nullptr)
    to.note("static-scaling", format("seq_len = %lld fits the original %lld tokens, but this "
                                     "method is static: it scales short texts as well",
                                     shown(r.seq_len), shown(original)));
  if (r.float32_angle_error.value_or(0.0) > 0.03)
    to.note("float32-angles",
            format("float32(position * inv_freq) is off by up to %.2g rad at position %lld: "
                   "compute angles in float64 or integers (and never in 16 bits, which lose "
                   "positions above 256 in bfloat16, 2048 in float16)",
                   *r.float32_angle_error, shown(r.seq_len - 1)));
}

void on_dynamic_methods(const model_report& r, remark_list& to) {
  if (const auto* longrope = method<yarn::longrope_scaling>(r)) {
    const std::int64_t limit = longrope->original_max_position_embeddings;
    if (r.config.max_position_embeddings != 0 && r.config.max_position_embeddings <= limit)
      return; // The long list is never used.
    const std::string text =
        format("frequencies change when the length exceeds %lld tokens: keys that were cached "
               "before have the frequencies of short_factor, and must be rotated once more "
               "(yarn::rerotation) or computed again",
               shown(limit));
    if (r.seq_len_given && r.seq_len > limit)
      to.warn("longrope-crossing", text);
    else
      to.note("longrope-crossing", text);
    return;
  }
  if (!is_dynamic(r.config.method))
    return;
  const std::int64_t limit = r.lengths.original;
  if (r.seq_len_given && r.seq_len <= limit)
    return;
  to.warn("dynamic-kv-cache",
          format("frequencies change as the length grows above %lld: keys in a KV cache have the "
                 "frequencies of the step that wrote them, and must be rotated once more "
                 "(yarn::rerotation), or be cached unrotated",
                 shown(limit)));
}

void on_factor(const model_report& r, remark_list& to) {
  const std::optional<double> factor = factor_of(r.config.method);
  if (!factor || method<yarn::proportional_scaling>(r) != nullptr)
    return;
  const bool is_dynamic_method = is_dynamic(r.config.method);
  if (*factor < 1.0)
    to.warn("factor-below-one",
            format("factor = %g is below 1: a length times this factor is shorter, not longer",
                   *factor));
  else if (*factor == 1.0 && !is_dynamic_method)
    to.note("factor-one", "factor = 1 changes no frequency");
}

void on_theta(const model_report& r, remark_list& to) {
  const double theta = r.config.shape.rope_theta;
  if (theta < 100.0 || theta > 1e12)
    to.warn("theta-implausible", format("rope_theta = %g is far from that of any known model (100 "
                                        "for images, up to 1e11 for text)",
                                        theta));
  // Pairs that do not turn (proportional scaling) are the same at every distance on purpose.
  double reach = 0;
  for (const pair_report& pair : r.pairs)
    reach = std::max(reach, pair.wavelength);
  if (!is_local(r) && r.lengths.extended != 0 && reach < static_cast<double>(r.lengths.extended))
    to.warn("theta-and-length",
            format("the slowest pair turns once in %s tokens, less than the context of %lld: "
                   "distant positions look alike; rope_theta = %g or the factor may be wrong",
                   tokens(reach).c_str(), shown(r.lengths.extended), theta));
}

void on_shape(const model_report& r, remark_list& to) {
  const std::int64_t rotary = r.rotary_dim(), head = r.config.shape.head_dim;
  if (rotary < 8)
    to.warn("rotary-dim-tiny",
            format("rotary_dim = %lld gives %lld pairs only", shown(rotary), shown(rotary / 2)));
  if (const std::int64_t still = count(r, yarn::frequency_zone::unrotated); still != 0)
    to.note("unrotated-pairs",
            format("%lld of %lld pairs do not turn; pairs are formed over the whole head, unlike "
                   "partial rotary, whose pairs are formed over the first elements of a head",
                   shown(still), shown(rotary / 2)));
  if (rotary < head)
    to.note("partial-rotary",
            format("%lld of %lld elements of a head are rotated; their frequencies are computed "
                   "for a width of %lld, and the other elements must not change",
                   shown(rotary), shown(head), shown(rotary)));
}

void on_axes(const model_report& r, const nlohmann::json& config, remark_list& to) {
  const std::int64_t n_axes = r.config.n_axes;
  if (n_axes > 1 && !r.config.axis_names.empty())
    to.note("several-axes",
            format("tokens have %lld positions (%s; t time, h height, w width, p text): tokens of "
                   "images need yarn::axis_positions; tokens of text have one position on all axes",
                   shown(n_axes), r.config.axis_names.c_str()));
  for (const char* key : {"mrope_section", "xdrope_section"}) {
    if (!has_key(config, key))
      continue;
    if (n_axes == 1)
      to.warn("mrope-sections", format("%s is not where the reader looks for it: rows are right "
                                       "only for text, whose positions are equal on all axes",
                                       key));
    else if (r.config.axis_names.empty())
      to.warn("mrope-sections",
              format("%s: the reader does not know how this model_type gives its pairs to %lld "
                     "axes; check the code of the model (rows of text are right in any case)",
                     key, shown(n_axes)));
  }
}

void on_keys(const model_report& r, remark_list& to) {
  for (const std::string& name : r.config.unused) {
    const std::string last = name.substr(name.rfind('.') + 1);
    const auto reason = std::find_if(r.config.notes.begin(), r.config.notes.end(),
                                     [&](const std::string& note) { return note.find(name) == 0; });
    if (reason != r.config.notes.end()) {
      to.note("unused-key", *reason);
      continue;
    }
    // Published models have these keys, which have no effect on frequencies.
    if (last != "finetuned" && last.find("rope_section") == std::string::npos &&
        last != "mrope_interleaved")
      to.note("unused-key",
              name + " was not read: the reader does not know it, or this method does not have it");
  }
}

// Adds the notes of the reader (hf_config), except for notes that repeat a remark of the inspector.
void on_notes(const model_report& r, remark_list& to) {
  constexpr struct {
    const char* id;
    const char* words;
  } repeated[] = {{"factor-and-lengths", "does not match max_position_embeddings"},
                  {"max-position-not-extended", "does not match max_position_embeddings"},
                  {"max-position-not-extended", "the length is not extended by factor"},
                  {"attention-factor-overrides", "attention_factor ="},
                  {"lone-mscale", "only one of mscale and mscale_all_dim"},
                  {"mrope-sections", "it is not known how model_type"}};
  const std::vector<remark> ours = to.list;
  for (const std::string& text : r.config.notes) {
    const bool is_repeated = std::any_of(ours.begin(), ours.end(), [&](const remark& mine) {
      return mine.text == text ||
             std::any_of(std::begin(repeated), std::end(repeated), [&](const auto& pair) {
               return mine.id == pair.id && text.find(pair.words) != std::string::npos;
             });
    });
    if (!is_repeated)
      to.note("reader", text);
  }
}

void on_layer_types(const model_report& r, const std::vector<std::string>& layer_types,
                    remark_list& to) {
  if (layer_types.size() < 2)
    return;
  std::string others;
  for (const std::string& type : layer_types)
    if (type != r.layer_type)
      others += (others.empty() ? "" : ", ") + type;
  to.note("layer-types", format("this is the RoPE of %s layers; other layers have their own: %s "
                                "(make frequencies and rows for each)",
                                r.layer_type.c_str(), others.c_str()));
}

} // namespace

bool has_key(const nlohmann::json& config, const char* key) {
  // Without recursion, because a hostile configuration may nest a million levels deep.
  std::vector<const nlohmann::json*> rest = {&config};
  while (!rest.empty()) {
    const nlohmann::json& value = *rest.back();
    rest.pop_back();
    if (value.is_object() && value.contains(key) && !value[key].is_null())
      return true;
    if (value.is_structured())
      for (const nlohmann::json& inner : value)
        rest.push_back(&inner);
  }
  return false;
}

std::vector<remark> remarks_on(const model_report& report, const nlohmann::json& config,
                               const std::vector<std::string>& layer_types) {
  remark_list to;
  on_lengths(report, to);
  on_dynamic_methods(report, to);
  on_attention(report, config, to);
  on_correction_range(report, to);
  on_factor(report, to);
  on_theta(report, to);
  on_shape(report, to);
  on_axes(report, config, to);
  on_keys(report, to);
  on_layer_types(report, layer_types, to);
  on_notes(report, to);
  std::stable_partition(to.list.begin(), to.list.end(),
                        [](const remark& each) { return each.is_warning; });
  return std::move(to.list);
}

} // namespace inspect
