// SPDX-License-Identifier: MIT
// Loads a plugin, calls it, and compares the text that it returns with the second argument.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  void* const plugin = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (plugin == nullptr) {
    std::fprintf(stderr, "plugin_main: %s\n", argc == 3 ? dlerror() : "expected two arguments");
    return 1;
  }
  using run_function = const char* (*)();
  const auto run = reinterpret_cast<run_function>(dlsym(plugin, "plugin_run"));
  const char* const text = run == nullptr ? "no function plugin_run" : run();
  std::puts(text);
  return std::strcmp(text, argv[2]) == 0 ? 0 : 1;
}
