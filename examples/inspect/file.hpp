// SPDX-License-Identifier: MIT
// Files, with errors that say which file and why.
#ifndef YARN_EXAMPLES_INSPECT_FILE_HPP
#define YARN_EXAMPLES_INSPECT_FILE_HPP

#include <cstdio>
#include <string>
#include <string_view>

namespace inspect {

/// All of a file. Errors: std::runtime_error for a directory, a missing, unreadable or empty file,
/// and one above 64 MiB, which is no config.json.
std::string read_file(const std::string& path);

/// A file that is complete or not there: unless close() returns, the destructor removes it (devices
/// and pipes stay).
class output_file {
public:
  /// Errors: std::runtime_error where it cannot be opened.
  explicit output_file(const std::string& path);
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;
  ~output_file();

  /// Errors: std::runtime_error where the device is full, say.
  void write(std::string_view bytes);
  void close();

private:
  [[noreturn]] void fail() const;

  std::string path_;
  std::FILE* file_;
  bool is_complete_ = false;
};

} // namespace inspect

#endif
