// How answers reach the evaluator: read at once, with or without their meaning, and without new memory for an
// evaluation like an earlier one.
#include "tests/unit/rules/spf/fake_dns.h"

#include <cstdlib>
#include <new>
#include <string>

#include <gtest/gtest.h>

namespace {
size_t allocations = 0;
}  // namespace

// Counts for the whole test program; it has one thread.
void* operator new(size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }

namespace sluice::spf {
namespace {

using auth::Progress;
using auth::SpfResult;

SelectedRecordRef meaning_of(std::string text) {
  dns::Answer answer;
  answer.status = dns::AnswerStatus::Records;
  answer.records.emplace_back(std::move(text));
  return SelectedRecord::select(answer);
}

TEST(SpfEvaluatorAnswers, TakeTheMeaningThatComesWithThem) {
  const SelectedRecordRef meaning = meaning_of("v=spf1 -all");
  dns::Answer other;
  other.status = dns::AnswerStatus::Records;
  other.records.emplace_back(std::string("v=spf1 +all"));
  Evaluator evaluator;
  evaluator.start(check_of("192.0.2.1", "a@example.org"));
  ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
  EXPECT_TRUE(evaluator.asks_for_record());
  evaluator.answer(evaluator.questions()[0].id, other, meaning);
  ASSERT_EQ(evaluator.step(), Progress::Done);
  EXPECT_EQ(evaluator.outcome().result, SpfResult::Fail);
}

TEST(SpfEvaluatorAnswers, NeedTheirMeaningOnlyWhereTheyAreRecords) {
  const SelectedRecordRef meaning = meaning_of("v=spf1 a -all exp=why.example.org");
  dns::Answer text;
  text.status = dns::AnswerStatus::Records;
  text.records.emplace_back(std::string("not from there"));
  dns::Answer none;
  none.status = dns::AnswerStatus::NoData;
  Evaluator evaluator;
  evaluator.start(check_of("192.0.2.1", "a@example.org"));
  ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
  evaluator.answer(evaluator.questions()[0].id, none, meaning);
  ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
  EXPECT_FALSE(evaluator.asks_for_record());  // the address of `a`
  evaluator.answer(evaluator.questions()[0].id, none);
  ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
  EXPECT_EQ(evaluator.questions()[0].question.type, dns::RecordType::Txt);
  EXPECT_FALSE(evaluator.asks_for_record());  // the text of exp=
  evaluator.answer(evaluator.questions()[0].id, text);
  ASSERT_EQ(evaluator.step(), Progress::Done);
  EXPECT_EQ(evaluator.outcome().explanation, "not from there");
}

TEST(SpfEvaluatorAnswers, NeedNotOutliveTheCall) {
  FakeDns dns;
  dns.txt("example.org", "v=spf1 mx -all exp=why.example.org").mx("example.org", "mail.example.org");
  dns.address("mail.example.org", "192.0.2.9").txt("why.example.org", "%{i} is not ours");
  Evaluator evaluator;
  evaluator.start(check_of("192.0.2.1", "a@example.org"));
  while (evaluator.step() == Progress::NeedAnswers) {
    ASSERT_EQ(evaluator.questions().size(), 1U);
    const auth::PendingQuestion asked = evaluator.questions()[0];
    dns::Answer answer = dns.lookup(asked.question);
    evaluator.answer(asked.id, answer);
    for (dns::RecordData& data : answer.records) data = std::string("v=spf1 +all");
    answer.status = dns::AnswerStatus::ServFail;
  }
  EXPECT_EQ(evaluator.outcome().result, SpfResult::Fail);
  EXPECT_EQ(evaluator.outcome().explanation, "192.0.2.1 is not ours");
}

// The record that a pooled evaluator used last must not stay in memory because of it.
TEST(SpfEvaluatorAnswers, HoldNoRecordOnceTheEvaluationIsOverOrGivenUp) {
  const SelectedRecordRef root = meaning_of("v=spf1 include:a.example.org redirect=b.example.org");
  dns::Answer answer;
  answer.status = dns::AnswerStatus::Records;
  Evaluator evaluator;
  for (const bool to_the_end : {false, true}) {
    evaluator.start(check_of("192.0.2.1", "a@example.org"));
    ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
    evaluator.answer(evaluator.questions()[0].id, answer, root);
    ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
    evaluator.answer(evaluator.questions()[0].id, answer, meaning_of("v=spf1 -all"));
    ASSERT_EQ(evaluator.step(), Progress::NeedAnswers);
    EXPECT_EQ(evaluator.questions()[0].question.name.to_text(), "b.example.org");
    EXPECT_GT(root.references(), 1U);
    if (to_the_end) {
      evaluator.answer(evaluator.questions()[0].id, answer, meaning_of("v=spf1 ~all"));
      ASSERT_EQ(evaluator.step(), Progress::Done);
      EXPECT_EQ(evaluator.outcome().result, SpfResult::SoftFail);
    } else {
      evaluator.start(check_of("192.0.2.1", "a@example.org"));
    }
    EXPECT_EQ(root.references(), 1U);
  }
}

TEST(SpfEvaluatorAnswers, TakeNoMemoryWhenTheLikeWasEvaluatedBefore) {
  const std::string mechanism = "include:_spf.a-provider-with-a-long-name.example.org";
  const SelectedRecordRef root = meaning_of("v=spf1 a mx ip4:198.51.100.1 " + mechanism + " -all");
  const SelectedRecordRef provider = meaning_of("v=spf1 ip4:192.0.2.0/24 -all");
  const Check check = check_of("192.0.2.1", "somebody@a-domain-with-a-long-name.example.org");
  dns::Answer texts;
  texts.status = dns::AnswerStatus::Records;
  dns::Answer exchanges = texts;
  exchanges.records.emplace_back(dns::MailExchange{1, *dns::DnsName::from_text("mail.example.org")});
  dns::Answer addresses = texts;
  addresses.records.emplace_back(*IpAddress::parse("203.0.113.1"));
  Evaluator evaluator;
  size_t taken = 0;
  for (int round = 0; round < 3; ++round) {
    const size_t before = allocations;
    evaluator.start(check);
    unsigned records = 0;
    while (evaluator.step() == Progress::NeedAnswers) {
      const auth::PendingQuestion& asked = evaluator.questions()[0];
      if (asked.question.type == dns::RecordType::Txt) {
        evaluator.answer(asked.id, texts, records++ == 0 ? root : provider);
      } else {
        evaluator.answer(asked.id, asked.question.type == dns::RecordType::Mx ? exchanges : addresses);
      }
    }
    taken = allocations - before;
    EXPECT_EQ(evaluator.outcome().result, SpfResult::Pass);
    EXPECT_EQ(evaluator.outcome().mechanism, mechanism);
    EXPECT_EQ(evaluator.outcome().lookups, 3U);
  }
  EXPECT_EQ(taken, 0U);
}

TEST(SpfEvaluatorAnswers, LeaveNothingOfAnEarlierEvaluation) {
  FakeDns dns;
  dns.txt("fails.example", "v=spf1 include:none.example -all").txt("passes.example", "v=spf1 -all");
  Evaluator evaluator;
  const auto outcome_of = [&](const char* sender) {
    evaluator.start(check_of("192.0.2.1", sender));
    while (evaluator.step() == Progress::NeedAnswers) {
      const auth::PendingQuestion asked = evaluator.questions()[0];
      evaluator.answer(asked.id, dns.lookup(asked.question));
    }
    return evaluator.outcome();
  };
  const Outcome permerror = outcome_of("a@fails.example");
  EXPECT_EQ(permerror.result, SpfResult::PermError);
  EXPECT_EQ(permerror.problem_term, "include:none.example");
  EXPECT_EQ(permerror.void_lookups, 1U);
  const Outcome fail = outcome_of("a@passes.example");
  EXPECT_EQ(fail.result, SpfResult::Fail);
  EXPECT_EQ(fail.problem + fail.problem_domain + fail.problem_term, "");
  EXPECT_EQ(fail.lookups + fail.void_lookups + fail.problem_offset, 0U);
  const Outcome none = outcome_of("nobody");
  EXPECT_EQ(none.result, SpfResult::None);
  EXPECT_EQ(none.mechanism, std::nullopt);
}

}  // namespace
}  // namespace sluice::spf
