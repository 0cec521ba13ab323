// SPDX-License-Identifier: MIT
// The positions of prompts with images in the C API.
#ifndef YARN_DETAIL_C_API_PROMPTS_HPP
#define YARN_DETAIL_C_API_PROMPTS_HPP

#include "../../prompt_positions.hpp"
#include "positions.hpp"

#include <vector>

struct yarn_prompt {
  yarn::prompt_positions value;
  std::vector<std::int64_t> viewed; // [token][axis]
};

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline prompt_rules rules_of(yarn_prompt_model model) {
  switch (model) {
  case YARN_PROMPT_DEFAULT:
    return {};
  case YARN_PROMPT_QWEN2_VL:
    return qwen2_vl_rules();
  case YARN_PROMPT_QWEN2_5_VL:
    return qwen2_5_vl_rules();
  case YARN_PROMPT_QWEN2_5_OMNI:
    return qwen2_5_omni_rules();
  case YARN_PROMPT_QWEN3_VL:
    return qwen3_vl_rules();
  case YARN_PROMPT_GLM4V:
    return glm4v_rules();
  case YARN_PROMPT_ERNIE4_5_VL:
    return ernie4_5_vl_rules();
  default:
    fail_argument("yarn: {} is not a yarn_prompt_model", model);
  }
}
inline yarn_prompt_rules c_rules(const prompt_rules& rules) {
  yarn_prompt_rules made{};
  made.struct_size = sizeof made;
  made.time = static_cast<std::int32_t>(rules.time);
  made.end = static_cast<std::int32_t>(rules.end);
  made.positions_per_second = rules.positions_per_second;
  return made;
}
inline prompt_rules rules_from(const yarn_prompt_rules* given) {
  const auto r =
      read_struct(given, "yarn_prompt_rules", sizeof(std::size_t), c_rules(prompt_rules{}));
  if (r.time < YARN_TIME_FRAMES || r.time > YARN_TIME_IMAGES)
    fail_argument("yarn: yarn_prompt_rules.time = {} is unknown", r.time);
  require_flag("yarn_prompt_rules.end", r.end);
  prompt_rules rules;
  rules.time = static_cast<video_time>(r.time);
  rules.end = static_cast<video_end>(r.end);
  rules.positions_per_second = r.positions_per_second;
  return rules;
}

inline prompt_positions& prompt_of(yarn_prompt* prompt) {
  require_not_null("prompt", prompt);
  return prompt->value;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

extern "C" {

YARN_C_API yarn_status yarn_prompt_rules_init(yarn_prompt_rules* rules, std::size_t struct_size,
                                              yarn_prompt_model model) {
  using namespace yarn::detail;
  return guarded(
      [&] { init_struct(rules, "yarn_prompt_rules", struct_size, c_rules(rules_of(model))); });
}
YARN_C_API yarn_status yarn_prompt_new(const yarn_prompt_rules* rules, yarn_prompt** result) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("result", result);
    *result =
        std::make_unique<yarn_prompt>(yarn_prompt{yarn::prompt_positions(rules_from(rules)), {}})
            .release();
  });
}
YARN_C_API yarn_status yarn_prompt_append_text(yarn_prompt* prompt, std::int64_t n_tokens) {
  using namespace yarn::detail;
  return guarded([&] { prompt_of(prompt).append_text(n_tokens); });
}
YARN_C_API yarn_status yarn_prompt_append_image(yarn_prompt* prompt, std::int64_t height,
                                                std::int64_t width) {
  using namespace yarn::detail;
  return guarded([&] { prompt_of(prompt).append_image(height, width); });
}
YARN_C_API yarn_status yarn_prompt_append_video(yarn_prompt* prompt, std::int64_t n_frames,
                                                std::int64_t height, std::int64_t width,
                                                double seconds_per_frame) {
  using namespace yarn::detail;
  return guarded(
      [&] { prompt_of(prompt).append_video(n_frames, height, width, seconds_per_frame); });
}
YARN_C_API yarn_status yarn_prompt_erase(yarn_prompt* prompt, std::int64_t first,
                                         std::int64_t n_segments, std::int64_t* erased) {
  using namespace yarn::detail;
  return guarded([&] {
    const yarn::erased_tokens tokens = prompt_of(prompt).erase(first, n_segments);
    if (erased == nullptr)
      return;
    erased[0] = tokens.first;
    erased[1] = tokens.n_tokens;
    erased[2] = tokens.distance;
  });
}
YARN_C_API yarn_status yarn_prompt_view(yarn_prompt* prompt, std::int64_t first, std::int64_t n,
                                        yarn_positions* positions) {
  using namespace yarn::detail;
  return guarded([&] {
    const yarn::axis_positions view = prompt_of(prompt).view(first, n);
    constexpr std::int64_t n_axes = yarn::prompt_positions::n_axes;
    prompt->viewed.resize(static_cast<std::size_t>(n * n_axes));
    std::int64_t* next = prompt->viewed.data();
    for (std::int64_t t = 0; t < n; ++t)
      for (std::int64_t axis = 0; axis < n_axes; ++axis)
        *next++ = view(t, axis);
    yarn_positions made = default_positions();
    made.data = prompt->viewed.data();
    made.type = YARN_INT64;
    made.n_tokens = n;
    made.n_axes = n_axes;
    made.axis_stride = 1;
    made.token_stride = n_axes;
    write_struct(positions, "positions", made);
  });
}
YARN_C_API yarn_status yarn_prompt_get(const yarn_prompt* prompt, yarn_prompt_info* info) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("prompt", prompt);
    yarn_prompt_info made{};
    made.n_tokens = prompt->value.size();
    made.n_segments = prompt->value.n_segments();
    made.next = prompt->value.next();
    write_struct(info, "info", made);
  });
}
YARN_C_API void yarn_prompt_free(yarn_prompt* prompt) { delete prompt; }

} // extern "C"

#endif
