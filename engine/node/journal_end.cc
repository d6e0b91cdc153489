#include "engine/node/journal_end.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace sluice::node {

Result<void> end_last_row(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  if (file < 0) {
    if (errno == ENOENT) return {};
    return fail_system(errno, fmt::format("journal: cannot open {}", path));
  }
  const off_t octets = lseek(file, 0, SEEK_END);
  char last = '\n';
  bool done = octets <= 0 || pread(file, &last, 1, octets - 1) == 1;
  if (done && last != '\n') done = write(file, "\n", 1) == 1;
  const int problem = errno;
  close(file);
  if (!done) return fail_system(problem, fmt::format("journal: cannot end the last row of {}", path));
  return {};
}

}  // namespace sluice::node
