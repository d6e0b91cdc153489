#include "io/smtp/command.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

TEST(Command, IsAVerbAndItsArgument) {
  struct Case {
    std::string_view line;
    Verb verb;
    std::string_view argument;
  };
  const std::vector<Case> cases = {
      {"EHLO client.example", Verb::Ehlo, "client.example"},
      {"helo  x ", Verb::Helo, "x"},
      {"Mail FROM:<a@b>", Verb::Mail, "FROM:<a@b>"},
      {"RCPT\tTO:<a@b>", Verb::Rcpt, "TO:<a@b>"},
      {" DATA", Verb::Data, ""},
      {"BDAT 5 LAST", Verb::Bdat, "5 LAST"},
      {"RSET", Verb::Rset, ""},
      {"NOOP x y", Verb::Noop, "x y"},
      {"quit", Verb::Quit, ""},
      {"VRFY a", Verb::Vrfy, "a"},
      {"EXPN a", Verb::Expn, "a"},
      {"HELP", Verb::Help, ""},
      {"STARTTLS", Verb::StartTls, ""},
      {"AUTH PLAIN", Verb::Auth, "PLAIN"},
      {"XCLIENT ADDR=1", Verb::Xclient, "ADDR=1"},
      {"DATAX", Verb::Unknown, ""},
      {"DAT", Verb::Unknown, ""},
      {"MAIL:", Verb::Unknown, ""},
      {"", Verb::Unknown, ""},
      {"GET / HTTP/1.1", Verb::Unknown, "/ HTTP/1.1"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.line);
    const Command command = parse_command(c.line);
    EXPECT_EQ(command.verb, c.verb);
    EXPECT_EQ(command.argument, c.argument);
  }
}

TEST(CommandMail, ReadsItsParameters) {
  const auto mail = parse_mail("FROM:<a@b> size=12 BODY=7bit smtputf8");
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->size, 12U);
  EXPECT_EQ(mail->body, BodyType::SevenBit);
  EXPECT_TRUE(mail->smtputf8);
  EXPECT_EQ(parse_mail("FROM:<>")->size, std::nullopt);
  EXPECT_EQ(parse_mail("FROM:<> BODY=8BITMIME")->body, BodyType::EightBitMime);
}

TEST(CommandMail, SaysWhatIsWrong) {
  struct Case {
    std::string_view argument;
    CommandError::Kind kind;
  };
  const std::vector<Case> cases = {
      {"", CommandError::Kind::Syntax},
      {"TO:<a@b>", CommandError::Kind::Syntax},
      {"FROM <a@b>", CommandError::Kind::Syntax},
      {"FROM:<a@b>x", CommandError::Kind::Syntax},
      {"FROM:", CommandError::Kind::Address},
      {"FROM:<a@b> =x", CommandError::Kind::BadParameter},
      {"FROM:<a@b> X=", CommandError::Kind::BadParameter},
      {"FROM:<a@b> X=a=b", CommandError::Kind::BadParameter},
      {"FROM:<a@b> SMTPUTF8=1", CommandError::Kind::BadParameter},
      {"FROM:<a@b> SMTPUTF8 SMTPUTF8", CommandError::Kind::BadParameter},
      {"FROM:<a@b> BODY=7BIT BODY=7BIT", CommandError::Kind::BadParameter},
      {"FROM:<a@b> BODY", CommandError::Kind::BadParameter},
      {"FROM:<a@b> SIZE=000000000000000000001", CommandError::Kind::BadParameter},
      {"FROM:<a@b> SIZE=1 ENVID=x", CommandError::Kind::UnknownParameter},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.argument);
    const auto mail = parse_mail(c.argument);
    ASSERT_FALSE(mail);
    EXPECT_EQ(mail.error().kind, c.kind);
  }
}

TEST(CommandHello, TakesNamesThatMayBeWrittenDown) {
  EXPECT_TRUE(is_hello_name("client.example"));
  EXPECT_TRUE(is_hello_name("[192.0.2.1]"));
  EXPECT_TRUE(is_hello_name("bücher.example"));
  EXPECT_TRUE(is_hello_name(std::string(255, 'a')));
  EXPECT_FALSE(is_hello_name(std::string(256, 'a')));
  EXPECT_FALSE(is_hello_name(""));
  EXPECT_FALSE(is_hello_name("a b"));
  EXPECT_FALSE(is_hello_name("a\tb"));
  EXPECT_FALSE(is_hello_name("a\xff"));
}

TEST(CommandNumber, IsDecimalOnly) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
  for (const std::string_view bad : {"", "-1", "+1", " 1", "1 ", "1x", "0x1", "18446744073709551616"}) {
    EXPECT_EQ(parse_number(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace sluice::smtp
