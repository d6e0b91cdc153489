#include "io/mail/header_block.h"

#include "io/base/random.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::mail {
namespace {

using State = HeaderReader::State;

HeaderReader read_whole(std::string_view message, HeaderLimits header_limits = {}) {
  HeaderReader reader(header_limits);
  reader.feed(message);
  reader.finish();
  return reader;
}

TEST(HeaderReader, IndexesFieldsWithFoldingKept) {
  const HeaderReader reader = read_whole("From: a@b\r\nSubject: one\r\n two\r\nX: \r\n\r\nbody\r\n");
  const HeaderBlock& block = reader.block();
  ASSERT_EQ(reader.state(), State::Complete);
  ASSERT_EQ(block.size(), 3U);
  EXPECT_EQ(block[0].name, "From");
  EXPECT_EQ(block[0].value, " a@b");
  EXPECT_EQ(block[1].value, " one\r\n two");
  EXPECT_EQ(block[1].raw, "Subject: one\r\n two\r\n");
  EXPECT_EQ(block[1].offset, 11U);
  EXPECT_EQ(block[2].value, " ");
  EXPECT_EQ(block.body_offset(), 38U);
  EXPECT_EQ(block.fields_octets().size(), 36U);
  EXPECT_TRUE(block.has_empty_line());
  EXPECT_FALSE(block.needs_separator());
  EXPECT_FALSE(block.has_junk());
}

TEST(HeaderReader, TakesOnlyTheBlock) {
  HeaderReader reader;
  EXPECT_EQ(reader.feed("A: 1\r\n\r\nbody"), 8U);
  EXPECT_EQ(reader.state(), State::Complete);
  EXPECT_EQ(reader.feed("more"), 0U);
}

TEST(HeaderReader, FindsNamesWithoutCase) {
  const HeaderReader reader = read_whole("received: 1\r\nTo: x\r\nReceived : 2\r\nRECEIVED: 3\r\n\r\n");
  const HeaderBlock& block = reader.block();
  EXPECT_EQ(block.find("Received"), 0U);
  EXPECT_EQ(block.find("Received", 1), 2U);
  EXPECT_EQ(block.count("rEceived"), 3U);
  EXPECT_EQ(block.received_fields(), 3U);
  EXPECT_EQ(block.find("Subject"), std::nullopt);
}

// Shows: W-20
TEST(HeaderReader, TakesSpaceBeforeTheColon) {
  const HeaderReader reader = read_whole("From \t: a@b\r\n\r\n");
  const HeaderBlock& block = reader.block();
  ASSERT_EQ(block.size(), 1U);
  EXPECT_EQ(block[0].name, "From");
  EXPECT_TRUE(block[0].space_before_colon);
  EXPECT_EQ(block[0].value, " a@b");
}

TEST(HeaderReader, MarksJunkLinesAndWhatIsBehindThem) {
  const HeaderReader reader = read_whole("A: 1\r\nno field here\r\n more\r\nB: 2\r\n: empty\r\n\r\n");
  const HeaderBlock& block = reader.block();
  ASSERT_EQ(block.size(), 4U);
  EXPECT_FALSE(block[0].behind_junk);
  EXPECT_EQ(block[1].kind, FieldKind::Junk);
  EXPECT_EQ(block[1].name, "");
  EXPECT_EQ(block[1].value, "no field here\r\n more");
  EXPECT_EQ(block[2].name, "B");
  EXPECT_TRUE(block[2].behind_junk);
  EXPECT_EQ(block[3].kind, FieldKind::Junk);
  EXPECT_TRUE(block.has_junk());
  EXPECT_EQ(block.find(""), std::nullopt);
}

TEST(HeaderReader, MarksFoldedLinesOfWhiteSpaceOnly) {
  const HeaderReader reader = read_whole("A: 1\r\n \t\r\nB: 2\r\n\r\n");
  const HeaderBlock& block = reader.block();
  ASSERT_EQ(block.size(), 2U);
  EXPECT_TRUE(block[0].blank_continuation);
  EXPECT_FALSE(block[1].blank_continuation);
}

TEST(HeaderReader, TakesAMailboxLineInFront) {
  const HeaderReader reader = read_whole("From someone Mon Jan  1 00:00:00 2024\r\nA: 1\r\n\r\n");
  ASSERT_EQ(reader.block().size(), 2U);
  EXPECT_EQ(reader.block()[0].kind, FieldKind::Junk);
  EXPECT_FALSE(reader.block().needs_separator());
}

TEST(HeaderReader, HasADefinedResultWithoutAHeaderBlock) {
  for (const std::string_view message :
       {"Hello world\r\nFrom: a@b\r\n\r\n", " leading: space\r\n\r\n", ": x\r\n\r\n"}) {
    SCOPED_TRACE(message);
    HeaderReader reader;
    const size_t taken = reader.feed(message);
    EXPECT_EQ(reader.state(), State::Complete);
    EXPECT_TRUE(reader.block().empty());
    EXPECT_EQ(reader.block().body_offset(), 0U);
    EXPECT_TRUE(reader.block().needs_separator());
    EXPECT_EQ(std::string(reader.body_prefix()) + std::string(message.substr(taken)), message);
  }
}

TEST(HeaderReader, HasADefinedResultForEveryShortMessage) {
  const HeaderReader nothing = read_whole("");
  EXPECT_EQ(nothing.state(), State::Complete);
  EXPECT_TRUE(nothing.block().empty());
  EXPECT_FALSE(nothing.block().needs_separator());

  const HeaderReader body_only = read_whole("\r\nbody");
  EXPECT_EQ(body_only.block().body_offset(), 2U);
  EXPECT_TRUE(body_only.block().has_empty_line());
  EXPECT_FALSE(body_only.block().needs_separator());

  const HeaderReader no_body = read_whole("A: 1\r\nB: 2");
  ASSERT_EQ(no_body.block().size(), 2U);
  EXPECT_EQ(no_body.block()[1].value, " 2");
  EXPECT_FALSE(no_body.block().has_empty_line());
}

TEST(HeaderReader, ReadsFilesWithBareLineFeeds) {
  const HeaderReader reader = read_whole("A: 1\n folded\nB: 2\n\nbody\n");
  ASSERT_EQ(reader.block().size(), 2U);
  EXPECT_EQ(reader.block()[0].value, " 1\n folded");
  EXPECT_EQ(reader.block().body_offset(), 19U);
}

// Shows: W-8
TEST(HeaderReader, StopsAtItsLimits) {
  const std::string message = "A: 1\r\nB: 2\r\nC: 3\r\n\r\n";
  EXPECT_EQ(read_whole(message, {message.size(), 3}).state(), State::Complete);
  EXPECT_EQ(read_whole(message, {message.size() - 1, 3}).state(), State::TooLarge);
  EXPECT_EQ(read_whole(message, {message.size(), 2}).state(), State::TooManyFields);
}

TEST(HeaderReader, IsReusedAfterReset) {
  HeaderReader reader;
  reader.feed("junk first\r\n");
  ASSERT_TRUE(reader.block().needs_separator());
  reader.reset();
  EXPECT_EQ(reader.state(), State::Reading);
  reader.feed("A: 1\r\nReceived: x\r\n\r\n");
  EXPECT_EQ(reader.block().size(), 2U);
  EXPECT_EQ(reader.block().received_fields(), 1U);
  EXPECT_FALSE(reader.block().needs_separator());
  EXPECT_EQ(reader.body_prefix(), "");
}

std::string describe(const HeaderReader& reader) {
  std::string text = std::to_string(static_cast<int>(reader.state()));
  for (size_t i = 0; i < reader.block().size(); ++i) {
    const HeaderField field = reader.block()[i];
    text += "|" + std::string(field.name) + "=" + std::string(field.raw) + std::to_string(field.behind_junk);
  }
  return text + "#" + std::to_string(reader.block().body_offset());
}

TEST(HeaderReader, ReadsTheSameInAnyPieces) {
  Random random(7);
  constexpr std::string_view kAlphabet = "aB: \t\r\n\nF";
  for (int round = 0; round < 3000; ++round) {
    std::string message;
    for (uint32_t i = random.below(60); i > 0; --i) message += kAlphabet[random.below(kAlphabet.size())];
    const HeaderLimits header_limits{48, 5};
    const HeaderReader whole = read_whole(message, header_limits);
    HeaderReader pieces(header_limits);
    std::string_view rest = message;
    std::string body;
    while (!rest.empty()) {
      const std::string_view piece = rest.substr(0, 1 + random.below(6));
      const size_t taken = pieces.feed(piece);
      body += piece.substr(taken);
      rest.remove_prefix(piece.size());
    }
    pieces.finish();
    // How much of the line that goes too far was kept is of no matter.
    if (whole.state() == State::TooLarge) {
      EXPECT_EQ(pieces.state(), State::TooLarge);
      continue;
    }
    ASSERT_EQ(describe(pieces), describe(whole)) << testing::PrintToString(message);
    if (whole.state() == State::Complete) {
      EXPECT_EQ(std::string(pieces.block().octets()) + std::string(pieces.body_prefix()) + body, message);
    }
  }
}

TEST(HeaderText, UnfoldsAndTrims) {
  EXPECT_EQ(unfold(" one\r\n\ttwo\n three \r\n "), "one\ttwo three");
  EXPECT_EQ(unfold("a\r\nb"), "a\r\nb");
  EXPECT_EQ(unfold(""), "");
}

TEST(HeaderText, StripsCommentsButNotQuotedStrings) {
  EXPECT_EQ(strip_comments("a (b (c) \\) d) e"), "a   e");
  EXPECT_EQ(strip_comments("\"(x)\\\"\" y"), "\"(x)\\\"\" y");
  EXPECT_EQ(strip_comments("(open"), std::nullopt);
  EXPECT_EQ(strip_comments("\"open"), std::nullopt);
  EXPECT_EQ(strip_comments("(a\\"), std::nullopt);
  EXPECT_EQ(strip_comments(std::string(32, '(') + std::string(32, ')')), " ");
  EXPECT_EQ(strip_comments(std::string(33, '(') + std::string(33, ')')), std::nullopt);
}

}  // namespace
}  // namespace sluice::mail
