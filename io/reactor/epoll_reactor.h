// The epoll back end: for kernels and sandboxes that refuse io_uring. It keeps the same promises.
//
// Sockets are watched edge-triggered and are read, written and accepted only inside poll(); what is asked for
// between two polls is tried at the start of the next. Files are read and written by one worker thread of the
// reactor, so that a slow disk does not hold the shard up. One shard; the worker touches nothing but its
// queue. Fails only when it is made (descriptors, memory).
#pragma once

#include "io/base/result.h"
#include "io/reactor/buffer_pool.h"
#include "io/reactor/reactor.h"

#include <memory>

namespace sluice::reactor {

struct EpollOptions {
  BufferPoolOptions buffers;
};

[[nodiscard]] Result<std::unique_ptr<Reactor>> make_epoll_reactor(const EpollOptions& options);

}  // namespace sluice::reactor
