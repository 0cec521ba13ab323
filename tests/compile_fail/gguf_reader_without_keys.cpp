// SPDX-License-Identifier: MIT
// A GGUF reader without one of its members is refused with one clear message.
// expect: yarn: a GGUF reader needs const members
#include <yarn/gguf.hpp>

struct almost_a_reader {
  std::optional<double> number(const std::string&) const { return {}; }
  std::optional<std::vector<double>> numbers(const std::string&) const { return {}; }
  std::optional<std::string> text(const std::string&) const { return {}; }
  std::optional<std::vector<float>> tensor(const std::string&) const { return {}; }
};
struct reader : almost_a_reader {
  std::vector<std::string> keys() const { return {}; }
};

yarn::gguf_config read() {
#ifdef YARN_EXPECT_FAILURE
  return yarn::gguf_config_from(almost_a_reader{});
#else
  return yarn::gguf_config_from(reader{});
#endif
}
