// SPF of one shard over the simulated network: what comes from programs, what by steps, and what leaves for
// the DNS, as the server's log of queries shows it.
#include "engine/pipeline/spf_verdicts.h"

#include "dnscache/zone/zone_file.h"
#include "engine/pipeline/spf_inquiry.h"
#include "tests/unit/engine/pipeline/node_with_dns.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice::pipeline {
namespace {

using namespace std::chrono_literals;
using auth::SpfResult;

// `heavy` needs ten terms; its last one lists 192.0.2.10. `skips` leaves an include at a match that is not
// Pass.
constexpr std::string_view kZone = R"(
plain.example:
  - SPF: v=spf1 ip4:192.0.2.1 include:other.example -all
other.example:
  - SPF: v=spf1 ip4:192.0.2.2 ~all
wide.example:
  - SPF: v=spf1 a mx exists:%{i}.exists.example a:a.example include:other.example include:wider.example -all
  - A: 192.0.2.77
  - MX: [10, mail.example]
a.example:
  - A: 192.0.2.3
mail.example:
  - A: 192.0.2.4
wider.example:
  - SPF: v=spf1 a:b.example -all
b.example:
  - A: 192.0.2.5
macro.example:
  - SPF: v=spf1 ip4:192.0.2.1 exists:%{l}.exists.example -all
heavy.example:
  - SPF: v=spf1 include:nine.example a:c.example a:d.example -all
nine.example:
  - SPF: v=spf1 a:n1.example a:n2.example a:n3.example a:n4.example a:n5.example a:n6.example a:n7.example a:n8.example a:n9.example ~all
n1.example: [{A: 203.0.113.1}]
n2.example: [{A: 203.0.113.1}]
n3.example: [{A: 203.0.113.1}]
n4.example: [{A: 203.0.113.1}]
n5.example: [{A: 203.0.113.1}]
n6.example: [{A: 203.0.113.1}]
n7.example: [{A: 203.0.113.1}]
n8.example: [{A: 203.0.113.1}]
n9.example: [{A: 192.0.2.10}]
c.example: [{A: 203.0.113.1}]
d.example: [{A: 203.0.113.1}]
skips.example:
  - SPF: v=spf1 include:inner.example a:n2.example a:n3.example a:n4.example a:n5.example a:n6.example a:n7.example a:n8.example a:n9.example -all
inner.example:
  - SPF: v=spf1 -a:own.example a:c.example a:d.example ~all
own.example: [{A: 192.0.2.10}]
explains.example:
  - SPF: v=spf1 a:c.example -all exp=why.example
why.example:
  - TXT: not from there
fails.example:
  - SPF: v=spf1 include:silent.example -all
early.example:
  - SPF: v=spf1 -ip4:203.0.113.0/24 ip4:198.51.100.1 include:other.example ?all exp=why.example
short.example:
  - SPF: v=spf1 a:own.example -all
racing.example:
  - SPF: v=spf1 a:n1.example include:short.example -all
silent.example:
  - TIMEOUT
)";

class SpfVerdictsTest : public NodeWithDns {
 protected:
  SpfVerdictsTest() : NodeWithDns(*dns::zone_from_yaml(kZone)) { verdicts_.emplace(node_, *client_); }

  // As the pipeline asks; waits for the outcome.
  struct Asking {
    bool ahead = false;
    std::chrono::seconds time = 20s;
    Measure measure = Measure::IfKnown;
  };
  evidence::SpfOutcome ask(const char* ip, std::string domain, Asking asking) {
    const evidence::Client client{*IpAddress::parse(ip), "helo.example", {}};
    const evidence::Sender sender{"user", std::move(domain)};
    SpfRequest request{.client = client, .sender = sender};
    request.identities.mail_from = true;
    request.ask_ahead = asking.ahead;
    request.time = asking.time;
    request.measure = asking.measure;
    SpfInquiry inquiry;
    EXPECT_TRUE(inquiry.start(node_, *verdicts_, tasks_, request));
    at_once_ = inquiry.finished();
    EXPECT_TRUE(run_until([&] { return inquiry.finished(); }));
    return inquiry.outcome().mail_from.value_or(evidence::SpfOutcome{});
  }
  evidence::SpfOutcome ask(const char* ip, std::string domain) { return ask(ip, std::move(domain), {}); }
  SpfResult result(const char* ip, std::string domain) { return ask(ip, std::move(domain)).result; }
  void pass(std::chrono::nanoseconds time) {
    const MonoTime until = sim_.now() + time;
    sim_.run(shards_, until);
    node_.turn(until);
  }
  void set_latency(std::chrono::microseconds latency) {
    reactor::SimFaults faults;
    faults.latency_min = faults.latency_max = latency;
    sim_.set_faults(faults);
  }
  // Before anything is asked.
  void set_cache_bytes(size_t bytes) {
    stop_client();
    dns::DnsClientSettings settings;
    settings.cache.bytes_max = bytes;
    verdicts_.reset();
    make_client(std::move(settings));
    verdicts_.emplace(node_, *client_);
  }
  // What the cache answers from now on.
  void set_record(std::string_view domain, std::string text, uint32_t ttl = 3600) {
    const dns::Answer answer{
        .status = dns::AnswerStatus::Records, .records = {dns::RecordData(std::move(text))}, .ttl = ttl};
    const dns::Question question{*dns::DnsName::from_text(domain), dns::RecordType::Txt};
    ASSERT_TRUE(client_->cache().put(question, answer, node_.now()));
  }
  // 10.0.0.1 to 10.0.3.231, each a term.
  void put_large_record() {
    std::string text = "v=spf1";
    for (int i = 1; i < 1000; ++i) text += fmt::format(" ip4:10.0.{}.{}", i / 256, i % 256);
    set_record("large.example", text + " -all");
  }
  const SpfCounters& counters() const { return verdicts_->counters(); }
  size_t queries() const { return server_->asked().size(); }

  std::optional<SpfVerdicts> verdicts_;
  bool at_once_ = false;
};

TEST_F(SpfVerdictsTest, CompileADomainThatIsSeenAgainAndAnswerEveryClientFromTheProgram) {
  EXPECT_EQ(result("203.0.113.1", "plain.example"), SpfResult::Fail);
  EXPECT_FALSE(at_once_);
  EXPECT_EQ(counters().compiled, 0U);  // seen once
  EXPECT_EQ(result("203.0.113.1", "plain.example"), SpfResult::Fail);
  EXPECT_TRUE(at_once_);  // by steps, all of it from the cache
  EXPECT_EQ(counters().step_by_step, 2U);
  EXPECT_EQ(counters().waited, 1U);
  EXPECT_EQ(counters().compiled, 1U);
  const size_t asked = queries();
  const evidence::SpfOutcome included = ask("192.0.2.2", "Plain.Example.");
  EXPECT_TRUE(at_once_);
  EXPECT_EQ(included.result, SpfResult::Pass);
  EXPECT_EQ(included.mechanism, "include:other.example");
  EXPECT_EQ(included.domain, "plain.example");
  EXPECT_EQ(included.lookups, 1U);
  EXPECT_EQ(result("192.0.2.1", "plain.example"), SpfResult::Pass);
  EXPECT_EQ(result("::ffff:192.0.2.1", "plain.example"), SpfResult::Pass);
  EXPECT_EQ(counters().program_hits, 3U);
  EXPECT_EQ(counters().step_by_step, 2U);
  EXPECT_EQ(queries(), asked);
}

TEST_F(SpfVerdictsTest, KeepAProgramForEachFamily) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(result("192.0.2.1", "plain.example"), SpfResult::Pass);
    EXPECT_EQ(result("2001:db8::1", "plain.example"), SpfResult::Fail);
  }
  EXPECT_EQ(counters().compiled, 2U);
  EXPECT_EQ(result("192.0.2.1", "plain.example"), SpfResult::Pass);
  EXPECT_EQ(result("2001:db8::1", "plain.example"), SpfResult::Fail);
  EXPECT_GE(counters().program_hits, 4U);
}

TEST_F(SpfVerdictsTest, LetAProgramGoWhenAnAnswerThatItWasMadeFromChanges) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(result("192.0.2.2", "plain.example"), SpfResult::Pass);
  EXPECT_EQ(counters().program_hits, 1U);
  set_record("other.example", "v=spf1 ip4:192.0.2.99 ~all");
  EXPECT_EQ(result("192.0.2.2", "plain.example"), SpfResult::Fail);
  EXPECT_EQ(counters().program_hits, 1U);
  EXPECT_EQ(counters().compiled, 2U);
  EXPECT_EQ(result("192.0.2.99", "plain.example"), SpfResult::Pass);
  EXPECT_EQ(counters().program_hits, 2U);
}

TEST_F(SpfVerdictsTest, CompileAgainOnceTheMissingAnswerIsThere) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(result("192.0.2.1", "plain.example"), SpfResult::Pass);
  EXPECT_EQ(counters().with_missing, 1U);  // nobody came to the include
  EXPECT_EQ(counters().program_hits, 1U);
  EXPECT_EQ(result("192.0.2.2", "plain.example"), SpfResult::Pass);
  EXPECT_EQ(counters().compiled, 2U);
  EXPECT_EQ(counters().with_missing, 1U);
  EXPECT_EQ(result("203.0.113.1", "plain.example"), SpfResult::Fail);
  EXPECT_EQ(counters().program_hits, 2U);
}

TEST_F(SpfVerdictsTest, CompileAgainWhenAnyOfTheMissingAnswersIsThere) {
  // Nobody comes to the explanation.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(result("198.51.100.1", "early.example"), SpfResult::Pass);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(result("192.0.2.2", "early.example"), SpfResult::Pass);
  EXPECT_EQ(counters().compiled, 2U);
  EXPECT_EQ(counters().program_hits, 3U);
}

TEST_F(SpfVerdictsTest, CompileNothingForOneMessageWhateverItNamesTheDomainFor) {
  const evidence::Client client{*IpAddress::parse("203.0.113.1"), "plain.example", {}};
  const evidence::Sender sender{"user", "plain.example"};
  for (const uint64_t compiled : {0U, 1U}) {
    SpfRequest request{.client = client, .sender = sender};
    request.identities.mail_from = request.identities.helo = true;
    SpfInquiry envelope;
    ASSERT_TRUE(envelope.start(node_, *verdicts_, tasks_, request));
    ASSERT_TRUE(run_until([&] { return envelope.finished(); }));
    request.identities = {};
    request.identities.from_header = true;
    request.from_author = "author@plain.example";
    request.message = envelope.message();
    SpfInquiry header;
    ASSERT_TRUE(header.start(node_, *verdicts_, tasks_, request));
    ASSERT_TRUE(header.finished());
    EXPECT_EQ(counters().compiled, compiled);
  }
}

TEST_F(SpfVerdictsTest, CompileALargeRecordOnlyAfterAsManyEvaluationsAsItsSizeAsksFor) {
  put_large_record();
  ASSERT_EQ(result("10.0.3.231", "large.example"), SpfResult::Pass);  // the last of 999
  EXPECT_EQ(counters().compiled, 1U);
  EXPECT_EQ(counters().with_limits, 1U);  // it covers the first of them
  EXPECT_EQ(result("10.0.0.1", "large.example"), SpfResult::Pass);
  EXPECT_EQ(counters().program_hits, 1U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(result("10.0.3.231", "large.example"), SpfResult::Pass);
  EXPECT_LE(counters().compiled, 4U);
  EXPECT_GE(counters().step_by_step, 3U);
  EXPECT_GE(counters().program_hits, 10U);  // in the end it covers all
  const uint64_t compiled = counters().compiled;
  EXPECT_EQ(result("203.0.113.1", "large.example"), SpfResult::Fail);
  EXPECT_EQ(counters().compiled, compiled);
}

TEST_F(SpfVerdictsTest, SayHowMuchARecordAuthorisesOnceItIsCompiled) {
  EXPECT_EQ(ask("192.0.2.1", "plain.example").breadth, std::nullopt);  // the first message with it
  (void)ask("192.0.2.1", "plain.example");
  EXPECT_EQ(ask("192.0.2.1", "plain.example").breadth, 1U);              // the include does not pass
  EXPECT_EQ(ask("203.0.113.1", "plain.example").breadth, std::nullopt);  // no Pass
  EXPECT_FALSE(ask("192.0.2.1", "plain.example").breadth_at_least);
}

TEST_F(SpfVerdictsTest, SayWhereTheBreadthIsOnlyAFloor) {
  const evidence::SpfOutcome found = ask("192.0.2.1", "macro.example", {.measure = Measure::Compile});
  EXPECT_TRUE(found.breadth.has_value());
  EXPECT_TRUE(found.breadth_at_least);
}

// A rule that looks at the breadth does so from the first message on, and of the whole record.
TEST_F(SpfVerdictsTest, CompileAtOnceWhereARuleWantsTheBreadth) {
  put_large_record();
  set_record("wide.example", "v=spf1 ip4:10.0.0.0/8 ip6:2001:db8::/32 -all");
  const Asking measured{.measure = Measure::Compile};
  EXPECT_EQ(ask("10.0.0.1", "wide.example", measured).breadth, 1U << 24U);
  EXPECT_EQ(ask("2001:db8::1", "wide.example", measured).breadth, uint64_t{1} << 32U);
  EXPECT_EQ(ask("10.0.3.231", "large.example", measured).breadth, 999U);
  const uint64_t compiled = counters().compiled;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("10.0.3.231", "large.example", measured).breadth, 999U);
  EXPECT_EQ(counters().compiled, compiled);
}

TEST_F(SpfVerdictsTest, DoNotCompileAgainWhatTheCacheHasNoRoomFor) {
  set_cache_bytes(size_t{80} * 1024);  // a quarter for an answer, less for a program
  put_large_record();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(result("10.0.3.231", "large.example"), SpfResult::Pass);
  EXPECT_EQ(counters().compiled, 1U);
}

TEST_F(SpfVerdictsTest, DoNotCompileAgainWhatCannotBecomeWhole) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(result("203.0.113.1", "macro.example"), SpfResult::Fail);
  EXPECT_EQ(counters().compiled, 1U);
  EXPECT_EQ(counters().with_macros, 1U);
  EXPECT_EQ(counters().step_by_step, 5U);
  EXPECT_EQ(result("192.0.2.1", "macro.example"), SpfResult::Pass);  // its rows before the macro
  EXPECT_EQ(counters().program_hits, 1U);
}

// Its record says an hour, what it includes the zone's five minutes.
TEST_F(SpfVerdictsTest, AskAheadOfItsEndForWhatAProgramWasMadeFrom) {
  set_record("long.example", "v=spf1 include:other.example -all");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(result("192.0.2.2", "long.example"), SpfResult::Pass);
  const SpfCounters before = counters();
  EXPECT_EQ(before.waited, 1U);
  for (auto time = 0s; time < 1000s; time += 10s) {
    pass(10s);
    EXPECT_EQ(result("192.0.2.2", "long.example"), SpfResult::Pass);
    EXPECT_TRUE(at_once_);
  }
  EXPECT_EQ(counters().program_hits - before.program_hits, 100U);
  EXPECT_EQ(counters().waited, before.waited);
  EXPECT_EQ(counters().compiled, before.compiled);
  EXPECT_EQ(server_->count("other.example TXT"), 4U);
}

TEST_F(SpfVerdictsTest, MarkWhatIsStaleAndUseNoProgramThatIsPastItsTime) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(result("192.0.2.2", "plain.example"), SpfResult::Pass);
  EXPECT_EQ(counters().program_hits, 1U);
  server_->set_silent(true);
  pass(30min);  // the zone says five
  for (int i = 0; i < 3; ++i) {
    const evidence::SpfOutcome outcome = ask("192.0.2.2", "plain.example");
    EXPECT_EQ(outcome.result, SpfResult::Pass);
    EXPECT_TRUE(outcome.stale);
  }
  EXPECT_EQ(counters().program_hits, 1U);
  EXPECT_EQ(counters().compiled, 1U);
}

TEST_F(SpfVerdictsTest, EndWithinTheirTime) {
  const MonoTime began = sim_.now();
  EXPECT_EQ(ask("203.0.113.1", "fails.example", {.time = 2s}).result, SpfResult::TempError);
  EXPECT_LE(sim_.now() - began, 2s + 100ms);
}

TEST_F(SpfVerdictsTest, LeaveNothingBehindWhenTheInquiryIsDropped) {
  const evidence::Client client{*IpAddress::parse("203.0.113.1"), "helo.example", {}};
  const evidence::Sender sender{"user", "wide.example"};
  SpfRequest request{.client = client, .sender = sender};
  request.identities.mail_from = true;
  {
    SpfInquiry inquiry;
    ASSERT_TRUE(inquiry.start(node_, *verdicts_, tasks_, request));
    ASSERT_FALSE(inquiry.finished());
  }
  EXPECT_TRUE(run_until([&] { return tasks_.size() == 0; }, 1s));
}

TEST_F(SpfVerdictsTest, LeaveNothingBehindWhenTheInquiryIsDroppedDuringTheSearchForAReverseName) {
  server_->set_silent(true);
  const evidence::Client client{*IpAddress::parse("203.0.113.1"), "", {}};
  const evidence::Sender sender{"", ""};
  SpfRequest request{.client = client, .sender = sender};
  request.identities.mail_from = true;
  request.find_reverse_name = true;
  {
    SpfInquiry inquiry;
    ASSERT_TRUE(inquiry.start(node_, *verdicts_, tasks_, request));
    pass(1ms);
    ASSERT_FALSE(inquiry.finished());
  }
  EXPECT_TRUE(run_until([&] { return tasks_.size() == 0; }, 100ms));
}

TEST_F(SpfVerdictsTest, EndAtOnceAndAskNothingMoreWhenTheyAreToFinishNow) {
  server_->set_silent(true);
  const evidence::Client named{*IpAddress::parse("203.0.113.1"), "plain.example", {}};
  const evidence::Client unnamed{*IpAddress::parse("203.0.113.1"), "", {}};
  const evidence::Sender sender{"user", "wide.example"};
  for (const evidence::Client* client : {&named, &unnamed}) {
    SpfRequest request{.client = *client, .sender = sender};
    request.identities = {.mail_from = true, .helo = client == &named};
    request.find_reverse_name = request.check_helo = client == &unnamed;
    SpfInquiry inquiry;
    ASSERT_TRUE(inquiry.start(node_, *verdicts_, tasks_, request));
    pass(10ms);
    inquiry.finish_now();
    EXPECT_TRUE(run_until([&] { return inquiry.finished(); }, 100ms));
    ASSERT_TRUE(inquiry.outcome().mail_from);
    EXPECT_EQ(inquiry.outcome().mail_from->result, SpfResult::TempError);
  }
  pass(1s);
  EXPECT_EQ(server_->count("wide.example TXT"), 0U);
  EXPECT_GT(server_->asked().size(), 0U);
}

// --- asking ahead ---

// Shows: SPF-09
TEST_F(SpfVerdictsTest, AskNothingBehindTheMatchUnlessTheyAskAhead) {
  EXPECT_EQ(result("192.0.2.77", "wide.example"), SpfResult::Pass);  // its `a`
  EXPECT_EQ(server_->asked(), (std::vector<std::string>{"wide.example TXT", "wide.example A"}));
  EXPECT_EQ(counters().asked_ahead, 0U);
}

TEST_F(SpfVerdictsTest, AskAheadUpToTheNextRecordThatIsNotKnown) {
  set_latency(10ms);
  EXPECT_EQ(ask("192.0.2.77", "wide.example", {.ahead = true}).result, SpfResult::Pass);
  std::vector<std::string> asked = server_->asked();
  std::ranges::sort(asked);
  EXPECT_EQ(asked,
            (std::vector<std::string>{"192.0.2.77.exists.example A", "a.example A", "other.example TXT",
                                      "wide.example A", "wide.example MX", "wide.example TXT"}));
  EXPECT_EQ(counters().asked_ahead, 4U);
}

TEST_F(SpfVerdictsTest, FindTheSameWhetherTheyAskAheadOrNot) {
  for (const char* domain : {"plain.example", "wide.example", "heavy.example", "skips.example",
                             "macro.example", "explains.example"}) {
    for (const char* ip : {"192.0.2.10", "192.0.2.5", "192.0.2.2", "203.0.113.1", "198.51.100.1"}) {
      client_->cache().clear();
      const evidence::SpfOutcome without = ask(ip, domain);
      client_->cache().clear();
      const size_t before = queries();
      const evidence::SpfOutcome ahead = ask(ip, domain, {.ahead = true});
      EXPECT_EQ(without, ahead) << domain << ' ' << ip;
      // The first record, ten terms, the names of one MX and an explanation.
      EXPECT_LE(queries() - before, 1 + limits::kSpfTerms + 1 + 1) << domain << ' ' << ip;
    }
  }
}

// All ten terms are used up by the record itself: none is left for one that was asked ahead in vain.
TEST_F(SpfVerdictsTest, AskAheadOnlyWhatTheEvaluationWillAsk) {
  const evidence::SpfOutcome heavy = ask("192.0.2.10", "heavy.example", {.ahead = true});
  EXPECT_EQ(heavy.result, SpfResult::Pass);
  EXPECT_EQ(heavy.lookups, 10U);
  EXPECT_EQ(server_->count("c.example A") + server_->count("d.example A"), 0U);
  // A match of "-a" sends on to the terms behind the include, which need the budget.
  const evidence::SpfOutcome skips = ask("192.0.2.10", "skips.example", {.ahead = true});
  EXPECT_EQ(skips.result, SpfResult::Pass);
  EXPECT_EQ(skips.lookups, 10U);
  EXPECT_EQ(server_->count("c.example A"), 0U);
}

TEST_F(SpfVerdictsTest, GoTheWayThatTheyAskedAheadThoughTheRecordChanges) {
  set_latency(1ms);
  set_record("short.example",
             "v=spf1 a:n2.example a:n3.example a:n4.example a:n5.example a:n6.example a:n7.example "
             "a:n8.example a:c.example -all",
             2);
  set_latency(700ms);
  const evidence::SpfOutcome outcome = ask("192.0.2.10", "racing.example", {.ahead = true});
  EXPECT_EQ(outcome.result, SpfResult::Fail);
  EXPECT_EQ(outcome.lookups, 10U);
  EXPECT_EQ(server_->count("short.example TXT"), 0U);
}

TEST_F(SpfVerdictsTest, TakeOneRoundTripForWhatIsAskedAhead) {
  set_latency(10ms);
  const auto time_of = [this](Asking asking) {
    client_->cache().clear();
    const MonoTime began = sim_.now();
    EXPECT_EQ(ask("192.0.2.10", "nine.example", asking).result, SpfResult::Pass);
    return sim_.now() - began;
  };
  EXPECT_GE(time_of({}), 200ms);
  EXPECT_LE(time_of({.ahead = true}), 60ms);
}

TEST_F(SpfVerdictsTest, GiveUpWhatTheyAskedAheadAtTheEndOfTheirTime) {
  server_->set_silent(true);
  EXPECT_EQ(ask("192.0.2.10", "nine.example", {.ahead = true, .time = 3s}).result, SpfResult::TempError);
  EXPECT_EQ(tasks_.size(), 0U);
}

}  // namespace
}  // namespace sluice::pipeline
