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
    EditedMessage message;
    edit_message(message, "Ours: 1\r\n", reader.block(), removed, body, body_offset);
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

}  // namespace
}  // namespace sluice::delivery
