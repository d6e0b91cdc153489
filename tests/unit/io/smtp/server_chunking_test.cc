#include "io/base/random.h"
#include "tests/unit/io/smtp/server_script.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kEnvelope = "EHLO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";

std::string chunk(std::string_view octets, std::string_view last = "") {
  return "BDAT " + std::to_string(octets.size()) + std::string(last) + "\r\n" + std::string(octets);
}

// The replies to `input` behind an accepted recipient.
std::string after_rcpt(std::string_view input, const ServerScript& script = {}) {
  const std::string output = run_server(kEnvelope + std::string(input), script).output;
  const std::string_view before = "250 2.1.5 Recipient ok\r\n";
  return output.substr(output.find(before) + before.size());
}

std::vector<std::string> events_after_rcpt(std::string_view input, const ServerScript& script = {}) {
  std::vector<std::string> events = run_server(kEnvelope + std::string(input), script).events;
  return {events.begin() + 3, events.end()};
}

// Shows: W-9
TEST(ServerChunking, TakesAMessageInPipelinedChunks) {
  const std::string input =
      chunk("Subject: x\r\n\r") + chunk("\n..body\r\n.") + chunk("\r\n", " LAST") + "QUIT\r\n";
  EXPECT_EQ(after_rcpt(input),
            "250 2.0.0 Chunk ok\r\n250 2.0.0 Chunk ok\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n");
  EXPECT_THAT(events_after_rcpt(input),
              ElementsAre("data", "end Subject: x\r\n\r\n...body\r\n..\r\n longest=10", "close quit"));
}

// Shows: W-9
TEST(ServerChunking, GivesTheSameMessageAsData) {
  for (const std::string_view message : {"", "\r\n", ".\r\n", "..\r\n", "x\r\n", "x\r\n.\r\ny\r\n",
                                         "x\r\n\r\n.\r\n.\r\n", "caf\xc3\xa9\r\n"}) {
    std::string stuffed;
    Stuffer stuffer;
    stuffer.append(stuffed, message);
    stuffer.end(stuffed);
    EXPECT_EQ(events_after_rcpt(chunk(message, " LAST")), events_after_rcpt("DATA\r\n" + stuffed)) << message;
  }
}

// Shows: W-9
TEST(ServerChunking, AddsTheLastLineEndWhereItIsMissing) {
  EXPECT_THAT(events_after_rcpt(chunk("a\r\nlonger") + chunk("", " LAST")),
              ElementsAre("data", "end a\r\nlonger\r\n longest=6"));
  EXPECT_THAT(events_after_rcpt(chunk("a\r\n.", " last")), ElementsAre("data", "end a\r\n..\r\n longest=1"));
}

TEST(ServerChunking, TakesNothingButAnEmptyMessageForAnEmptyOne) {
  EXPECT_THAT(events_after_rcpt("BDAT 0 LAST\r\n"), ElementsAre("data", "end  longest=0"));
  EXPECT_THAT(events_after_rcpt("BDAT 0\r\nBDAT 0\r\n" + chunk("x\r\n") + "BDAT 0 LAST\r\n"),
              ElementsAre("data", "end x\r\n longest=1"));
}

// Shows: W-9
TEST(ServerChunking, RefusesBareLineEndsAndNulInAndAcrossChunks) {
  struct Case {
    std::vector<std::string> chunks;
    std::string_view why;
  };
  const std::vector<Case> cases = {
      {{"a\nb\r\n"}, "bare LF"},     {{"a\rb\r\n"}, "bare CR"},         {{std::string("a\0b", 3)}, "NUL"},
      {{"a\r", "b\r\n"}, "bare CR"}, {{"a", "\nb\r\n"}, "bare LF"},     {{"a\r"}, "bare CR"},
      {{"a\r", ""}, "bare CR"},      {{"a\r\n", "\n.\r\n"}, "bare LF"}, {{"a\r", "\r\n"}, "bare CR"},
  };
  for (const Case& c : cases) {
    std::string input;
    for (size_t i = 0; i < c.chunks.size(); ++i)
      input += chunk(c.chunks[i], i + 1 == c.chunks.size() ? " LAST" : "");
    const std::vector<std::string> events = events_after_rcpt(input + "NOOP\r\n");
    ASSERT_EQ(events.size(), 2U) << testing::PrintToString(input);
    EXPECT_THAT(events[1], HasSubstr("body refused " + std::string(c.why) + " 554 5.6.0"))
        << testing::PrintToString(input);
    EXPECT_THAT(after_rcpt(input + "NOOP\r\n"), EndsWith(" in the message\r\n250 2.0.0 Ok\r\n"));
  }
}

// Shows: W-9
TEST(ServerChunking, NormalizesBareLineEndsInAndAcrossChunksBySetting) {
  struct Case {
    std::vector<std::string> chunks;
    std::string body;
  };
  const std::vector<Case> cases = {
      {{"a\nb\rc\r\n"}, "a\r\nb\r\nc\r\n"},
      {{"a\r", "\nb"}, "a\r\nb\r\n"},  // one CRLF
      {{"a\r", "", "\nb"}, "a\r\nb\r\n"},
      {{"a\r", "b"}, "a\r\nb\r\n"},
      {{"a\r", "\r", "\n"}, "a\r\n\r\n"},
      {{"a\n", "\nb"}, "a\r\n\r\nb\r\n"},
      {{"a\r"}, "a\r\n"},  // nothing comes behind it: bare
      {{"a\r", ""}, "a\r\n"},
      {{"a\n"}, "a\r\n"},
      {{"\r"}, "\r\n"},
      {{"a\n.\nb\r.", "\rc\r\n.\r\n"}, "a\r\n..\r\nb\r\n..\r\nc\r\n..\r\n"},
      {{"a\n..\n"}, "a\r\n...\r\n"},  // in chunks no dot is stuffing
  };
  ServerScript script;
  script.options.bare_line_ends = BareLineEnds::Normalize;
  for (const Case& c : cases) {
    std::string input;
    for (size_t i = 0; i < c.chunks.size(); ++i)
      input += chunk(c.chunks[i], i + 1 == c.chunks.size() ? " LAST" : "");
    for (size_t size = 1; size < 12; ++size) {
      script.piece = [size](size_t left) { return std::min(left, size); };
      const std::vector<std::string> events = events_after_rcpt(input + "NOOP\r\n", script);
      ASSERT_EQ(events.size(), 2U) << testing::PrintToString(input);
      EXPECT_THAT(events[1], testing::StartsWith("end " + c.body + " longest="))
          << testing::PrintToString(input);
      EXPECT_THAT(after_rcpt(input + "NOOP\r\n", script), EndsWith("250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"));
    }
  }
  EXPECT_THAT(events_after_rcpt(chunk(std::string("a\n\0b", 4), " LAST"), script)[1],
              HasSubstr("body refused NUL 554 5.6.0"));
}

// Shows: W-8
TEST(ServerChunking, CountsWhatIsKeptOfNormalizedChunks) {
  ServerScript script;
  script.options.bare_line_ends = BareLineEnds::Normalize;
  script.options.message_octets = 10;
  const std::string refusal = "552 5.3.4 Message too large\r\n";
  EXPECT_EQ(after_rcpt(chunk("\n\n\n\n\n", " LAST"), script), "250 2.0.0 Ok\r\n");
  EXPECT_EQ(after_rcpt(chunk("\n\n\n\n\n\n", " LAST"), script), refusal);
  EXPECT_EQ(after_rcpt(chunk("12345678\r", " LAST"), script), "250 2.0.0 Ok\r\n");
  EXPECT_EQ(after_rcpt(chunk("123456789\r", " LAST"), script), refusal);
  EXPECT_EQ(after_rcpt(chunk("\n\n\n\n") + chunk("\n") + chunk("\n", " LAST"), script),
            "250 2.0.0 Chunk ok\r\n250 2.0.0 Chunk ok\r\n" + refusal);
}

// RFC 3030 section 4.2: what is pipelined behind a chunk that failed is read all the same.
TEST(ServerChunking, ReadsAndRefusesWhatFollowsAFailedChunk) {
  const std::string bad = chunk("bare\nline\r\n");
  const std::string refusal = "554 5.6.0 Bare LF in the message\r\n";
  EXPECT_EQ(after_rcpt(bad + chunk("QUIT\r\n") + chunk("NOOP\r\n", " LAST") + "NOOP\r\n"),
            refusal + refusal + refusal + "250 2.0.0 Ok\r\n");
  // Behind LAST, RSET or another MAIL that message is history.
  EXPECT_EQ(after_rcpt(bad + chunk("x", " LAST") + chunk("x")),
            refusal + refusal + "503 5.5.1 Send MAIL first\r\n");
  EXPECT_EQ(after_rcpt(bad + "RSET\r\n" + chunk("x")),
            refusal + "250 2.0.0 Ok\r\n503 5.5.1 Send MAIL first\r\n");
  EXPECT_EQ(after_rcpt(bad + "MAIL FROM:<e@f>\r\n" + chunk("QUIT\r\n") + "RCPT TO:<g@h>\r\n" +
                       chunk("x\r\n", " LAST")),
            refusal +
                "250 2.1.0 Sender ok\r\n554 5.5.1 No valid recipients\r\n250 2.1.5 Recipient ok\r\n250 2.0.0 "
                "Ok\r\n");
}

TEST(ServerChunking, ReadsTheOctetsOfAChunkThatIsRefusedForItself) {
  const std::string quit = chunk("QUIT\r\n") + "NOOP\r\n";
  EXPECT_THAT(run_server(quit).output, EndsWith("\r\n503 5.5.1 Send MAIL first\r\n250 2.0.0 Ok\r\n"));
  EXPECT_THAT(run_server("HELO h\r\n" + quit).output,
              EndsWith("503 5.5.1 Send MAIL first\r\n250 2.0.0 Ok\r\n"));
  EXPECT_THAT(run_server("HELO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<no@d>\r\n" + quit).output,
              EndsWith("554 5.5.1 No valid recipients\r\n250 2.0.0 Ok\r\n"));
  ServerScript without;
  without.options.chunking = false;
  EXPECT_EQ(after_rcpt(quit, without), "502 5.5.1 Command not implemented\r\n250 2.0.0 Ok\r\n");
}

TEST(ServerChunking, CountsAChunkWithoutATransactionAsAnError) {
  ServerScript script;
  script.options.errors = 2;
  EXPECT_THAT(run_server("HELO h\r\n" + chunk("x") + chunk("x") + "NOOP\r\n", script).events,
              ElementsAre("helo h", "close too many errors"));
  // Behind a refused sender it is a pipelining client's, and no error.
  EXPECT_THAT(
      run_server("HELO h\r\nMAIL FROM:<bad@b>\r\n" + chunk("x") + chunk("x", " LAST") + "QUIT\r\n", script)
          .events,
      ElementsAre("helo h", "mail bad@b", "close quit"));
}

TEST(ServerChunking, KeepsDataAndOtherEnvelopesOutOfABegunMessage) {
  const std::string begun = chunk("x\r\n");
  const std::string refusal = "503 5.5.1 BDAT has begun the message\r\n";
  EXPECT_EQ(after_rcpt(begun + "DATA\r\nRCPT TO:<e@f>\r\nMAIL FROM:<e@f>\r\nNOOP\r\n" + chunk("", " LAST")),
            "250 2.0.0 Chunk ok\r\n" + refusal + refusal +
                "503 5.5.1 A transaction is open\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n");
}

TEST(ServerChunking, DropsABegunMessageAtRsetAndEhlo) {
  for (const std::string_view command : {"RSET", "HELO x", "EHLO x"}) {
    const std::string input = chunk("x\r\n") + std::string(command) + "\r\n" + chunk("y\r\n", " LAST");
    EXPECT_THAT(events_after_rcpt(input), testing::Contains("reset")) << command;
    EXPECT_THAT(after_rcpt(input), EndsWith("503 5.5.1 Send MAIL first\r\n")) << command;
  }
}

// Nobody knows where its octets end; none of them is a command.
TEST(ServerChunking, ClosesWhereTheSizeCannotBeRead) {
  for (const std::string_view argument :
       {"", "x", "-1", "+1", "18446744073709551616", "99999999999999999999999", "5 FIRST", "5 LAST x", "0x5",
        "5,LAST", "LAST", "1e3", "\xd9\xa5"}) {
    const std::string input = "BDAT " + std::string(argument) + "\r\nQUIT\r\nNOOP\r\n";
    EXPECT_EQ(after_rcpt(input), "501 5.5.4 Bad argument\r\n") << argument;
    EXPECT_THAT(events_after_rcpt(input), ElementsAre("close BDAT of unknown size")) << argument;
  }
}

// Shows: W-8
TEST(ServerChunking, RefusesTooMuchInAdvance) {
  ServerScript script;
  script.options.message_octets = 10;
  const std::string refusal = "552 5.3.4 Message too large\r\n";
  EXPECT_EQ(after_rcpt(chunk("12345678\r\n", " LAST"), script), "250 2.0.0 Ok\r\n");
  EXPECT_EQ(after_rcpt(chunk("123456789\r\n", " LAST") + "NOOP\r\n", script), refusal + "250 2.0.0 Ok\r\n");
  EXPECT_THAT(events_after_rcpt(chunk("123456789\r\n", " LAST"), script),
              ElementsAre("body refused too large 552 5.3.4 Message too large"));
  EXPECT_EQ(after_rcpt(chunk("123456") + chunk("78901") + chunk("", " LAST") + "NOOP\r\n", script),
            "250 2.0.0 Chunk ok\r\n" + refusal + refusal + "250 2.0.0 Ok\r\n");
  EXPECT_EQ(after_rcpt(chunk("1234567890", " LAST"), script), refusal);  // with the CRLF that is missing
  EXPECT_EQ(after_rcpt(chunk(".2345678\r\n", " LAST"), script),
            "250 2.0.0 Ok\r\n");  // stuffing does not count
  // Twice as much is not worth reading.
  for (const std::string_view size : {"22", "9223372036854775808", "18446744073709551615"}) {
    EXPECT_EQ(after_rcpt("BDAT " + std::string(size) + " LAST\r\nQUIT\r\n", script), refusal) << size;
  }
}

TEST(ServerChunking, BoundsChunksThatBringNothing) {
  ServerScript script;
  script.options.idle_commands = 5;
  std::string empty;
  for (int i = 0; i < 7; ++i) empty += "BDAT 0\r\n";
  EXPECT_THAT(after_rcpt(empty, script), EndsWith("421 4.7.0 Too many commands without mail\r\n"));
  EXPECT_THAT(after_rcpt(chunk("\n") + empty, script),
              EndsWith("421 4.7.0 Too many commands without mail\r\n"));
}

// "#" is given up by the driver, in the chunk or behind it.
TEST(ServerChunking, TellsTheDriversRefusalAtEachChunk) {
  const std::string refusal = "452 4.3.1 No room\r\n";
  EXPECT_EQ(after_rcpt(chunk("#rest") + chunk("more") + chunk("", " LAST") + "NOOP\r\n"),
            refusal + refusal + refusal + "250 2.0.0 Ok\r\n");
  EXPECT_EQ(after_rcpt(chunk("#", " LAST") + "NOOP\r\n"), refusal + "250 2.0.0 Ok\r\n");
}

TEST(ServerChunking, LetsTheDriverRefuseBetweenChunks) {
  const ServerOptions options;
  ServerSession session(options, XclientPeer::NotListed);
  session.greet();
  const auto take = [&](std::string_view octets) {
    session.feed(octets);
    for (ServerEvent event = session.next(); event.kind != ServerEvent::Kind::NeedInput;
         event = session.next()) {
      if (session.awaits_decision()) session.accept();
    }
    std::string output;
    session.take_output(output);
    return output;
  };
  (void)take(kEnvelope);
  EXPECT_EQ(take("BDAT 3\r\nabc"), "250 2.0.0 Chunk ok\r\n");
  EXPECT_TRUE(session.in_body() && session.in_transaction());
  session.refuse_body({452, {4, 3, 1}, "No room"});
  EXPECT_FALSE(session.in_body() || session.in_transaction());
  EXPECT_EQ(take("BDAT 3\r\nabcBDAT 0 LAST\r\nNOOP\r\n"),
            "452 4.3.1 No room\r\n452 4.3.1 No room\r\n250 2.0.0 Ok\r\n");
}

TEST(ServerChunking, AnswersARefusedDataEventBehindItsOctets) {
  const ServerOptions options;
  ServerSession session(options, XclientPeer::NotListed);
  session.greet();
  const std::string input = kEnvelope + chunk("QUIT\r\n") + "NOOP\r\n";
  session.feed(input);
  for (ServerEvent event = session.next(); event.kind != ServerEvent::Kind::NeedInput;
       event = session.next()) {
    if (event.kind == ServerEvent::Kind::Data) {
      session.reject({450, {4, 2, 0}, "Later"});
    } else if (session.awaits_decision()) {
      session.accept();
    }
  }
  std::string output;
  session.take_output(output);
  EXPECT_THAT(output, EndsWith("450 4.2.0 Later\r\n250 2.0.0 Ok\r\n"));
  EXPECT_TRUE(session.in_transaction());
}

// The driver refuses the first chunk and would take a message later: what is left of this one is none.
TEST(ServerChunking, TheRestOfARefusedMessageIsNoMessage) {
  const ServerOptions options;
  ServerSession session(options, XclientPeer::NotListed);
  session.greet();
  const std::string input =
      kEnvelope + "BDAT 3\r\na\r\n" + "BDAT 3\r\nb\r\n" + "DATA\r\n" + "BDAT 3 LAST\r\nc\r\n" + "NOOP\r\n";
  session.feed(input);
  size_t asked = 0;
  for (ServerEvent event = session.next(); event.kind != ServerEvent::Kind::NeedInput;
       event = session.next()) {
    EXPECT_NE(event.kind, ServerEvent::Kind::EndOfData);
    if (event.kind == ServerEvent::Kind::Data && ++asked == 1) {
      session.reject({452, {4, 3, 1}, "Later"});
    } else if (session.awaits_decision()) {
      session.accept();
    }
  }
  std::string output;
  session.take_output(output);
  EXPECT_EQ(asked, 1U);
  EXPECT_THAT(output,
              EndsWith("452 4.3.1 Later\r\n452 4.3.1 Later\r\n503 5.5.1 BDAT has begun the message\r\n"
                       "452 4.3.1 Later\r\n250 2.0.0 Ok\r\n"));
}

// Any octets in any chunks, received in any pieces, are the message that DATA would have brought.
TEST(ServerChunking, AgreesWithDataOverRandomMessages) {
  Random random(77);
  size_t accepted = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string message;
    for (uint32_t i = random.below(40); i > 0; --i) {
      static constexpr std::string_view kParts[] = {"\r\n", "\r\n", "\r\n.", ".", "a",
                                                    "bc",   "\xff", "\r",    "\n"};
      message += kParts[random.below(random.one_in(6) ? 9 : 7)];
    }
    if (message.ends_with('\r')) continue;  // DATA cannot say that
    ASSERT_EQ(bdat_differs_from_data(message, random), "") << testing::PrintToString(message);
    accepted += message.contains('\r') ? 1 : 0;
  }
  EXPECT_GT(accepted, 300U);
}

TEST(ServerChunking, AgreesWithDataOverRandomMessagesOfAnyLineEnds) {
  Random random(78);
  for (int round = 0; round < 1000; ++round) {
    std::string message;
    for (uint32_t i = random.below(40); i > 0; --i) {
      static constexpr std::string_view kParts[] = {"\r\n", "\r", "\n", ".", ".", "a"};
      message += kParts[random.below(6)];
    }
    if (message.ends_with('\r') || message.ends_with('\n')) message += 'x';
    ASSERT_EQ(bdat_differs_from_data(message, random, BareLineEnds::Normalize), "")
        << testing::PrintToString(message);
  }
}

}  // namespace
}  // namespace sluice::smtp
