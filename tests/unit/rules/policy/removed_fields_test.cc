#include "rules/policy/removed_fields.h"

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

RemovedFields fields_of(std::string name = "X-TM-Received-SPF", bool received_spf = false) {
  ResultHeaderSettings settings;
  settings.name = std::move(name);
  settings.received_spf = received_spf;
  settings.authserv_id = "mx.example.net";
  return RemovedFields(settings);
}

// Shows: W-20
TEST(RemovedFields, TakeOurResultHeadersWhateverTheirValue) {
  const RemovedFields fields = fields_of();
  for (const char* name :
       {"X-TM-Received-SPF", "x-tm-received-spf", "X-TM-Received-SPF ", "X-TM-RECEIVED-SPF\t ",
        "X-TM-Authentication-Results", "X-Sluice-Policy-Version"}) {
    EXPECT_TRUE(fields.matches(name, " Pass")) << name;
  }
  for (const char* name : {"X-TM-Received", "X-TM-Received-SPF2", "Subject", ""}) {
    EXPECT_FALSE(fields.matches(name, " Pass")) << name;
  }
}

// Shows: W-20, D-6
TEST(RemovedFields, TakeTheConfiguredNameAndTheUsualOne) {
  const RemovedFields fields = fields_of("X-Our-SPF");
  EXPECT_TRUE(fields.matches("x-our-spf", ""));
  EXPECT_TRUE(fields.matches("X-TM-Received-SPF", ""));
}

// Shows: W-20
TEST(RemovedFields, TakeReceivedSpfOnlyWhereWeWriteIt) {
  EXPECT_FALSE(fields_of().matches("Received-SPF", " pass"));
  EXPECT_TRUE(fields_of("X-TM-Received-SPF", true).matches("Received-SPF ", " pass"));
}

// Shows: W-20
TEST(RemovedFields, NeverTakeTraceAndSignatures) {
  for (const char* name : {"Received", "ARC-Seal", "ARC-Authentication-Results", "ARC-Message-Signature",
                           "DKIM-Signature", "Return-Path", "Return-Path "}) {
    EXPECT_FALSE(fields_of(name).matches(name, " mx.example.net; spf=pass")) << name;
  }
}

struct ResultsCase {
  const char* value;
  bool ours;
};

// Shows: W-20
TEST(RemovedFields, TakeAuthenticationResultsThatClaimOurId) {
  const RemovedFields fields = fields_of();
  const ResultsCase cases[] = {
      {" mx.example.net; spf=pass", true},
      {" MX.Example.NET; spf=pass", true},
      {" mx.example.net", true},
      {" mx.example.net 1; spf=pass", true},
      {"\r\n\tmx.example.net;\r\n\tspf=pass", true},
      {" (a comment) mx.example.net (another) ; spf=pass", true},
      {" (nested (and \\) escaped)) mx.example.net; none", true},
      {" \"mx.example.net\"; spf=pass", true},
      {" \"mx.ex\\ample.net\"; spf=pass", true},
      {" mx.example.net.; spf=pass", true},
      // Not readable, but with our id in it.
      {" mx.example.net/1; spf=pass", true},
      {" mx.exam\r\n ple.net; spf=pass", true},
      {" mx.(c)example.net; spf=pass", true},
      {" (unclosed mx.example.net; spf=pass", true},
      {" \"mx.example.net; spf=pass", true},
      {" ; mx.example.net", true},
      {" spf=pass mx.example.net", true},
      // Others'.
      {" mx.example.org; spf=pass", false},
      {" mx.example.network; spf=pass", false},
      {" other.example; spf=pass (checked by mx.example.net)", false},
      {" other.example (mx.example.net); spf=pass", false},
      {" amx.example.net; spf=pass", false},
      {"", false},
      {" ; spf=pass", false},
      {" (unclosed", false},
  };
  for (const ResultsCase& one : cases) {
    EXPECT_EQ(fields.matches("Authentication-Results", one.value), one.ours) << one.value;
    EXPECT_EQ(fields.matches("authentication-results ", one.value), one.ours) << one.value;
  }
}

TEST(RemovedFields, KnowTheirIdInEitherFormOfLabels) {
  EXPECT_TRUE(
      names_authserv_id(" b\xc3\xbc"
                        "cher.example; none",
                        "xn--bcher-kva.example"));
  EXPECT_FALSE(names_authserv_id(" a.example; none", ""));
}

}  // namespace
}  // namespace sluice::policy
