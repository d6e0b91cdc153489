// The io_uring back end (Linux 6.1 and later): one ring per shard, one system call per turn.
//
// Made and used on one thread (IORING_SETUP_SINGLE_ISSUER). Fails with ErrorKind::System and the kernel's
// errno where io_uring is refused or too old: EPERM (a sandbox), ENOSYS, EINVAL (before 6.1), ENOMEM.
#pragma once

#include "io/base/result.h"
#include "io/reactor/buffer_pool.h"
#include "io/reactor/reactor.h"

#include <cstdint>
#include <memory>

namespace sluice::reactor {

struct UringOptions {
  unsigned submission_entries = 1024;
  unsigned completion_entries = 8192;
  // Buffers that the kernel may fill before the next turn, a power of two. Derived: 128 * 32 KB = 4 MB.
  uint16_t receive_buffers = 128;
  uint16_t datagram_buffers = 256;  // of 4 KB
  // Act as on a 6.1 kernel: nothing newer is used, even where the kernel has it.
  bool mask_newer_than_6_1 = false;
  BufferPoolOptions buffers{};
};

[[nodiscard]] Result<std::unique_ptr<Reactor>> make_uring_reactor(const UringOptions& options);

}  // namespace sluice::reactor
