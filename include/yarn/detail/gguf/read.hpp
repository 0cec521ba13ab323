// SPDX-License-Identifier: MIT
// The implementation of gguf.hpp: the ropes of all layers, and the functions of the header.
#ifndef YARN_DETAIL_GGUF_READ_HPP
#define YARN_DETAIL_GGUF_READ_HPP

#include "../../gguf.hpp"
#include "config.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class Reader> class gguf_layer_ropes_reader {
public:
  gguf_layer_ropes_reader(const Reader& reader, const gguf_options& options)
      : reader_(reader), options_(options), keys_(reader) {}

  gguf_layer_ropes read() {
    if (options_.layer_type != gguf_layer_type::global)
      fail_argument("yarn: gguf_layers reads all layers; leave gguf_options.layer_type at global");
    gguf_layer_reader<Reader> layers(keys_);
    const std::vector<gguf_layer> kinds = layers.read();
    for (const gguf_layer kind : kinds)
      result_.rope_of_layer.push_back(index_of(kind));
    if (kinds.empty()) {
      index_of(gguf_layer::global);
      if (layers.has_window_rope())
        index_of(gguf_layer::window);
      if (layers.is_deepseek4())
        index_of(gguf_layer::compressed);
    }
    if (result_.ropes.size() == 1)
      result_.ropes.front().name = "rope";
    const auto n = std::count(kinds.begin(), kinds.end(), gguf_layer::unrotated);
    if (n != 0)
      keys_.note("{} of {} layers do not rotate: {}", n, kinds.size(),
                 gguf_indices(kinds, gguf_layer::unrotated));
    result_.notes = keys_.notes();
    return std::move(result_);
  }

private:
  // The index of the rope of this kind of layers; reads the rope if it is not in the list.
  std::int64_t index_of(gguf_layer kind) {
    if (kind == gguf_layer::unrotated)
      return -1;
    std::int64_t& index = index_of_kind_[static_cast<std::size_t>(kind)];
    if (index >= 0)
      return index;
    constexpr const char* names[] = {"global", "sliding_window", "compressed"};
    gguf_config rope = read_gguf_rope(reader_, options_, kind);
    rope.name = names[static_cast<std::size_t>(kind)];
    const auto same = std::find_if(result_.ropes.begin(), result_.ropes.end(),
                                   [&](const gguf_config& r) { return is_same_rope(r, rope); });
    index = same - result_.ropes.begin();
    if (same == result_.ropes.end())
      result_.ropes.push_back(std::move(rope));
    return index;
  }

  const Reader& reader_;
  const gguf_options& options_;
  gguf_keys<Reader> keys_;
  std::int64_t index_of_kind_[3] = {-1, -1, -1};
  gguf_layer_ropes result_;
};

} // namespace detail

template <class Reader>
gguf_config gguf_config_from(const Reader& reader, const gguf_options& options) {
  using is_reader = decltype(detail::is_gguf_reader(reader, std::string()));
  static_assert(is_reader::value,
                "yarn: a GGUF reader needs const members number(key), numbers(key), text(key), "
                "keys() and tensor(name), as gguf_config_from lists them");
  if constexpr (is_reader::value)
    return detail::gguf_rope_reader<Reader>(reader, options).read_with_layers();
  else
    return {};
}

template <class Reader>
gguf_layer_ropes gguf_layers(const Reader& reader, const gguf_options& options) {
  return detail::gguf_layer_ropes_reader<Reader>(reader, options).read();
}

inline frequencies make_frequencies(const gguf_config& config, std::int64_t seq_len) {
  const freq_factors_scaling<any_scaling> divided{config.method, config.freq_factors};
  const frequencies f = config.freq_factors.size() == 0
                            ? make_frequencies(config.shape, config.method, seq_len)
                            : make_frequencies(config.shape, divided, seq_len);
  return config.axis_of_pair.empty() ? f : with_axes(f, config.axis_of_pair, config.n_axes);
}

inline std::optional<pairing> gguf_pairing(std::string_view architecture, bool with_sections) {
  if (architecture == "glm4")
    return with_sections ? pairing::half_split : pairing::interleaved;
  if (detail::is_listed(detail::gguf_interleaved, architecture))
    return pairing::interleaved;
  if (detail::is_listed(detail::gguf_half_split, architecture))
    return pairing::half_split;
  return std::nullopt;
}

} // namespace YARN_ABI
} // namespace yarn

#endif
