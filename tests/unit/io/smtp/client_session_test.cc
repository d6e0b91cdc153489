#include "io/smtp/client_session.h"

#include "io/base/random.h"
#include "io/smtp/dot_stuffing.h"
#include "io/smtp/server_session.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

using Kind = ClientEvent::Kind;

std::string taken(ClientSession& session) {
  std::string out;
  session.take_output(out);
  return out;
}

// Feeds and gives the next event.
ClientEvent after(ClientSession& session, std::string_view octets) {
  session.feed(octets);
  return session.next();
}

constexpr std::string_view kEhloReply =
    "250-mx.example at your service\r\n250-pipelining\r\n250-SIZE "
    "1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
    "250-STARTTLS\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-XCLIENT NAME ADDR FOO\r\n"
    "250-LIMITS RCPTMAX=5 MAILMAX=x RCPTDOMAINMAX=1\r\n250 VRFY\r\n";

void start(ClientSession& session, std::string_view ehlo_reply = kEhloReply) {
  ASSERT_EQ(after(session, "220 mx.example ESMTP\r\n").command, ClientCommand::Greeting);
  session.hello("me.example");
  ASSERT_EQ(session.next().kind, Kind::NeedInput);
  EXPECT_EQ(taken(session), "EHLO me.example\r\n");
  ASSERT_EQ(after(session, ehlo_reply).command, ClientCommand::Hello);
  ASSERT_EQ(session.next().kind, Kind::NeedInput);
}

TEST(ClientSession, ReadsWhatIsOffered) {
  ClientSession session;
  start(session);
  const Capabilities& offered = session.capabilities();
  EXPECT_TRUE(offered.extended && offered.pipelining && offered.eight_bit_mime && offered.smtputf8);
  EXPECT_TRUE(offered.enhanced_status_codes && offered.chunking && offered.starttls && offered.dsn);
  EXPECT_EQ(offered.size, 1000U);
  EXPECT_EQ(offered.xclient, bit_of(XclientAttribute::Name) | bit_of(XclientAttribute::Addr));
  EXPECT_EQ(offered.rcpt_max, 5U);
  EXPECT_EQ(offered.mail_max, std::nullopt);
  EXPECT_EQ(offered.rcpt_domain_max, 1U);
  EXPECT_TRUE(session.idle());
}

TEST(ClientSession, KnowsASizeWithoutALimit) {
  for (const std::string_view text : {"x\nSIZE", "x\nSIZE 0", "x\nsize abc"}) {
    const Capabilities offered = parse_capabilities({250, {}, std::string(text)});
    EXPECT_TRUE(offered.size_offered) << text;
    EXPECT_EQ(offered.size, std::nullopt) << text;
  }
  EXPECT_FALSE(parse_capabilities({250, {}, "SIZE 5"}).size_offered);  // the first line is a greeting
  EXPECT_FALSE(parse_capabilities({550, {}, "x\nSIZE 5"}).extended);
}

TEST(ClientSession, MatchesPipelinedRepliesWithTheirCommands) {
  ClientSession session;
  start(session);
  session.mail("a@b.example", {.size = 77, .body = BodyType::EightBitMime, .smtputf8 = true});
  session.rcpt("c@d.example");
  session.rcpt("e@f.example");
  session.data();
  EXPECT_EQ(taken(session),
            "MAIL FROM:<a@b.example> SIZE=77 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<c@d.example>\r\n"
            "RCPT TO:<e@f.example>\r\nDATA\r\n");
  EXPECT_THAT(std::vector(session.unanswered().begin(), session.unanswered().end()),
              testing::ElementsAre(ClientCommand::Mail, ClientCommand::Rcpt, ClientCommand::Rcpt,
                                   ClientCommand::Data));
  EXPECT_EQ(after(session, "250 2.1.0 Ok\r\n550 5.1.1 No\r\n250 2.1.5 Ok\r\n354 Go\r\n").command,
            ClientCommand::Mail);
  const ClientEvent first = session.next();
  EXPECT_EQ(first.command, ClientCommand::Rcpt);
  EXPECT_EQ(first.index, 0U);
  EXPECT_EQ(*first.reply, (Reply{550, {5, 1, 1}, "No"}));
  EXPECT_EQ(session.next().index, 1U);
  EXPECT_TRUE(session.next().reply->intermediate());
  EXPECT_EQ(session.next().kind, Kind::NeedInput);
  session.end_of_data();
  session.quit();
  EXPECT_EQ(taken(session), ".\r\nQUIT\r\n");
  EXPECT_EQ(after(session, "250 2.0.0 queued as 1\r\n").command, ClientCommand::EndOfData);
  EXPECT_EQ(session.next().kind, Kind::NeedInput);
  EXPECT_EQ(after(session, "221 Bye\r\n").command, ClientCommand::Quit);
  EXPECT_EQ(session.next().kind, Kind::NeedInput);
  session.peer_closed();
  EXPECT_EQ(session.next().kind, Kind::Closing);
  EXPECT_TRUE(session.dead());
}

TEST(ClientSession, FallsBackToHelo) {
  ClientSession session;
  EXPECT_EQ(after(session, "220 old\r\n").command, ClientCommand::Greeting);
  session.hello("me.example");
  EXPECT_EQ(session.next().kind, Kind::NeedInput);
  (void)taken(session);
  EXPECT_EQ(after(session, "502 what\r\n").kind, Kind::NeedInput);
  EXPECT_EQ(taken(session), "HELO me.example\r\n");
  const ClientEvent event = after(session, "250-old\r\n250 SIZE 5\r\n");
  EXPECT_EQ(event.command, ClientCommand::Hello);
  EXPECT_TRUE(event.reply->positive());
  EXPECT_FALSE(session.capabilities().extended);
  EXPECT_FALSE(session.capabilities().size_offered);
  session.mail("a@b", {.size = 5, .body = BodyType::SevenBit, .smtputf8 = true});
  EXPECT_EQ(taken(session), "MAIL FROM:<a@b>\r\n");
}

TEST(ClientSession, GivesUpHelloAfterHelo) {
  ClientSession session;
  (void)after(session, "220 old\r\n");
  session.hello("me");
  (void)session.next();
  (void)after(session, "500 no\r\n");
  const ClientEvent event = after(session, "550 no\r\n");
  EXPECT_EQ(event.command, ClientCommand::Hello);
  EXPECT_TRUE(event.reply->refuses());
  session.hello("me");
  (void)session.next();
  const ClientEvent temporary = after(session, "450 later\r\n");
  EXPECT_EQ(temporary.kind, Kind::Reply);  // no HELO after a temporary refusal
  EXPECT_TRUE(temporary.reply->temporary());
}

TEST(ClientSession, AnXclientCommandIsNeverLongerThanAPeerMustTake) {
  ClientSession session;
  start(session, "250-mx.example\r\n250 XCLIENT NAME ADDR PORT HELO LOGIN\r\n");
  XclientOverrides overrides;
  overrides.name = {XclientState::Given, std::string(200, 'n')};
  overrides.addr = {XclientState::Given, *IpAddress::parse("192.0.2.1")};
  overrides.helo = {XclientState::Given, std::string(200, '+')};
  overrides.login = {XclientState::Given, "someone"};
  session.xclient(overrides);
  EXPECT_EQ(taken(session), "XCLIENT NAME=" + overrides.name.value +
                                " ADDR=192.0.2.1 HELO=[UNAVAILABLE] LOGIN=[UNAVAILABLE]\r\n");
}

TEST(ClientSession, SaysHelloAgainAfterXclient) {
  ClientSession session;
  start(session);
  XclientOverrides overrides;
  overrides.addr = {XclientState::Given, *IpAddress::parse("192.0.2.1")};
  overrides.helo = {XclientState::Given, "not.offered"};
  session.xclient(overrides);
  EXPECT_EQ(taken(session), "XCLIENT ADDR=192.0.2.1\r\n");
  EXPECT_EQ(after(session, "220 again\r\n").command, ClientCommand::Xclient);
  EXPECT_FALSE(session.capabilities().extended);
  session.hello("me");
  EXPECT_EQ(taken(session), "EHLO me\r\n");
}

TEST(ClientSession, EndsOn421AtAnyTime) {
  ClientSession idle;
  start(idle);
  const ClientEvent unasked = after(idle, "421 4.3.2 bye\r\n");
  EXPECT_EQ(unasked.kind, Kind::Closing);
  EXPECT_EQ(unasked.reply->text, "bye");

  ClientSession busy;
  start(busy);
  busy.mail("");
  EXPECT_EQ(taken(busy), "MAIL FROM:<>\r\n");
  const ClientEvent asked = after(busy, "421 4.7.0 no\r\n250 more\r\n");
  EXPECT_EQ(asked.kind, Kind::Closing);
  EXPECT_EQ(asked.command, ClientCommand::Mail);
  EXPECT_EQ(busy.next().kind, Kind::Closing);
  EXPECT_EQ(busy.unanswered().size(), 1U);
  busy.rset();
  busy.quit();
  EXPECT_FALSE(busy.has_output());
  EXPECT_EQ(busy.unanswered().size(), 1U);
  busy.feed("250 x\r\n");
  EXPECT_EQ(busy.next().kind, Kind::Closing);
}

TEST(ClientSession, BreaksOnWhatItDidNotAsk) {
  const std::vector<std::string> bad = {"250 ok\r\n", "hello\r\n"};
  for (const std::string& octets : bad) {
    ClientSession session;
    start(session);
    EXPECT_EQ(after(session, octets).kind, Kind::Broken) << octets;
    EXPECT_EQ(session.next().kind, Kind::Broken);
  }
  ClientSession two;
  start(two);
  two.noop();
  EXPECT_EQ(after(two, "250 ok\r\n250 late\r\n").kind, Kind::Reply);
  EXPECT_EQ(two.next().kind, Kind::Broken);

  ClientSession eager;
  start(eager);
  eager.mail("a@b");
  EXPECT_EQ(after(eager, "354 go\r\n").kind, Kind::Broken);

  ClientSession done;
  start(done);
  done.data();
  EXPECT_EQ(after(done, "250 accepted\r\n").kind, Kind::Broken);
}

TEST(ClientSession, TellsACloseFromACloseInMidReply) {
  ClientSession clean;
  start(clean);
  clean.mail("a@b");
  clean.peer_closed();
  const ClientEvent event = clean.next();
  EXPECT_EQ(event.kind, Kind::Closing);
  EXPECT_EQ(event.reply, nullptr);
  EXPECT_EQ(clean.unanswered().front(), ClientCommand::Mail);

  for (const std::string_view octets : {"25", "250-first\r\n"}) {
    ClientSession session;
    start(session);
    session.mail("a@b");
    EXPECT_EQ(after(session, octets).kind, Kind::NeedInput);
    session.peer_closed();
    EXPECT_EQ(session.next().kind, Kind::Broken) << octets;
  }
}

TEST(ClientSession, StartsAnewAfterReset) {
  ClientSession session;
  start(session);
  session.mail("a@b");
  (void)after(session, "bad\r\n");
  session.reset();
  EXPECT_FALSE(session.dead());
  EXPECT_FALSE(session.has_output());
  start(session);
  session.rset();
  EXPECT_EQ(taken(session), "RSET\r\n");
  EXPECT_EQ(after(session, "250 ok\r\n").command, ClientCommand::Rset);
}

TEST(ClientSession, ChecksItsDriver) {
  ClientSession session;
  start(session);
  EXPECT_DEATH(session.mail("a@b>\r\nRCPT TO:<x"), "");
  EXPECT_DEATH(session.rcpt("a\n"), "");
  EXPECT_DEATH(session.hello(std::string_view("a\0", 2)), "");
  EXPECT_DEATH(session.end_of_data(), "");
  session.data();
  EXPECT_DEATH(session.rset(), "");
  EXPECT_EQ(after(session, "354 go\r\n").command, ClientCommand::Data);
  EXPECT_DEATH(session.quit(), "");
}

TEST(ClientSession, NamesItsCommands) {
  EXPECT_EQ(to_string(ClientCommand::EndOfData), "end of data");
  EXPECT_EQ(to_string(ClientCommand::Hello), "EHLO");
}

// Octets on their way, given on in random pieces.
std::string_view cut(Random& random, std::string& wire, std::string& piece) {
  const size_t size = std::min<size_t>(wire.size(), 1 + random.below(20));
  piece = wire.substr(0, size);
  wire.erase(0, size);
  return piece;
}

class Conversation {
 public:
  explicit Conversation(uint64_t seed) : random_(seed), server_(options_, XclientPeer::NotListed) {}

  // Sends `messages` messages from the client session to the server session; the bodies that arrived.
  std::vector<std::string> send(const std::vector<std::string>& messages) {
    messages_ = messages;
    server_.greet();
    for (int turn = 0; turn < 100000 && !over_; ++turn) {
      turn_server();
      turn_client();
    }
    EXPECT_TRUE(over_);
    return arrived_;
  }

 private:
  void turn_server() {
    for (ServerEvent event = server_.next();; event = server_.next()) {
      if (event.kind == ServerEvent::Kind::Body) unstuff(event.octets);
      if (event.kind == ServerEvent::Kind::EndOfData) {
        arrived_.push_back(std::exchange(body_, {}));
        unstuffer_.reset();
      }
      if (server_.awaits_decision()) server_.accept();
      if (event.kind == ServerEvent::Kind::NeedInput || event.kind == ServerEvent::Kind::Close) break;
    }
    std::string out;
    server_.take_output(out);
    to_client_ += out;
    if (!to_server_.empty()) server_.feed(cut(random_, to_server_, server_piece_));
  }

  void turn_client() {
    if (!to_client_.empty()) client_.feed(cut(random_, to_client_, client_piece_));
    for (ClientEvent event = client_.next(); event.kind != Kind::NeedInput; event = client_.next()) {
      ASSERT_EQ(event.kind, Kind::Reply);
      ASSERT_FALSE(event.reply->refuses()) << event.reply->to_line();
      on_reply(event.command);
    }
    std::string out;
    client_.take_output(out);
    to_server_ += out;
  }

  void on_reply(ClientCommand command) {
    if (command == ClientCommand::Greeting) client_.hello("me.example");
    if (command == ClientCommand::Hello || command == ClientCommand::EndOfData) {
      if (sent_ == messages_.size()) return client_.quit();
      client_.mail("a@b.example");
      client_.rcpt("c@d.example");
      client_.data();
    }
    if (command == ClientCommand::Data) {
      Stuffer stuffer;
      std::string wire;
      stuffer.append(wire, messages_[sent_++]);
      to_server_ += wire;
      client_.end_of_data();
    }
    over_ = command == ClientCommand::Quit;
  }

  void unstuff(std::string_view octets) {
    for (std::string_view span; unstuffer_.next(octets, span);) body_ += span;
  }

  Random random_;
  ServerOptions options_;
  ServerSession server_;
  ClientSession client_;
  Unstuffer unstuffer_;
  std::vector<std::string> messages_;
  std::vector<std::string> arrived_;
  std::string to_server_;
  std::string to_client_;
  std::string server_piece_;
  std::string client_piece_;
  std::string body_;
  size_t sent_ = 0;
  bool over_ = false;
};

TEST(ClientSession, DeliversToTheServerSessionWhatItWasGiven) {
  const std::vector<std::string> messages = {"", ".\r\n", "Subject: x\r\n\r\n.hidden\r\n..\r\n",
                                             std::string(3000, 'y') + "\r\n"};
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Conversation conversation(seed);
    ASSERT_EQ(conversation.send(messages), messages) << seed;
  }
}

}  // namespace
}  // namespace sluice::smtp
