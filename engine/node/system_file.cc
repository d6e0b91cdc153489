#include "engine/node/system_file.h"

#include "io/base/limits.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

#include <fmt/format.h>

namespace sluice::node {

Result<std::string> read_system_file(const std::string& path) {
  const auto closer = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(closer)> file(std::fopen(path.c_str(), "rbe"), closer);
  if (file == nullptr) return fail_system(errno, fmt::format("cannot open {}", path));
  std::string text;
  std::array<char, 65536> piece{};
  while (const size_t count = std::fread(piece.data(), 1, piece.size(), file.get())) {
    text.append(piece.data(), count);
    if (text.size() > limits::kPolicyDocument) {
      return fail(ErrorKind::Limit,
                  fmt::format("{} is larger than {} octets", path, limits::kPolicyDocument));
    }
  }
  if (std::ferror(file.get()) != 0) return fail_system(errno, fmt::format("cannot read {}", path));
  return text;
}

}  // namespace sluice::node
