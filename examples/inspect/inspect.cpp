// SPDX-License-Identifier: MIT
// inspect config.json: shows how the rotary position embedding of a model is interpreted.
//
// The program reads options and configurations, makes reports, writes files, and prints to stdout
// at the end. Therefore, if the input is wrong, nothing is printed to stdout.
#include "file.hpp"
#include "gnuplot.hpp"
#include "json_report.hpp"
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
  std::vector<remark> remarks;
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

// The reports of a configuration: one, or one for each type of layers if layers differ.
void read_config(const std::string& path, const options& wanted, std::vector<inspected>& to) {
  const std::string text = read_file(path);
  try {
    const nlohmann::json config = parse(text);
    const std::vector<std::string> known = yarn::hf_layer_types(config);
    std::vector<std::string> types = known;
    if (!wanted.layer_type.empty()) {
      if (known.empty())
        throw std::invalid_argument("--layer-type = \"" + wanted.layer_type +
                                    "\", but all layers have the same RoPE");
      if (std::find(known.begin(), known.end(), wanted.layer_type) == known.end())
        throw std::invalid_argument("--layer-type = \"" + wanted.layer_type +
                                    "\" is not one of the configuration's: " + join(known));
      types = {wanted.layer_type};
    }
    if (types.empty())
      types = {""};
    for (const std::string& type : types) {
      yarn::hf_options layer;
      layer.layer_type = type;
      layer.default_rope_theta = wanted.default_rope_theta.value_or(0);
      std::string name = name_of(path);
      if (!type.empty())
        name += " (" + type + ")";
      inspected one;
      one.report = make_report(name, yarn::hf_config_from(config, layer), wanted.seq_len);
      one.report.layer_type = type;
      one.remarks = remarks_on(one.report, config, known);
      to.push_back(std::move(one));
    }
  } catch (const std::logic_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

std::string text_of(const std::vector<inspected>& all, const std::vector<model_report>& compared,
                    const options& wanted) {
  std::string text;
  for (const inspected& one : all) {
    text += text.empty() ? "" : "\n";
    text += print_summary(one.report);
    text += "\n" + terminal_plot(one.report, wanted.ascii);
    text += "\n" + print_pairs(one.report);
    if (!compared.empty())
      text += "\n" + print_comparison(one.report, compared);
    if (!one.remarks.empty())
      text += "\n" + print_remarks(one.remarks);
  }
  return text;
}

std::string json_of(const std::vector<inspected>& all, const std::vector<model_report>& compared) {
  nlohmann::ordered_json to = nlohmann::ordered_json::array();
  for (const inspected& one : all)
    to.push_back(json_report(one.report, one.remarks, compared));
  // A file name may contain bytes that are not UTF-8.
  return (all.size() == 1 ? to[0] : to)
             .dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

std::string run(const options& wanted) {
  std::vector<inspected> all;
  for (const std::string& path : wanted.configs)
    read_config(path, wanted, all);
  const auto require_one = [&](const char* option) {
    if (all.size() != 1)
      throw std::invalid_argument(std::string(option) +
                                  " takes one configuration, and one --layer-type where layers "
                                  "differ");
  };
  std::vector<model_report> compared;
  if (!wanted.compare.empty()) {
    require_one("--compare");
    compared = compare(all[0].report, wanted.compare, wanted.factor);
  }
  std::vector<model_report> drawn;
  drawn.reserve(all.size() + compared.size());
  for (const inspected& one : all)
    drawn.push_back(one.report);
  drawn.insert(drawn.end(), compared.begin(), compared.end());
  if (!wanted.table.empty()) {
    require_one("--table");
    write_npy(wanted.table, all[0].report.frequencies, wanted.positions);
  }
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
