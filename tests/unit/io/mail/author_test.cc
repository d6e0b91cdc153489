#include "io/mail/author.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::mail {
namespace {

// Shows: ESE-16
TEST(Author, IsTheOneAddressOfFrom) {
  for (const std::string_view value :
       {" user@example.com", " <user@example.com>", " User Name <user@example.com>",
        " \"Name, with (all) <of> it\" <user@example.com>",
        " =?utf-8?q?victim=40bank.example?= <user@example.com>", " (comment) user (c) @ (d) example.com (e)",
        "\r\n User\r\n\t<user@example.com>", "\n User\n <user@example.com>", " 利用者 <user@example.com>",
        " J. R. \"Bob\" <user@example.com>", " user . x <user@example.com>", " <\r\n user@example.com (c) >",
        "\tuser@example.com", " \"a\tb\" <user@example.com> "}) {
    SCOPED_TRACE(value);
    const auto author = parse_author(value);
    ASSERT_TRUE(author);
    EXPECT_EQ(author->text(), "user@example.com");
    EXPECT_EQ(author->domain(), "example.com");
  }
}

TEST(Author, KeepsQuotedLocalParts) {
  const auto author = parse_author(" \"a@b\"@example.com");
  ASSERT_TRUE(author);
  EXPECT_EQ(author->domain(), "example.com");
}

// Readers differ about the forms of RFC 5322 section 4, and about what no section has.
// Shows: P-13
TEST(Author, IsNoneInAnObsoleteForm) {
  for (const std::string_view value : {
           // obs-domain, obs-local-part
           " u@a . example",
           " u@a .example",
           " u@a. example",
           " u@a(c).example",
           " u@a.\r\n example",
           " <u@a . example>",
           " u .x@a.example",
           " u. x@a.example",
           " u(c).x@a.example",
           " \"u\".x@a.example",
           " u.\"x\"@a.example",
           " \"u\" . \"x\"@a.example",
           // obs-mbox-list
           " u@a.example,",
           " ,u@a.example",
           " , u@a.example ,",
           " U <u@a.example>,",
           " u@a.example,,",
           " u@a.example, (c)",
           " ,",
           " (c),",
           // obs-NO-WS-CTL, obs-qp, bare CR and LF
           " \"\x01\" <u@a.example>",
           " (\x7f) u@a.example",
           " \"\\\r\" <u@a.example>",
           " \"a\rb\" <u@a.example>",
           " u@a.example \r",
           " (\x1b$B\x1b(B) u@a.example",
           // obs-FWS
           " u@a.example\r\n ",
           " u@a.example\r\n \r\n (c)",
           " (c\r\n\t\r\n) u@a.example",
           " \n \n u@a.example",
           // Not UTF-8: in Shift_JIS the backslash belongs to the character in front of it.
           " \"\x83\\\" <u@a.example>, \" <v@b.example>",
           " \xE9t\xE9 <u@a.example>",
           " (\xC0\x80) u@a.example",
       }) {
    SCOPED_TRACE(value);
    const auto author = parse_author(value);
    ASSERT_FALSE(author) << author->text();
    EXPECT_EQ(author.error(), AuthorError::Malformed);
  }
}

struct Case {
  std::string_view value;
  AuthorError error;
};

TEST(Author, IsNoneRatherThanAGuess) {
  const std::vector<Case> cases = {
      {"", AuthorError::Missing},
      {" (only a comment)", AuthorError::Missing},
      {" a@b.example, c@d.example", AuthorError::Several},
      {" A <a@b.example>, C <c@d.example>", AuthorError::Several},
      {" a@b.example, c@d.example, e@f.example", AuthorError::Several},
      {" a@b.example, not an address", AuthorError::Malformed},
      {" Group: a@b.example;", AuthorError::Group},
      {" undisclosed-recipients:;", AuthorError::Group},
      {" victim@bank.example <a@evil.example>", AuthorError::Malformed},
      {" <victim@bank.example> <a@evil.example>", AuthorError::Malformed},
      {" <victim@bank.example> a@evil.example", AuthorError::Malformed},
      {" a@b.example c@d.example", AuthorError::Malformed},
      {" a@b.example evil.example", AuthorError::Malformed},
      {" a b@c.example", AuthorError::Malformed},
      {" <@route.example:a@b.example>", AuthorError::Malformed},
      {" =?utf-8?q?a=40b?=@c.example", AuthorError::Malformed},
      {" a@[192.0.2.1]", AuthorError::Malformed},
      {" just a name", AuthorError::Malformed},
      {" <>", AuthorError::Malformed},
      {" <a@b.example", AuthorError::Malformed},
      {" a@b..example", AuthorError::Malformed},
      {" a@.example", AuthorError::Malformed},
      {" a@b.example.", AuthorError::Malformed},
      {" .a@b.example", AuthorError::Malformed},
      {" a.@b.example", AuthorError::Malformed},
      {" a..b@c.example", AuthorError::Malformed},
      {" \"open <a@b.example>", AuthorError::Malformed},
      {" (open a@b.example", AuthorError::Malformed},
      {" a\\@b.example", AuthorError::Malformed},
      {" a@b.example; c", AuthorError::Malformed},
      {std::string_view("a@b.exa\0mple", 12), AuthorError::Malformed},
      {std::string_view("a@b.example \0 (x)", 17), AuthorError::Malformed},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.value);
    const auto author = parse_author(c.value);
    ASSERT_FALSE(author) << author->text();
    EXPECT_EQ(author.error(), c.error);
  }
}

// --- More forms by setting ---

struct LenientCase {
  std::string_view value;
  std::string_view address;
};

// Shows: P-13
TEST(Author, LenientFormsAreReadWhereNobodySeesAnotherDomain) {
  for (const LenientCase& c : std::vector<LenientCase>{
           // What Japanese carriers gave out.
           {" a..b@docomo.example", "a..b@docomo.example"},
           {" A <a.@ezweb.example>", "a.@ezweb.example"},
           {" a...b..@ezweb.example", "a...b..@ezweb.example"},
           // obs-mbox-list
           {" u@a.example,", "u@a.example"},
           {" ,u@a.example", "u@a.example"},
           {" , ,(c) u@a.example , (c),", "u@a.example"},
           {" U <u@a.example>,", "u@a.example"},
       }) {
    SCOPED_TRACE(c.value);
    EXPECT_EQ(parse_author(c.value).error(), AuthorError::Malformed);
    const auto author = parse_author(c.value, AuthorForms::Lenient);
    ASSERT_TRUE(author);
    EXPECT_EQ(author->text(), c.address);
  }
}

// Shows: P-13
TEST(Author, FormsThatTwoReadersMayTakeForTwoDomainsAreNoneForLenientReadingToo) {
  for (const std::string_view value : {
           // A reader may stop at the blank, with another domain; its dots need not be ASCII.
           " u@bank.example .evil.example",
           " <u@bank.example. evil.example>",
           " u@bank.example(c).evil.example",
           " u@bank.example\r\n .evil.example",
           " u@bank\xE3\x80\x82"
           "example .evil.example",
           " u\xEF\xBC\xA0"
           "bank.example . x@evil.example",
           " u@a . example",
           " u . x@a.example",
           " u(c).x@a.example",
           // or end the header at a blank line
           " u@a.example\r\n ",
           " \n \n u@a.example",
           " \"u@bank.example\"\r\n \r\n <u@evil.example>",
           " \"u@bank.example\" . x@evil.example",
           " \"u\".x@a.example",
           // Two words are never one.
           " a b@c.example",
           " \"a\"b@c.example",
           " u@a example",
           // Names that are none
           " .a@b.example",
           " ...@b.example",
           " @b.example",
           " a@b..example",
           " a@.example",
           " a@b.example.",
           // Nobody
           " ,",
           " (c), ,",
           // What some readers decode
           " a..=?utf-8?q?a?=@c.example",
           " \"=?utf-8?q?=22=20=3Cvictim=40bank.example=3E=20=22?=\"@evil.example",
           " \"=\\?utf-8?q?a?=\"@evil.example",
           // Not of that section, whatever the setting
           " a..@b.example, not an address",
           " , just a name",
           " victim@bank.example <a@evil.example>",
           " <victim@bank.example>, <@r.example:a@evil.example>",
           " <@route.example:a..@b.example>",
           " a..@[192.0.2.1]",
           " a@b.example; c",
           " (\x7f) u..@a.example",
           " \xE9.a@a.example",
       }) {
    SCOPED_TRACE(value);
    for (const AuthorForms forms : {AuthorForms::Strict, AuthorForms::Lenient}) {
      const auto author = parse_author(value, forms);
      ASSERT_FALSE(author) << author->text();
      EXPECT_EQ(author.error(), AuthorError::Malformed);
    }
  }
  for (const Case& c : std::vector<Case>{{" ,a@b.example, c@d.example", AuthorError::Several},
                                         {" a@b.example,, c@d.example,", AuthorError::Several},
                                         {" a@b.example, a@b.example", AuthorError::Several},
                                         {" Group: a@b.example;", AuthorError::Group},
                                         {" , Group: a@b.example;", AuthorError::Group},
                                         {"", AuthorError::Missing},
                                         {" \r\n (c)", AuthorError::Missing}}) {
    SCOPED_TRACE(c.value);
    const auto author = parse_author(c.value, AuthorForms::Lenient);
    ASSERT_FALSE(author) << author->text();
    EXPECT_EQ(author.error(), c.error);
  }
}

TEST(Author, EndsOnEndlessInput) {
  std::string many;
  for (int i = 0; i < 100000; ++i) many += "x.";
  EXPECT_EQ(parse_author(many).error(), AuthorError::Malformed);
  EXPECT_EQ(parse_author(std::string(100000, '(')).error(), AuthorError::Malformed);
  EXPECT_EQ(parse_author(std::string(100000, ',')).error(), AuthorError::Malformed);
  EXPECT_EQ(parse_author(many, AuthorForms::Lenient).error(), AuthorError::Malformed);
  const std::string commas(100000, ',');
  EXPECT_EQ(parse_author(commas + "a@b.example", AuthorForms::Lenient).error(), AuthorError::Malformed);
}

AuthorError error_of(std::string_view message, AuthorForms forms = AuthorForms::Strict) {
  HeaderReader reader;
  reader.feed(message);
  reader.finish();
  const auto author = find_author(reader.block(), forms);
  return author ? AuthorError{99} : author.error();
}

TEST(Author, IsNoneWhenFromStandsTwice) {
  EXPECT_EQ(error_of("From: a@b.example\r\nFrom: c@d.example\r\n\r\n"), AuthorError::Several);
  EXPECT_EQ(error_of("From: a@b.example\r\nfrom : c@d.example\r\n\r\n"), AuthorError::Several);
  EXPECT_EQ(error_of("From: a@b.example\r\njunk\r\nFrom: a@b.example\r\n\r\n"), AuthorError::Several);
  EXPECT_EQ(error_of("Sender: a@b.example\r\nResent-From: a@b.example\r\n\r\n"), AuthorError::Missing);
  EXPECT_EQ(error_of("From: a@b.example\r\n\r\nFrom: c@d.example\r\n"), AuthorError{99});
  EXPECT_EQ(error_of("From: a..b@c.example\r\n\r\n", AuthorForms::Lenient), AuthorError{99});
  EXPECT_EQ(error_of("From: a..b@c.example\r\n\r\n"), AuthorError::Malformed);
  EXPECT_EQ(error_of("From: a@b.example\r\nFrom: a@b.example\r\n\r\n", AuthorForms::Lenient),
            AuthorError::Several);
}

// Shows: P-13
TEST(Author, IsNotGuessedWhereALenientReaderMaySeeAnotherFrom) {
  for (const std::string_view line : {"From\r\n : c@victim.example", "From\x0b: c@victim.example",
                                      "\xEF\xBB\xBF"
                                      "From: c@victim.example",
                                      "fRoM \r\n\t\r\n : c@victim.example",
                                      "\x01"
                                      "From: c@victim.example"}) {
    const std::string message =
        std::string("Subject: x\r\n") + std::string(line) + "\r\nFrom: a@b.example\r\n\r\n";
    EXPECT_EQ(error_of(message), AuthorError::Malformed) << line;
    EXPECT_EQ(error_of(message, AuthorForms::Lenient), AuthorError::Malformed) << line;
  }
  // What Unix mailboxes put there is none.
  EXPECT_EQ(error_of("Subject: x\r\n>From a@b.example Sat Jan  1 00:00:00 2022\r\nFrom: a@b.example\r\n\r\n"),
            AuthorError{99});
}

}  // namespace
}  // namespace sluice::mail
