// Questions per second and core of the DNS client (dnscache/client) on one real shard, and the processor time
// of each, in a closed loop: so many questions are under way, and each answer calls for the next. Every name
// is new, so that all go through cache, resolver and sockets, and every answer is kept. The server is another
// program (dns_questions.py starts sluice-dns on loopback). One line of JSON.
//
//   build/release/bin/dns-question-bench 127.0.0.1:5300 ZONE IN-FLIGHT QUESTIONS [auto|uring|epoll]
#include "dnscache/client/dns_client.h"
#include "io/reactor/backend.h"

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <sys/resource.h>
#include <time.h>

namespace sluice::dns {
namespace {

struct Times {
  double wall = 0;
  double processor = 0;
  double system = 0;
};

double seconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

Times times() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const double system =
      static_cast<double>(usage.ru_stime.tv_sec) + static_cast<double>(usage.ru_stime.tv_usec) / 1e6;
  return {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID), system};
}

class Load final : private AnswerReceiver {
 public:
  Load(reactor::Shard& shard, DnsClient& client, std::string_view zone)
      : shard_(shard), client_(client), zone_(zone) {}

  void play(uint64_t in_flight, uint64_t questions) {
    const uint64_t end = asked_ + questions;
    while (heard_ < end) {
      while (asked_ < end && asked_ - heard_ < in_flight) ask();
      shard_.turn(shard_.now() + std::chrono::seconds(1));
    }
  }
  uint64_t failed() const { return failed_; }

 private:
  void ask() {
    const std::string text = fmt::format("n{}.{}", asked_++, zone_);
    LookupBudget budget;
    const Question question{*DnsName::from_text(text), RecordType::Txt};
    const auto asked = client_.ask(question, LookupKind::Uncounted, budget, *this, 0);
    if (std::holds_alternative<AnswerCache::Hit>(asked)) std::abort();
  }
  void on_answer(uint64_t /*tag*/, const Answer& answer) override {
    ++heard_;
    if (answer.status != AnswerStatus::Records) ++failed_;
  }

  reactor::Shard& shard_;
  DnsClient& client_;
  std::string zone_;
  uint64_t asked_ = 0;
  uint64_t heard_ = 0;
  uint64_t failed_ = 0;
};

runtime::Task<void> stop(reactor::Shard& shard, DnsClient& client, bool& stopped) {
  co_await client.stop(shard);
  stopped = true;
}

uint64_t number(const char* text) {
  uint64_t value = 0;
  const std::string_view all(text);
  if (std::from_chars(all.begin(), all.end(), value).ptr != all.end() || value == 0) std::exit(2);
  return value;
}

int run(int argc, char** argv) {
  if (argc < 5) return 2;
  const auto server = Endpoint::parse(argv[1]);
  const auto kind = reactor::parse_backend(argc > 5 ? argv[5] : "auto");
  if (!server || !kind) return 2;
  auto backend = reactor::make_backend({.kind = *kind});
  if (!backend) return 1;
  const std::string name(backend->reactor->capabilities().name);
  reactor::Shard shard(ShardId{0}, std::move(backend->reactor));
  DnsClientSettings settings;
  settings.servers = {*server};
  DnsClient client(shard, settings);
  Load load(shard, client, argv[2]);
  const uint64_t in_flight = number(argv[3]);
  const uint64_t questions = number(argv[4]);
  load.play(in_flight, questions / 10);  // until the cache is warm and the round trip is known
  const uint64_t retries_before = client.resolver_statistics().retries;
  const Times before = times();
  load.play(in_flight, questions);
  const Times after = times();
  const auto each = static_cast<double>(questions);
  fmt::print(
      "{{\"reactor\":\"{}\",\"in_flight\":{},\"questions\":{},\"per_second\":{:.0f},\"per_second_and_core\":{"
      ":.0f},"
      "\"cpu_us\":{:.3f},\"system_us\":{:.3f},\"retries\":{},\"failed\":{}}}\n",
      name, in_flight, questions, each / (after.wall - before.wall),
      each / (after.processor - before.processor), (after.processor - before.processor) * 1e6 / each,
      (after.system - before.system) * 1e6 / each, client.resolver_statistics().retries - retries_before,
      load.failed());
  runtime::TaskGroup tasks;
  bool stopped = false;
  if (!tasks.spawn(shard, stop(shard, client, stopped))) return 1;
  while (!stopped) shard.turn(shard.now() + std::chrono::seconds(1));
  return load.failed() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace sluice::dns

int main(int argc, char** argv) { return sluice::dns::run(argc, argv); }
