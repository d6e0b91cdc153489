// DMARC evaluations with every record parsed and cached, as a shard has them: questions are answered at once
// with the object that hangs on the cached answer; the look-up itself is the DNS cache's (dns_cache_bench).
//
//   evaluate/equal      author, SPF and DKIM are one domain of two labels
//   evaluate/relaxed    SPF and DKIM of two other domains of the organization: their walks too
//   evaluate/fail       domains of others: policy reject
//   evaluate/deep       an author of twelve labels: eight names
//   evaluate/7489       relaxed, by the public suffix list
//   record/parse        one record of 120 octets
//   report/add          a failed message for an aggregate report, rows repeat
//
// Each evaluation's outcome is checked before it is timed; `allocations` is of one evaluation.
//
//   build/release/bin/dmarc-bench
#include "rules/dmarc/aggregate_report.h"
#include "rules/dmarc/evaluator.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

namespace {
// Of this program's only thread.
uint64_t allocations = 0;
}  // namespace

void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }

namespace sluice::bench {
namespace {

using namespace sluice::dmarc;

struct Cached {
  dns::Answer answer;
  RecordRef record;
};

// The answers of one author's world, in the order in which they are asked.
class World {
 public:
  void record(const std::string& domain, const std::string& text) {
    dns::Answer answer;
    answer.status = dns::AnswerStatus::Records;
    answer.records.emplace_back(text);
    Cached cached{answer, SelectedRecord::select(answer)};
    known_["_dmarc." + domain] = std::move(cached);
  }
  const Cached& at(const dns::DnsName& name) const {
    const auto found = known_.find(name.to_text());
    return found == known_.end() ? absent_ : found->second;
  }

 private:
  std::map<std::string, Cached> known_;
  Cached absent_{{.status = dns::AnswerStatus::NxDomain}, {}};
};

struct Case {
  std::string from, spf;
  std::vector<std::string_view> dkim;
  dmarc::Result result;
  Options options{};
};

// The answers of an evaluation are looked up once, so that the benchmark is not of the map.
std::vector<std::vector<const Cached*>> script_of(const World& world, const Case& wanted) {
  std::vector<std::vector<const Cached*>> rounds;
  Evaluator evaluator;
  evaluator.start(mail::parse_author(wanted.from), wanted.options);
  evaluator.identifiers({wanted.spf, wanted.dkim});
  while (evaluator.step() == auth::Progress::NeedAnswers) {
    rounds.emplace_back();
    for (const auth::PendingQuestion& pending : evaluator.questions()) {
      rounds.back().push_back(&world.at(pending.question.name));
      evaluator.answer(pending.id, rounds.back().back()->answer, rounds.back().back()->record);
    }
  }
  if (evaluator.outcome().result != wanted.result) {
    std::fprintf(stderr, "%s: %s\n", wanted.from.c_str(),
                 std::string(rfc_word(evaluator.outcome().result)).c_str());
    std::abort();
  }
  return rounds;
}

void evaluate(benchmark::State& state, const World& world, const Case& wanted) {
  const auto rounds = script_of(world, wanted);
  const auto author = mail::parse_author(wanted.from);
  Evaluator evaluator;
  uint64_t before = 0;
  size_t questions = 0;
  for (auto _ : state) {
    evaluator.start(author, wanted.options);
    evaluator.identifiers({wanted.spf, wanted.dkim});
    for (const auto& round : rounds) {
      (void)evaluator.step();
      for (size_t i = 0; i < round.size(); ++i) {
        evaluator.answer(evaluator.questions()[i].id, round[i]->answer, round[i]->record);
      }
    }
    if (evaluator.step() != auth::Progress::Done) std::abort();
    questions = evaluator.outcome().questions;
    benchmark::DoNotOptimize(evaluator.outcome());
    if (before == 0) before = allocations;  // behind the first one, which grows the machine
  }
  state.counters["questions"] = static_cast<double>(questions);
  state.counters["allocations"] =
      static_cast<double>(allocations - before) / static_cast<double>(state.iterations());
}

World world_of_examples() {
  World world;
  const std::string record =
      "v=DMARC1; p=reject; sp=quarantine; adkim=r; aspf=r; rua=mailto:dmarc@example.com";
  world.record("example.com", record);
  world.record("mail.example.com", "v=DMARC1; p=none");
  return world;
}

void parse(benchmark::State& state) {
  const std::string text =
      "v=DMARC1; p=reject; sp=quarantine; adkim=r; aspf=r; pct=100; "
      "rua=mailto:dmarc@example.com,mailto:d@other.example; fo=1";
  for (auto _ : state) benchmark::DoNotOptimize(parse_record(text));
}

void add_to_report(benchmark::State& state) {
  Outcome outcome;
  outcome.result = dmarc::Result::Fail;
  outcome.author_domain = outcome.org_domain = outcome.policy_domain = "example.com";
  const Record record = *parse_record("v=DMARC1; p=reject; rua=mailto:dmarc@example.com");
  const std::vector<ReportedSignature> signatures = {
      {"example.com", "selector", "fail", "body-hash-mismatch"}};
  ReportedMessage message{.client = {}, .outcome = outcome, .record = record};
  message.spf = ReportedSpf{"mail.example.net", auth::SpfResult::Fail};
  message.signatures = signatures;
  ReportCollection collection(WallTime{});
  uint32_t client = 0;
  for (auto _ : state) {
    message.client = IpAddress::v4(0xC0000200U + client++ % 256);
    benchmark::DoNotOptimize(collection.add(message, WallTime{}));
  }
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using namespace sluice;
  using namespace sluice::bench;
  const World world = world_of_examples();
  const auto suffixes = PublicSuffixes::from_octets("com\norg\nco.uk\nexample\n");
  if (!suffixes) return 1;
  const std::vector<std::pair<const char*, Case>> cases = {
      {"evaluate/equal", {"a@example.com", "example.com", {"example.com"}, dmarc::Result::Pass}},
      {"evaluate/relaxed",
       {"a@example.com", "bounce.example.com", {"mail.example.com"}, dmarc::Result::Pass}},
      {"evaluate/fail", {"a@example.com", "other.example", {"third.example"}, dmarc::Result::Fail}},
      {"evaluate/deep",
       {"a@a.b.c.d.e.f.g.h.i.j.example.com", "example.com", {"example.com"}, dmarc::Result::Pass}},
      {"evaluate/7489",
       {"a@sub.example.com",
        "bounce.example.com",
        {"mail.example.com"},
        dmarc::Result::Pass,
        {dmarc::Mode::Rfc7489, &*suffixes}}}};
  for (const auto& [name, wanted] : cases) {
    benchmark::RegisterBenchmark(
        name, [&world, &wanted](benchmark::State& state) { evaluate(state, world, wanted); });
  }
  benchmark::RegisterBenchmark("record/parse", parse);
  benchmark::RegisterBenchmark("report/add", add_to_report);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
