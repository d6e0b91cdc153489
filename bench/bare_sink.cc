// bare-sink: the floor that the node's figures stand beside: a sink that speaks just enough SMTP to be sent
// mail, on one io_uring, with no checks, no limits and no error handling to speak of. Not part of the
// product.
//
//   bare-sink PORT        ends on SIGTERM and prints {"messages":N}
//
// Multishot accept and receive, a provided buffer ring, one send per received batch. It knows the end of data
// only as CRLF.CRLF and answers every command line by its first letter.

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr unsigned kBuffers = 512;
constexpr unsigned kBufferSize = 32768;
constexpr int kBufferGroup = 1;
constexpr std::string_view kEndOfData = "\r\n.\r\n";

volatile std::sig_atomic_t stopping = 0;

enum class Kind : uint8_t { Accept, Receive, Send, Close };

struct Connection {
  uint16_t generation = 0;
  bool open = false;
  bool in_data = false;
  bool sending = false;
  bool quitting = false;
  std::string line;  // a command or the last octets of the data, across buffers
  std::string out;
  std::string in_flight;
};

class Sink {
 public:
  explicit Sink(uint16_t port) : connections_(32768) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 16384;
    if (io_uring_queue_init_params(2048, &ring_, &params) != 0) die("io_uring_queue_init");
    set_up_buffers();
    listen_on(port);
    accept();
  }

  void run() {
    while (stopping == 0) {
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
      io_uring_cq_advance(&ring_, count);
    }
    std::printf("{\"messages\":%llu}\n", static_cast<unsigned long long>(messages_));
  }

 private:
  [[noreturn]] static void die(const char* what) {
    std::perror(what);
    std::exit(2);
  }

  void set_up_buffers() {
    const size_t size = size_t{kBuffers} * kBufferSize;
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    void* entries = nullptr;
    if (memory == MAP_FAILED || posix_memalign(&entries, 4096, kBuffers * sizeof(io_uring_buf)) != 0)
      die("memory");
    buffers_ = static_cast<char*>(memory);
    buffer_ring_ = static_cast<io_uring_buf_ring*>(entries);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uintptr_t>(buffer_ring_);
    registration.ring_entries = kBuffers;
    registration.bgid = kBufferGroup;
    if (io_uring_register_buf_ring(&ring_, &registration, 0) != 0) die("io_uring_register_buf_ring");
    io_uring_buf_ring_init(buffer_ring_);
    for (unsigned id = 0; id < kBuffers; ++id) give_back(id);
  }

  void give_back(unsigned id) {
    char* buffer = buffers_ + size_t{id} * kBufferSize;
    io_uring_buf_ring_add(buffer_ring_, buffer, kBufferSize, static_cast<uint16_t>(id), kBuffers - 1, 0);
    io_uring_buf_ring_advance(buffer_ring_, 1);
  }

  void listen_on(uint16_t port) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // inherited by what is accepted
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("bind");
    if (listen(listener_, 4096) != 0) die("listen");
  }

  io_uring_sqe* entry(Kind kind, unsigned descriptor) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
      io_uring_submit(&ring_);
      sqe = io_uring_get_sqe(&ring_);
    }
    // The caller's prep call clears user_data, so it is set afterwards; keep it for that.
    tag_ = static_cast<uint64_t>(kind) << 56 |
           static_cast<uint64_t>(connections_[descriptor].generation) << 32 | descriptor;
    return sqe;
  }

  void accept() {
    io_uring_sqe* sqe = entry(Kind::Accept, 0);
    io_uring_prep_multishot_accept(sqe, listener_, nullptr, nullptr, 0);
    sqe->user_data = tag_;
  }

  void receive(unsigned descriptor) {
    io_uring_sqe* sqe = entry(Kind::Receive, descriptor);
    io_uring_prep_recv_multishot(sqe, static_cast<int>(descriptor), nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = kBufferGroup;
    sqe->user_data = tag_;
  }

  void flush(unsigned descriptor) {
    Connection& connection = connections_[descriptor];
    if (connection.sending || connection.out.empty()) return;
    connection.in_flight.swap(connection.out);
    connection.out.clear();
    connection.sending = true;
    io_uring_sqe* sqe = entry(Kind::Send, descriptor);
    io_uring_prep_send(sqe, static_cast<int>(descriptor), connection.in_flight.data(),
                       connection.in_flight.size(), MSG_NOSIGNAL | MSG_WAITALL);
    sqe->user_data = tag_;
  }

  void close_connection(unsigned descriptor) {
    Connection& connection = connections_[descriptor];
    if (!connection.open) return;
    connection.open = false;
    io_uring_sqe* sqe = entry(Kind::Close, descriptor);
    io_uring_prep_close(sqe, static_cast<int>(descriptor));
    sqe->user_data = tag_;
  }

  void complete(const io_uring_cqe& cqe) {
    const auto kind = static_cast<Kind>(cqe.user_data >> 56);
    const auto descriptor = static_cast<unsigned>(cqe.user_data & 0xFFFFFFFFU);
    const bool stale = connections_[descriptor].generation != static_cast<uint16_t>(cqe.user_data >> 32);
    switch (kind) {
      case Kind::Accept:
        on_accepted(cqe);
        break;
      case Kind::Receive:
        on_received(cqe, descriptor, stale);
        break;
      case Kind::Send:
        if (!stale) on_sent(cqe, descriptor);
        break;
      case Kind::Close:
        break;
    }
  }

  void on_accepted(const io_uring_cqe& cqe) {
    if (cqe.res >= 0 && static_cast<size_t>(cqe.res) < connections_.size()) {
      const auto descriptor = static_cast<unsigned>(cqe.res);
      Connection& connection = connections_[descriptor];
      ++connection.generation;
      connection.open = true;
      connection.in_data = connection.sending = connection.quitting = false;
      connection.line.clear();
      connection.out = "220 bare\r\n";
      receive(descriptor);
      flush(descriptor);
    }
    if ((cqe.flags & IORING_CQE_F_MORE) == 0) accept();
  }

  void on_received(const io_uring_cqe& cqe, unsigned descriptor, bool stale) {
    if (cqe.res > 0) {
      const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
      if (!stale && connections_[descriptor].open) {
        feed(connections_[descriptor], {buffers_ + size_t{id} * kBufferSize, static_cast<size_t>(cqe.res)});
        flush(descriptor);
      }
      give_back(id);
    }
    if (stale || !connections_[descriptor].open || (cqe.flags & IORING_CQE_F_MORE) != 0) return;
    if (cqe.res > 0 || cqe.res == -ENOBUFS) {
      receive(descriptor);
    } else {
      close_connection(descriptor);
    }
  }

  void on_sent(const io_uring_cqe& cqe, unsigned descriptor) {
    Connection& connection = connections_[descriptor];
    connection.sending = false;
    if (cqe.res < 0 || (connection.quitting && connection.out.empty())) {
      close_connection(descriptor);
    } else {
      flush(descriptor);
    }
  }

  void feed(Connection& connection, std::string_view octets) {
    while (!octets.empty()) {
      if (connection.in_data) {
        octets.remove_prefix(feed_data(connection, octets));
        continue;
      }
      const size_t end = octets.find('\n');
      const size_t taken = end == octets.npos ? octets.size() : end + 1;
      connection.line += octets.substr(0, taken);
      octets.remove_prefix(taken);
      if (end == octets.npos) return;
      command(connection);
    }
  }

  // Keeps the last four octets in `line`, so that an end across two buffers is found.
  size_t feed_data(Connection& connection, std::string_view octets) {
    const size_t kept = connection.line.size();
    const std::string edge = connection.line + std::string(octets.substr(0, kEndOfData.size()));
    size_t end = edge.find(kEndOfData);
    if (end != edge.npos) {
      end = end + kEndOfData.size() - kept;
    } else {
      const size_t inside = octets.find(kEndOfData);
      if (inside == octets.npos) {
        connection.line += octets.substr(octets.size() - std::min<size_t>(octets.size(), 4));
        if (connection.line.size() > 4) connection.line.erase(0, connection.line.size() - 4);
        return octets.size();
      }
      end = inside + kEndOfData.size();
    }
    ++messages_;
    connection.in_data = false;
    connection.line.clear();
    connection.out += "250 taken\r\n";
    return end;
  }

  static void command(Connection& connection) {
    switch (connection.line.front() & 0xDF) {
      case 'E':
        connection.out +=
            "250-bare\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 99000000\r\n";
        break;
      case 'D':
        connection.out += "354 go on\r\n";
        connection.in_data = true;
        break;
      case 'Q':
        connection.out += "221 bye\r\n";
        connection.quitting = true;
        break;
      default:
        connection.out += "250 ok\r\n";
    }
    connection.line.assign(connection.in_data ? "\r\n" : "");  // a dot right behind DATA ends it too
  }

  io_uring ring_{};
  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* buffers_ = nullptr;
  int listener_ = -1;
  uint64_t tag_ = 0;
  uint64_t messages_ = 0;
  std::vector<Connection> connections_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bare-sink PORT\n");
    return 2;
  }
  struct sigaction action{};
  action.sa_handler = [](int) { stopping = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  Sink(static_cast<uint16_t>(std::strtoul(argv[1], nullptr, 10))).run();
}
