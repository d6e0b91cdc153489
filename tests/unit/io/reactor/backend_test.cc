#include "io/reactor/backend.h"

#include <cerrno>
#include <cstddef>
#include <iterator>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sluice::reactor {
namespace {

// As container runtimes do it: io_uring_setup answers EPERM, all else is allowed.
bool refuse_io_uring() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = static_cast<unsigned short>(std::size(program)), .filter = program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

// Run in a child, for the filter cannot be taken off. The exit status says what was found.
[[noreturn]] void try_in_sandbox(BackendKind kind) {
  if (!refuse_io_uring()) _exit(77);
  auto backend = make_backend({.kind = kind});
  if (!backend) _exit(backend.error().os_error == EPERM ? 10 : 11);
  const bool epoll = backend->reactor->capabilities().name == "epoll";
  const bool told = backend->note.find("Operation not permitted") != std::string::npos;
  _exit(epoll && told ? 20 : 21);
}

TEST(BackendDeathTest, AutoTakesEpollWhereIoUringIsRefused) {
  EXPECT_EXIT(try_in_sandbox(BackendKind::Auto), testing::ExitedWithCode(20), "");
}

TEST(BackendDeathTest, IoUringByNameFailsWhereItIsRefused) {
  EXPECT_EXIT(try_in_sandbox(BackendKind::Uring), testing::ExitedWithCode(10), "");
}

TEST(Backend, AutoSaysWhyWhenItDoesNotTakeIoUring) {
  auto backend = make_backend({});
  ASSERT_TRUE(backend.has_value());
  EXPECT_EQ(backend->note.empty(), backend->reactor->capabilities().name == "uring");
}

TEST(Backend, EpollByNameIsEpoll) {
  auto backend = make_backend({.kind = BackendKind::Epoll});
  ASSERT_TRUE(backend.has_value());
  EXPECT_EQ(backend->reactor->capabilities().name, "epoll");
  EXPECT_TRUE(backend->note.empty());
}

TEST(Backend, NamesGoBothWays) {
  for (const BackendKind kind : {BackendKind::Auto, BackendKind::Uring, BackendKind::Epoll})
    EXPECT_EQ(parse_backend(backend_name(kind)), kind);
  EXPECT_EQ(parse_backend("kqueue"), std::nullopt);
}

}  // namespace
}  // namespace sluice::reactor
