#include "engine/node/system_file.h"

#include "io/base/limits.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::node {

namespace {

constexpr mode_t kNotSecret = S_IWGRP | S_IRWXO;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

std::unexpected<Error> too_large(const std::string& path) {
  return fail(ErrorKind::Limit, fmt::format("{} is larger than {} octets", path, limits::kPolicyDocument));
}

Result<std::string> read_all(std::FILE* file, const std::string& path) {
  std::string text;
  std::array<char, 65536> piece{};
  while (const size_t count = std::fread(piece.data(), 1, piece.size(), file)) {
    text.append(piece.data(), count);
    if (text.size() > limits::kPolicyDocument) return too_large(path);
  }
  if (std::ferror(file) != 0) return fail_system(errno, fmt::format("cannot read {}", path));
  return text;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

// Into one buffer that neither grows nor is copied: memory that is given back would keep its content.
Result<std::string> read_secret(int file, size_t size, const std::string& path) {
  std::string text(size, '\0');
  size_t taken = 0;
  while (taken < size) {
    const ssize_t count = ::read(file, text.data() + taken, size - taken);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      explicit_bzero(text.data(), text.size());
      return fail_system(error, fmt::format("cannot read {}", path));
    }
    if (count == 0) break;
    taken += static_cast<size_t>(count);
  }
  text.resize(taken);
  return text;
}

}  // namespace

Result<std::string> read_system_file(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return fail_system(errno, fmt::format("cannot open {}", path));
  return read_all(file.get(), path);
}

Result<std::string> read_secret_file(const std::string& path) {
  // Without waiting: to open a FIFO would wait for who writes it.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (file.number() < 0) return fail_system(errno, fmt::format("cannot open {}", path));
  struct stat status{};
  if (fstat(file.number(), &status) != 0) return fail_system(errno, fmt::format("cannot look at {}", path));
  if (!S_ISREG(status.st_mode))
    return fail(ErrorKind::Invalid, fmt::format("{} is not a regular file", path));
  if ((status.st_mode & kNotSecret) != 0) {
    return fail(ErrorKind::Invalid,
                fmt::format("{} has mode {:04o}, so that others can read or change it: chmod 0640 or less",
                            path, status.st_mode & 07777U));
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size > limits::kPolicyDocument) return too_large(path);
  return read_secret(file.number(), size, path);
}

}  // namespace sluice::node
