// SPDX-License-Identifier: MIT
// inspect config.json: shows how the rotary position embedding of a model is interpreted.
//
// The program reads options and configurations, makes reports, writes files, and prints to stdout
// at the end. Therefore, if the input is wrong, nothing is printed to stdout.
#include "file.hpp"
#include "gnuplot.hpp"
#include "json_report.hpp"
#include "layers.hpp"
#include "options.hpp"
#include "print.hpp"
#include "terminal_plot.hpp"
#include "text.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <stdexcept>

namespace {

using namespace inspect;

struct inspected {
  model_report report;
  std::int64_t rope; ///< the index in model::layers.ropes
  std::vector<remark> remarks;
};

struct model {
  std::string name;
  layer_map layers;
  std::vector<inspected> ropes; ///< one for each rope that is shown
};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

nlohmann::json parse(const std::string& text) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    const std::string reason = error.what(); // begins with the error number of the parser
    throw std::invalid_argument("is not JSON: " + reason.substr(reason.find(']') + 2));
  }
}

// The name of a model: the name of its file, or the name of the folder if the file is config.json.
std::string name_of(const std::filesystem::path& path) {
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path().filename();
  return path.filename() == "config.json" && !folder.empty() ? folder.string()
                                                             : path.stem().string();
}

// The ropes of a configuration that --layer-type names, or all.
std::vector<yarn::hf_config> ropes_of(const nlohmann::json& config,
                                      const yarn::hf_layer_ropes& layers, const options& wanted) {
  if (wanted.layer_type.empty())
    return layers.ropes;
  std::vector<std::string> known = yarn::hf_layer_types(config);
  if (layers.ropes.size() > 1)
    for (const yarn::hf_config& rope : layers.ropes) {
      if (rope.name == wanted.layer_type)
        return {rope};
      if (std::find(known.begin(), known.end(), rope.name) == known.end())
        known.push_back(rope.name);
    }
  if (known.empty())
    throw std::invalid_argument("--layer-type = \"" + wanted.layer_type +
                                "\", but all layers have the same RoPE");
  if (std::find(known.begin(), known.end(), wanted.layer_type) == known.end())
    throw std::invalid_argument("--layer-type = \"" + wanted.layer_type +
                                "\" is not one of the configuration's: " + join(known));
  yarn::hf_options options;
  options.layer_type = wanted.layer_type;
  options.default_rope_theta = wanted.default_rope_theta.value_or(0);
  yarn::hf_config rope = yarn::hf_config_from(config, options);
  rope.name = wanted.layer_type;
  return {rope};
}

bool has_equal_frequencies(const yarn::hf_config& a, const yarn::hf_config& b) {
  const std::int64_t above =
      std::max(a.original_max_position_embeddings, b.original_max_position_embeddings) + 1;
  for (const std::int64_t length : {std::int64_t{0}, above, 2 * above}) {
    const yarn::frequencies f = make_frequencies(a, length), g = make_frequencies(b, length);
    if (!std::equal(f.inv_freq().begin(), f.inv_freq().end(), g.inv_freq().begin(),
                    g.inv_freq().end()) ||
        f.attention_factor() != g.attention_factor())
      return false;
  }
  return true;
}

// The index of a rope. Types of layers with equal ropes have one entry, under one of their names.
std::int64_t index_of(const yarn::hf_layer_ropes& layers, const yarn::hf_config& rope) {
  const auto& all = layers.ropes;
  auto found = std::find_if(all.begin(), all.end(),
                            [&](const yarn::hf_config& other) { return other.name == rope.name; });
  if (found == all.end())
    found = std::find_if(all.begin(), all.end(), [&](const yarn::hf_config& other) {
      return has_equal_frequencies(other, rope);
    });
  return found - all.begin();
}

// A configuration with a report for each of its ropes.
model read_config(const std::string& path, const options& wanted) {
  const std::string text = read_file(path);
  try {
    const nlohmann::json config = parse(text);
    yarn::hf_options options;
    options.default_rope_theta = wanted.default_rope_theta.value_or(0);
    const yarn::hf_layer_ropes layers = yarn::hf_layers(config, options);
    model result;
    result.name = name_of(path);
    result.layers = layer_map_of(layers);
    const std::vector<std::string>& names = result.layers.ropes;
    const bool has_names = names.size() > 1 || !wanted.layer_type.empty();
    for (const yarn::hf_config& rope : ropes_of(config, layers, wanted)) {
      std::string name = result.name;
      if (has_names)
        name += " (" + rope.name + ")";
      const std::int64_t index = index_of(layers, rope);
      inspected one{make_report(name, rope, wanted.seq_len), index, {}};
      if (has_names)
        one.report.layer_type = rope.name;
      one.report.layers = layers_text(result.layers, index);
      one.remarks = remarks_on(one.report, config, names);
      result.ropes.push_back(std::move(one));
    }
    return result;
  } catch (const std::logic_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

std::string text_of(const std::vector<model>& all, const std::vector<model_report>& compared,
                    const options& wanted) {
  std::string text;
  const auto add = [&](const std::string& block) {
    if (!block.empty())
      text += (text.empty() ? "" : "\n") + block;
  };
  for (const model& each : all) {
    add(print_layers(each.name, each.layers));
    for (const inspected& one : each.ropes) {
      add(print_summary(one.report));
      add(terminal_plot(one.report, wanted.ascii));
      add(print_pairs(one.report));
      if (!compared.empty())
        add(print_comparison(one.report, compared));
      add(print_remarks(one.remarks));
    }
  }
  return text;
}

std::string json_of(const std::vector<model>& all, const std::vector<model_report>& compared) {
  nlohmann::ordered_json to = nlohmann::ordered_json::array();
  for (const model& each : all) {
    const nlohmann::ordered_json layers = json_layers(each.layers);
    for (const inspected& one : each.ropes) {
      to.push_back(json_report(one.report, one.remarks, compared));
      to.back()["layers"] = nullptr;
      if (!each.layers.rope_of_layer.empty())
        to.back()["layers"] = layers_of(each.layers, one.rope);
      to.back()["model"] = layers;
    }
    if (each.ropes.empty())
      to.push_back({{"name", each.name}, {"model", layers}});
  }
  // A file name may contain bytes that are not UTF-8.
  return (to.size() == 1 ? to[0] : to)
             .dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

std::string run(const options& wanted) {
  std::vector<model> all;
  for (const std::string& path : wanted.configs)
    all.push_back(read_config(path, wanted));
  std::vector<model_report> drawn;
  for (const model& each : all)
    for (const inspected& one : each.ropes)
      drawn.push_back(one.report);
  const auto require_one = [&](const char* option) {
    if (drawn.size() != 1)
      throw std::invalid_argument(std::string(option) +
                                  " takes one configuration, and one --layer-type where layers "
                                  "differ");
  };
  std::vector<model_report> compared;
  if (!wanted.compare.empty()) {
    require_one("--compare");
    compared = compare(drawn[0], wanted.compare, wanted.factor);
  }
  if (!wanted.table.empty()) {
    require_one("--table");
    write_npy(wanted.table, drawn[0].frequencies, wanted.positions);
  }
  drawn.insert(drawn.end(), compared.begin(), compared.end());
  if (!wanted.plot.empty())
    draw(wavelength_script(drawn), wanted.plot);
  if (!wanted.attention_plot.empty())
    draw(attention_script(drawn), wanted.attention_plot);
  return wanted.json ? json_of(all, compared) : text_of(all, compared, wanted);
}

// Flushes stdout, because a closed pipe or a full disk may show only after the last byte.
bool print(const std::string& text) {
  errno = 0;
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (std::fflush(stdout) == 0 && written)
    return true;
  std::fprintf(stderr, "inspect: stdout cannot be written: %s\n", std::strerror(errno));
  return false;
}

} // namespace

int main(int argc, char** argv) {
#if defined(SIGPIPE)
  std::signal(SIGPIPE, SIG_IGN); // A closed pipe becomes an error of fwrite.
#endif
  try {
    std::string text;
    if (const std::optional<options> wanted = options_from(argc, argv, text))
      text = run(*wanted);
    return print(text) ? 0 : 1;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "inspect: out of memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "inspect: %s\n", one_line(error.what()).c_str());
  }
  return 2;
}
