// Messages with bare CR and LF through the whole node that normalises them: what the next hop is sent, by
// DATA and by BDAT, and what the journal says.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

using ::testing::HasSubstr;

struct Lookalike {
  std::string name;
  std::string octets;
  std::string kept;  // on the way to the hop, dot-stuffed
};

const std::string kDotLine = "\r\n..\r\n";

// What some server somewhere takes for the end of a message.
const std::vector<Lookalike>& lookalikes() {
  static const std::vector<Lookalike> all = {
      {"LF.LF", "\n.\n", kDotLine},
      {"LF.CRLF", "\n.\r\n", kDotLine},
      {"CRLF.LF", "\r\n.\n", kDotLine},
      {"CR.CR", "\r.\r", kDotLine},
      {"CR.CRLF", "\r.\r\n", kDotLine},
      {"CRLF.CR", "\r\n.\r", kDotLine},
      {"LF.CR", "\n.\r", kDotLine},
      {"LFCR.LFCR", "\n\r.\n\r", "\r\n\r\n..\r\n\r\n"},
      {"CRCRLF.CRCRLF", "\r\r\n.\r\r\n", "\r\n\r\n..\r\n\r\n"},
      {"CRLF.CRCRLF", "\r\n.\r\r\n", "\r\n..\r\n\r\n"},
  };
  return all;
}

std::string normalizing() {
  std::string policy(kBase);
  const std::string_view before = "direction = \"inbound\"\n";
  policy.insert(policy.find(before) + before.size(), "bare_line_ends = \"normalize\"\n");
  return policy;
}

const std::string kHeader = "From: user@sender.example\r\nSubject: first\r\n\r\n";
const std::string kSmuggled =
    "MAIL FROM:<smuggled@sender.example>\r\nRCPT TO:<rcpt@managed.example>\r\nDATA\r\nSubject: smuggled\r\n";

std::vector<std::string> lines(const std::vector<std::string>& message) {
  std::vector<std::string> all{"EHLO client.example", "MAIL FROM:<user@sender.example>",
                               "RCPT TO:<rcpt@managed.example>"};
  all.insert(all.end(), message.begin(), message.end());
  all.emplace_back("QUIT");
  return all;
}

// The client's line adds the last CRLF.
std::string chunk(const std::string& octets, std::string_view last) {
  EXPECT_TRUE(octets.ends_with("\r\n"));
  return "BDAT " + std::to_string(octets.size()) + std::string(last) + "\r\n" +
         octets.substr(0, octets.size() - 2);
}

enum class By : uint8_t { Data, Chunks };

// Each lookalike in a message of its own; the hop must see one message for each, with the lookalike as text.
void expect_one_message_each(By to_us, By to_hop) {
  NodeWorld world(normalizing(), kZone);
  if (to_hop == By::Chunks) world.hop().set_capabilities({"PIPELINING", "CHUNKING", "8BITMIME"});
  for (const Lookalike& form : lookalikes()) {
    const std::string octets = kHeader + "first" + form.octets + kSmuggled;
    const Dialogue said = to_us == By::Data ? world.talk(lines({"DATA", octets + "."}))
                                            : world.talk(lines({chunk(octets, ""), chunk("\r\n", " LAST")}));
    ASSERT_EQ(said.replies.size(), 7U) << form.name;
    EXPECT_TRUE(said.replies[5].starts_with("250 ")) << form.name << said.replies[5];
    EXPECT_TRUE(said.last().starts_with("221 ")) << form.name;
  }
  world.stop();
  const size_t messages = lookalikes().size();
  ASSERT_EQ(world.hop().messages().size(), messages);
  EXPECT_EQ(world.hop().count("MAIL"), messages);
  EXPECT_EQ(world.hop().count(to_hop == By::Data ? "DATA" : "BDAT"), messages);
  for (size_t i = 0; i < messages; ++i) {
    const std::string& octets = world.hop().messages()[i].octets;
    const std::string end = to_us == By::Data ? "" : "\r\n";
    EXPECT_TRUE(octets.ends_with(kHeader + "first" + lookalikes()[i].kept + kSmuggled + end))
        << lookalikes()[i].name << octets;
    EXPECT_EQ(octets.find("\r\n.\r\n"), std::string::npos) << lookalikes()[i].name;
  }
  EXPECT_EQ(world.rows().size(), messages);
  for (const nlohmann::json& row : world.rows()) {
    EXPECT_EQ(row["disposition"], "relayed");
    EXPECT_GE(row["bare_line_ends"], 1);
  }
  EXPECT_EQ(world.report().pipeline.normalized, messages);
}

// Shows: W-9
TEST(NodeBareLineEnds, LookalikesByDataAreTextOfOneMessageByData) {
  expect_one_message_each(By::Data, By::Data);
}
// Shows: W-9
TEST(NodeBareLineEnds, LookalikesByDataAreTextOfOneMessageByChunk) {
  expect_one_message_each(By::Data, By::Chunks);
}
// Shows: W-9
TEST(NodeBareLineEnds, LookalikesInChunksAreTextOfOneMessageByData) {
  expect_one_message_each(By::Chunks, By::Data);
}
// Shows: W-9
TEST(NodeBareLineEnds, LookalikesInChunksAreTextOfOneMessageByChunk) {
  expect_one_message_each(By::Chunks, By::Chunks);
}

// A header that a script wrote is one when it is evaluated and when it is sent.
TEST(NodeBareLineEnds, AMessageOfLinesInLfIsRelayedInCrlf) {
  NodeWorld world(normalizing(), kZone);
  world.talk(lines({"DATA",
                    "From: user@sender.example\nAuthentication-Results: mx.node.example; dkim=pass\n"
                    "Subject: scan\n\n.one\ntwo\n\r\n."}));
  world.stop();
  ASSERT_EQ(world.hop().messages().size(), 1U);
  const std::string& octets = world.hop().messages()[0].octets;
  EXPECT_TRUE(octets.ends_with("From: user@sender.example\r\nSubject: scan\r\n\r\n..one\r\ntwo\r\n\r\n"))
      << octets;
  EXPECT_EQ(octets.find("dkim=pass"), std::string::npos) << octets;
  EXPECT_EQ(world.row()["bare_line_ends"], 6);
}

TEST(NodeBareLineEnds, NulIsRefusedAllTheSame) {
  NodeWorld world(normalizing(), kZone);
  const Dialogue said = world.talk(lines({"DATA", kHeader + std::string("a\n\0b\r\n.", 7)}));
  EXPECT_THAT(said.replies[5], HasSubstr("554 5.6.0 "));
  world.stop();
  EXPECT_EQ(world.row()["disposition"], "refused");
  EXPECT_TRUE(world.hop().messages().empty());
}

// Shows: W-8
TEST(NodeBareLineEnds, TheLargestMessageIsMeasuredAsItIsKept) {
  std::string policy = normalizing();
  policy.insert(policy.find("bare_line_ends"), "max_message_size = \"64 KiB\"\n");
  NodeWorld world(policy, kZone);
  const std::string most = "x" + std::string((65536 - kHeader.size() - 3) / 2, '\n');
  const Dialogue taken = world.talk(lines({"DATA", kHeader + most + "\r\n."}));
  EXPECT_TRUE(taken.replies[5].starts_with("250 ")) << taken.replies[5];
  const Dialogue refused = world.talk(lines({"DATA", kHeader + "x" + most + "\r\n."}));
  EXPECT_TRUE(refused.replies[5].starts_with("552 5.3.4 ")) << refused.replies[5];
  world.stop();
  ASSERT_EQ(world.hop().messages().size(), 1U);
  EXPECT_EQ(world.rows()[0]["size"], 65536);
}

TEST(NodeBareLineEnds, OfAMessageWithoutAnyNothingIsSaid) {
  NodeWorld world(normalizing(), kZone);
  world.send({});
  world.stop();
  EXPECT_FALSE(world.row().contains("bare_line_ends"));
  EXPECT_EQ(world.report().pipeline.normalized, 0U);
}

TEST(NodeBareLineEnds, AReloadChangesThemForTheNextConnection) {
  NodeWorld world(kBase, kZone);
  const std::vector<std::string> message = lines({"DATA", kHeader + "a\nb\r\n."});
  EXPECT_TRUE(world.talk(message).replies[5].starts_with("554 5.6.0 "));
  world.reload(normalizing());
  world.pass(std::chrono::seconds(1));
  EXPECT_TRUE(world.talk(message).replies[5].starts_with("250 "));
  world.stop();
}

}  // namespace
}  // namespace sluice::testing
