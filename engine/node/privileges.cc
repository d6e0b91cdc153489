#include "engine/node/privileges.h"

#include "io/base/sanitizers.h"

#include <array>
#include <cerrno>
#include <cstdint>

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sluice::node {
namespace {

// The leak checker of a sanitizer build looks at the process as a debugger does.
#ifdef SLUICE_ADDRESS_SANITIZER
constexpr bool kHideMemory = false;
#else
constexpr bool kHideMemory = true;
#endif

bool hide_memory() { return !kHideMemory || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0; }

// Of those we have, only the capability to bind low ports stays.
bool keep_binding_only() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return false;
  const uint32_t binding = sets[0].permitted & (1U << CAP_NET_BIND_SERVICE);
  sets = {};
  sets[0].permitted = sets[0].effective = binding;
  return syscall(SYS_capset, &header, sets.data()) == 0;
}

}  // namespace

Result<void> give_up_at_start() {
  const auto failed = [](const char* what) { return fail_system(errno, fmt::format("cannot {}", what)); };
  if (geteuid() == 0) {
    // Refused without CAP_SETPCAP, as in some containers: then there was less to give up.
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
      if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM)
        return failed("drop capabilities");
    }
  } else if (!keep_binding_only()) {
    return failed("drop capabilities");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("give up new privileges");
  if (!hide_memory()) return failed("hide the memory of the process");
  return {};
}

Result<void> become_user(const std::string& user, std::span<const std::string> files) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> strings{};
  const int error = getpwnam_r(user.c_str(), &entry, strings.data(), strings.size(), &found);
  if (found == nullptr) {
    if (error != 0) return fail_system(error, fmt::format("node.user: cannot look up {}", user));
    return fail(ErrorKind::NotFound, fmt::format("node.user: there is no user {}", user));
  }
  const auto failed = [&user](const std::string& what) {
    return fail_system(errno, fmt::format("node.user: cannot {} {}", what, user));
  };
  for (const std::string& file : files) {
    if (chown(file.c_str(), entry.pw_uid, entry.pw_gid) != 0) return failed(fmt::format("give {} to", file));
  }
  if (initgroups(user.c_str(), entry.pw_gid) != 0) return failed("take the groups of");
  if (setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid) != 0) return failed("take the group of");
  if (setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid) != 0) return failed("become");
  if (!hide_memory())
    return failed("hide the memory of the process as");  // the change of user may have undone it
  return {};
}

}  // namespace sluice::node
