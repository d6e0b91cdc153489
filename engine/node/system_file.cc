#include "engine/node/system_file.h"

#include "io/base/limits.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <sys/stat.h>

namespace sluice::node {

namespace {

constexpr mode_t kNotSecret = S_IWGRP | S_IRWXO;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

Result<std::string> read_all(std::FILE* file, const std::string& path) {
  std::string text;
  std::array<char, 65536> piece{};
  while (const size_t count = std::fread(piece.data(), 1, piece.size(), file)) {
    text.append(piece.data(), count);
    if (text.size() > limits::kPolicyDocument) {
      return fail(ErrorKind::Limit,
                  fmt::format("{} is larger than {} octets", path, limits::kPolicyDocument));
    }
  }
  if (std::ferror(file) != 0) return fail_system(errno, fmt::format("cannot read {}", path));
  return text;
}

}  // namespace

Result<std::string> read_system_file(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return fail_system(errno, fmt::format("cannot open {}", path));
  return read_all(file.get(), path);
}

Result<std::string> read_secret_file(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return fail_system(errno, fmt::format("cannot open {}", path));
  struct stat status{};
  if (fstat(fileno(file.get()), &status) != 0)
    return fail_system(errno, fmt::format("cannot look at {}", path));
  if ((status.st_mode & kNotSecret) != 0) {
    return fail(ErrorKind::Invalid,
                fmt::format("{} has mode {:04o}, so that others can read or change it: chmod 0640 or less",
                            path, status.st_mode & 07777U));
  }
  return read_all(file.get(), path);
}

}  // namespace sluice::node
