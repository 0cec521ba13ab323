// SPDX-License-Identifier: MIT
#include "gnuplot.hpp"

#include "file.hpp"
#include "text.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <stdexcept>

namespace inspect {
namespace {

namespace fs = std::filesystem;

#if defined(_WIN32)
constexpr char path_separator = ';';
const char* const program = "gnuplot.exe";
std::FILE* open_pipe(const char* command) { return _popen(command, "rb"); }
int close_pipe(std::FILE* pipe) { return _pclose(pipe); }
#else
constexpr char path_separator = ':';
const char* const program = "gnuplot";
std::FILE* open_pipe(const char* command) { return popen(command, "r"); }
int close_pipe(std::FILE* pipe) { return pclose(pipe); }
#endif

// Searches PATH, because the shell would print its own message if the program were missing.
bool has_gnuplot() {
  const char* const path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(path_separator), rest.size());
    std::error_code ignored;
    if (fs::is_regular_file(fs::path(rest.substr(0, end)) / program, ignored))
      return true;
    rest.erase(0, end + 1);
  }
  return false;
}

// A temporary folder. The destructor removes the folder with its files.
class temporary_folder {
public:
  temporary_folder() {
    std::random_device random;
    do
      path_ = fs::temp_directory_path() / format("yarn-inspect-%08x%08x", random(), random());
    while (!fs::create_directory(path_));
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string file(const char* name) const { return (path_ / name).string(); }

private:
  fs::path path_;
};

const char* terminal_for(const std::string& path) {
  const std::string ending = fs::path(path).extension().string();
  if (ending == ".png")
    return "set terminal pngcairo size 1200,860 font 'sans,13'\n";
  if (ending == ".svg")
    return "set terminal svg size 1200,860 font 'sans,15' background '#ffffff'\n";
  throw std::invalid_argument(path + ": a picture must end in .png or .svg");
}

} // namespace

void draw(const std::string& script, const std::string& path) {
  const std::string commands = terminal_for(path) + script;
  if (!has_gnuplot())
    throw std::runtime_error("gnuplot is not installed (not found in PATH), and " + path +
                             " needs it; on Debian: apt-get install gnuplot-nox");
  const temporary_folder folder;
  output_file input(folder.file("script"));
  input.write(commands);
  input.close();
  // gnuplot writes the picture to a pipe, and this program writes the file. So neither a shell nor
  // gnuplot gets the path, which may contain any characters.
  const std::string command =
      "gnuplot \"" + folder.file("script") + "\" 2>\"" + folder.file("errors") + "\"";
  std::FILE* const pipe = open_pipe(command.c_str());
  if (pipe == nullptr)
    throw std::runtime_error("gnuplot cannot be started");
  std::string picture;
  char buffer[65536];
  std::size_t n;
  while ((n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0)
    picture.append(buffer, n);
  if (close_pipe(pipe) != 0 || picture.empty()) {
    std::string reason = "it drew nothing";
    if (std::error_code ignored; fs::file_size(folder.file("errors"), ignored) > 0)
      reason = one_line(read_file(folder.file("errors")));
    throw std::runtime_error("gnuplot failed on " + path + ": " + reason.substr(0, 200));
  }
  output_file output(path);
  output.write(picture);
  output.close();
}

} // namespace inspect
