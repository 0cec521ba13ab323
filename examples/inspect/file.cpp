// SPDX-License-Identifier: MIT
#include "file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace inspect {

std::string read_file(const std::string& path) {
  constexpr std::size_t largest = std::size_t{1} << 26;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw std::runtime_error(path + ": is a directory; give the file config.json in the directory");
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr)
    throw std::runtime_error(path + ": cannot be opened: " + std::strerror(errno));
  std::string text;
  char buffer[65536];
  std::size_t n;
  while (text.size() <= largest && (n = std::fread(buffer, 1, sizeof buffer, file)) > 0)
    text.append(buffer, n);
  const bool failed = std::ferror(file) != 0;
  const int reason = errno;
  std::fclose(file);
  if (failed)
    throw std::runtime_error(path + ": cannot be read: " + std::strerror(reason));
  if (text.empty())
    throw std::runtime_error(path + ": is empty");
  if (text.size() > largest)
    throw std::runtime_error(path + ": has more than 64 MiB, so the file is not a config.json");
  return text;
}

output_file::output_file(const std::string& path)
    : path_(path), file_(std::fopen(path.c_str(), "wb")) {
  if (file_ == nullptr)
    throw std::runtime_error(path + ": cannot be opened for writing: " + std::strerror(errno));
}

output_file::~output_file() {
  if (file_ != nullptr)
    std::fclose(file_);
  std::error_code ignored;
  if (!is_complete_ && std::filesystem::is_regular_file(path_, ignored))
    std::filesystem::remove(path_, ignored);
}

void output_file::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
    fail();
}

void output_file::close() {
  std::FILE* const file = file_;
  file_ = nullptr;
  if (std::fclose(file) != 0)
    fail();
  is_complete_ = true;
}

void output_file::fail() const {
  throw std::runtime_error(path_ + ": cannot be written: " + std::strerror(errno));
}

} // namespace inspect
