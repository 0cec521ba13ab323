// SPDX-License-Identifier: MIT
// Reading and writing of files. Errors name the file and the reason.
#ifndef YARN_EXAMPLES_INSPECT_FILE_HPP
#define YARN_EXAMPLES_INSPECT_FILE_HPP

#include <cstdio>
#include <string>
#include <string_view>

namespace inspect {

/// The contents of a file.
/// Errors   std::runtime_error: a directory, a missing, unreadable or empty file, or a file above
///          64 MiB, which is not a config.json.
std::string read_file(const std::string& path);

/// An output file. If close() has not returned, the destructor removes the file, so that no
/// incomplete file is left. (Devices and pipes are not removed.)
class output_file {
public:
  /// Errors   std::runtime_error: the file cannot be opened.
  explicit output_file(const std::string& path);
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;
  ~output_file();

  /// Errors   std::runtime_error: the file cannot be written, for example because the disk is full.
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
