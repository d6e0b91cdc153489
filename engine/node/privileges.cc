#include "engine/node/privileges.h"

#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace sluice::node {

Result<void> become_user(const std::string& user, const std::string& journal_path) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> strings{};
  const int error = getpwnam_r(user.c_str(), &entry, strings.data(), strings.size(), &found);
  if (found == nullptr) {
    if (error != 0) return fail_system(error, fmt::format("node.user: cannot look up {}", user));
    return fail(ErrorKind::NotFound, fmt::format("node.user: there is no user {}", user));
  }
  const auto failed = [&user](const char* what) {
    return fail_system(errno, fmt::format("node.user: cannot {} {}", what, user));
  };
  if (chown(journal_path.c_str(), entry.pw_uid, entry.pw_gid) != 0) return failed("give the journal to");
  if (initgroups(user.c_str(), entry.pw_gid) != 0) return failed("take the groups of");
  if (setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid) != 0) return failed("take the group of");
  if (setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid) != 0) return failed("become");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("give up new privileges as");
  return {};
}

}  // namespace sluice::node
