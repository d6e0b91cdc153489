#include "rules/authentication/message_authenticator.h"

#include "dnscache/zone/zone_file.h"
#include "rules/arc/sealer.h"
#include "tests/unit/rules/dkim/signed_message.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::authentication {
namespace {

using auth::PendingQuestion;
using auth::Progress;
using dkim::CutMessage;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};
constexpr std::string_view kHeader = "From: x@a.example\r\nSubject: hello\r\n";
constexpr std::string_view kBody = "some text\r\nmore  of it\r\n";

dns::Zone zone() {
  return *dns::zone_from_json(fmt::format(
      R"({{"s._domainkey.a.example":[{{"TXT":"{0}"}}],"s._domainkey.list.example":[{{"TXT":"{0}"}}],)"
      R"("_dmarc.a.example":[{{"TXT":"v=DMARC1; p=reject"}}]}})",
      dkim::ed25519_key().public_record()));
}

std::string plain_message() { return fmt::format("{}\r\n{}", kHeader, kBody); }

std::string signed_message() {
  return dkim::with_signature(plain_message(), dkim::sign_spec("a.example", "s"), dkim::ed25519_key(), kNow);
}

std::string sealed_message(std::string_view author = "a.example") {
  const std::string message = fmt::format("From: x@{}\r\nSubject: hello\r\n\r\n{}", author, kBody);
  const CutMessage cut(message);
  const std::string results = fmt::format("; dmarc=pass header.from={}", author);
  const arc::SealRequest request{.authserv_id = "mx.list.example", .results = results, .now = kNow};
  const arc::SealSpec spec{.domain = "list.example", .selector = "s"};
  const dkim::Digest body = cut.body_digest(dkim::Canonicalization::Relaxed);
  return *arc::seal(cut.fields, body, {}, request, spec, dkim::ed25519_key()) + message;
}

evidence::Evidence with_spf(auth::SpfResult result, std::string_view domain) {
  evidence::Evidence evidence;
  evidence.sender = {"x", std::string(domain)};
  evidence.spf.mail_from.emplace();
  evidence.spf.mail_from->result = result;
  evidence.spf.mail_from->domain = domain;
  return evidence;
}

Settings settings(const arc::TrustedSealers* sealers = nullptr) {
  Settings made;
  made.dkim.now = kNow;
  made.trusted_sealers = sealers;
  return made;
}

// Until it is done or waits for something else.
void answer_all(MessageAuthenticator& machine) {
  const dns::Zone answers = zone();
  while (machine.step() == Progress::NeedAnswers && !machine.questions().empty()) {
    for (const PendingQuestion& pending : machine.questions())
      machine.answer(pending.id, answers.lookup(pending.question));
  }
}

struct Findings {
  evidence::Evidence evidence;
  std::vector<std::string> asked;
};

enum class Order : uint8_t { First, Last };

// Answers come in their order or turned round; SPF is known early or late.
Findings run(const std::string& message, const Wanted& wanted, evidence::Evidence spf,
             Order order = Order::First, const arc::TrustedSealers* sealers = nullptr,
             bool dmarc_later = false) {
  const dns::Zone answers = zone();
  const CutMessage cut(message);
  MessageAuthenticator machine;
  machine.start(cut.reader.block(), wanted, settings(sealers));
  Findings done{std::move(spf), {}};
  std::vector<PendingQuestion> waiting;
  if (order == Order::First) machine.spf_known(done.evidence, dmarc_later);
  bool body_given = false;
  while (machine.step() == Progress::NeedAnswers) {
    for (const PendingQuestion& pending : machine.questions()) {
      waiting.push_back(pending);
      done.asked.push_back(pending.question.name.to_text());
    }
    if (!body_given) {
      body_given = true;
      machine.body().feed(cut.body);
      machine.body_done();
      if (order == Order::Last) machine.spf_known(done.evidence, dmarc_later);
    }
    if (order == Order::Last) std::ranges::reverse(waiting);
    for (const PendingQuestion& pending : waiting)
      machine.answer(pending.id, answers.lookup(pending.question));
    waiting.clear();
  }
  machine.conclude(done.evidence);
  return done;
}

TEST(MessageAuthenticator, FindsTheSameInWhateverOrderAnswersAndSpfCome) {
  const arc::TrustedSealers trusted(std::vector<std::string>{"list.example"});
  for (const std::string& message : {plain_message(), signed_message(), sealed_message()}) {
    const Wanted wanted{.dkim = true, .dmarc = true, .arc = true};
    const Findings early =
        run(message, wanted, with_spf(auth::SpfResult::Fail, "a.example"), Order::First, &trusted);
    const Findings late =
        run(message, wanted, with_spf(auth::SpfResult::Fail, "a.example"), Order::Last, &trusted);
    EXPECT_EQ(early.evidence.dkim, late.evidence.dkim);
    EXPECT_EQ(early.evidence.dmarc, late.evidence.dmarc);
    EXPECT_EQ(early.evidence.arc, late.evidence.arc);
    EXPECT_EQ(early.evidence.arc_override, late.evidence.arc_override);
  }
}

// Shows: ESE-07
TEST(MessageAuthenticator, LooksAtTheChainOnlyWhereSomethingFailsOrSomebodySeals) {
  const Wanted wanted{.dkim = true, .dmarc = true, .arc = true};
  const Findings passing = run(sealed_message(), wanted, with_spf(auth::SpfResult::Pass, "a.example"));
  EXPECT_FALSE(passing.evidence.arc.has_value());
  EXPECT_THAT(passing.asked, ElementsAre("_dmarc.a.example", "_dmarc.example"));
  for (const auth::SpfResult result : {auth::SpfResult::Fail, auth::SpfResult::SoftFail}) {
    const Wanted without_dmarc{.dkim = true, .arc = true};
    EXPECT_TRUE(run(sealed_message(), without_dmarc, with_spf(result, "b.example")).evidence.arc.has_value());
  }
  EXPECT_TRUE(run(sealed_message(), wanted, with_spf(auth::SpfResult::Pass, "b.example")).evidence.arc);
  const Wanted sealing{.dkim = true, .chain = true};
  const Findings sealed = run(sealed_message(), sealing, {});
  ASSERT_TRUE(sealed.evidence.arc.has_value());
  EXPECT_EQ(sealed.evidence.arc->result, arc::Result::Pass);
}

TEST(MessageAuthenticator, AsksTheKeysOfAChainThatWillBeSealedBeforeTheBodyComes) {
  const std::string message = sealed_message();
  const CutMessage cut(message);
  for (const bool sealing : {true, false}) {
    MessageAuthenticator machine;
    machine.start(cut.reader.block(), {.dkim = true, .arc = true, .chain = sealing}, settings());
    std::vector<std::string> asked;
    for (int step = 0; step < 2; ++step) {
      EXPECT_EQ(machine.step(), Progress::NeedAnswers);
      for (const PendingQuestion& pending : machine.questions())
        asked.push_back(pending.question.name.to_text());
    }
    if (sealing) {
      EXPECT_THAT(asked, ElementsAre("s._domainkey.list.example"));  // and only once
    } else {
      EXPECT_THAT(asked, IsEmpty());
    }
  }
}

TEST(MessageAuthenticator, LetsGoOfAMessagesSetsAndTellsWhatItKeeps) {
  MessageAuthenticator machine;
  for (const size_t more : {size_t{10}, size_t{200'000}}) {
    dkim::SignSpec spec = dkim::sign_spec("a.example", "s");
    spec.headers = {"from", "x"};
    const std::string message = fmt::format("X: {}\r\n{}", std::string(more, 'x'), plain_message());
    const CutMessage cut(dkim::with_signature(message, spec, dkim::ed25519_key(), kNow));
    machine.start(cut.reader.block(), {.dkim = true}, settings());
    answer_all(machine);
    machine.release();
    if (more < 1000) {
      EXPECT_LT(machine.octets_kept(), 4096U);
    }
    if (more > 1000) {
      EXPECT_GT(machine.octets_kept(), more);
    }
  }
  const std::string sealed = sealed_message();
  const CutMessage cut(sealed);
  machine.start(cut.reader.block(), {.dkim = true, .chain = true}, {});
  machine.body_done();
  machine.spf_known({}, false);
  (void)machine.step();
  machine.release();
  evidence::Evidence found;
  machine.conclude(found);
  ASSERT_TRUE(found.arc.has_value());
  EXPECT_TRUE(found.arc->sets.empty());
}

TEST(MessageAuthenticator, ADkimFailureAloneAsksForTheChain) {
  std::string message = signed_message();
  message.replace(message.find("some text"), 4, "Some");
  const Findings done = run(message, {.dkim = true, .arc = true}, {});
  EXPECT_EQ(done.evidence.dkim.signatures.at(0).result, dkim::Result::Fail);
  EXPECT_TRUE(done.evidence.arc.has_value());
}

// Shows: W-32
TEST(MessageAuthenticator, AsksForDmarcOnceSpfIsKnownWhereItsCallerWantsIt) {
  const Wanted wanted{.dkim = true};
  const Findings passing = run(plain_message(), wanted, with_spf(auth::SpfResult::Pass, "a.example"));
  EXPECT_THAT(passing.asked, IsEmpty());
  EXPECT_FALSE(passing.evidence.dmarc.has_value());
  // Whatever SPF of MAIL FROM says: it may be HELO that fails.
  for (const auth::SpfResult spf :
       {auth::SpfResult::Fail, auth::SpfResult::SoftFail, auth::SpfResult::Pass}) {
    for (const Order order : {Order::First, Order::Last}) {
      const Findings later = run(signed_message(), wanted, with_spf(spf, "b.example"), order, nullptr, true);
      ASSERT_TRUE(later.evidence.dmarc.has_value());
      EXPECT_EQ(later.evidence.dmarc->result, dmarc::Result::Pass);
    }
  }
  EXPECT_TRUE(run(signed_message(), wanted, {}, Order::Last, nullptr, true).evidence.dmarc.has_value());
}

// Shows: W-33
TEST(MessageAuthenticator, TheResultsOfATrustedSealerSetADmarcFailureAside) {
  const arc::TrustedSealers trusted(std::vector<std::string>{"list.example"});
  const Wanted wanted{.dkim = true, .dmarc = true, .arc = true};
  const Findings done =
      run(sealed_message(), wanted, with_spf(auth::SpfResult::None, "b.example"), Order::First, &trusted);
  EXPECT_EQ(done.evidence.dmarc->result, dmarc::Result::Fail);
  EXPECT_TRUE(done.evidence.arc_override.applied);
  const Findings nobody = run(sealed_message(), wanted, with_spf(auth::SpfResult::None, "b.example"));
  EXPECT_FALSE(nobody.evidence.arc_override.applied);
}

// Shows: W-32
TEST(MessageAuthenticator, WhatAChainSaysIsKnownWhateverDmarcFound) {
  const arc::TrustedSealers trusted(std::vector<std::string>{"list.example"});
  const auto failing = with_spf(auth::SpfResult::Fail, "b.example");
  const Wanted wanted{.dkim = true, .dmarc = true, .arc = true};
  std::string no_policy = sealed_message("c.example");
  const Findings none = run(no_policy, wanted, failing, Order::First, &trusted);
  EXPECT_EQ(none.evidence.dmarc->result, dmarc::Result::None);
  EXPECT_TRUE(none.evidence.arc_override.applied);
  const Findings not_asked = run(no_policy, {.dkim = true, .arc = true}, failing, Order::First, &trusted);
  EXPECT_FALSE(not_asked.evidence.dmarc.has_value());
  EXPECT_TRUE(not_asked.evidence.arc_override.applied);
  const Findings nobody = run(no_policy, wanted, failing);
  EXPECT_FALSE(nobody.evidence.arc_override.applied);
  EXPECT_EQ(nobody.evidence.arc_override.sealer, "list.example");
  EXPECT_FALSE(nobody.evidence.arc_override.reason.empty());
  // Two authors: no chain makes that right.
  const Findings two = run("From: x@victim.example\r\n" + no_policy, wanted, failing, Order::First, &trusted);
  EXPECT_EQ(two.evidence.dmarc->result, dmarc::Result::PermError);
  EXPECT_FALSE(two.evidence.arc_override.applied);
}

TEST(MessageAuthenticator, WantsNoBodyWhereNothingIsSigned) {
  const std::string message = plain_message();
  const CutMessage cut(message);
  MessageAuthenticator machine;
  machine.start(cut.reader.block(), {.dkim = true, .dmarc = true, .arc = true}, {});
  EXPECT_TRUE(machine.body().empty());
}

TEST(MessageAuthenticator, OneObjectServesOneMessageAfterAnother) {
  MessageAuthenticator machine;
  for (const bool has_signature : {true, false, true}) {
    const std::string message = has_signature ? signed_message() : plain_message();
    const CutMessage cut(message);
    machine.start(cut.reader.block(), {.dkim = true, .dmarc = true}, settings());
    machine.body().feed(cut.body);
    machine.body_done();
    evidence::Evidence found;
    machine.spf_known(found);
    answer_all(machine);
    machine.conclude(found);
    EXPECT_EQ(found.dkim.signatures.size(), has_signature ? 1U : 0U);
    EXPECT_EQ(found.dmarc->result, has_signature ? dmarc::Result::Pass : dmarc::Result::Fail);
  }
}

}  // namespace
}  // namespace sluice::authentication
