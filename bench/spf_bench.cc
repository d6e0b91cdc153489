// SPF verdicts through the node's own entry point (engine/pipeline/spf_verdicts.h) on a shard with a DNS
// client, whose cache is filled by the evaluations themselves from a zone in memory:
//
//   program/PREFIXES/NAMES  a program hit, the name's look-up included; PREFIXES in the domain's record
//   program/corpus          the same over the corpus (spf_corpus.h), whatever its programs answer
//   steps/corpus            step by step, all records cached, over the corpus
//   inquiry/corpus          as the pipeline asks: evidence included, program or steps
//
//   build/release/bin/spf-bench
//   build/release/bin/spf-bench --write-zone FILE      the corpus's zone, for sluice-dns
//   build/release/bin/spf-bench --upstream ADDRESS     nothing cached: asks that server
//   (bench/spf_upstream.py)
#include "bench/spf_corpus.h"
#include "dnscache/zone/zone_file.h"
#include "engine/pipeline/spf_inquiry.h"
#include "engine/pipeline/spf_verdicts.h"
#include "io/reactor/backend.h"
#include "io/reactor/shard.h"
#include "rules/spf/program.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

namespace sluice::bench {
namespace {

using auth::Progress;
using reactor::Shard;
using runtime::Task;

constexpr size_t kDomains = 2000;
constexpr uint64_t kSeed = 20261122;

std::unique_ptr<reactor::Reactor> open_reactor() {
  auto backend = reactor::make_backend({});
  if (!backend) std::abort();
  return std::move(backend->reactor);
}

// A shard with what SPF needs.
struct World {
  explicit World(const Endpoint& server = *Endpoint::parse("127.0.0.1:9"))
      : shard(ShardId{0}, open_reactor()), client(shard, settings(server)), verdicts(shard, client) {
    shard.turn(MonoTime{});
  }
  static dns::DnsClientSettings settings(const Endpoint& server) {
    dns::DnsClientSettings settings;
    settings.servers = {server};
    settings.cache.pages = PageKind::Large;
    settings.cache.bytes_max = size_t{12} << 30;
    return settings;
  }
  void put(const dns::Question& question, dns::Answer answer) {
    answer.ttl = std::max(answer.ttl, 3600U);
    (void)client.cache().put(question, std::move(answer), shard.now());
  }

  Shard shard;
  dns::DnsClient client;
  pipeline::SpfVerdicts verdicts;
  runtime::TaskGroup tasks;
};

spf::Check check_of(const IpAddress& client, const std::string& domain) {
  spf::Check check;
  check.client = client;
  check.helo = "mail.example";
  check.sender = "user@" + domain;
  check.receiver = "mx.example";
  return check;
}

// The corpus with all that any evaluation of it asks in the cache.
struct CorpusWorld : World {
  CorpusWorld() : corpus(make_spf_corpus(kDomains, kSeed)) {
    auto read = dns::zone_from_master(corpus.zone);
    if (!read) {
      std::fprintf(stderr, "%s\n", read.error().to_string().c_str());
      std::abort();
    }
    zone.emplace(std::move(*read));
    for (const SpfSender& sender : corpus.senders) {
      checks.push_back(check_of(sender.client, sender.domain));
      // To the end of the record too, where all programs have been.
      for (const IpAddress& address : {sender.client, IpAddress::v4(0xC0000201U), IpAddress::v6({})}) {
        fill(check_of(address, sender.domain));
      }
    }
  }
  void fill(const spf::Check& check) {
    spf::Evaluator machine;
    machine.start(check);
    while (machine.step() == Progress::NeedAnswers) {
      for (const auth::PendingQuestion& pending : machine.questions()) {
        const dns::Answer answer = zone->lookup(pending.question);
        put(pending.question, answer);
        machine.answer(pending.id, answer);
      }
    }
  }
  void compile_all() {
    for (const spf::Check& check : checks) {
      const auto evaluation = verdicts.begin(check, {});
      if (!evaluation->done()) std::abort();
    }
  }

  SpfCorpus corpus;
  std::optional<dns::Zone> zone;
  std::vector<spf::Check> checks;
};

// Goes round the senders. The fastest pass over all of them is what it takes while nobody else uses the
// machine.
class Passes {
 public:
  explicit Passes(const std::vector<SpfSender>& senders) : senders_(senders), at_(senders.size() - 1) {}
  const SpfSender& next() {
    if (++at_ == senders_.size()) start_pass();
    return senders_[at_];
  }
  double best_ns() const {
    return std::chrono::duration<double, std::nano>(best_).count() / static_cast<double>(senders_.size());
  }

 private:
  void start_pass() {
    const auto now = std::chrono::steady_clock::now();
    if (began_) best_ = std::min(best_, now - *began_);
    began_ = now;
    at_ = 0;
  }

  const std::vector<SpfSender>& senders_;
  size_t at_;
  std::optional<std::chrono::steady_clock::time_point> began_;
  std::chrono::steady_clock::duration best_ = std::chrono::steady_clock::duration::max();
};

// --- (a) ---

std::string domain_name(size_t number) {
  return fmt::format("{}{}.{}", number % 2 == 0 ? "mail" : "newsletter", number * 2654435761U % 100000000U,
                     number % 3 == 0 ? "co.example" : "example");
}

void program_hit(benchmark::State& state) {
  const auto prefixes = static_cast<unsigned>(state.range(0));
  const auto names = static_cast<size_t>(state.range(1));
  World world;
  std::vector<SpfSender> senders;
  Random random(kSeed);
  for (size_t i = 0; i < names; ++i) {
    const std::string domain = domain_name(i);
    std::string record = "v=spf1";
    for (unsigned p = 0; p < prefixes; ++p)
      record +=
          fmt::format(" ip4:{}/24", IpAddress::v4(0x0A000000U + (p * 7919U % 65536U) * 256U).to_string());
    dns::Answer answer;
    answer.status = dns::AnswerStatus::Records;
    answer.records.emplace_back(record + " -all");
    world.put({*dns::DnsName::from_text(domain), dns::RecordType::Txt}, std::move(answer));
    const uint32_t client =
        0x0A000000U + (static_cast<uint32_t>(random() % prefixes) * 7919U % 65536U) * 256U;
    senders.push_back({IpAddress::v4(client + 1 + static_cast<uint32_t>(random() % 200)), domain});
    // A large program is earned by several evaluations.
    for (int seen = 0; seen < 16; ++seen) {
      if (world.verdicts.find(domain, senders.back().client, spf::Explain::Fetch) != nullptr) break;
      const auto evaluation = world.verdicts.begin(check_of(senders.back().client, domain), {});
      if (!evaluation->done() || evaluation->outcome().result != auth::SpfResult::Pass) std::abort();
    }
  }
  for (size_t i = senders.size(); i > 1; --i) std::swap(senders[i - 1], senders[random() % i]);
  Passes passes(senders);
  for ([[maybe_unused]] auto round : state) {
    const SpfSender& sender = passes.next();
    const spf::Outcome* outcome = world.verdicts.find(sender.domain, sender.client, spf::Explain::Fetch);
    if (outcome == nullptr) std::abort();
    benchmark::DoNotOptimize(outcome->result);
  }
  state.counters["best_ns"] = passes.best_ns();
  state.counters["cache_MB"] = static_cast<double>(world.client.cache().statistics().bytes) / 1e6;
  state.SetItemsProcessed(state.iterations());
}

void program_corpus(benchmark::State& state) {
  CorpusWorld world;
  world.compile_all();
  Passes passes(world.corpus.senders);
  size_t answered = 0;
  for ([[maybe_unused]] auto round : state) {
    const SpfSender& sender = passes.next();
    const spf::Outcome* outcome = world.verdicts.find(sender.domain, sender.client, spf::Explain::Fetch);
    if (outcome != nullptr) ++answered;
    benchmark::DoNotOptimize(outcome);
  }
  state.counters["best_ns"] = passes.best_ns();
  state.counters["answered_share"] = static_cast<double>(answered) / static_cast<double>(state.iterations());
  state.SetItemsProcessed(state.iterations());
}

// --- (b) ---

void steps_corpus(benchmark::State& state) {
  CorpusWorld world;
  world.compile_all();
  size_t at = 0;
  uint64_t lookups = 0;
  for ([[maybe_unused]] auto round : state) {
    const auto evaluation = world.verdicts.begin(world.checks[at], {});
    if (++at == world.checks.size()) at = 0;
    lookups += evaluation->outcome().lookups;
  }
  if (world.verdicts.counters().waited != 0) std::abort();
  state.counters["terms"] = static_cast<double>(lookups) / static_cast<double>(state.iterations());
  state.SetItemsProcessed(state.iterations());
}

void inquiry_corpus(benchmark::State& state) {
  CorpusWorld world;
  world.compile_all();
  std::vector<evidence::Client> clients;
  std::vector<evidence::Sender> senders;
  for (const SpfSender& sender : world.corpus.senders) {
    clients.push_back({sender.client, "mail.example", {}});
    senders.push_back({"user", sender.domain});
  }
  size_t at = 0;
  for ([[maybe_unused]] auto round : state) {
    pipeline::SpfRequest request{.client = clients[at], .sender = senders[at]};
    request.identities.mail_from = true;
    request.receiver = "mx.example";
    pipeline::SpfInquiry inquiry;
    if (!inquiry.start(world.shard, world.verdicts, world.tasks, request)) std::abort();
    if (!inquiry.finished()) std::abort();
    benchmark::DoNotOptimize(inquiry.outcome().mail_from->result);
    if (++at == clients.size()) at = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

// --- the share that compiles ---

class ZoneSource final : public spf::ProgramSource {
 public:
  explicit ZoneSource(const dns::Zone& zone) : zone_(zone) {}
  const dns::Answer* find(const dns::Question& question) override {
    answer_ = zone_.lookup(question);
    return &answer_;
  }
  const spf::SelectedRecord* record(const dns::Question& /*txt*/) override {
    records_.push_back(spf::SelectedRecord::select(answer_));
    return records_.back().get();
  }

 private:
  const dns::Zone& zone_;
  dns::Answer answer_;
  std::vector<spf::SelectedRecordRef> records_;
};

void print_share(const SpfCorpus& corpus) {
  const auto zone = dns::zone_from_master(corpus.zone);
  size_t programs = 0;
  size_t whole = 0;
  size_t bytes = 0;
  spf::ProgramGaps any;
  for (const std::string& domain : corpus.domains) {
    for (const IpFamily family : {IpFamily::V4, IpFamily::V6}) {
      ZoneSource source(*zone);
      const spf::Program program =
          spf::Program::compile(*dns::DnsName::from_text(domain), family, source, LargePages());
      ++programs;
      bytes += program.bytes();
      if (program.whole()) ++whole;
      any.limits |= program.gaps().limits;
    }
  }
  fmt::print("corpus: {} domains, {} programs, {:.1f} % whole, {} bytes each{}\n", corpus.domains.size(),
             programs, 100.0 * static_cast<double>(whole) / static_cast<double>(programs), bytes / programs,
             any.limits ? ", some beyond the limits" : "");
}

// --- (c) ---

constexpr size_t kInFlight = 32;

class Upstream {
 public:
  Upstream(const Endpoint& server, size_t rounds, bool ahead)
      : world_(server), corpus_(make_spf_corpus(kDomains, kSeed)), rounds_(rounds), ahead_(ahead) {}

  void run() {
    rusage before{};
    getrusage(RUSAGE_SELF, &before);
    const auto began = std::chrono::steady_clock::now();
    for (size_t round = 0; round < rounds_; ++round) {
      world_.client.cache().clear();
      next_ = 0;
      running_ = kInFlight;
      for (size_t i = 0; i < kInFlight; ++i)
        if (!world_.tasks.spawn(world_.shard, work(world_.shard))) std::abort();
      while (running_ != 0) world_.shard.turn(kNever);
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    rusage after{};
    getrusage(RUSAGE_SELF, &after);
    const double cpu = cpu_of(after) - cpu_of(before);
    const auto verdicts = static_cast<double>(rounds_ * corpus_.senders.size());
    const auto questions = static_cast<double>(world_.client.resolver_statistics().sent_udp);
    fmt::print(
        "{{\"ahead\": {}, \"verdicts\": {:.0f}, \"wall_us_per_verdict\": {:.2f}, \"cpu_us_per_verdict\": "
        "{:.2f}, "
        "\"verdicts_per_second_per_core\": {:.0f}, \"questions_per_verdict\": {:.2f}, \"temperrors\": {}}}\n",
        ahead_, verdicts, seconds * 1e6 / verdicts, cpu * 1e6 / verdicts, verdicts / cpu,
        questions / verdicts, temperrors_);
    bool stopped = false;
    if (!world_.tasks.spawn(world_.shard, stop(world_.shard, stopped))) std::abort();
    while (!stopped) world_.shard.turn(kNever);
  }

 private:
  static double cpu_of(const rusage& usage) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  Task<void> work(Shard& shard) {
    while (next_ < corpus_.senders.size()) {
      const SpfSender& from = corpus_.senders[next_++];
      const evidence::Client client{from.client, "mail.example", {}};
      const evidence::Sender sender{"user", from.domain};
      pipeline::SpfRequest request{.client = client, .sender = sender};
      request.identities.mail_from = true;
      request.ask_ahead = ahead_;
      pipeline::SpfInquiry inquiry;
      if (!inquiry.start(shard, world_.verdicts, world_.tasks, request)) std::abort();
      if (!inquiry.finished()) (void)co_await inquiry.wait(shard, kNever);
      if (inquiry.outcome().mail_from->result == auth::SpfResult::TempError) ++temperrors_;
    }
    --running_;
  }
  Task<void> stop(Shard& shard, bool& stopped) {
    co_await world_.client.stop(shard);
    stopped = true;
  }

  World world_;
  SpfCorpus corpus_;
  size_t rounds_;
  bool ahead_;
  size_t next_ = 0;
  size_t running_ = 0;
  size_t temperrors_ = 0;
};

}  // namespace

int run(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "--write-zone") {
    std::ofstream(words[1]) << make_spf_corpus(kDomains, kSeed).zone;
    return 0;
  }
  if (words.size() >= 2 && words[0] == "--upstream") {
    const auto server = Endpoint::parse(words[1]);
    if (!server) return 2;
    for (const bool ahead : {false, true}) Upstream(*server, 5, ahead).run();
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  print_share(make_spf_corpus(kDomains, kSeed));
  auto* programs = benchmark::RegisterBenchmark("program", program_hit);
  for (const int prefixes : {1, 8, 64, 500}) programs->Args({prefixes, 2000});
  for (const int prefixes : {1, 8}) programs->Args({prefixes, 1000000})->Iterations(2000000);
  benchmark::RegisterBenchmark("program/corpus", program_corpus);
  benchmark::RegisterBenchmark("steps/corpus", steps_corpus);
  benchmark::RegisterBenchmark("inquiry/corpus", inquiry_corpus);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace sluice::bench

int main(int argc, char** argv) { return sluice::bench::run(argc, argv); }
