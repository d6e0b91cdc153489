// bare-sink: the floor that the node's figures stand beside: a sink that speaks just enough SMTP to be sent
// mail, on one io_uring, with no checks, no limits and no error handling to speak of. Not part of the
// product.
//
//   bare-sink PORT [chunking]        ends on SIGTERM and prints {"messages":N,...}
//
// With "chunking" it offers CHUNKING, as most mail systems do, and takes one BDAT LAST for each message.
//
// What keeps it cheap: direct descriptors from multishot accept, so that no file table is touched; one
// multishot receive for a connection's life, which does not try before there is something; replies of a batch
// in one send without a completion; commands and data read where the kernel put them; QUIT answered and
// closed by linked entries. It knows the end of data only as CRLF.CRLF and answers a command by its first
// letter.

#include "bench/bare_ring.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sluice::bench {
namespace {

constexpr unsigned kConnections = 16384;
constexpr unsigned kBuffers = 256;
constexpr unsigned kBufferSize = 65536;
constexpr std::string_view kEndOfData = "\r\n.\r\n";

volatile std::sig_atomic_t stopping = 0;

enum class Kind : uint8_t { Accept, Receive, Send, Close };

struct Connection {
  uint16_t generation = 0;
  bool open = false;
  bool in_data = false;
  bool quitting = false;
  uint8_t matched = 0;     // octets of kEndOfData that ended the last buffer
  uint16_t line_size = 0;  // of a command whose line end has not come yet
  uint16_t out_size = 0;
  size_t chunk_left = 0;  // octets of a BDAT's chunk still to come
  char line[62] = {};     // the beginning of that command
  char out[502] = {};     // a client that has more than this in flight is none of ours
};

// Where LF and '.' stand side by side, or npos. The octets behind are the caller's to look at.
size_t find_line_with_dot(std::string_view octets, size_t from) {
#ifdef __SSE2__
  const __m128i line_feed = _mm_set1_epi8('\n');
  const __m128i dot = _mm_set1_epi8('.');
  for (; from + 17 <= octets.size(); from += 16) {
    const auto* here = reinterpret_cast<const __m128i*>(octets.data() + from);
    const auto* next = reinterpret_cast<const __m128i*>(octets.data() + from + 1);
    const __m128i both = _mm_and_si128(_mm_cmpeq_epi8(_mm_loadu_si128(here), line_feed),
                                       _mm_cmpeq_epi8(_mm_loadu_si128(next), dot));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(both));
    if (mask != 0) return from + static_cast<size_t>(__builtin_ctz(mask));
  }
#endif
  return octets.find("\n.", from);
}

class Sink {
 public:
  Sink(uint16_t port, bool chunking) : chunking_(chunking), connections_(kConnections) {
    ring_.add_descriptor_table(kConnections);
    ring_.add_buffers(kBuffers, kBufferSize);
    listen_on(port);
    accept();
  }

  void run() {
    while (stopping == 0) {
      ring_.turn([this](const io_uring_cqe& cqe) { complete(cqe); });
      for (const unsigned slot : to_flush_) flush(slot);
      to_flush_.clear();
    }
    std::printf("{\"messages\":%llu,\"octets\":%llu,\"connections\":%llu}\n",
                static_cast<unsigned long long>(messages_), static_cast<unsigned long long>(octets_),
                static_cast<unsigned long long>(accepted_));
  }

 private:
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

  uint64_t label(Kind kind, unsigned slot) const {
    return static_cast<uint64_t>(kind) << 56 | static_cast<uint64_t>(connections_[slot].generation) << 32 |
           slot;
  }
  void tag(io_uring_sqe* sqe, Kind kind, unsigned slot) const { sqe->user_data = label(kind, slot); }

  void accept() {
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_multishot_accept_direct(sqe, listener_, nullptr, nullptr, 0);
    tag(sqe, Kind::Accept, 0);
  }

  void receive(unsigned slot) {
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_recv_multishot(sqe, static_cast<int>(slot), nullptr, 0, 0);
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;  // the client waits for us at first
    sqe->flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;
    sqe->buf_group = BareRing::kBufferGroup;
    tag(sqe, Kind::Receive, slot);
  }

  // Once for all that came in this turn. The octets are copied when the entry is submitted, which is before
  // the next turn: replies always fit a socket's buffer.
  void flush(unsigned slot) {
    Connection& connection = connections_[slot];
    if (connection.out_size == 0 || !connection.open) return;
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_send(sqe, static_cast<int>(slot), connection.out, connection.out_size, MSG_NOSIGNAL);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    tag(sqe, Kind::Send, slot);
    connection.out_size = 0;
    if (!connection.quitting) return;
    // The receive holds the socket, so it goes first. Not shutdown(): that runs in another thread of the
    // kernel, perhaps when the slot is somebody else's already.
    sqe->flags |= IOSQE_IO_HARDLINK;
    sqe = ring_.entry();
    io_uring_prep_cancel64(sqe, label(Kind::Receive, slot), 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_HARDLINK;
    tag(sqe, Kind::Send, slot);
    close(slot);
  }

  void close(unsigned slot) {
    Connection& connection = connections_[slot];
    if (!connection.open) return;
    connection.open = false;
    ++connection.generation;
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_close_direct(sqe, slot);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    tag(sqe, Kind::Close, slot);
  }

  void complete(const io_uring_cqe& cqe) {
    const auto kind = static_cast<Kind>(cqe.user_data >> 56);
    const auto slot = static_cast<unsigned>(cqe.user_data & 0xFFFFFFFFU);
    const bool stale = connections_[slot].generation != static_cast<uint16_t>(cqe.user_data >> 32);
    if (kind == Kind::Accept) {
      on_accepted(cqe);
    } else if (kind == Kind::Receive) {
      on_received(cqe, slot, stale);
    }
    // What else completes has failed; the receive of the same connection ends with it.
  }

  void on_accepted(const io_uring_cqe& cqe) {
    if (cqe.res >= 0) {
      const auto slot = static_cast<unsigned>(cqe.res);
      Connection& connection = connections_[slot];
      ++accepted_;
      connection.open = true;
      connection.in_data = connection.quitting = false;
      connection.line_size = connection.out_size = 0;
      connection.chunk_left = 0;
      say(connection, "220 bare\r\n");
      to_flush_.push_back(slot);
      receive(slot);
    }
    if ((cqe.flags & IORING_CQE_F_MORE) == 0) accept();
  }

  void on_received(const io_uring_cqe& cqe, unsigned slot, bool stale) {
    const bool live = !stale && connections_[slot].open;
    if (cqe.res > 0) {
      const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
      if (live) {
        feed(connections_[slot], {ring_.buffer(id), static_cast<size_t>(cqe.res)});
        to_flush_.push_back(slot);
      }
      ring_.give_back(id);
    }
    if (!live || (cqe.flags & IORING_CQE_F_MORE) != 0) return;
    if (cqe.res > 0 || cqe.res == -ENOBUFS) {
      receive(slot);
    } else {
      close(slot);
    }
  }

  void feed(Connection& connection, std::string_view octets) {
    octets_ += octets.size();
    while (!octets.empty()) {
      if (connection.in_data) {
        octets.remove_prefix(feed_data(connection, octets));
        continue;
      }
      if (connection.chunk_left != 0) {
        octets.remove_prefix(feed_chunk(connection, octets));
        continue;
      }
      const size_t end = std::min(octets.find('\n'), octets.size());
      const size_t keep = std::min(end, sizeof connection.line - 1 - connection.line_size);
      std::memcpy(connection.line + connection.line_size, octets.data(), keep);
      connection.line_size = static_cast<uint16_t>(connection.line_size + keep);
      if (end == octets.size()) return;
      octets.remove_prefix(end + 1);
      connection.line[connection.line_size] = '\0';
      connection.line_size = 0;
      command(connection);
    }
  }

  size_t feed_chunk(Connection& connection, std::string_view octets) {
    const size_t taken = std::min(connection.chunk_left, octets.size());
    connection.chunk_left -= taken;
    if (connection.chunk_left == 0) end_message(connection);
    return taken;
  }

  // How many octets are of the data; in_data ends with it.
  size_t feed_data(Connection& connection, std::string_view octets) {
    size_t at = 0;
    while (connection.matched != 0 && at < octets.size()) {  // begun in the buffer before
      at += step(connection, octets[at]);
      if (!connection.in_data) return at;
    }
    for (size_t found = at; (found = find_line_with_dot(octets, found)) != octets.npos; ++found) {
      if (found == 0 || octets[found - 1] != '\r') continue;
      const std::string_view rest = octets.substr(found - 1, kEndOfData.size());
      if (rest == kEndOfData) {
        end_message(connection);
        return found - 1 + kEndOfData.size();
      }
    }
    at = std::max(at, octets.size() - std::min(octets.size(), kEndOfData.size() - 1));
    while (at < octets.size()) at += step(connection, octets[at]);
    return octets.size();
  }

  size_t step(Connection& connection, char octet) {
    if (octet == kEndOfData[connection.matched]) {
      if (++connection.matched == kEndOfData.size()) end_message(connection);
    } else {
      connection.matched = octet == '\r' ? 1 : 0;
    }
    return 1;
  }

  void end_message(Connection& connection) {
    ++messages_;
    connection.in_data = false;
    connection.matched = 0;
    say(connection, "250 taken\r\n");
  }

  static void say(Connection& connection, std::string_view words) {
    if (words.size() > sizeof connection.out - connection.out_size) return;
    std::memcpy(connection.out + connection.out_size, words.data(), words.size());
    connection.out_size = static_cast<uint16_t>(connection.out_size + words.size());
  }

  void command(Connection& connection) {
    switch (connection.line[0] & 0xDF) {
      case 'B':  // "BDAT octets LAST"
        connection.chunk_left = std::strtoul(connection.line + 4, nullptr, 10);
        if (connection.chunk_left == 0) end_message(connection);
        break;
      case 'E':
        say(connection,
            "250-bare\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
            "250-XCLIENT NAME ADDR HELO\r\n");
        if (chunking_) say(connection, "250-CHUNKING\r\n");
        say(connection, "250 SIZE 99000000\r\n");
        break;
      case 'D':
        say(connection, "354 go on\r\n");
        connection.in_data = true;
        connection.matched = 2;  // a dot right behind DATA ends it too
        break;
      case 'Q':
        say(connection, "221 bye\r\n");
        connection.quitting = true;
        break;
      case 'X':
        say(connection, "220 bare\r\n");
        break;
      default:
        say(connection, "250 ok\r\n");
    }
  }

  BareRing ring_;
  bool chunking_;
  int listener_ = -1;
  uint64_t messages_ = 0;
  uint64_t octets_ = 0;
  uint64_t accepted_ = 0;
  std::vector<Connection> connections_;
  std::vector<unsigned> to_flush_;
};

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  const bool chunking = argc == 3 && std::string_view(argv[2]) == "chunking";
  if (argc != 2 && !chunking) {
    std::fprintf(stderr, "usage: bare-sink PORT [chunking]\n");
    return 2;
  }
  struct sigaction action{};
  action.sa_handler = [](int) { sluice::bench::stopping = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  sluice::bench::Sink(static_cast<uint16_t>(std::strtoul(argv[1], nullptr, 10)), chunking).run();
}
