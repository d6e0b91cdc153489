// BDAT, 8BITMIME and SMTPUTF8 through the whole node: what comes by chunks is what comes by DATA, on both
// sides.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

const std::string kText = "From: user@sender.example\r\nSubject: test\r\n\r\n.dots\r\nlast\r\n";
const std::string kStuffed = "From: user@sender.example\r\nSubject: test\r\n\r\n..dots\r\nlast\r\n";

// The client's line adds the last CRLF.
std::string chunk(std::string octets, std::string_view last = " LAST") {
  EXPECT_TRUE(octets.ends_with("\r\n"));
  const std::string size = std::to_string(octets.size());
  octets.resize(octets.size() - 2);
  return "BDAT " + size + std::string(last) + "\r\n" + octets;
}

std::vector<std::string> lines(const std::vector<std::string>& message, const std::string& parameters = "") {
  std::vector<std::string> all{"EHLO client.example", "MAIL FROM:<user@sender.example>" + parameters,
                               "RCPT TO:<rcpt@managed.example>"};
  all.insert(all.end(), message.begin(), message.end());
  all.emplace_back("QUIT");
  return all;
}

// Shows: W-9
TEST(NodeChunking, AMessageInChunksIsRelayedAsOneByDataIs) {
  NodeWorld world(kBase, kZone);
  world.talk(lines({"DATA", kStuffed + "."}));
  world.talk(lines({chunk(kText)}));
  world.talk(lines({chunk("From: user@sender.example\r\n", ""), chunk("Subject: test\r\n\r\n", ""),
                    chunk(".dots\r\nlast\r\n")}));
  world.stop();
  ASSERT_EQ(world.hop().messages().size(), 3U);
  for (const HopMessage& message : world.hop().messages()) {
    EXPECT_TRUE(message.octets.ends_with(kStuffed)) << message.octets;
    EXPECT_TRUE(message.octets.starts_with("Received:") || message.octets.starts_with("X-"))
        << message.octets;
  }
}

// Shows: W-9
TEST(NodeChunking, AHopThatOffersChunkingGetsOneChunk) {
  NodeWorld world(kBase, kZone);
  world.hop().set_capabilities({"PIPELINING", "CHUNKING", "8BITMIME"});
  const Dialogue by_data = world.talk(lines({"DATA", kStuffed + "."}));
  EXPECT_TRUE(by_data.replies[5].starts_with("250 ")) << by_data.replies[5];
  const Dialogue by_chunk = world.talk(lines({chunk(kText)}));
  EXPECT_TRUE(by_chunk.replies[4].starts_with("250 ")) << by_chunk.replies[4];
  world.stop();
  EXPECT_EQ(world.hop().count("BDAT"), 2U);
  EXPECT_EQ(world.hop().count("DATA"), 0U);
  ASSERT_EQ(world.hop().messages().size(), 2U);
  for (const HopMessage& message : world.hop().messages()) EXPECT_TRUE(message.octets.ends_with(kStuffed));
}

TEST(NodeChunking, TheSettingKeepsToData) {
  NodeWorld world(std::string("[delivery]\nchunking = \"never\"\n") + std::string(kBase), kZone);
  world.hop().set_capabilities({"PIPELINING", "CHUNKING", "8BITMIME"});
  world.send({});
  world.stop();
  EXPECT_EQ(world.hop().count("BDAT"), 0U);
  EXPECT_EQ(world.hop().messages().size(), 1U);
}

// Shows: W-9
TEST(NodeChunking, ARefusedChunkHasOneRowAndIsNotRelayed) {
  NodeWorld world(kBase, kZone);
  const Dialogue said = world.talk(lines({chunk("Subject: x\r\n\r\nbare\n.\r\n", ""), chunk("more\r\n")}));
  EXPECT_TRUE(said.replies[4].starts_with("554 5.6.0 ")) << said.replies[4];
  EXPECT_TRUE(said.replies[5].starts_with("554 5.6.0 ")) << said.replies[5];
  EXPECT_TRUE(said.last().starts_with("221 ")) << said.last();
  world.stop();
  EXPECT_EQ(world.row()["disposition"], "refused");
  EXPECT_TRUE(world.hop().messages().empty());
}

TEST(NodeChunking, AMessageLeftBetweenItsChunksIsAbandoned) {
  NodeWorld world(kBase, kZone);
  std::vector<std::string> half = lines({chunk("Subject: x\r\n\r\n", "")});
  half.pop_back();
  world.talk_and_reset(half);
  world.stop();
  EXPECT_EQ(world.row()["disposition"], "abandoned");
  EXPECT_TRUE(world.hop().messages().empty());
}

// Shows: W-9
TEST(NodeChunking, AHeaderInUtf8IsRefusedForAHopWithoutSmtputf8AndOnlyThen) {
  NodeWorld world(kBase, kZone);
  world.hop().set_capabilities({"PIPELINING", "8BITMIME"});
  const std::string utf8 =
      "Subject: gr\xc3\xbc\xc3\x9f"
      "e\r\n\r\nx\r\n.";
  const Dialogue needed = world.talk(lines({"DATA", utf8}, " SMTPUTF8"));
  EXPECT_TRUE(needed.replies[5].starts_with("550 5.6.7 ")) << needed.replies[5];
  // Declared, and not needed.
  const Dialogue declared = world.talk(lines({"DATA",
                                              "Subject: x\r\n\r\ngr\xc3\xbc\xc3\x9f"
                                              "e\r\n."},
                                             " SMTPUTF8"));
  EXPECT_TRUE(declared.replies[5].starts_with("250 ")) << declared.replies[5];
  // Not declared: it passes as it is.
  const Dialogue raw = world.talk(lines({"DATA", utf8}));
  EXPECT_TRUE(raw.replies[5].starts_with("250 ")) << raw.replies[5];
  world.stop();
  EXPECT_EQ(world.hop().messages().size(), 2U);
}

// Shows: W-9
TEST(NodeChunking, EightBitDataIsRefusedForAnOldHopWhereTheSettingSaysSo) {
  NodeWorld world(std::string("[delivery]\nwithout_8bitmime = \"refuse\"\n") + std::string(kBase), kZone);
  world.hop().set_capabilities({"PIPELINING"});
  const Dialogue eight = world.talk(lines({"DATA", "Subject: x\r\n\r\n\xc3\xbc\r\n."}, " BODY=8BITMIME"));
  EXPECT_TRUE(eight.replies[5].starts_with("554 5.6.3 ")) << eight.replies[5];
  const Dialogue seven = world.talk(lines({"DATA", "Subject: x\r\n\r\nu\r\n."}, " BODY=8BITMIME"));
  EXPECT_TRUE(seven.replies[5].starts_with("250 ")) << seven.replies[5];
  world.stop();
  EXPECT_EQ(world.hop().messages().size(), 1U);
}

}  // namespace
}  // namespace sluice::testing
