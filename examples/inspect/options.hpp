// SPDX-License-Identifier: MIT
// The command line.
#ifndef YARN_EXAMPLES_INSPECT_OPTIONS_HPP
#define YARN_EXAMPLES_INSPECT_OPTIONS_HPP

#include "npy.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace inspect {

struct options {
  std::vector<std::string> configs;
  std::optional<std::int64_t> seq_len;
  std::string layer_type;
  std::optional<double> default_rope_theta;
  bool json = false;
  bool ascii = false;
  std::vector<std::string> compare;
  std::optional<double> factor;
  std::string plot;
  std::string attention_plot;
  std::string table;
  position_range positions;
};

/// Reads the command line. With --help the result is empty and `help` has the text.
/// Errors   std::invalid_argument: the message names the option and what is wrong.
std::optional<options> options_from(int argc, const char* const* argv, std::string& help);

} // namespace inspect

#endif
