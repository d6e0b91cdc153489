// BareRing: the io_uring set-up that bare-sink and bare-source share: one thread, tasks run when it waits,
// the ring's own descriptor registered, optionally a ring of provided buffers and a table of direct
// descriptors. Ends the process where the kernel refuses (5.19 and newer have all of it but deferred
// tasks: 6.1). Not part of the product, which has io/reactor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <liburing.h>
#include <sys/mman.h>

namespace sluice::bench {

[[noreturn]] inline void die(const char* what) {
  std::perror(what);
  std::exit(2);
}

class BareRing {
 public:
  static constexpr int kBufferGroup = 1;

  BareRing() {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 16384;
    if (io_uring_queue_init_params(2048, &ring_, &params) != 0) die("io_uring_queue_init");
    (void)io_uring_register_ring_fd(&ring_);  // saves looking it up at each wait; goes without it, too
  }
  ~BareRing() { io_uring_queue_exit(&ring_); }
  BareRing(const BareRing&) = delete;
  BareRing& operator=(const BareRing&) = delete;

  void add_descriptor_table(unsigned entries) {
    if (io_uring_register_files_sparse(&ring_, entries) != 0) die("io_uring_register_files_sparse");
  }
  // `count` is a power of two. Populated at once, so that no page fault is counted among the messages.
  void add_buffers(unsigned count, unsigned size) {
    void* memory = mmap(nullptr, size_t{count} * size, PROT_READ | PROT_WRITE,
                        MAP_ANONYMOUS | MAP_PRIVATE | MAP_POPULATE, -1, 0);
    void* entries = nullptr;
    if (memory == MAP_FAILED || posix_memalign(&entries, 4096, count * sizeof(io_uring_buf)) != 0)
      die("memory");
    buffers_ = static_cast<char*>(memory);
    buffer_ring_ = static_cast<io_uring_buf_ring*>(entries);
    buffer_count_ = count;
    buffer_size_ = size;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uintptr_t>(buffer_ring_);
    registration.ring_entries = count;
    registration.bgid = kBufferGroup;
    if (io_uring_register_buf_ring(&ring_, &registration, 0) != 0) die("io_uring_register_buf_ring");
    io_uring_buf_ring_init(buffer_ring_);
    for (unsigned id = 0; id < count; ++id) give_back(id);
    publish_buffers();
  }
  char* buffer(unsigned id) { return buffers_ + size_t{id} * buffer_size_; }
  // The kernel sees buffers that were given back after publish_buffers().
  void give_back(unsigned id) {
    io_uring_buf_ring_add(buffer_ring_, buffer(id), buffer_size_, static_cast<uint16_t>(id),
                          static_cast<int>(buffer_count_ - 1), static_cast<int>(given_back_));
    ++given_back_;
  }
  void publish_buffers() {
    if (given_back_ != 0) io_uring_buf_ring_advance(buffer_ring_, static_cast<int>(given_back_));
    given_back_ = 0;
  }

  io_uring_sqe* entry() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
      io_uring_submit(&ring_);
      sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
  }

  // Submits what was prepared, waits for one completion at least, and gives all that are there to `complete`.
  template <typename Complete>
  void turn(Complete&& complete) {
    io_uring_cqe* first = nullptr;
    __kernel_timespec wait{0, 200'000'000};
    io_uring_submit_and_wait_timeout(&ring_, &first, 1, &wait, nullptr);
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      ++count;
      complete(*cqe);
    }
    if (buffer_count_ != 0) publish_buffers();
    io_uring_cq_advance(&ring_, count);
  }

 private:
  io_uring ring_{};
  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* buffers_ = nullptr;
  unsigned buffer_count_ = 0;
  unsigned buffer_size_ = 0;
  unsigned given_back_ = 0;
};

}  // namespace sluice::bench
