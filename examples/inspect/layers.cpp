// SPDX-License-Identifier: MIT
#include "layers.hpp"

#include "text.hpp"
#include "wrap.hpp"

#include <algorithm>

namespace inspect {
namespace {

// The character of a layer in the drawing.
char mark_of(std::int64_t rope) {
  constexpr char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  return rope < 0 ? '-' : rope < 36 ? digits[rope] : '?';
}

std::string counted(const std::vector<std::int64_t>& layers) {
  return format("%zu layer%s: %s", layers.size(), layers.size() == 1 ? "" : "s",
                ranges(layers).c_str());
}

} // namespace

bool layer_map::differs() const {
  return ropes.size() != 1 ||
         std::any_of(rope_of_layer.begin(), rope_of_layer.end(), [](auto r) { return r != 0; });
}

layer_map layer_map_of(const yarn::hf_layer_ropes& model) {
  layer_map map;
  for (const yarn::hf_config& rope : model.ropes)
    map.ropes.push_back(rope.name);
  map.rope_of_layer = model.rope_of_layer;
  map.notes = model.notes;
  return map;
}

std::vector<std::int64_t> layers_of(const layer_map& map, std::int64_t rope) {
  std::vector<std::int64_t> layers;
  for (std::size_t i = 0; i < map.rope_of_layer.size(); ++i)
    if (map.rope_of_layer[i] == rope)
      layers.push_back(static_cast<std::int64_t>(i));
  return layers;
}

std::string ranges(const std::vector<std::int64_t>& layers) {
  std::string text;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::size_t first = i;
    while (i + 1 < layers.size() && layers[i + 1] == layers[i] + 1)
      ++i;
    text += (text.empty() ? "" : ", ") + std::to_string(layers[first]);
    if (i != first)
      text += "-" + std::to_string(layers[i]);
  }
  return text;
}

std::string layers_text(const layer_map& map, std::int64_t rope) {
  if (map.rope_of_layer.empty())
    return "";
  const std::vector<std::int64_t> layers = layers_of(map, rope);
  return layers.size() == map.rope_of_layer.size() ? format("%zu, all of the model", layers.size())
                                                   : ranges(layers);
}

std::string print_layers(const std::string& name, const layer_map& map) {
  if (!map.differs())
    return "";
  std::string text = one_line(name) + "\n";
  std::string drawing;
  for (std::size_t i = 0; i < map.rope_of_layer.size(); ++i) {
    if (i % 10 == 0 && i != 0)
      drawing += ' ';
    drawing += mark_of(map.rope_of_layer[i]);
  }
  text += map.rope_of_layer.empty()
              ? labelled("layers", "not known which layer has which rope")
              : labelled(format("%zu layers", map.rope_of_layer.size()).c_str(), drawing);
  for (std::size_t i = 0; i < map.ropes.size(); ++i) {
    const auto rope = static_cast<std::int64_t>(i);
    const std::vector<std::int64_t> layers = layers_of(map, rope);
    text += labelled(format("%c %s", mark_of(rope), one_line(map.ropes[i]).c_str()).c_str(),
                     map.rope_of_layer.empty() ? "not known which layers" : counted(layers));
  }
  if (const std::vector<std::int64_t> none = layers_of(map, -1); !none.empty())
    text += labelled("- no rotation", counted(none));
  for (const std::string& note : map.notes)
    text += wrapped("  note:    ", one_line(note) + " [layers]");
  return text;
}

nlohmann::ordered_json json_layers(const layer_map& map) {
  nlohmann::ordered_json to;
  const bool is_known = !map.rope_of_layer.empty();
  to["n_layers"] = nullptr;
  to["ropes"] = map.ropes;
  to["rope_of_layer"] = nullptr;
  to["unrotated_layers"] = nullptr;
  if (is_known) {
    to["n_layers"] = map.rope_of_layer.size();
    to["rope_of_layer"] = map.rope_of_layer;
    to["unrotated_layers"] = layers_of(map, -1);
  }
  to["notes"] = map.notes;
  return to;
}

} // namespace inspect
