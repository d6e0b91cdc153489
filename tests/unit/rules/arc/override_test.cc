#include "rules/arc/override.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::arc {
namespace {

struct Sealed {
  std::string domain;
  std::string results;
};

Outcome intact(const std::vector<Sealed>& sets) {
  Outcome outcome;
  outcome.result = Result::Pass;
  outcome.reason = Reason::Intact;
  for (const Sealed& sealed : sets) {
    SetOutcome set;
    set.instance = static_cast<unsigned>(outcome.sets.size()) + 1;
    set.domain = sealed.domain;
    set.results = " i=" + std::to_string(set.instance) + "; mx." + sealed.domain + sealed.results;
    outcome.sets.push_back(set);
  }
  return outcome;
}

const TrustedSealers& shipped() {
  static const TrustedSealers sealers(default_trusted_sealers());
  return sealers;
}

constexpr const char* kPassed = "; dmarc=pass (p=reject) header.from=author.example";

// Shows: ESE-08
TEST(TrustedSealers, AreTheSixteenByDefault) {
  const std::vector<std::string> sealers = default_trusted_sealers();
  EXPECT_EQ(sealers.size(), 16U);
  for (const std::string& sealer : sealers) EXPECT_TRUE(shipped().contains(sealer)) << sealer;
  EXPECT_TRUE(shipped().contains("Google.COM"));
  EXPECT_FALSE(shipped().contains("mail.google.com"));
  EXPECT_FALSE(shipped().contains("evilgoogle.com"));
  EXPECT_FALSE(shipped().contains(""));
}

// Shows: D-3
TEST(TrustedSealers, CoverSubdomainsOnlyWithALeadingDot) {
  const std::vector<std::string> entries = {"exact.example", ".Below.Example",
                                            "b\xc3\xbc"
                                            "cher.example"};
  const TrustedSealers sealers{std::span<const std::string>(entries)};
  EXPECT_TRUE(sealers.contains("exact.example"));
  EXPECT_FALSE(sealers.contains("a.exact.example"));
  EXPECT_TRUE(sealers.contains("below.example"));
  EXPECT_TRUE(sealers.contains("a.b.below.example"));
  EXPECT_FALSE(sealers.contains("notbelow.example"));
  EXPECT_FALSE(sealers.contains("example"));
  EXPECT_TRUE(sealers.contains("xn--bcher-kva.example"));
}

// Shows: W-33, P-16, P-26
TEST(ArcOverride, AppliesWhereATrustedSealerSawTheAuthorPass) {
  const Override made = override_of(intact({{"google.com", kPassed}}), shipped(), "author.example");
  EXPECT_TRUE(made.applied);
  EXPECT_EQ(made.sealer, "google.com");
  EXPECT_EQ(
      made.reason,
      "set 1 by google.com says dmarc=pass for the author's domain author.example, and all sealers from "
      "there on are trusted");
}

// Shows: W-33, P-25
TEST(ArcOverride, NeedsAnIntactChain) {
  EXPECT_EQ(override_of({}, shipped(), "author.example").reason, "the message has no ARC chain");
  Outcome chain = intact({{"google.com", kPassed}});
  chain.result = Result::Fail;
  chain.reason = Reason::SealMismatch;
  chain.failed_instance = 1;
  Override made = override_of(chain, shipped(), "author.example");
  EXPECT_FALSE(made.applied);
  EXPECT_EQ(made.reason, "the ARC chain is broken (seal-mismatch at set 1)");
  chain.result = Result::TempError;
  made = override_of(chain, shipped(), "author.example");
  EXPECT_FALSE(made.applied);
  EXPECT_EQ(made.reason, "the keys of the ARC chain could not be looked up now");
}

// Shows: W-33, ESE-08
TEST(ArcOverride, ASealByAnUnlistedDomainIsIgnoredAndTheReasonSaysSo) {
  const Override made = override_of(intact({{"google.com", kPassed}, {"list.example", "; arc=pass"}}),
                                    shipped(), "author.example");
  EXPECT_FALSE(made.applied);
  EXPECT_EQ(made.sealer, "list.example");
  EXPECT_EQ(made.reason, "the newest sealer, list.example, is not a trusted sealer");
}

// The attack: an unknown sealer writes dmarc=pass, and a trusted one seals above it.
// Shows: W-33
TEST(ArcOverride, DoesNotBelieveAnUnknownSealerBelowATrustedOne) {
  const Override made =
      override_of(intact({{"evil.example", kPassed},
                          {"google.com", "; arc=pass; dmarc=fail header.from=author.example"}}),
                  shipped(), "author.example");
  EXPECT_FALSE(made.applied);
  EXPECT_EQ(
      made.reason,
      "set 2 by google.com, the oldest that trusted sealers vouch for, says dmarc=fail for the author's "
      "domain author.example; set 1 by evil.example is not of a trusted sealer");
}

// Shows: W-33
TEST(ArcOverride, TakesTheOldestResultsThatAnUnbrokenRunOfTrustedSealersReaches) {
  const std::string failed = "; dmarc=fail header.from=author.example";
  EXPECT_TRUE(override_of(intact({{"google.com", kPassed}, {"outlook.com", failed}, {"yahoo.com", failed}}),
                          shipped(), "author.example")
                  .applied);
  // A gap of trust: what the newer trusted one says counts, not what an older trusted one said.
  const Override over_a_gap =
      override_of(intact({{"google.com", kPassed}, {"unknown.example", kPassed}, {"yahoo.com", failed}}),
                  shipped(), "author.example");
  EXPECT_FALSE(over_a_gap.applied);
  EXPECT_NE(over_a_gap.reason.find("set 3 by yahoo.com"), std::string::npos);
  EXPECT_FALSE(over_a_gap.reason.find("set 2 by unknown.example is not of a trusted sealer") ==
               std::string::npos);
  // A newer pass does not mend an older fail.
  EXPECT_FALSE(
      override_of(intact({{"google.com", failed}, {"yahoo.com", kPassed}}), shipped(), "author.example")
          .applied);
}

// Shows: W-33
TEST(ArcOverride, WantsAPassForExactlyTheAuthorOfThisMessage) {
  const auto applies = [](const std::string& results) {
    return override_of(intact({{"google.com", results}}), shipped(), "author.example").applied;
  };
  EXPECT_TRUE(applies("; dmarc=pass header.from=AUTHOR.example"));
  EXPECT_TRUE(applies("; spf=pass (a comment) smtp.mailfrom=bounces@author.example"));
  EXPECT_TRUE(applies("; spf=pass smtp.mailfrom=author.example"));
  EXPECT_TRUE(applies("; dkim=pass header.d=author.example header.s=x"));
  EXPECT_TRUE(applies("; dkim=pass header.i=@author.example header.s=x"));
  EXPECT_TRUE(applies("; dmarc=none header.from=author.example; dkim=pass header.d=author.example"));

  EXPECT_FALSE(applies("; dmarc=pass header.from=other.example"));
  EXPECT_FALSE(applies("; dmarc=pass"));
  EXPECT_FALSE(applies("; dmarc=pass header.from=evil.author.example"));
  EXPECT_FALSE(applies("; spf=softfail smtp.mailfrom=author.example"));
  EXPECT_FALSE(applies("; spf=pass smtp.helo=author.example"));
  EXPECT_FALSE(applies("; spf=pass smtp.mailfrom=author.example@evil.example"));
  EXPECT_FALSE(applies("; dkim=pass header.d=sub.author.example"));
  EXPECT_FALSE(applies("; dkim=fail header.d=author.example"));
  EXPECT_FALSE(applies("; none"));
  EXPECT_FALSE(applies(""));
  // Text in comments and quoted strings is not a result.
  EXPECT_FALSE(applies("; dkim=fail (; dmarc=pass header.from=author.example) header.d=x.example"));
  EXPECT_FALSE(
      applies("; spf=fail reason=\"; dmarc=pass header.from=author.example\" smtp.mailfrom=x.example"));
  EXPECT_FALSE(applies("; dkim=pass header.i=@author.example header.d=evil.example"));
  EXPECT_FALSE(applies("; dkim=pass header.d=evil.example header.d=author.example"));
  // DMARC said no: that SPF passed for the same name does not change it.
  EXPECT_FALSE(applies("; dmarc=fail header.from=author.example; spf=pass smtp.mailfrom=author.example"));
}

// SPF and DKIM speak only where DMARC certainly judged nothing.
// Shows: W-33
TEST(ArcOverride, NoWordOfDmarcButPassIsOneHoweverItIsWritten) {
  const auto applies = [](const std::string& results) {
    return override_of(intact({{"google.com", results}}), shipped(), "author.example").applied;
  };
  const std::string spf = "; spf=pass smtp.mailfrom=author.example";
  EXPECT_TRUE(applies(spf));
  EXPECT_TRUE(applies("; dmarc=none header.from=author.example" + spf));
  EXPECT_TRUE(applies("; dmarc=bestguesspass header.from=author.example" + spf));
  for (const char* dmarc :
       {"fail", "fail header.from=", "fail header.from=other.example", "fail header.from=sub.author.example",
        "fail header.from=<u@author.example>", "fail (p=reject) action=reject header.from=<u@author.example>",
        "fail header.from=author.example junk", "fail header.from=author.example (x",
        "fail header.from=\"author.example", "fail =", "temperror header.from=author.example",
        "permerror header.from=author.example", "quarantine header.from=author.example", "pass",
        "pass header.from=other.example", "pass header.from=author.example; dmarc=fail", ""}) {
    EXPECT_FALSE(applies("; dmarc=" + std::string(dmarc) + spf)) << dmarc;
    EXPECT_FALSE(applies(spf + "; dmarc=" + std::string(dmarc))) << dmarc;
    EXPECT_FALSE(applies("; dmarc=" + std::string(dmarc) + "; dkim=pass header.d=author.example")) << dmarc;
  }
  EXPECT_FALSE(applies("; arc=pass dmarc=pass header.from=author.example"));
  EXPECT_FALSE(applies("; x=y z" + spf));  // it may have been DMARC
}

TEST(ArcOverride, WantsToKnowWhoseResultsTheyAre) {
  for (const char* results : {" i=1; ; dmarc=pass header.from=author.example",
                              " i=1; dmarc=pass header.from=author.example", " i=1;"}) {
    Outcome chain = intact({{"google.com", ""}});
    chain.sets[0].results = results;
    EXPECT_FALSE(override_of(chain, shipped(), "author.example").applied) << results;
  }
}

TEST(ArcOverride, AChainOfWhichNoSetCouldBeToldApartIsBrokenAndNotAbsent) {
  Outcome chain;
  chain.result = Result::Fail;
  chain.reason = Reason::TooManySets;
  EXPECT_EQ(override_of(chain, shipped(), "author.example").reason,
            "the ARC chain is broken (too-many-sets)");
}

TEST(ArcOverride, DoesNotApplyWithoutAnAuthor) {
  const Override made = override_of(intact({{"google.com", "; dmarc=pass header.from="}}), shipped(), "");
  EXPECT_FALSE(made.applied);
  EXPECT_EQ(made.reason, "the message has no author whose domain could have passed");
}

TEST(ArcOverride, ItsReasonIsPrintableWhateverTheNamesAre) {
  const Override made = override_of(intact({{"google.com", "; none"}}), shipped(), "a\r\nb.example");
  EXPECT_EQ(made.reason.find('\r'), std::string::npos);
  EXPECT_EQ(made.reason.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace sluice::arc
