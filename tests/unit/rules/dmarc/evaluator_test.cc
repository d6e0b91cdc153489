#include "rules/dmarc/evaluator.h"

#include "tests/unit/rules/dmarc/dmarc_zone.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::dmarc {
namespace {

using Names = std::vector<std::string>;

const std::string kReject = "v=DMARC1; p=reject";

DmarcZone example_com() { return DmarcZone().record("example.com", kReject); }

// --- RFC 9989 appendix B.1: alignment ---

TEST(DmarcEvaluator, PassesOnEqualAndOnRelaxedSpf) {
  Evaluated equal = evaluate(example_com(), {"sender@example.com", "example.com"});
  EXPECT_EQ(equal.outcome.result, Result::Pass);
  EXPECT_EQ(equal.outcome.disposition, Policy::None);
  EXPECT_TRUE(equal.outcome.spf_aligned);
  EXPECT_FALSE(equal.outcome.dkim_aligned);
  EXPECT_EQ(equal.outcome.org_domain, "example.com");
  EXPECT_EQ(equal.outcome.policy_domain, "example.com");
  EXPECT_EQ(equal.outcome.policy_source, PolicySource::P);
  // Nothing is asked for a domain that is the author's.
  EXPECT_EQ(equal.asked, (Names{"_dmarc.example.com", "_dmarc.com"}));

  EXPECT_TRUE(evaluate(example_com(), {"sender@example.com", "child.example.com"}).outcome.spf_aligned);
  EXPECT_TRUE(evaluate(example_com(), {"sender@child.example.com", "example.com"}).outcome.spf_aligned);
}

TEST(DmarcEvaluator, FailsWhereNothingIsAligned) {
  const Evaluated fail =
      evaluate(example_com(), {"sender@child.example.com", "example.net", {"evil.example"}});
  EXPECT_EQ(fail.outcome.result, Result::Fail);
  EXPECT_EQ(fail.outcome.reason, Reason::Evaluated);
  EXPECT_EQ(fail.outcome.disposition, Policy::Reject);
  EXPECT_EQ(fail.outcome.policy_domain, "example.com");
  // Domains that cannot be of the organization are not looked up.
  EXPECT_EQ(fail.asked, (Names{"_dmarc.child.example.com", "_dmarc.example.com", "_dmarc.com"}));
}

TEST(DmarcEvaluator, PassesOnDkim) {
  const DmarcZone zone = example_com();
  EXPECT_TRUE(evaluate(zone, {"a@example.com", "", {"example.com"}}).outcome.dkim_aligned);
  EXPECT_TRUE(evaluate(zone, {"a@child.example.com", "", {"example.com"}}).outcome.dkim_aligned);
  EXPECT_TRUE(evaluate(zone, {"a@example.com", "", {"x.example", "child.example.com"}}).outcome.dkim_aligned);
  EXPECT_FALSE(evaluate(zone, {"a@example.com", "", {"notexample.com"}}).outcome.dkim_aligned);
  EXPECT_FALSE(evaluate(zone, {"a@example.com", "", {"example.com.evil.example"}}).outcome.dkim_aligned);
}

// Shows: P-14
TEST(DmarcEvaluator, AlignsAsTheTruthTableSays) {
  struct Case {
    std::string adkim, aspf;
    std::string domain;  // of both
    bool spf, dkim;
  };
  for (const Case& wanted : std::vector<Case>{{"r", "r", "example.com", true, true},
                                              {"r", "r", "sub.example.com", true, true},
                                              {"r", "r", "example.net", false, false},
                                              {"s", "r", "example.com", true, true},
                                              {"s", "r", "sub.example.com", true, false},
                                              {"s", "r", "example.net", false, false},
                                              {"r", "s", "example.com", true, true},
                                              {"r", "s", "sub.example.com", false, true},
                                              {"r", "s", "example.net", false, false},
                                              {"s", "s", "example.com", true, true},
                                              {"s", "s", "sub.example.com", false, false},
                                              {"s", "s", "example.net", false, false}}) {
    const DmarcZone zone =
        DmarcZone().record("example.com", kReject + "; adkim=" + wanted.adkim + "; aspf=" + wanted.aspf);
    SCOPED_TRACE(wanted.adkim + wanted.aspf + " " + wanted.domain);
    const Evaluated found = evaluate(zone, {"a@example.com", wanted.domain, {wanted.domain}});
    EXPECT_EQ(found.outcome.spf_aligned, wanted.spf);
    EXPECT_EQ(found.outcome.dkim_aligned, wanted.dkim);
    EXPECT_EQ(found.outcome.result, wanted.spf || wanted.dkim ? Result::Pass : Result::Fail);
    EXPECT_EQ(found.outcome.dkim_mode, wanted.adkim == "s" ? AlignmentMode::Strict : AlignmentMode::Relaxed);
    EXPECT_EQ(found.outcome.spf_mode, wanted.aspf == "s" ? AlignmentMode::Strict : AlignmentMode::Relaxed);
  }
}

// --- RFC 9989 appendix B.4: walks ---

// Shows: P-15
TEST(DmarcEvaluator, FindsTheOrganizationOfTheSimpleExample) {
  DmarcZone zone = example_com();
  zone.record("signing.example.com", "v=DMARC1; p=none");
  const Evaluated found = evaluate(zone, {"a@example.com", "example.com", {"signing.example.com"}});
  EXPECT_TRUE(found.outcome.spf_aligned && found.outcome.dkim_aligned);
  EXPECT_EQ(found.outcome.org_domain, "example.com");
  EXPECT_EQ(found.outcome.policy_domain, "example.com");
  EXPECT_EQ(found.asked, (Names{"_dmarc.example.com", "_dmarc.com", "_dmarc.signing.example.com"}));
}

// Shows: P-15
TEST(DmarcEvaluator, JumpsAsTheDeepExampleDoes) {
  DmarcZone zone = example_com();
  zone.record("signing.example.com", "v=DMARC1; p=none");
  // Never found: the jump passes over it.
  zone.record("f.g.h.i.j.k.example.com", "v=DMARC1; p=none; psd=n");
  const Evaluated found =
      evaluate(zone, {"a@a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com", {"signing.example.com"}});
  EXPECT_EQ(found.asked, (Names{"_dmarc.a.b.c.d.e.f.g.h.i.j.k.example.com", "_dmarc.g.h.i.j.k.example.com",
                                "_dmarc.h.i.j.k.example.com", "_dmarc.i.j.k.example.com",
                                "_dmarc.j.k.example.com", "_dmarc.k.example.com", "_dmarc.example.com",
                                "_dmarc.com", "_dmarc.signing.example.com"}));
  EXPECT_EQ(found.outcome.org_domain, "example.com");
  EXPECT_EQ(found.outcome.policy_domain, "example.com");
  EXPECT_TRUE(found.outcome.spf_aligned && found.outcome.dkim_aligned);
  EXPECT_EQ(found.outcome.questions, 9U);
}

// Shows: P-15
TEST(DmarcEvaluator, StopsAtThePublicSuffixOfTheExample) {
  DmarcZone zone;
  zone.record("bank.example", "v=DMARC1; p=reject; psd=y")
      .record("giant.bank.example", "v=DMARC1; p=quarantine");
  const Evaluated found =
      evaluate(zone, {"a@giant.bank.example", "mail.giant.bank.example", {"mail.mega.bank.example"}});
  EXPECT_EQ(found.outcome.org_domain, "giant.bank.example");
  EXPECT_EQ(found.outcome.policy_domain, "giant.bank.example");
  EXPECT_TRUE(found.outcome.spf_aligned);
  EXPECT_FALSE(found.outcome.dkim_aligned);
}

TEST(DmarcEvaluator, CountsLabelsAsTheWalkDoes) {
  const auto asked = [](const std::string& author) { return evaluate(DmarcZone(), {"a@" + author}).asked; };
  EXPECT_EQ(asked("com"), (Names{"_dmarc.com"}));
  EXPECT_EQ(asked("1.2.3.4.5.6.7").size(), 7U);
  const Names eight = asked("1.2.3.4.5.6.7.8");
  EXPECT_EQ(eight.size(), 8U);
  EXPECT_EQ(eight[1], "_dmarc.2.3.4.5.6.7.8");
  const Names nine = asked("1.2.3.4.5.6.7.8.9");
  EXPECT_EQ(nine.size(), 8U);
  EXPECT_EQ(nine[0], "_dmarc.1.2.3.4.5.6.7.8.9");
  EXPECT_EQ(nine[1], "_dmarc.3.4.5.6.7.8.9");
}

TEST(DmarcEvaluator, AsksAtMostEightNamesForALongAuthor) {
  std::string author = "a@x";
  for (int i = 1; i < 121; ++i) author += ".y";
  const Evaluated found = evaluate(DmarcZone(), {author});
  EXPECT_EQ(found.outcome.questions, 8U);
  EXPECT_EQ(found.outcome.result, Result::None);
}

TEST(DmarcEvaluator, KnowsThatNoRecordIsAtATooLongName) {
  // 253 octets are a name, but "_dmarc." in front of it is none.
  const std::string label(49, 'a');
  const std::string author =
      label + "." + label + "." + label + "." + label + "." + label.substr(0, 45) + ".com";
  const Evaluated found = evaluate(DmarcZone().record("com", kReject), {"a@" + author});
  EXPECT_EQ(found.asked.size(), 5U);
  EXPECT_EQ(found.outcome.policy_domain, "com");
  EXPECT_EQ(found.outcome.result, Result::Fail);
}

// --- psd ---

TEST(DmarcEvaluator, EndsTheWalkAtPsdN) {
  DmarcZone zone = example_com();
  zone.record("unit.example.com", "v=DMARC1; p=quarantine; psd=n");
  const Evaluated found = evaluate(zone, {"a@x.unit.example.com", "example.com", {"y.unit.example.com"}});
  EXPECT_EQ(found.outcome.org_domain, "unit.example.com");
  EXPECT_EQ(found.outcome.policy_domain, "unit.example.com");
  EXPECT_FALSE(found.outcome.spf_aligned);
  EXPECT_TRUE(found.outcome.dkim_aligned);
  // And a part that is an organization of its own is not the whole's.
  EXPECT_FALSE(evaluate(zone, {"a@example.com", "unit.example.com"}).outcome.spf_aligned);
}

TEST(DmarcEvaluator, TakesThePolicyOfThePublicSuffixWhereTheOrganizationHasNone) {
  DmarcZone zone;
  zone.record("bank.example", "v=DMARC1; p=reject; sp=quarantine; np=none; psd=y")
      .exists("_dmarc.new.bank.example");
  const Evaluated found = evaluate(zone, {"a@new.bank.example", "mail.new.bank.example", {"bank.example"}});
  EXPECT_EQ(found.outcome.org_domain, "new.bank.example");
  EXPECT_EQ(found.outcome.policy_domain, "bank.example");
  EXPECT_EQ(found.outcome.policy_source, PolicySource::Sp);
  EXPECT_TRUE(found.outcome.spf_aligned);
  EXPECT_FALSE(found.outcome.dkim_aligned);
  // The suffix itself is its own organization.
  EXPECT_EQ(evaluate(zone, {"a@bank.example"}).outcome.org_domain, "bank.example");
  EXPECT_FALSE(evaluate(zone, {"a@bank.example", "new.bank.example"}).outcome.spf_aligned);
}

TEST(DmarcEvaluator, FindsTheNameBelowAPublicSuffixInTheGapOfTheJump) {
  DmarcZone zone;
  zone.record("3.4.5.6.7.8.9", "v=DMARC1; p=reject; psd=y");
  EXPECT_EQ(evaluate(zone, {"a@0.1.2.3.4.5.6.7.8.9"}).outcome.org_domain, "2.3.4.5.6.7.8.9");
  EXPECT_EQ(evaluate(zone, {"a@2.3.4.5.6.7.8.9"}).outcome.org_domain, "2.3.4.5.6.7.8.9");
}

// --- records ---

TEST(DmarcEvaluator, DropsTwoRecordsAndWalksOn) {
  DmarcZone zone = example_com();
  zone.record("sub.example.com", "v=DMARC1; p=none").record("sub.example.com", "v=DMARC1; p=quarantine");
  const Evaluated found = evaluate(zone, {"a@sub.example.com"});
  EXPECT_EQ(found.outcome.policy_domain, "example.com");
  EXPECT_EQ(found.outcome.policy, Policy::Reject);
  EXPECT_EQ(found.outcome.policy_source, PolicySource::P);
}

TEST(DmarcEvaluator, HasNoDmarcWithoutARecordOrWithOneThatSaysNothing) {
  const Evaluated none = evaluate(DmarcZone(), {"a@example.com", "example.com"});
  EXPECT_EQ(none.outcome.result, Result::None);
  EXPECT_EQ(none.outcome.reason, Reason::NoRecord);
  EXPECT_EQ(none.outcome.org_domain, "example.com");
  EXPECT_EQ(none.outcome.policy_domain, "");
  const Evaluated unusable =
      evaluate(DmarcZone().record("example.com", "v=DMARC1; p=bad"), {"a@example.com", "example.com"});
  EXPECT_EQ(unusable.outcome.result, Result::None);
  EXPECT_EQ(unusable.outcome.reason, Reason::UnusableRecord);
  const Evaluated watched = evaluate(
      DmarcZone().record("example.com", "v=DMARC1; p=bad; rua=mailto:a@example.com"), {"a@example.com"});
  EXPECT_EQ(watched.outcome.result, Result::Fail);
  EXPECT_EQ(watched.outcome.policy, Policy::None);
  EXPECT_EQ(watched.rua, "a@example.com");
}

TEST(DmarcEvaluator, AppliesTestModeOneLevelBelow) {
  const auto policy = [](const std::string& text) {
    return evaluate(DmarcZone().record("example.com", "v=DMARC1; t=y; " + text), {"a@example.com"}).outcome;
  };
  EXPECT_EQ(policy("p=reject").disposition, Policy::Quarantine);
  EXPECT_EQ(policy("p=reject").published, Policy::Reject);
  EXPECT_EQ(policy("p=quarantine").disposition, Policy::None);
  EXPECT_EQ(policy("p=none").disposition, Policy::None);
  EXPECT_TRUE(policy("p=none").testing);
}

TEST(DmarcEvaluator, TakesTheSubdomainPolicyBelowTheRecord) {
  const DmarcZone zone = DmarcZone().record("example.com", "v=DMARC1; p=none; sp=quarantine; np=reject");
  EXPECT_EQ(evaluate(zone, {"a@example.com"}).outcome.policy, Policy::None);

  DmarcZone existing = zone;
  existing.exists("sub.example.com");
  const Evaluated sp = evaluate(existing, {"a@sub.example.com"});
  EXPECT_EQ(sp.outcome.policy, Policy::Quarantine);
  EXPECT_EQ(sp.outcome.policy_source, PolicySource::Sp);
  EXPECT_EQ(sp.asked.back(), "A sub.example.com");

  const Evaluated np = evaluate(zone, {"a@sub.example.com"});
  EXPECT_EQ(np.outcome.policy, Policy::Reject);
  EXPECT_EQ(np.outcome.policy_source, PolicySource::Np);

  // What has a name below it exists (RFC 8020): nothing more is asked.
  DmarcZone with_name_below = zone;
  with_name_below.exists("_dmarc.sub.example.com");
  const Evaluated known = evaluate(with_name_below, {"a@sub.example.com"});
  EXPECT_EQ(known.outcome.policy_source, PolicySource::Sp);
  EXPECT_EQ(known.asked.size(), 3U);
  // And where there is no np, it does not matter.
  const Evaluated without =
      evaluate(DmarcZone().record("example.com", "v=DMARC1; p=none; sp=reject"), {"a@sub.example.com"});
  EXPECT_EQ(without.asked.size(), 3U);
  EXPECT_EQ(without.outcome.policy, Policy::Reject);
}

// --- the DNS does not answer ---

TEST(DmarcEvaluator, IsTempErrorWhereTheRecordCannotBeHad) {
  for (const char* name : {"_dmarc.sub.example.com", "_dmarc.example.com", "_dmarc.com"}) {
    DmarcZone zone = example_com();
    zone.fails(name);
    const Evaluated found = evaluate(zone, {"a@sub.example.com", "sub.example.com"});
    EXPECT_EQ(found.outcome.result, Result::TempError) << name;
    EXPECT_EQ(found.outcome.reason, Reason::LookupFailed);
    EXPECT_EQ(found.outcome.disposition, Policy::None);
  }
}

TEST(DmarcEvaluator, PassesByNamesThatAnswered) {
  DmarcZone zone = example_com();
  zone.fails("_dmarc.com");
  EXPECT_EQ(evaluate(zone, {"a@example.com", "example.com"}).outcome.result, Result::Pass);
  // Which organization it is hangs on the name that failed; of another top-level domain it is not.
  EXPECT_EQ(evaluate(zone, {"a@example.com", "sub.example.com"}).outcome.result, Result::TempError);
  EXPECT_EQ(evaluate(zone, {"a@example.com", "evil.example"}).outcome.result, Result::Fail);
  // One signature is enough.
  zone = example_com();
  zone.fails("_dmarc.a.example.com");
  const Evaluated found = evaluate(zone, {"a@example.com", "a.example.com", {"b.example.com"}});
  EXPECT_EQ(found.outcome.result, Result::Pass);
  EXPECT_FALSE(found.outcome.spf_aligned);
  EXPECT_EQ(evaluate(zone, {"a@example.com", "a.example.com"}).outcome.reason, Reason::IdentifierFailed);
}

TEST(DmarcEvaluator, WaitsForSpfAndDkimOnlyOfDomainsThatCouldAlign) {
  const DmarcZone zone = example_com();
  const auto result = [&](DmarcMessage message) {
    message.from = "a@example.com";
    return evaluate(zone, message).outcome.result;
  };
  EXPECT_EQ(result({.from = "", .spf_temporary = "example.com"}), Result::TempError);
  EXPECT_EQ(result({.from = "", .spf_temporary = "sub.example.com"}), Result::TempError);
  EXPECT_EQ(result({.from = "", .dkim_temporary = {"evil.example", "example.com"}}), Result::TempError);
  // Else a sender could choose between fail and temperror.
  EXPECT_EQ(result({.from = "", .spf_temporary = "evil.example"}), Result::Fail);
  EXPECT_EQ(result({.from = "", .dkim_temporary = {"evil.example"}}), Result::Fail);
  EXPECT_EQ(result({.from = "", .spf = "example.com", .dkim_temporary = {"example.com"}}), Result::Pass);
}

TEST(DmarcEvaluator, IsTempErrorOnlyOnFailWhereTheAuthorMayNotExist) {
  DmarcZone zone = DmarcZone().record("example.com", "v=DMARC1; p=none; np=reject");
  zone.fails("sub.example.com");
  EXPECT_EQ(evaluate(zone, {"a@sub.example.com", "example.com"}).outcome.result, Result::Pass);
  EXPECT_EQ(evaluate(zone, {"a@sub.example.com"}).outcome.result, Result::TempError);
}

TEST(DmarcEvaluator, SaysWhereAnswersWereStale) {
  DmarcZone zone = example_com();
  zone.stale("_dmarc.com");
  EXPECT_TRUE(evaluate(zone, {"a@example.com"}).outcome.stale);
  EXPECT_FALSE(evaluate(zone, {"a@example.net"}).outcome.stale);
}

// --- authors ---

// Shows: P-13
TEST(DmarcEvaluator, NeverPassesWithoutOneAuthor) {
  struct Case {
    std::string from;
    Reason reason;
  };
  for (const Case& wanted :
       std::vector<Case>{{"", Reason::NoAuthor},
                         {"(comment)", Reason::NoAuthor},
                         {"a@example.com, b@example.com", Reason::SeveralAuthors},
                         {"a@example.com, b@evil.example", Reason::SeveralAuthors},
                         {"Friends: a@example.com;", Reason::MalformedAuthor},
                         {"\"a@evil.example\" <>", Reason::MalformedAuthor},
                         {"a@example.com <b@evil.example>", Reason::MalformedAuthor},
                         {"<a@example.com", Reason::MalformedAuthor},
                         {"=?utf-8?q?a=40example=2Ecom?=", Reason::MalformedAuthor},
                         {"a@[192.0.2.1]", Reason::MalformedAuthor},
                         {"a@-example.com", Reason::MalformedAuthor},
                         {"a@example..com", Reason::MalformedAuthor},
                         {"a@b@example.com", Reason::MalformedAuthor},
                         {std::string("a@example.com\0.evil.example", 27), Reason::MalformedAuthor},
                         {"a@example . com", Reason::MalformedAuthor},
                         {"a@example.com,", Reason::MalformedAuthor},
                         {"\"\x83\\\" <a@example.com>", Reason::MalformedAuthor},
                         {"nobody", Reason::MalformedAuthor}}) {
    SCOPED_TRACE(wanted.from);
    const Evaluated found = evaluate(example_com(), {wanted.from, "example.com", {"example.com"}});
    EXPECT_EQ(found.outcome.result, Result::PermError);
    EXPECT_EQ(found.outcome.reason, wanted.reason);
    EXPECT_TRUE(found.asked.empty());
    EXPECT_FALSE(found.outcome.spf_aligned || found.outcome.dkim_aligned);
  }
}

// Shows: P-13
TEST(DmarcEvaluator, TakesTheAddressAndNotWhatLooksLikeOne) {
  const DmarcZone zone = DmarcZone().record("evil.example", "v=DMARC1; p=reject");
  for (const char* from :
       {"\"a@example.com\" <b@evil.example>", "\"a@example.com <a@example.com>\"@evil.example",
        "<b@evil.example> (a@example.com)", "\"<a@example.com>\" <b@evil.example>"}) {
    EXPECT_EQ(evaluate(zone, {from, "example.com"}).outcome.author_domain, "evil.example") << from;
    EXPECT_EQ(evaluate(zone, {from, "example.com"}).outcome.result, Result::Fail) << from;
  }
}

TEST(DmarcEvaluator, ConvertsULabelsOfAuthorsAndIdentifiers) {
  const DmarcZone zone = DmarcZone().record("xn--bcher-kva.example", kReject);
  const Evaluated found = evaluate(zone, {"a@Bücher.Example", "XN--BCHER-KVA.example", {"bücher.example."}});
  EXPECT_EQ(found.outcome.author_domain, "xn--bcher-kva.example");
  EXPECT_TRUE(found.outcome.spf_aligned && found.outcome.dkim_aligned);
}

TEST(DmarcEvaluator, IgnoresIdentifiersThatAreNoNames) {
  for (const std::string& domain :
       {std::string("."), std::string(".example.com"), std::string("a..example.com"),
        std::string(64, 'x') + ".example.com", std::string("\xff.example.com"), std::string(300, 'x')}) {
    EXPECT_EQ(evaluate(example_com(), {"a@example.com", domain, {domain}}).outcome.result, Result::Fail)
        << domain;
  }
}

// --- bounds ---

TEST(DmarcEvaluator, BoundsTheWalksOfIdentifiers) {
  std::vector<std::string> domains;
  for (int i = 0; i < 100; ++i) domains.push_back("a.b.c.d.e.f" + std::to_string(i) + ".example.com");
  DmarcZone zone = example_com();
  const Evaluated found = evaluate(zone, {"a@example.com", "", domains});
  EXPECT_LE(found.outcome.questions, 8 + 8 * limits::kDmarcIdentifiers);
  EXPECT_TRUE(found.outcome.dkim_aligned);
  domains.push_back("example.com");
  EXPECT_EQ(evaluate(zone, {"a@example.com", "", domains}).asked.size(), 2U);
}

TEST(DmarcEvaluator, IsTheSameInAnyOrderOfAnswers) {
  DmarcZone zone = DmarcZone().record("example.com", "v=DMARC1; p=none; sp=quarantine; np=reject");
  zone.record("unit.example.com", "v=DMARC1; p=reject; psd=n").stale("_dmarc.com");
  for (const char* from :
       {"a@example.com", "a@x.example.com", "a@x.unit.example.com", "a@a.b.c.d.e.f.g.h.i.j"}) {
    const DmarcMessage message = {from, "y.example.com", {"z.unit.example.com", "evil.example"}};
    EXPECT_EQ(evaluate(zone, message, {}, Arrival::InOrder).outcome,
              evaluate(zone, message, {}, Arrival::LastFirst).outcome);
  }
}

TEST(DmarcEvaluator, IsReusable) {
  Evaluator evaluator;
  const DmarcZone zone = example_com();
  for (int i = 0; i < 3; ++i) {
    evaluator.start(mail::parse_author("a@sub.example.com"), {});
    evaluator.identifiers({.spf_domain = i == 1 ? "x.example.com" : "evil.example"});
    auth::QuestionId last = 0;
    while (evaluator.step() == auth::Progress::NeedAnswers) {
      ASSERT_FALSE(evaluator.questions().empty());
      for (const auth::PendingQuestion& pending : evaluator.questions()) {
        last = pending.id;
        evaluator.answer(pending.id, zone.answer(pending.question));
      }
    }
    EXPECT_EQ(evaluator.outcome().result, i == 1 ? Result::Pass : Result::Fail);
    EXPECT_TRUE(evaluator.record());
    const Outcome before = evaluator.outcome();
    // Late, doubled and unknown answers change nothing.
    evaluator.answer(last, dns::Answer{});
    evaluator.answer(last + 1000, dns::Answer{});
    evaluator.identifiers({.spf_domain = "sub.example.com"});
    EXPECT_EQ(evaluator.step(), auth::Progress::Done);
    EXPECT_EQ(evaluator.outcome(), before);
  }
}

TEST(DmarcEvaluator, UsesTheRecordThatHangsOnTheAnswer) {
  Evaluator evaluator;
  evaluator.start(mail::parse_author("a@example.com"), {});
  ASSERT_EQ(evaluator.step(), auth::Progress::NeedAnswers);
  dns::Answer answer = example_com().answer(evaluator.questions()[0].question);
  const RecordRef cached = SelectedRecord::select(answer);
  answer.records.clear();
  evaluator.answer(evaluator.questions()[0].id, answer, cached);
  EXPECT_EQ(cached.references(), 2U);
}

// --- RFC 7489 ---

class DmarcEvaluator7489 : public testing::Test {
 protected:
  Evaluated run(const DmarcZone& zone, const DmarcMessage& message) {
    return evaluate(zone, message, {Mode::Rfc7489, &*suffixes_});
  }
  sluice::Result<PublicSuffixes> suffixes_ = PublicSuffixes::from_octets("com\nco.uk\nexample\n");
};

TEST_F(DmarcEvaluator7489, AsksTheAuthorAndTheOrganization) {
  const DmarcZone zone =
      DmarcZone().record("example.co.uk", "v=DMARC1; p=none; sp=reject; np=none; t=y; psd=n");
  const Evaluated found = run(zone, {"a@x.y.example.co.uk", "z.example.co.uk", {"example.com"}});
  EXPECT_EQ(found.asked, (Names{"_dmarc.x.y.example.co.uk", "_dmarc.example.co.uk"}));
  EXPECT_EQ(found.outcome.result, Result::Pass);
  EXPECT_EQ(found.outcome.org_domain, "example.co.uk");
  EXPECT_EQ(found.outcome.policy_source, PolicySource::Sp);
  // No np, no t.
  EXPECT_EQ(run(zone, {"a@x.example.co.uk"}).outcome.disposition, Policy::Reject);
  EXPECT_FALSE(run(zone, {"a@x.example.co.uk"}).outcome.testing);
}

TEST_F(DmarcEvaluator7489, DiffersFromTheWalkWhereTheListKnowsMore) {
  // The parent publishes nothing: by the list it is the same organization, by the walk it is not.
  const DmarcZone zone = DmarcZone().record("sub.example.com", "v=DMARC1; p=reject");
  const DmarcMessage message = {"a@sub.example.com", "example.com"};
  EXPECT_EQ(run(zone, message).outcome.result, Result::Pass);
  EXPECT_EQ(evaluate(zone, message).outcome.result, Result::Fail);
}

TEST_F(DmarcEvaluator7489, EndsAtSeveralRecords) {
  DmarcZone zone = DmarcZone().record("example.com", kReject);
  zone.record("sub.example.com", kReject).record("sub.example.com", kReject);
  EXPECT_EQ(run(zone, {"a@sub.example.com"}).outcome.reason, Reason::NoRecord);
  EXPECT_EQ(run(zone, {"a@other.example.com"}).outcome.result, Result::Fail);
}

TEST_F(DmarcEvaluator7489, IsTempErrorWhereANameOnTheWayFails) {
  DmarcZone zone = DmarcZone().record("example.com", kReject);
  zone.fails("_dmarc.sub.example.com");
  EXPECT_EQ(run(zone, {"a@sub.example.com", "example.com"}).outcome.result, Result::TempError);
  zone = DmarcZone().record("sub.example.com", kReject).fails("_dmarc.example.com");
  EXPECT_EQ(run(zone, {"a@sub.example.com", "example.com"}).outcome.result, Result::Pass);
}

}  // namespace
}  // namespace sluice::dmarc
