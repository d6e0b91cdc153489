#include "io/mail/address.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::mail {
namespace {

struct PathCase {
  std::string_view path;
  std::string_view local;
  std::string_view domain;
};

TEST(AddressPath, IsSplitIntoLocalPartAndDomain) {
  const std::vector<PathCase> cases = {
      {"<user@example.com>", "user", "example.com"},
      {"<User.Name+tag@Example.COM>", "User.Name+tag", "Example.COM"},
      {"<!#$%&'*+-/=?^_`{|}~@x.example>", "!#$%&'*+-/=?^_`{|}~", "x.example"},
      {"<\"a b\"@example.com>", "\"a b\"", "example.com"},
      {"<\"a@b\"@c>", "\"a@b\"", "c"},
      {"<\"a\\\"\\\\b>\"@example.com>", "\"a\\\"\\\\b>\"", "example.com"},
      {"<\"\"@example.com>", "\"\"", "example.com"},
      {"<a@[192.0.2.1]>", "a", "[192.0.2.1]"},
      {"<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]"},
      {"<a@under_score.example>", "a", "under_score.example"},
      {"<a@localhost>", "a", "localhost"},
      {"<a%b@example.com>", "a%b", "example.com"},
      {"<host!user@example.com>", "host!user", "example.com"},
  };
  for (const PathCase& c : cases) {
    SCOPED_TRACE(c.path);
    const auto parsed = parse_forward_path(c.path);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->size, c.path.size());
    EXPECT_EQ(parsed->address.local_part(), c.local);
    EXPECT_EQ(parsed->address.domain(), c.domain);
    EXPECT_EQ(parsed->address.text(), std::string(c.local) + "@" + std::string(c.domain));
    EXPECT_FALSE(parsed->address.has_route());
    EXPECT_FALSE(parsed->address.needs_smtputf8());
    EXPECT_TRUE(parse_reverse_path(c.path));
  }
}

// RFC 5321 appendix C and section 3.6.1. Shows: W-12
TEST(AddressPath, DropsSourceRoutes) {
  for (const std::string_view path : {"<@a:b@c.example>", "<@a.example,@b.example:b@c.example>",
                                      "<@[192.0.2.1],@[IPv6:2001:db8::1]:b@c.example>"}) {
    SCOPED_TRACE(path);
    const auto parsed = parse_forward_path(path);
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->address.has_route());
    EXPECT_EQ(parsed->address.text(), "b@c.example");
  }
}

TEST(AddressPath, KeepsWhatFollowsForTheCaller) {
  const auto parsed = parse_reverse_path("<a@b.example> SIZE=1");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->size, 13U);
}

TEST(AddressPath, TakesTheNullPathOnlyAsSender) {
  const auto sender = parse_reverse_path("<>");
  ASSERT_TRUE(sender);
  EXPECT_TRUE(sender->address.is_null());
  EXPECT_EQ(sender->address.domain(), "");
  EXPECT_EQ(sender->size, 2U);
  EXPECT_EQ(parse_forward_path("<>").error(), AddressError::Empty);
}

// Shows: W-11
TEST(AddressPath, TakesPostmasterWithoutDomainOnlyAsRecipient) {
  const auto recipient = parse_forward_path("<PostMaster>");
  ASSERT_TRUE(recipient);
  EXPECT_TRUE(recipient->address.is_bare_postmaster());
  EXPECT_FALSE(recipient->address.is_null());
  EXPECT_EQ(recipient->address.local_part(), "PostMaster");
  EXPECT_EQ(recipient->address.domain(), "");
  EXPECT_EQ(parse_reverse_path("<postmaster>").error(), AddressError::MissingDomain);
  EXPECT_EQ(parse_forward_path("<postmasters>").error(), AddressError::MissingDomain);
  EXPECT_EQ(parse_forward_path("<@a:postmaster>").error(), AddressError::MissingDomain);
}

struct ErrorCase {
  std::string path;
  AddressError error;
};

// The rows of address tricks: what is not well-formed is never read as something else.
TEST(AddressPath, SaysWhatIsWrong) {
  const std::string label63(63, 'a');
  const std::vector<ErrorCase> cases = {
      {"", AddressError::NoBrackets},
      {"user@example.com", AddressError::NoBrackets},
      {"(x@legit", AddressError::NoBrackets},
      {"<user@example.com", AddressError::NoBrackets},
      {"<user", AddressError::NoBrackets},
      {"<(x@legit>", AddressError::BadLocalPart},
      {"<@>", AddressError::BadRoute},
      {"<@a>", AddressError::BadRoute},
      {"<@a,b:c@d>", AddressError::BadRoute},
      {"<@a,@:c@d>", AddressError::BadRoute},
      {"<@-a:c@d>", AddressError::BadRoute},
      {"<@[1.2.3:c@d>", AddressError::BadRoute},
      {"<@a:>", AddressError::BadLocalPart},
      {"<a b@c>", AddressError::BadLocalPart},
      {"<a,b@c>", AddressError::BadLocalPart},
      {"<.a@b>", AddressError::BadLocalPart},
      {"<\"a@b>", AddressError::BadLocalPart},
      {"<\"a\"b@c>", AddressError::BadLocalPart},
      {"<a\"b\"@c>", AddressError::BadLocalPart},
      {"<a@b@c>", AddressError::BadDomain},
      {"<a@>", AddressError::BadDomain},
      {"<a@b..c>", AddressError::BadDomain},
      {"<a@.b>", AddressError::BadDomain},
      {"<a@b.>", AddressError::BadDomain},
      {"<a@-b>", AddressError::BadDomain},
      {"<a@b-.c>", AddressError::BadDomain},
      {"<a@b c>", AddressError::BadDomain},
      {"<a@b;c>", AddressError::BadDomain},
      {"<a@" + label63 + "a.example>", AddressError::BadDomain},
      {"<a@[1.2.3]>", AddressError::BadLiteral},
      {"<a@[2001:db8::1]>", AddressError::BadLiteral},
      {"<a@[IPv6:1.2.3.4]>", AddressError::BadLiteral},
      {"<a@[192.0.2.1>", AddressError::BadLiteral},
      {"<a@[192.0.2.1]x>", AddressError::BadLiteral},
      {"<a\x01@b>", AddressError::BadOctet},
      {"<\"a\x7f\"@b>", AddressError::BadOctet},
      {"<a@b\x02>", AddressError::BadOctet},
      {"<\xff@b>", AddressError::BadOctet},
      {"<a@\xc0\x80.example>", AddressError::BadOctet},
      {"<a>", AddressError::MissingDomain},
  };
  for (const ErrorCase& c : cases) {
    SCOPED_TRACE(c.path);
    const auto parsed = parse_forward_path(c.path);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error(), c.error) << to_string(parsed.error());
    EXPECT_FALSE(to_string(c.error).empty());
  }
  EXPECT_TRUE(parse_forward_path("<a@" + label63 + ".example>"));
}

// Shows: W-8
TEST(AddressPath, MayTake256OctetsWithAnyLocalPart) {
  const std::string domain = "@example.com";
  const std::string longest(limits::kSmtpPath - 2 - domain.size(), 'x');
  EXPECT_TRUE(parse_forward_path("<" + longest + domain + ">"));
  EXPECT_EQ(parse_forward_path("<" + longest + "x" + domain + ">").error(), AddressError::TooLong);
  EXPECT_TRUE(parse_mailbox(longest + domain));
}

TEST(AddressPath, TakesDotsAsSomeSendersPutThemUnlessStrict) {
  const AddressRules strict{DotRule::Strict};
  for (const std::string_view path : {"<a..b@docomo.example>", "<ab.@docomo.example>"}) {
    EXPECT_TRUE(parse_reverse_path(path)) << path;
    EXPECT_EQ(parse_reverse_path(path, strict).error(), AddressError::BadLocalPart) << path;
  }
  EXPECT_TRUE(parse_reverse_path("<a.b@docomo.example>", strict));
}

TEST(AddressPath, MarksAddressesThatNeedSmtpUtf8) {
  const auto local = parse_forward_path("<用户@example.com>");
  ASSERT_TRUE(local);
  EXPECT_TRUE(local->address.needs_smtputf8());
  const auto domain = parse_forward_path("<a@bücher.example>");
  ASSERT_TRUE(domain);
  EXPECT_TRUE(domain->address.needs_smtputf8());
  EXPECT_EQ(domain->address.domain(), "bücher.example");
}

TEST(AddressPath, GivesLiteralsAsAddresses) {
  const auto parsed = parse_forward_path("<a@[IPv6:2001:db8::1]>");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->address.domain_kind(), DomainKind::Literal);
  EXPECT_EQ(parsed->address.literal(), IpAddress::parse("2001:db8::1"));
}

TEST(AddressMailbox, IsABareAddressAndNothingElse) {
  const auto mailbox = parse_mailbox("\"a \\\" b\"@example.com");
  ASSERT_TRUE(mailbox);
  EXPECT_EQ(mailbox->local_part_value(), "a \" b");
  EXPECT_EQ(parse_mailbox("a@example.com")->local_part_value(), "a");
  EXPECT_EQ(parse_mailbox("").error(), AddressError::Empty);
  EXPECT_EQ(parse_mailbox("a").error(), AddressError::MissingDomain);
  EXPECT_EQ(parse_mailbox("a b@c").error(), AddressError::BadLocalPart);
  EXPECT_EQ(parse_mailbox("a@b> x").error(), AddressError::BadDomain);
  EXPECT_EQ(parse_mailbox("@a:b@c").error(), AddressError::BadLocalPart);
  EXPECT_EQ(parse_mailbox(std::string(300, 'a')).error(), AddressError::TooLong);
  EXPECT_EQ(parse_mailbox("\xff@c").error(), AddressError::BadOctet);
}

TEST(AddressUtf8, RefusesWhatIsNotUtf8) {
  EXPECT_TRUE(is_clean_utf8("plain \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"));
  for (const std::string_view bad :
       {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xe2\x82", "a\nb", "\x7f"}) {
    EXPECT_FALSE(is_clean_utf8(bad)) << testing::PrintToString(std::string(bad));
  }
}

}  // namespace
}  // namespace sluice::mail
