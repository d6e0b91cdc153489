#include "engine/delivery/header_edit.h"

#include "io/reactor/sim_world.h"
#include "io/smtp/dot_stuffing.h"

#include <gtest/gtest.h>

namespace sluice::delivery {
namespace {

// A message as it came over the wire, in chunks of a given size, with its header block read.
struct Received {
  explicit Received(std::string_view wire, size_t chunk_size = 1000) {
    smtp::Unstuffer unstuffer;
    for (size_t at = 0; at < wire.size(); at += chunk_size) {
      const std::string_view piece = wire.substr(at, chunk_size);
      std::string_view rest = piece;
      std::string_view span;
      while (reader.state() == mail::HeaderReader::State::Reading && unstuffer.next(rest, span)) {
        const size_t taken = reader.feed(span);
        if (reader.state() == mail::HeaderReader::State::Complete) {
          body_offset = at + static_cast<size_t>(span.data() - piece.data()) + taken;
        }
      }
      body.append(Chunk::copy_of(piece));
    }
    if (reader.state() == mail::HeaderReader::State::Reading) {
      reader.finish();
      body_offset = wire.size();
    }
  }
  std::string edited(const std::vector<size_t>& removed) {
    HeaderEdits edits;
    edits.removed = removed;
    EditedMessage message;
    edit_message(message, "Ours: 1\r\n", reader.block(), edits, body, body_offset);
    std::string all;
    for (const std::string_view piece : message.octets.pieces) all += piece;
    EXPECT_EQ(message.size(), all.size());
    return all;
  }
  reactor::SimWorld world{1};
  reactor::Shard shard{ShardId{0}, world.make_reactor("node")};
  message::BodyStore store{shard, {}, nullptr};
  message::Body body{store};
  mail::HeaderReader reader;
  uint64_t body_offset = 0;
};

// Shows: W-22
TEST(HeaderEdit, PutsOurFieldsInFrontAndLeavesEveryOctetBehindThem) {
  const std::string wire = "A: 1\r\nB: 2\r\n folded\r\n\r\n..dot\r\nbody\r\n";
  for (size_t size = 1; size <= wire.size(); ++size) {
    EXPECT_EQ(Received(wire, size).edited({}), "Ours: 1\r\n" + wire) << size;
  }
}

// Shows: W-20, W-22
TEST(HeaderEdit, TakesOutTheRemovedFieldsAndNothingElse) {
  const std::string wire = "A: 1\r\nB: 2\r\n folded\r\nC : 3\r\n\r\n..dot\r\nbody\r\n";
  for (size_t size = 1; size <= wire.size(); ++size) {
    EXPECT_EQ(Received(wire, size).edited({1}), "Ours: 1\r\nA: 1\r\nC : 3\r\n\r\n..dot\r\nbody\r\n") << size;
  }
}

TEST(HeaderEdit, AStuffedDotInsideTheHeaderKeepsTheBodyInPlace) {
  // A junk line that starts with a dot came with a second one; it goes out with it again.
  const std::string wire = "A: 1\r\n..junk\r\nB: 2\r\n\r\nbody\r\n";
  for (size_t size = 1; size <= wire.size(); ++size) {
    EXPECT_EQ(Received(wire, size).edited({0}), "Ours: 1\r\n..junk\r\nB: 2\r\n\r\nbody\r\n") << size;
  }
}

TEST(HeaderEdit, AMessageWithoutHeaderGetsAnEmptyLineBehindOurFields) {
  EXPECT_EQ(Received("no field here\r\nbody\r\n").edited({}), "Ours: 1\r\n\r\nno field here\r\nbody\r\n");
}

TEST(HeaderEdit, AMessageOfFieldsOnlyStaysOne) {
  EXPECT_EQ(Received("A: 1\r\nB: 2\r\n").edited({1}), "Ours: 1\r\nA: 1\r\n");
}

TEST(HeaderEdit, FindsForgedCopiesOfOurFields) {
  policy::ResultHeaderSettings settings;
  settings.name = "X-TM-Received-SPF";
  settings.authserv_id = "mx.node.example";
  const policy::RemovedFields removed(settings);
  const Received received(
      "Received: x\r\nx-tm-received-spf : Pass\r\nDKIM-Signature: v=1\r\nAuthentication-Results:\r\n "
      "(hi) MX.node.example; spf=pass\r\nAuthentication-Results: else.example; none\r\n\r\nb\r\n");
  EXPECT_EQ(find_removed(received.reader.block(), removed), (std::vector<size_t>{1, 3}));
}

// Shows: W-20
TEST(HeaderEdit, MarksRemovedFieldsThatAPassingSignatureCovered) {
  const Received received("A: top\r\nB: x\r\nA: middle\r\nA: bottom\r\n\r\nb\r\n");
  const mail::HeaderBlock& block = received.reader.block();
  evidence::DkimEvidence dkim;
  EXPECT_TRUE(removed_and_signed(block, {0, 1, 2, 3}, dkim).empty());
  dkim.signatures.resize(1);
  dkim.signatures[0].signed_headers = "from:a:a:b";
  dkim.signatures[0].result = dkim::Result::Fail;
  EXPECT_TRUE(removed_and_signed(block, {0, 1, 2, 3}, dkim).empty());
  dkim.signatures[0].result = dkim::Result::Pass;
  // Two A are covered, from the bottom.
  EXPECT_EQ(removed_and_signed(block, {0}, dkim), std::vector<std::string>{});
  EXPECT_EQ(removed_and_signed(block, {2}, dkim), std::vector<std::string>{"A"});
  EXPECT_EQ(removed_and_signed(block, {1, 3}, dkim), (std::vector<std::string>{"B", "A"}));
}

// Shows: W-22
TEST(HeaderEdit, ReplacesAddsAndTakesOutFields) {
  const std::string wire = "A: 1\r\nB: 2\r\n folded\r\nC: 3\r\n\r\n..dot\r\nbody\r\n";
  for (size_t size = 1; size <= wire.size(); ++size) {
    Received received(wire, size);
    HeaderEdits edits;
    edits.removed = {0};
    edits.replaced.push_back({1, "B: new\r\n"});
    edits.added = "Added: 1\r\n";
    EditedMessage message;
    edit_message(message, "Ours: 1\r\n fold\r\nOurs: 2\r\n", received.reader.block(), edits, received.body,
                 received.body_offset);
    std::string all;
    for (const std::string_view piece : message.octets.pieces) all += piece;
    EXPECT_EQ(all, "Ours: 1\r\n fold\r\nOurs: 2\r\nAdded: 1\r\nB: new\r\nC: 3\r\n\r\n..dot\r\nbody\r\n")
        << size;
    EXPECT_EQ(sent_fields("Ours: 1\r\n fold\r\nOurs: 2\r\n", received.reader.block(), edits),
              (std::vector<std::string_view>{"Ours: 1\r\n fold\r\n", "Ours: 2\r\n", "Added: 1\r\n",
                                             "B: new\r\n", "C: 3\r\n"}));
  }
}

TEST(HeaderEdit, AddedFieldsStandAboveTheSeparatorOfAMessageWithoutHeader) {
  Received received("no field here\r\nbody\r\n");
  HeaderEdits edits;
  edits.added = "Subject: [x]\r\n";
  EditedMessage message;
  edit_message(message, "Ours: 1\r\n", received.reader.block(), edits, received.body, received.body_offset);
  std::string all;
  for (const std::string_view piece : message.octets.pieces) all += piece;
  EXPECT_EQ(all, "Ours: 1\r\nSubject: [x]\r\n\r\nno field here\r\nbody\r\n");
}

}  // namespace
}  // namespace sluice::delivery
