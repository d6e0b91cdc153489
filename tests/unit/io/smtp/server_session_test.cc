#include "io/smtp/server_session.h"

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

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kGreeting = "220 localhost ESMTP Sluice\r\n";
constexpr std::string_view kHelo = "250 localhost\r\n";

// The replies to `input` after HELO, and nothing of what came before.
std::string after_helo(std::string_view input, const ServerScript& script = {}) {
  const ServerRun run = run_server("HELO h.example\r\n" + std::string(input), script);
  const std::string before = std::string(kGreeting) + std::string(kHelo);
  EXPECT_THAT(run.output, StartsWith(before));
  return run.output.substr(before.size());
}

size_t count_replies(std::string_view output) {
  size_t replies = 0;
  for (size_t begin = 0; begin < output.size(); begin = output.find('\n', begin) + 1) {
    if (output.substr(begin).size() < 4 || output[begin + 3] != '-') ++replies;
  }
  return replies;
}

TEST(ServerSession, CarriesAWholeTransactionInOneSegment) {
  const ServerRun run = run_server(
      "EHLO client.example\r\nMAIL FROM:<a@b.example> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<c@d.example>\r\n"
      "RCPT TO:<no@d.example>\r\nDATA\r\nSubject: x\r\n\r\n..body\r\n.\r\nQUIT\r\n");
  EXPECT_THAT(run.events,
              ElementsAre("ehlo client.example", "mail a@b.example", "rcpt c@d.example", "rcpt no@d.example",
                          "data", "end Subject: x\r\n\r\n..body\r\n longest=10", "close quit"));
  EXPECT_EQ(
      run.output,
      "220 localhost ESMTP Sluice\r\n"
      "250-localhost\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
      "250-SMTPUTF8\r\n250-CHUNKING\r\n250 LIMITS RCPTMAX=1000\r\n"
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n550 5.7.1 Refused by rule\r\n"
      "354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n");
}

// --- recipients that came together ---

constexpr std::string_view kMail = "HELO h\r\nMAIL FROM:<a@b>\r\n";

ServerScript together(size_t most = 50) {
  ServerScript script;
  script.options.recipients_at_once = most;
  return script;
}

TEST(ServerSession, RecipientsThatWereSentAlongAreOneEvent) {
  const std::string three = std::string(kMail) + "RCPT TO:<c@d>\r\nrcpt to:<no@d>\r\nRCPT TO:<defer@d>\r\n";
  const ServerRun run = run_server(three + "NOOP\r\n", together());
  EXPECT_EQ(run.most_at_once, 3U);
  EXPECT_THAT(run.output,
              EndsWith("250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n550 5.7.1 Refused by rule\r\n"
                       "450 4.2.0 Later\r\n250 2.0.0 Ok\r\n"));
  EXPECT_EQ(run_server(three, together(2)).most_at_once, 2U);
  EXPECT_EQ(run_server(three).most_at_once, 1U);
}

TEST(ServerSession, WhatIsNoRecipientToDecideOnEndsTheGroup) {
  for (const std::string between :
       {"NOOP\r\n", "RCPT TO:broken\r\n", "RCPT TO:<x@y> NOTIFY=NEVER\r\n", "RCPTX TO:<x@y>\r\n",
        "RCPT TO:<\xC3\xBC@y>\r\n", "RSET\r\nMAIL FROM:<e@f>\r\n"}) {
    const std::string input =
        std::string(kMail) + "RCPT TO:<c@d>\r\n" + between + "RCPT TO:<g@h>\r\nRCPT TO:<i@j>\r\n";
    const ServerRun run = run_server(input, together());
    EXPECT_EQ(run.most_at_once, 2U) << between;
    EXPECT_EQ(run.output, run_server(input).output) << between;
    EXPECT_EQ(run.events, run_server(input).events) << between;
  }
}

TEST(ServerSession, ALineThatIsNotWholeOrCleanIsNotGathered) {
  const std::string first = std::string(kMail) + "RCPT TO:<c@d>\r\n";
  for (const std::string& next : {std::string("RCPT TO:<e@f>"), std::string("RCPT TO:<e@f>\n"),
                                  std::string("RCPT TO:<e@f>\r\r\n"), std::string("RCPT TO:<e@f>\0\r\n", 16),
                                  "RCPT TO:<e@f>" + std::string(limits::kSmtpCommandLine, ' ') + "\r\n"}) {
    const ServerRun run = run_server(first + next, together());
    EXPECT_EQ(run.most_at_once, 1U) << next;
    EXPECT_EQ(run.output, run_server(first + next).output) << next;
  }
}

// Shows: W-8
TEST(ServerSession, LimitsOfRecipientsAreThoseOfOneAfterTheOther) {
  std::string input(kMail);
  std::string deferred(kMail);
  for (int i = 0; i < 30; ++i) deferred += "RCPT TO:<defer@d>\r\n";
  for (const std::string_view recipient :
       {"c@d", "no@d", "e@f", "defer@d", "no@d", "g@h", "i@j", "no@d", "k@l"})
    input += "RCPT TO:<" + std::string(recipient) + ">\r\n";
  for (size_t recipients = 1; recipients < 6; ++recipients) {
    for (size_t refused = 1; refused < 5; ++refused) {
      ServerScript one = together(1);
      one.options.recipients = recipients;
      one.options.refused_recipients = refused;
      ServerScript many = one;
      many.options.recipients_at_once = 50;
      EXPECT_EQ(run_server(input, many).output, run_server(input, one).output);
      EXPECT_EQ(run_server(input, many).events, run_server(input, one).events);
      EXPECT_EQ(run_server(deferred, many).output, run_server(deferred, one).output);
    }
  }
}

TEST(ServerSession, OffersXclientToListedPeersOnly) {
  ServerScript script;
  script.peer = XclientPeer::Listed;
  EXPECT_THAT(run_server("EHLO a\r\n", script).output, HasSubstr("250 XCLIENT NAME ADDR PORT PROTO HELO"));
  EXPECT_EQ(run_server("EHLO a\r\n").output.find("XCLIENT"), std::string::npos);
}

TEST(ServerSession, OffersWhatTheOptionsSay) {
  ServerScript script;
  script.options.hostname = "mx.example";
  script.options.pipelining = script.options.eight_bit_mime = script.options.smtputf8 = false;
  script.options.chunking = false;
  script.options.message_octets = 7;
  script.options.recipients = 200;
  script.options.recipient_domains = 1;
  EXPECT_EQ(run_server("EHLO a\r\n", script).output,
            "220 mx.example ESMTP Sluice\r\n250-mx.example\r\n250-SIZE 7\r\n250-ENHANCEDSTATUSCODES\r\n"
            "250 LIMITS RCPTMAX=200 RCPTDOMAINMAX=1\r\n");
}

struct Exchange {
  std::string commands;
  std::string replies;
};

TEST(ServerSession, KeepsTheOrderOfCommands) {
  const std::string mail = "MAIL FROM:<a@b.example>\r\n";
  const std::string mail_ok = "250 2.1.0 Sender ok\r\n";
  const std::string rcpt = "RCPT TO:<c@d.example>\r\n";
  const std::string rcpt_ok = "250 2.1.5 Recipient ok\r\n";
  const std::vector<Exchange> cases = {
      {"RCPT TO:<c@d>\r\n", "503 5.5.1 Send MAIL first\r\n"},
      {"DATA\r\n", "503 5.5.1 Send MAIL first\r\n"},
      {mail + mail, mail_ok + "503 5.5.1 A transaction is open\r\n"},
      {mail + "DATA\r\n", mail_ok + "554 5.5.1 No valid recipients\r\n"},
      {mail + "RCPT TO:<no@d>\r\nDATA\r\n",
       mail_ok + "550 5.7.1 Refused by rule\r\n554 5.5.1 No valid recipients\r\n"},
      {mail + rcpt + "DATA now\r\n", mail_ok + rcpt_ok + "501 5.5.4 Bad argument\r\n"},
      {mail + rcpt + "RSET\r\n" + rcpt, mail_ok + rcpt_ok + "250 2.0.0 Ok\r\n503 5.5.1 Send MAIL first\r\n"},
      {mail + "HELO x\r\n" + rcpt, mail_ok + std::string(kHelo) + "503 5.5.1 Send MAIL first\r\n"},
      {"RSET\r\nNOOP x\r\nHELP\r\n", "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n214 2.0.0 See RFC 5321\r\n"},
      {"VRFY a\r\nVRFY\r\nEXPN a\r\n",
       "252 2.0.0 Cannot verify; send some mail\r\n501 5.5.4 Bad argument\r\n502 5.5.1 Command not "
       "implemented\r\n"},
      {"STARTTLS\r\nAUTH PLAIN x\r\n",
       "502 5.5.1 Command not implemented\r\n502 5.5.1 Command not implemented\r\n"},
      {"WHAT\r\n\r\n", "500 5.5.1 Command not recognized\r\n500 5.5.1 Command not recognized\r\n"},
      {"HELO\r\nEHLO a b\r\n", "501 A host name is needed\r\n501 A host name is needed\r\n"},
      {"HELO refused.example\r\n" + mail, "550 Refused by rule\r\n" + mail_ok},
      {"mail from: <a@b.example>  \r\nrcpt to:\t<c@d.example>\r\n", mail_ok + rcpt_ok},
  };
  for (const Exchange& c : cases) {
    SCOPED_TRACE(c.commands);
    EXPECT_EQ(after_helo(c.commands), c.replies);
  }
  EXPECT_THAT(run_server(mail).output, HasSubstr("503 5.5.1 Send EHLO first\r\n"));
}

// Shows: W-10
TEST(ServerSession, RefusesUnknownParameters) {
  const std::vector<Exchange> cases = {
      {"MAIL FROM:<a@b> RET=FULL\r\n", "555 5.5.4 Parameter not recognized\r\n"},
      {"MAIL FROM:<a@b> AUTH=<>\r\n", "555 5.5.4 Parameter not recognized\r\n"},
      {"MAIL FROM:<a@b> FOO\r\n", "555 5.5.4 Parameter not recognized\r\n"},
      {"MAIL FROM:<a@b> BODY=BINARYMIME\r\n", "501 5.5.4 Bad parameter value\r\n"},
      {"MAIL FROM:<a@b>SIZE=1\r\n", "501 5.5.4 Syntax: MAIL FROM:<address>\r\n"},
      {"MAIL <a@b>\r\n", "501 5.5.4 Syntax: MAIL FROM:<address>\r\n"},
      {"MAIL FROM:<ok@b>\r\nRCPT TO:<a@b> NOTIFY=NEVER\r\n",
       "250 2.1.0 Sender ok\r\n555 5.5.4 Parameter not recognized\r\n"},
      {"MAIL FROM:<ok@b>\r\nRCPT <a@b>\r\n",
       "250 2.1.0 Sender ok\r\n501 5.5.4 Syntax: RCPT TO:<address>\r\n"},
  };
  for (const Exchange& c : cases) {
    SCOPED_TRACE(c.commands);
    EXPECT_EQ(after_helo(c.commands), c.replies);
  }
  std::string many = "MAIL FROM:<a@b>";
  for (size_t i = 0; i <= limits::kSmtpParameters; ++i) many += " BODY=7BIT";
  EXPECT_THAT(after_helo(many + "\r\n"), StartsWith("501 5.5.4"));
}

// Shows: W-8
TEST(ServerSession, RefusesSizesThatLie) {
  const std::string too_large = "552 5.3.4 Message too large\r\n";
  const std::string bad = "501 5.5.4 Bad parameter value\r\n";
  ServerScript script;
  script.options.message_octets = 20;
  const std::vector<Exchange> cases = {
      {"MAIL FROM:<a@b> SIZE=20\r\n", "250 2.1.0 Sender ok\r\n"},
      {"MAIL FROM:<a@b> SIZE=21\r\n", too_large},
      {"MAIL FROM:<a@b> SIZE=18446744073709551615\r\n", too_large},
      {"MAIL FROM:<a@b> SIZE=18446744073709551616\r\n", bad},
      {"MAIL FROM:<a@b> SIZE=-1\r\n", bad},
      {"MAIL FROM:<a@b> SIZE=1x\r\n", bad},
      {"MAIL FROM:<a@b> SIZE=\r\n", bad},
      {"MAIL FROM:<a@b> SIZE\r\n", bad},
      {"MAIL FROM:<a@b> SIZE=1 SIZE=1\r\n", bad},
  };
  for (const Exchange& c : cases) {
    SCOPED_TRACE(c.commands);
    EXPECT_EQ(after_helo(c.commands, script), c.replies);
  }
  // Declared small, sent large: the overflow is seen, and the dialogue goes on behind the true end.
  const ServerRun run = run_server(
      "HELO h\r\nMAIL FROM:<a@b> SIZE=5\r\nRCPT "
      "TO:<c@d>\r\nDATA\r\n0123456789\r\n0123456789\r\n.\r\nNOOP\r\n",
      script);
  EXPECT_THAT(run.output, testing::EndsWith("552 5.3.4 Message too large\r\n250 2.0.0 Ok\r\n"));
  EXPECT_THAT(run.events.back(), "body refused too large 552 5.3.4 Message too large");
}

TEST(ServerSession, RefusesMalformedAddresses) {
  const std::vector<Exchange> cases = {
      {"MAIL FROM:(x@legit\r\n", "501 5.1.7 address is not in angle brackets\r\n"},
      {"MAIL FROM:a@b\r\n", "501 5.1.7 address is not in angle brackets\r\n"},
      {"MAIL FROM:<a@-b>\r\n", "501 5.1.8 bad domain\r\n"},
      {"MAIL FROM:<postmaster>\r\n", "501 5.1.8 domain is missing\r\n"},
      {"MAIL FROM:<ok@b>\r\nRCPT TO:<>\r\n", "250 2.1.0 Sender ok\r\n501 5.1.3 empty address\r\n"},
      {"MAIL FROM:<ok@b>\r\nRCPT TO:<@a,b:c@d>\r\n", "250 2.1.0 Sender ok\r\n501 5.1.3 bad source route\r\n"},
      {"MAIL FROM:<ok@b>\r\nRCPT TO:<a@b@c>\r\n", "250 2.1.0 Sender ok\r\n501 5.1.2 bad domain\r\n"},
      {"MAIL FROM:<ok@b>\r\nRCPT TO:<Postmaster>\r\n", "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"},
      {"MAIL FROM:<>\r\nRCPT TO:<\"a@b\"@c>\r\n", "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"},
  };
  for (const Exchange& c : cases) {
    SCOPED_TRACE(c.commands);
    EXPECT_EQ(after_helo(c.commands), c.replies);
  }
  const ServerRun run =
      run_server("HELO h\r\nMAIL FROM:<>\r\nRCPT TO:<@relay.example:user@target.example>\r\n");
  EXPECT_EQ(run.events.back(), "rcpt user@target.example");
}

TEST(ServerSession, TakesUtf8AddressesOnlyWithSmtpUtf8) {
  EXPECT_EQ(after_helo("MAIL FROM:<ü@b.example>\r\n"), "553 5.6.7 Non-ASCII sender needs SMTPUTF8\r\n");
  const ServerRun without = run_server("HELO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@bücher.example>\r\n");
  EXPECT_EQ(without.events.back(), "refused a@bücher.example 553 5.6.7 Non-ASCII recipient needs SMTPUTF8");
  const ServerRun with =
      run_server("EHLO h\r\nMAIL FROM:<ü@b.example> SMTPUTF8\r\nRCPT TO:<a@bücher.example>\r\n");
  EXPECT_THAT(with.events, ElementsAre("ehlo h", "mail ü@b.example utf8", "rcpt a@bücher.example"));
  ServerScript script;
  script.options.smtputf8 = false;
  EXPECT_EQ(after_helo("MAIL FROM:<ü@b.example> SMTPUTF8\r\n", script),
            "555 5.5.4 Parameter not recognized\r\n");
}

// Two commands never come out of one line. Shows: W-8
TEST(ServerSession, ClosesOnBareOctetsInACommandLine) {
  const std::vector<std::string> lines = {
      "NOOP\nMAIL FROM:<x@evil>\r\n",
      "NOOP\n",
      "NOOP\rMAIL FROM:<x@evil>\r\n",
      "NOOP\r\r\n",
      std::string("NOOP\0\r\n", 7),
      std::string("NOOP\0MAIL FROM:<x@evil>\r\n", 26),
      std::string("\0\r\n", 3),
      "\n",
      "\r\r\n",
      std::string(5000, 'x') + "\n",
  };
  for (const std::string& line : lines) {
    SCOPED_TRACE(testing::PrintToString(line.substr(0, 40)));
    for (const BareLineEnds in_messages : {BareLineEnds::Refuse, BareLineEnds::Normalize}) {
      ServerScript script;
      script.options.bare_line_ends = in_messages;
      const ServerRun run = run_server("NOOP\r\n" + line + "MAIL FROM:<x@evil>\r\n", script);
      EXPECT_TRUE(run.closed);
      EXPECT_THAT(run.events, ElementsAre("close bare CR, LF or NUL in a command line"));
      EXPECT_EQ(
          run.output,
          std::string(kGreeting) +
              "250 2.0.0 Ok\r\n500 5.5.2 Lines end in CRLF; bare CR, bare LF or NUL is not allowed\r\n");
    }
  }
}

// Shows: W-8
TEST(ServerSession, RefusesLinesOverTheLimitAndGoesOn) {
  const auto line_of = [](size_t octets) { return "NOOP " + std::string(octets - 7, 'x') + "\r\n"; };
  for (const size_t piece : {size_t{1}, size_t{4095}, size_t{4096}, size_t{4097}, size_t{100000}}) {
    ServerScript script;
    script.piece = [piece](size_t left) { return std::min(left, piece); };
    const ServerRun run = run_server(line_of(limits::kSmtpCommandLine) +
                                         line_of(limits::kSmtpCommandLine + 1) + line_of(50000) + "NOOP\r\n",
                                     script);
    EXPECT_EQ(run.output, std::string(kGreeting) + "250 2.0.0 Ok\r\n500 5.5.2 Line too long\r\n" +
                              "500 5.5.2 Line too long\r\n250 2.0.0 Ok\r\n");
  }
}

// Shows: W-8
TEST(ServerSession, ClosesAfterTenErrors) {
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += "WHAT\r\n";
  const ServerRun nearly = run_server(nine + "NOOP\r\n");
  EXPECT_FALSE(nearly.closed);
  const ServerRun run = run_server(nine + "WHAT\r\nNOOP\r\n");
  EXPECT_THAT(run.events, ElementsAre("close too many errors"));
  EXPECT_THAT(run.output,
              testing::EndsWith("500 5.5.1 Command not recognized\r\n421 4.7.0 Too many errors\r\n"));
  EXPECT_EQ(count_replies(run.output), 12U);
}

TEST(ServerSession, ClosesOnEndlessCommandsWithoutMail) {
  for (const std::string command : {"NOOP\r\n", "RSET\r\n", "EHLO x\r\n", "VRFY x\r\n", "HELP\r\n"}) {
    SCOPED_TRACE(command);
    ServerScript script;
    std::string flood;
    for (size_t i = 0; i <= script.options.idle_commands; ++i) flood += command;
    const ServerRun run = run_server(flood, script);
    EXPECT_EQ(run.events.back(), "close too many commands without mail");
    EXPECT_THAT(run.output, testing::EndsWith("421 4.7.0 Too many commands without mail\r\n"));
    script.peer = XclientPeer::Listed;
    EXPECT_FALSE(run_server(flood, script).closed);
  }
}

TEST(ServerSession, DoesNotCountIdleCommandsAcrossMail) {
  ServerScript script;
  script.options.idle_commands = 3;
  std::string input = "HELO h\r\n";
  for (int i = 0; i < 10; ++i) input += "RSET\r\nNOOP\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n";
  const ServerRun run = run_server(input, script);
  EXPECT_FALSE(run.closed);
  EXPECT_EQ(run.messages, 10U);
}

TEST(ServerSession, DoesNotBlameAPipelineForItsRefusedMail) {
  std::string input = "MAIL FROM:<bad@b.example>\r\n";
  for (int i = 0; i < 30; ++i) input += "RCPT TO:<c@d.example>\r\n";
  input += "DATA\r\nRSET\r\nMAIL FROM:<a@b.example>\r\n";
  const std::string replies = after_helo(input);
  EXPECT_THAT(replies, StartsWith("550 5.7.1 Refused by rule\r\n503 5.5.1 Send MAIL first\r\n"));
  EXPECT_THAT(replies,
              testing::EndsWith("503 5.5.1 Send MAIL first\r\n250 2.0.0 Ok\r\n250 2.1.0 Sender ok\r\n"));
}

// Shows: W-8
TEST(ServerSession, EndsAfterTooManyRefusedRecipients) {
  std::string refused;
  for (size_t i = 1; i < limits::kSmtpRefusedRecipients; ++i) refused += "RCPT TO:<no@d.example>\r\n";
  // Over several transactions: it is the connection that probes.
  const std::string before = "MAIL FROM:<a@b.example>\r\n" + refused + "RSET\r\nMAIL FROM:<a@b.example>\r\n";
  const std::string one = "RCPT TO:<no@d.example>\r\n";
  const std::string good = "RCPT TO:<c@d.example>\r\n";
  EXPECT_THAT(after_helo(before + good), EndsWith("250 2.1.5 Recipient ok\r\n"));
  const ServerRun run = run_server("HELO h.example\r\n" + before + one + good);
  EXPECT_THAT(run.output, EndsWith("550 5.7.1 Refused by rule\r\n421 4.7.0 Too many refused recipients\r\n"));
  EXPECT_EQ(run.events.back(), "close too many errors");
}

// Shows: W-8
TEST(ServerSession, CountsRecipientsThatItRefusesAloneAndNotTemporaryOnes) {
  ServerScript script;
  script.options.refused_recipients = 2;
  script.options.recipients = 1;
  const std::string mail = "MAIL FROM:<a@b.example>\r\n";
  const std::string later = "RCPT TO:<defer@d.example>\r\n";
  const std::string utf8 = "RCPT TO:<\xC3\xA9@d.example>\r\n";
  EXPECT_FALSE(run_server("EHLO h\r\n" + mail + later + later + later + utf8, script).closed);
  const ServerRun run = run_server("EHLO h\r\n" + mail + utf8 + utf8, script);
  EXPECT_TRUE(run.closed);
  EXPECT_THAT(run.events, Contains(StartsWith("refused \xC3\xA9@d.example 553")).Times(2));
}

// Shows: W-13
TEST(ServerSession, AnotherDeclaredClientHasItsOwnRefusals) {
  ServerScript script;
  script.peer = XclientPeer::Listed;
  script.options.refused_recipients = 2;
  const std::string one = "EHLO h\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<no@d.example>\r\nRSET\r\n";
  EXPECT_TRUE(run_server(one + one, script).closed);
  EXPECT_FALSE(run_server(one + "XCLIENT ADDR=192.0.2.7\r\n" + one, script).closed);
}

// Shows: W-8
TEST(ServerSession, EndsAfterRcptCommandsWithoutEnd) {
  ServerScript script;
  script.options.recipients = 2;
  std::string rcpts = "MAIL FROM:<a@b.example>\r\n";
  for (size_t i = 0; i < 2 * limits::kSmtpRcptCommands; ++i) rcpts += "RCPT TO:<c@d.example>\r\n";
  EXPECT_FALSE(run_server("HELO h\r\n" + rcpts + "RSET\r\n" + rcpts, script).closed);
  const ServerRun run = run_server("HELO h\r\n" + rcpts + "RCPT TO:<c@d.example>\r\n", script);
  EXPECT_THAT(run.output, EndsWith("452 4.5.3 Too many recipients\r\n421 4.7.0 Too many RCPT commands\r\n"));
  EXPECT_EQ(run.events.back(), "close too many errors");
}

TEST(ServerSession, RefusesRecipientsOverTheLimitOneByOne) {
  ServerScript script;
  script.options.recipients = 2;
  const ServerRun run = run_server(
      "HELO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<no@d>\r\nRCPT TO:<2@d>\r\nRCPT "
      "TO:<3@d>\r\nDATA\r\n",
      script);
  EXPECT_THAT(run.events, testing::Contains("refused 3@d 452 4.5.3 Too many recipients"));
  EXPECT_EQ(run.events.back(), "data");
}

struct LookalikeCase {
  std::string octets;
  std::string reason;
};

// The end-of-data rows of the attack table at the level of the session: the smuggled transaction is never
// one, the message is refused once, and the dialogue goes on behind the true end. Shows: W-8
TEST(ServerSession, IsNotSmuggledPastTheEndOfData) {
  const std::vector<LookalikeCase> cases = {
      {"\n.\n", "bare LF"},
      {"\n.\r\n", "bare LF"},
      {"\r\n.\n", "bare LF"},
      {"\r.\r", "bare CR"},
      {"\r.\r\n", "bare CR"},
      {"\r\n.\r\r\n", "bare CR"},
      {"\r\n.\rx", "bare CR"},
      {std::string("\r\n.\0\r\n", 6), "NUL"},
      {std::string("\r\n\0.\r\n", 6), "NUL"},
      {std::string("\0", 1), "NUL"},
  };
  const std::string smuggled =
      "MAIL FROM:<admin@target.example>\r\nRCPT TO:<victim@target.example>\r\nDATA\r\nSubject: "
      "smuggled\r\n\r\nx\r\n.\r\n";
  for (const LookalikeCase& c : cases) {
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{4096}}) {
      SCOPED_TRACE(testing::PrintToString(c.octets));
      ServerScript script;
      script.piece = [piece](size_t left) { return std::min(left, piece); };
      const ServerRun run =
          run_server("EHLO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: x\r\n\r\nhello" +
                         c.octets + smuggled + "QUIT\r\n",
                     script);
      EXPECT_EQ(run.messages, 0U);
      EXPECT_THAT(run.events, ElementsAre("ehlo h", "mail a@b", "rcpt c@d", "data",
                                          StartsWith("body refused " + c.reason), "close quit"));
      EXPECT_EQ(count_replies(run.output), 7U);
      EXPECT_THAT(run.output, HasSubstr("\r\n554 5.6.0 "));
    }
  }
}

// The same where bare line ends are normalised: one message, with all that was smuggled as its text. Shows:
// W-8
TEST(ServerSession, IsNotSmuggledPastTheEndOfDataThatIsNormalized) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\n.\n", "\r\n..\r\n"},   {"\n.\r\n", "\r\n..\r\n"}, {"\r\n.\n", "\r\n..\r\n"},
      {"\r.\r", "\r\n..\r\n"},   {"\r.\r\n", "\r\n..\r\n"}, {"\r\n.\r\r\n", "\r\n..\r\n\r\n"},
      {"\r\n.\r", "\r\n..\r\n"}, {"\n.\r", "\r\n..\r\n"},
  };
  const std::string smuggled =
      "MAIL FROM:<admin@target.example>\r\nRCPT TO:<victim@target.example>\r\nDATA\r\n";
  for (const auto& [octets, kept] : cases) {
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{4096}}) {
      SCOPED_TRACE(testing::PrintToString(octets));
      ServerScript script;
      script.options.bare_line_ends = BareLineEnds::Normalize;
      script.piece = [piece](size_t left) { return std::min(left, piece); };
      const ServerRun run = run_server(
          "EHLO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhello" + octets + smuggled + ".\r\nQUIT\r\n",
          script);
      EXPECT_THAT(run.events, ElementsAre("ehlo h", "mail a@b", "rcpt c@d", "data",
                                          "end hello" + kept + smuggled + " longest=32", "close quit"));
      EXPECT_EQ(count_replies(run.output), 7U);
    }
  }
}

TEST(ServerSession, EndsAnEmptyMessageAtOnce) {
  const ServerRun run = run_server("HELO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n");
  EXPECT_EQ(run.events.back(), "end  longest=0");
}

TEST(ServerSession, LetsTheDriverGiveUpABody) {
  ServerScript script;
  script.piece = [](size_t) { return 1; };
  const ServerRun run = run_server(
      "HELO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n#body\n.\n\r\n.\r\nMAIL FROM:<a@b>\r\n", script);
  EXPECT_THAT(run.output, testing::EndsWith("452 4.3.1 No room\r\n250 2.1.0 Sender ok\r\n"));
  EXPECT_EQ(run.messages, 0U);
}

TEST(ServerSession, KeepsTheConnectionAfterARefusedMessage) {
  const std::string message = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n!x\r\n.\r\n";
  const std::string replies = after_helo(message + message);
  EXPECT_EQ(std::ranges::count(replies, '\n'), 8);
  EXPECT_THAT(replies, testing::EndsWith("550 5.7.1 Refused by rule\r\n"));
}

TEST(ServerSession, ClosesWhenADecisionIs421) {
  const ServerRun run = run_server("HELO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<stop@d>\r\nDATA\r\n");
  EXPECT_TRUE(run.closed);
  EXPECT_THAT(run.output, testing::EndsWith("250 2.1.0 Sender ok\r\n421 4.3.2 Going down\r\n"));
}

// Shows: W-13
TEST(ServerSession, TakesXclientFromListedPeersOnly) {
  EXPECT_EQ(after_helo("XCLIENT ADDR=192.0.2.1\r\n"), "550 5.7.0 Not authorized\r\n");
  ServerScript script;
  script.peer = XclientPeer::Listed;
  const ServerRun run = run_server(
      "EHLO proxy\r\nXCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE]\r\nMAIL FROM:<a@b>\r\nEHLO client\r\nMAIL "
      "FROM:<a@b>\r\n"
      "XCLIENT ADDR=192.0.2.2\r\nRSET\r\nXCLIENT ADDR=nonsense\r\nXCLIENT\r\n",
      script);
  EXPECT_THAT(run.events, ElementsAre("ehlo proxy", "xclient NAME=[UNAVAILABLE] ADDR=192.0.2.1",
                                      "ehlo client", "mail a@b", "reset"));
  EXPECT_THAT(run.output,
              HasSubstr("220 localhost ESMTP Sluice\r\n503 5.5.1 Send EHLO first\r\n250-localhost\r\n"));
  EXPECT_THAT(run.output, testing::EndsWith(
                              "503 5.5.1 A transaction is open\r\n250 2.0.0 Ok\r\n501 5.5.4 Bad argument\r\n"
                              "501 5.5.4 Bad argument\r\n"));
}

TEST(ServerSession, TellsOfDroppedTransactions) {
  const ServerRun run = run_server(
      "HELO h\r\nRSET\r\nMAIL FROM:<a@b>\r\nRSET\r\nMAIL FROM:<a@b>\r\nEHLO g\r\nMAIL FROM:<c@d>\r\n");
  EXPECT_THAT(run.events,
              ElementsAre("helo h", "mail a@b", "reset", "mail a@b", "reset", "ehlo g", "mail c@d"));
}

// Replies to a huge pipeline do not pile up without bound.
TEST(ServerSession, AsksForAFlushWhenRepliesPileUp) {
  ServerScript script;
  script.peer = XclientPeer::Listed;  // no cap on idle commands
  std::string flood;
  for (int i = 0; i < 5000; ++i) flood += "EHLO x\r\n";
  const ServerRun run = run_server(flood, script);
  EXPECT_GT(run.flushes, 10U);
  EXPECT_EQ(count_replies(run.output), 5001U);
}

TEST(ServerSession, TakesTenThousandCommandsInOneSegment) {
  std::string input = "EHLO h\r\n";
  for (int i = 0; i < 2000; ++i) input += "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\n";
  const ServerRun run = run_server(input);
  EXPECT_EQ(run.messages, 2000U);
  EXPECT_EQ(count_replies(run.output), 2U + 4U * 2000U);
}

TEST(ServerSession, FailsWithTheDriversReplyAtAnyTime) {
  const ServerOptions options;
  const Reply reply{421, {4, 4, 2}, "Timeout"};
  std::string out;

  ServerSession unborn(options, XclientPeer::NotListed);
  unborn.fail_with(reply);
  EXPECT_EQ(unborn.next().kind, ServerEvent::Kind::Close);
  unborn.take_output(out);
  EXPECT_EQ(out, "421 4.4.2 Timeout\r\n");

  ServerSession waiting(options, XclientPeer::NotListed);
  waiting.greet();
  waiting.feed("HELO h\r\nNOOP\r\n");
  EXPECT_EQ(waiting.next().kind, ServerEvent::Kind::Hello);
  EXPECT_TRUE(waiting.awaits_decision());
  EXPECT_EQ(waiting.unread_input(), 6U);
  waiting.fail_with(reply);
  waiting.fail_with(reply);
  EXPECT_EQ(waiting.next().close_reason, CloseReason::ByDriver);
  waiting.take_output(out);
  EXPECT_EQ(out, std::string(kGreeting) + "421 4.4.2 Timeout\r\n");
  waiting.feed("NOOP\r\n");
  EXPECT_EQ(waiting.next().kind, ServerEvent::Kind::Close);
}

TEST(ServerSession, ShowsItsState) {
  const ServerOptions options;
  ServerSession session(options, XclientPeer::NotListed);
  session.greet();
  EXPECT_FALSE(session.said_hello());
  const auto step = [&session](std::string_view line) {
    session.feed(line);
    const ServerEvent event = session.next();
    session.accept();
    return event.kind;
  };
  EXPECT_EQ(step("EHLO h\r\n"), ServerEvent::Kind::Hello);
  EXPECT_EQ(session.next().kind, ServerEvent::Kind::NeedInput);
  EXPECT_TRUE(session.said_hello() && session.extended());
  EXPECT_EQ(session.hello_name(), "h");
  EXPECT_EQ(step("MAIL FROM:<a@b> SMTPUTF8\r\n"), ServerEvent::Kind::Mail);
  EXPECT_EQ(session.next().kind, ServerEvent::Kind::NeedInput);
  EXPECT_TRUE(session.in_transaction() && session.smtputf8());
  EXPECT_EQ(step("RCPT TO:<a@b>\r\n"), ServerEvent::Kind::Recipient);
  EXPECT_EQ(session.accepted_recipients(), 1U);
  EXPECT_EQ(session.next().kind, ServerEvent::Kind::NeedInput);
  EXPECT_EQ(step("DATA\r\n"), ServerEvent::Kind::Data);
  EXPECT_TRUE(session.in_body());
  EXPECT_EQ(session.errors(), 0U);
  EXPECT_TRUE(session.has_output());
}

TEST(ServerSession, ChecksItsDriver) {
  const ServerOptions options;
  ServerSession session(options, XclientPeer::NotListed);
  EXPECT_DEATH((void)session.next(), "");
  session.greet();
  EXPECT_DEATH(session.greet(), "");
  EXPECT_DEATH(session.accept(), "");
  session.feed("HELO h\r\n");
  EXPECT_EQ(session.next().kind, ServerEvent::Kind::Hello);
  EXPECT_DEATH((void)session.next(), "");
  EXPECT_DEATH(session.feed("x"), "");
  const Reply refusal{550, {}, ""};
  const Reply approval{250, {}, ""};
  EXPECT_DEATH(session.accept(refusal), "");
  EXPECT_DEATH(session.reject(approval), "");
  EXPECT_DEATH(session.refuse_body(refusal), "");
}

TEST(ServerSession, LetsTheDriverChooseItsReply) {
  const ServerOptions options;
  ServerSession session(options, XclientPeer::NotListed);
  session.greet();
  session.feed("HELO h\r\nMAIL FROM:<>\r\n");
  ASSERT_EQ(session.next().kind, ServerEvent::Kind::Hello);
  session.accept({250, {2, 0, 0}, "not shown"});
  ASSERT_EQ(session.next().kind, ServerEvent::Kind::Mail);
  session.accept({250, {2, 1, 0}, "one\ntwo"});
  std::string out;
  session.take_output(out);
  EXPECT_EQ(out, std::string(kGreeting) + std::string(kHelo) + "250-2.1.0 one\r\n250 2.1.0 two\r\n");
}

std::string random_session(Random& random) {
  static const std::vector<std::string> kParts = {
      "EHLO h.example\r\n",
      "HELO h\r\n",
      "MAIL FROM:<a@b.example>\r\n",
      "MAIL FROM:<> SIZE=9\r\n",
      "MAIL FROM:<bad@b>\r\n",
      "RCPT TO:<c@d.example>\r\n",
      "RCPT TO:<no@d>\r\n",
      "RCPT TO:<ü@d>\r\n",
      "DATA\r\n",
      "DATA\r\n",
      "body line\r\n",
      "..stuffed\r\n",
      ".\r\n",
      ".\r\n",
      "\r\n.\r\n",
      "RSET\r\n",
      "NOOP\r\n",
      "QUIT\r\n",
      "x\ny",
      "\r",
      ".",
      "!\r\n",
      "!\r\n.\r\n",
      "XCLIENT ADDR=192.0.2.1 HELO=x\r\n",
      "WHAT\r\n",
      "BDAT 3\r\nab\r",
      "BDAT 4\r\n\n.x\r",
      "BDAT 3 LAST\r\n\nab",
      "BDAT 0 LAST\r\n",
      "BDAT 12\r\nfoo\r\n.bar\r\n.",
      "BDAT x\r\n",
      std::string(1, '\0'),
  };
  const std::vector<std::string> start = {"EHLO h\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
                                          "EHLO h\r\n", ""};
  std::string input = start[random.below(3)];
  for (uint32_t i = random.below(25); i > 0; --i) {
    // The parts that end a session are rare, or no run would be long.
    const uint32_t pick = random.below(static_cast<uint32_t>(kParts.size()));
    if ((pick >= 17 && pick <= 20) || pick >= 30) {
      if (!random.one_in(8)) continue;
    }
    input += kParts[pick];
  }
  return input;
}

// Any chunking of the same octets gives the same events and the same replies.
TEST(ServerSession, BehavesTheSameInAnyPieces) {
  Random random(31);
  size_t messages = 0;
  for (int round = 0; round < 1500; ++round) {
    const std::string input = random_session(random);
    ServerScript script;
    script.options.message_octets = random.one_in(3) ? 30 : 1000;
    script.peer = random.one_in(2) ? XclientPeer::Listed : XclientPeer::NotListed;
    const ServerRun whole = run_server(input, script);
    const uint32_t bound = 1 + random.below(12);
    script.piece = [&random, bound](size_t left) { return std::min<size_t>(left, 1 + random.below(bound)); };
    const ServerRun pieces = run_server(input, script);
    ASSERT_EQ(pieces.output, whole.output) << testing::PrintToString(input);
    ASSERT_EQ(pieces.events, whole.events) << testing::PrintToString(input);
    messages += whole.messages;
  }
  EXPECT_GT(messages, 100U);
}

}  // namespace
}  // namespace sluice::smtp
