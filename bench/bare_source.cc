// bare-source: what loads a receiver at the smallest price: a closed loop of so many connections on one
// io_uring, one message under way on each, with no checks beyond a reply's first digit. Not part of the
// product; `sluice-load send` is the generator with schedules and latencies.
//
//   bare-source --port P [--connections 16] [--messages 10000] [--messages-per-connection 1] [--size 20480]
//               [--corpus FILE [--as-itself]] [--from A] [--to A] [--seconds 120]
//
// FILE is a folder of messages packed by bench/make_corpus.py: "octets sender recipient [client [helo]]"
// lines and a blank line, then the messages one behind the other in wire form without the final dot. Where a
// line names a client, the receiver is told so by XCLIENT before the message, but with --as-itself. MAIL,
// RCPT and DATA leave together. Prints a line of JSON when done, and ends with 1 where a message got no 2xx.

#include "bench/bare_ring.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  uint16_t port = 2525;
  unsigned connections = 16;
  uint64_t messages = 10000;
  uint64_t per_connection = 1;
  size_t size = 20480;
  std::string corpus;
  std::string from = "user@sender.example";
  std::string to = "rcpt@managed.example";
  unsigned seconds = 120;
  bool as_itself = false;  // whatever clients the corpus names
};

// What is written for one message, in the ways in which it can be needed.
struct Item {
  std::string client;  // XCLIENT and the EHLO behind it, one after the other; empty: the connection's own
  std::string hello;
  in_addr_t source = 0;  // what the connection comes from, where that is not the machine's choice
  std::string envelope;  // MAIL to DATA
  std::string body;      // with its final dot
};

enum class Kind : uint8_t { Receive, Send };
enum class Step : uint8_t { Greeting, Hello, Client, Envelope, Body, Quit };

struct Connection {
  uint16_t generation = 0;
  int descriptor = -1;
  Step step = Step::Greeting;
  unsigned awaited = 0;  // replies
  uint64_t sent = 0;     // messages on this connection
  const Item* item = nullptr;
  Clock::time_point body_sent;
  unsigned column = 0;
  char first = 0;
  bool last_line = false;
  char in[1024] = {};
};

constexpr std::string_view kHello = "EHLO client.example\r\n";
constexpr std::string_view kQuit = "QUIT\r\n";

Item make_item(const std::string& from, const std::string& to, std::string text) {
  text += ".\r\n";
  return {{}, {}, 0, "MAIL FROM:<" + from + ">\r\nRCPT TO:<" + to + ">\r\nDATA\r\n", std::move(text)};
}

Item generated(const Options& options) {
  std::string text = "From: <" + options.from + ">\r\nTo: <" + options.to +
                     ">\r\nSubject: load\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
                     "Message-ID: <load@bench.invalid>\r\n\r\n";
  while (text.size() < options.size) {
    const size_t room = options.size - text.size();
    text.append(room >= 78 ? 76 : (room > 2 ? room - 2 : 1), 'x');
    text += "\r\n";
  }
  return make_item(options.from, options.to, std::move(text));
}

std::vector<Item> read_corpus(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) die(path.c_str());
  struct Row {
    size_t octets = 0;
    std::string from;
    std::string to;
    std::string client;
    std::string helo;
  };
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line) && !line.empty();) {
    std::istringstream words(line);
    Row row;
    words >> row.octets >> row.from >> row.to >> row.client >> row.helo;
    rows.push_back(std::move(row));
  }
  std::vector<Item> items;
  for (const Row& row : rows) {
    std::string text(row.octets, '\0');
    if (!file.read(text.data(), static_cast<std::streamsize>(row.octets))) die(path.c_str());
    Item& item = items.emplace_back(make_item(row.from, row.to, std::move(text)));
    if (row.helo.empty() && !row.client.empty()) item.source = inet_addr(row.client.c_str());
    if (row.helo.empty()) continue;
    item.client = "XCLIENT NAME=[UNAVAILABLE] ADDR=" + row.client + " HELO=" + row.helo + "\r\n";
    item.hello = "EHLO " + row.helo + "\r\n";
  }
  if (items.empty()) die(path.c_str());
  return items;
}

class Source {
 public:
  explicit Source(const Options& options) : options_(options), connections_(options.connections) {
    items_ = options.corpus.empty() ? std::vector{generated(options)} : read_corpus(options.corpus);
    for (Item& item : items_) {
      if (!options.as_itself) break;
      item.client.clear();
      item.source = 0;
    }
    micros_.reserve(options.messages);
  }

  int run() {
    cpu_before_ = cpu_seconds();
    const auto begin = Clock::now();
    const auto end = begin + std::chrono::seconds(options_.seconds);
    for (unsigned i = 0; i < options_.connections; ++i) dial(i);
    while (open_ != 0 && Clock::now() < end) ring_.turn([this](const io_uring_cqe& cqe) { complete(cqe); });
    report(std::chrono::duration<double>(Clock::now() - begin).count());
    return accepted_ == options_.messages ? 0 : 1;
  }

 private:
  void dial(unsigned index) {
    Connection& connection = connections_[index];
    if (begun_ >= options_.messages || failures_ > options_.connections) return;
    ++begun_;
    ++connection.generation;
    connection.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(connection.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection.item = nullptr;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (items_[next_ % items_.size()].source != 0) {
      connection.item = &items_[next_++ % items_.size()];
      address.sin_addr.s_addr = connection.item->source;
      setsockopt(connection.descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
      if (bind(connection.descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        die("bind");
    }
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // On loopback this does not sleep: the answer comes before the call would.
    if (connect(connection.descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ++errors_;
      ++failures_;
      ::close(connection.descriptor);
      return;
    }
    ++open_;
    connection.step = Step::Greeting;
    connection.awaited = 1;
    connection.sent = connection.column = 0;
    receive(index);
  }

  void hang_up(unsigned index, bool well) {
    ::close(connections_[index].descriptor);
    ++connections_[index].generation;
    --open_;
    if (!well) ++errors_;
    failures_ = well ? 0 : failures_ + 1;
    dial(index);
  }

  void tag(io_uring_sqe* sqe, Kind kind, unsigned index) {
    sqe->user_data = static_cast<uint64_t>(kind) << 56 |
                     static_cast<uint64_t>(connections_[index].generation) << 32 | index;
  }

  void receive(unsigned index) {
    Connection& connection = connections_[index];
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_recv(sqe, connection.descriptor, connection.in, sizeof connection.in, 0);
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    tag(sqe, Kind::Receive, index);
  }

  // The octets stay until the reply to them has come.
  void say(unsigned index, Step step, std::string_view octets, unsigned replies) {
    Connection& connection = connections_[index];
    connection.step = step;
    connection.awaited = replies;
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_send(sqe, connection.descriptor, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_WAITALL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    tag(sqe, Kind::Send, index);
    receive(index);
  }

  void complete(const io_uring_cqe& cqe) {
    const auto index = static_cast<unsigned>(cqe.user_data & 0xFFFFFFFFU);
    Connection& connection = connections_[index];
    if (connection.generation != static_cast<uint16_t>(cqe.user_data >> 32)) return;
    if (static_cast<Kind>(cqe.user_data >> 56) == Kind::Send) return;  // failed; so does the receive
    if (cqe.res <= 0) {
      hang_up(index, connection.step == Step::Quit);
      return;
    }
    if (!take({connection.in, static_cast<size_t>(cqe.res)}, connection)) {
      hang_up(index, false);
    } else if (connection.awaited != 0) {
      receive(index);
    } else {
      advance(index);
    }
  }

  // Counts whole replies; false for one that refuses.
  bool take(std::string_view octets, Connection& connection) {
    for (const char octet : octets) {
      if (connection.column == 0) connection.first = octet;
      if (connection.column == 3) connection.last_line = octet != '-';
      ++connection.column;
      if (octet != '\n') continue;
      connection.column = 0;
      if (!connection.last_line) continue;
      if (connection.first != '2' && connection.first != '3') return false;
      if (connection.step == Step::Body && connection.first == '2' && connection.item != nullptr) {
        on_taken(connection);
      }
      if (connection.awaited != 0) --connection.awaited;
    }
    return true;
  }

  void on_taken(Connection& connection) {
    ++accepted_;
    octets_ += connection.item->body.size() - 3;
    connection.item = nullptr;
    ++connection.sent;
    const auto waited = Clock::now() - connection.body_sent;
    micros_.push_back(
        static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(waited).count()));
  }

  bool another(const Connection& connection) const {
    return connection.sent < options_.per_connection && begun_ < options_.messages;
  }

  void advance(unsigned index) {
    Connection& connection = connections_[index];
    switch (connection.step) {
      case Step::Greeting:
        say(index, Step::Hello, kHello, 1);
        break;
      case Step::Hello:
        if (connection.item == nullptr) {
          begin_item(index);
        } else {
          say(index, Step::Envelope, connection.item->envelope, 3);
        }
        break;
      case Step::Client:
        say(index, Step::Hello, connection.item->hello, 1);
        break;
      case Step::Envelope:
        send_body(index);
        break;
      case Step::Body:
        if (another(connection)) {
          ++begun_;
          begin_item(index);
        } else {
          say(index, Step::Quit, kQuit, 1);
        }
        break;
      case Step::Quit:
        hang_up(index, true);
        break;
    }
  }

  void send_body(unsigned index) {
    Connection& connection = connections_[index];
    connection.body_sent = Clock::now();
    say(index, Step::Body, connection.item->body, 1);
  }

  void begin_item(unsigned index) {
    const Item& item = items_[next_++ % items_.size()];
    connections_[index].item = &item;
    if (item.client.empty()) {
      say(index, Step::Envelope, item.envelope, 3);
    } else {
      say(index, Step::Client, item.client, 1);
    }
  }

  void report(double seconds) {
    const double cpu = cpu_seconds() - cpu_before_;
    std::ranges::sort(micros_);
    const auto at = [&](double share) {
      return micros_.empty() ? 0U
                             : micros_[static_cast<size_t>(share * static_cast<double>(micros_.size() - 1))];
    };
    std::printf(
        "{\"accepted\":%llu,\"errors\":%llu,\"octets\":%llu,\"seconds\":%.4f,\"messages_per_second\":%.1f,"
        "\"last_octet_us\":{\"p50\":%u,\"p99\":%u,\"max\":%u},\"cpu_seconds\":%.4f}\n",
        static_cast<unsigned long long>(accepted_), static_cast<unsigned long long>(errors_),
        static_cast<unsigned long long>(octets_), seconds, static_cast<double>(accepted_) / seconds, at(0.5),
        at(0.99), at(1), cpu);
  }

  static double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto in_seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime);
  }

  const Options& options_;
  BareRing ring_;
  std::vector<Connection> connections_;
  std::vector<Item> items_;
  std::vector<uint32_t> micros_;
  uint64_t begun_ = 0;
  uint64_t accepted_ = 0;
  uint64_t errors_ = 0;
  uint64_t octets_ = 0;
  uint64_t next_ = 0;
  unsigned open_ = 0;
  unsigned failures_ = 0;    // in a row
  double cpu_before_ = 0.0;  // reading the corpus does not count
};

bool read_options(int argc, char** argv, Options& options) {
  const option known[] = {{"port", 1, nullptr, 'p'},     {"connections", 1, nullptr, 'c'},
                          {"messages", 1, nullptr, 'n'}, {"messages-per-connection", 1, nullptr, 'm'},
                          {"size", 1, nullptr, 'z'},     {"corpus", 1, nullptr, 'f'},
                          {"from", 1, nullptr, 'F'},     {"to", 1, nullptr, 'T'},
                          {"seconds", 1, nullptr, 's'},  {"as-itself", 0, nullptr, 'i'},
                          {nullptr, 0, nullptr, 0}};
  for (int which; (which = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    const auto number = [] { return std::strtoull(optarg, nullptr, 10); };
    switch (which) {
      case 'p':
        options.port = static_cast<uint16_t>(number());
        break;
      case 'c':
        options.connections = static_cast<unsigned>(std::clamp<uint64_t>(number(), 1, 8192));
        break;
      case 'n':
        options.messages = number();
        break;
      case 'm':
        options.per_connection = std::max<uint64_t>(number(), 1);
        break;
      case 'z':
        options.size = number();
        break;
      case 'f':
        options.corpus = optarg;
        break;
      case 'F':
        options.from = optarg;
        break;
      case 'T':
        options.to = optarg;
        break;
      case 's':
        options.seconds = static_cast<unsigned>(number());
        break;
      case 'i':
        options.as_itself = true;
        break;
      default:
        return false;
    }
  }
  return optind == argc;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  sluice::bench::Options options;
  if (!sluice::bench::read_options(argc, argv, options)) {
    std::fprintf(stderr, "usage: bare-source --port P ...; the comment in its source has the options\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  return sluice::bench::Source(options).run();
}
