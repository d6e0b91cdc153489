// W-6 as a table: what the client is told, and what the row says, for each class of reply of the next hop at
// each state of its session. A new world for each line.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

using std::chrono_literals::operator""s;

enum class Expected : uint8_t {
  Passed,   // the hop's words, code and status
  Trouble,  // 451 4.3.0: between us and the hop
  Away,     // 451 4.4.1
  Unknown,  // 451 4.4.2: it may have the message
  Accepted,
};

struct HopSays {
  std::string reply;  // lines parted by CRLF
  Expected at_greeting;
  Expected at_mail;
  Expected at_rcpt;
  Expected at_data;
  Expected at_dot;
  std::string told;  // Passed: the reply as the client has it
};

const std::string kLongLine = "550 5.1.1 " + std::string(limits::kHopReplyLine, 'x');

std::string many_lines() {
  std::string reply;
  for (size_t i = 0; i <= limits::kHopReplyLines; ++i) reply += "550-5.1.1 line\r\n";
  return reply + "550 5.1.1 end";
}

std::vector<HopSays> table() {
  using enum Expected;
  return {
      {"450 4.2.0 later", Trouble, Trouble, Passed, Trouble, Passed, "450 4.2.0 later"},
      {"451 4.3.0 our disk", Trouble, Trouble, Passed, Trouble, Passed, "451 4.3.0 our disk"},
      {"452 4.3.1 full", Trouble, Trouble, Passed, Trouble, Passed, "452 4.3.1 full"},
      {"454 4.7.0 TLS", Trouble, Trouble, Passed, Trouble, Passed, "454 4.7.0 TLS"},
      {"500 5.5.2 what", Trouble, Trouble, Passed, Trouble, Passed, "500 5.5.2 what"},
      {"501 5.1.7 bad sender", Trouble, Passed, Passed, Trouble, Passed, "501 5.1.7 bad sender"},
      {"501 5.5.4 syntax", Trouble, Trouble, Passed, Trouble, Passed, "501 5.5.4 syntax"},
      {"502 5.5.1 no", Trouble, Trouble, Trouble, Trouble, Trouble, {}},
      {"503 5.5.1 order", Trouble, Trouble, Trouble, Trouble, Trouble, {}},
      {"530 5.7.0 STARTTLS", Trouble, Trouble, Trouble, Trouble, Trouble, {}},
      {"550 5.1.1 nobody", Trouble, Trouble, Passed, Trouble, Passed, "550 5.1.1 nobody"},
      {"550 5.1.7 sender", Trouble, Passed, Passed, Trouble, Passed, "550 5.1.7 sender"},
      {"550 5.1.8 sender domain", Trouble, Passed, Passed, Trouble, Passed, "550 5.1.8 sender domain"},
      {"550 5.6.7 UTF8", Trouble, Passed, Passed, Trouble, Passed, "550 5.6.7 UTF8"},
      {"550 5.7.1 blocked", Trouble, Trouble, Passed, Trouble, Passed, "550 5.7.1 blocked"},
      {"550 plain", Trouble, Trouble, Passed, Trouble, Passed, "550 5.0.0 plain"},
      {"552 5.3.4 size", Trouble, Passed, Passed, Trouble, Passed, "552 5.3.4 size"},
      {"553 5.1.3 name", Trouble, Passed, Passed, Trouble, Passed, "553 5.1.3 name"},
      {"554 5.7.1 policy", Trouble, Trouble, Passed, Trouble, Passed, "554 5.7.1 policy"},
      {"550-5.1.1 first\r\n550 5.1.1 second", Trouble, Trouble, Passed, Trouble, Passed,
       "550 5.1.1 first second"},
      {"421 4.3.2 going down", Trouble, Trouble, Trouble, Trouble, Trouble, {}},
      {"hello there", Trouble, Trouble, Trouble, Trouble, Unknown, {}},
      {"250-one\r\n550 two", Trouble, Trouble, Trouble, Trouble, Unknown, {}},
      {"150 no such class", Trouble, Trouble, Trouble, Trouble, Unknown, {}},
      {kLongLine, Trouble, Trouble, Trouble, Trouble, Unknown, {}},
      {many_lines(), Trouble, Trouble, Trouble, Trouble, Unknown, {}},
      {std::string(ScriptedHop::kClose), Away, Away, Away, Away, Unknown, {}},
      {std::string(ScriptedHop::kSilent), Away, Away, Away, Away, Unknown, {}},
      {"250-2.0.0 begun and then nothing", Away, Away, Away, Away, Unknown, {}},
  };
}

// The hop says it twice where the first time is worth a fresh connection (W-3).
void expect_case(const std::string& state, const HopSays& line, Expected expected) {
  SCOPED_TRACE(state + ": " + line.reply.substr(0, 60));
  NodeWorld world(kBase, kZone);
  for (int i = 0; i < 2; ++i) world.hop().answer(state, line.reply);
  const Dialogue dialogue = world.send({});
  world.pass(11s);
  const bool at_rcpt = state != "DATA" && state != ".";
  ASSERT_GT(dialogue.replies.size(), at_rcpt ? 5U : 7U);
  const std::string& told = dialogue.replies[at_rcpt ? 5 : 7];
  const bool alarm = world.log_text().find("hop.unreachable") != std::string::npos;
  world.stop();
  const nlohmann::json row = world.row();
  switch (expected) {
    case Expected::Passed:
      EXPECT_EQ(told, line.told);
      EXPECT_EQ(row["disposition"], line.told[0] == '5' ? "refused" : "deferred");
      EXPECT_TRUE(row.contains("hop_reply")) << row.dump();
      EXPECT_FALSE(alarm);
      return;
    case Expected::Trouble:
    case Expected::Away:
      EXPECT_EQ(told.substr(0, 9), expected == Expected::Trouble ? "451 4.3.0" : "451 4.4.1");
      EXPECT_EQ(row["disposition"], "deferred");
      EXPECT_TRUE(row.contains("next_hop_fault")) << row.dump();
      EXPECT_TRUE(alarm);
      return;
    case Expected::Unknown:
      EXPECT_EQ(told.substr(0, 9), "451 4.4.2");
      EXPECT_EQ(row["disposition"], "unknown");
      EXPECT_TRUE(alarm);
      return;
    case Expected::Accepted:
      EXPECT_EQ(told[0], '2');
      EXPECT_EQ(row["disposition"], "relayed");
      return;
  }
}

// Shows: W-6
TEST(NodeHopReplies, AtTheGreetingAndEhloEverythingIsBetweenUsAndTheHop) {
  for (const HopSays& line : table()) {
    expect_case("greeting", line, line.at_greeting);
    expect_case("EHLO", line, line.at_greeting);
  }
}

// Shows: W-6
TEST(NodeHopReplies, OfMailOnlyWhatIsAboutTheSenderIsPassedOn) {
  for (const HopSays& line : table()) expect_case("MAIL", line, line.at_mail);
}

// Shows: W-6
TEST(NodeHopReplies, OfRcptAllButWhatIsAboutUsIsPassedOn) {
  for (const HopSays& line : table()) expect_case("RCPT", line, line.at_rcpt);
}

// Shows: W-6
TEST(NodeHopReplies, OfDataNothingIsPassedOn) {
  for (const HopSays& line : table()) expect_case("DATA", line, line.at_data);
}

// Shows: W-6, W-7
TEST(NodeHopReplies, OfTheFinalDotAllButWhatIsAboutUsIsPassedOn) {
  for (const HopSays& line : table()) expect_case(".", line, line.at_dot);
}

}  // namespace
}  // namespace sluice::testing
