#include "engine/delivery/subject_tag.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::delivery {
namespace {

std::string tagged(std::string_view value, std::vector<std::string_view> tags = {"[SPF]"}) {
  return tagged_subject(value, tags);
}

mail::HeaderReader read(std::string_view text) {
  mail::HeaderReader reader;
  (void)reader.feed(text);
  reader.finish();
  return reader;
}

// Shows: RUL-11
TEST(SubjectTagText, StandsBeforeTheSubjectAndLeavesItAsItIs) {
  EXPECT_EQ(tagged(" hello"), "Subject: [SPF] hello\r\n");
  EXPECT_EQ(tagged("hello  world "), "Subject: [SPF] hello  world \r\n");
  EXPECT_EQ(tagged(""), "Subject: [SPF]\r\n");
  EXPECT_EQ(tagged("  "), "Subject: [SPF]\r\n");
  EXPECT_EQ(tagged(" a\r\n b"), "Subject: [SPF] a\r\n b\r\n");
  EXPECT_EQ(tagged("\r\n b"), "Subject: [SPF] b\r\n");
  EXPECT_EQ(tagged(" \xc3\xbc"), "Subject: [SPF] \xc3\xbc\r\n");
}

// Shows: RUL-11
TEST(SubjectTagText, LeavesEncodedSubjectsReadable) {
  // "日本語" stays an encoded word with white space before it.
  EXPECT_EQ(tagged(" =?UTF-8?B?5pel5pys6Kqe?="), "Subject: [SPF] =?UTF-8?B?5pel5pys6Kqe?=\r\n");
  // A tag that needs encoding: the space between two encoded words is not shown, so it is in the first.
  EXPECT_EQ(tagged(" =?UTF-8?B?5pel5pys6Kqe?=", {"[偽]"}),
            "Subject: =?UTF-8?B?W+WBvV0g?= =?UTF-8?B?5pel5pys6Kqe?=\r\n");
  EXPECT_EQ(tagged(" plain", {"[偽]"}), "Subject: =?UTF-8?B?W+WBvV0=?= plain\r\n");
}

// Shows: RUL-11
TEST(SubjectTagText, IsNotPutTwice) {
  EXPECT_EQ(tagged(" [SPF] hello"), "");
  EXPECT_EQ(tagged(" [SPF]"), "");
  EXPECT_EQ(tagged("\r\n [SPF] hello"), "");
  EXPECT_EQ(tagged(" =?UTF-8?B?W1NQRl0g5pel5pys6Kqe?="), "");
  EXPECT_EQ(tagged(" =?iso-2022-jp?Q?[SPF]_x?="), "");
  EXPECT_EQ(tagged(" =?UTF-8?B?W+WBvV0g?= =?UTF-8?B?5pel5pys6Kqe?=", {"[偽]"}), "");
  EXPECT_EQ(tagged(" =?UTF-8?Q?[SP?= =?UTF-8?Q?F]_x?="), "");
  // What we wrote is known again, whatever the subject.
  for (const std::string_view value : {"", " x", " =?UTF-8?Q?x?=", " a\r\n b", " =?bad"}) {
    for (const std::string_view tag : {"[SPF]", "[偽]", "日本語の長いタグを書いてみるとどうなるか確かめる"}) {
      const std::string once = tagged(value, {tag});
      EXPECT_EQ(tagged(std::string_view(once).substr(8, once.size() - 10), {tag}), "") << once;
    }
  }
  EXPECT_NE(tagged(" Re: [SPF] hello"), "");
  EXPECT_NE(tagged(" =?utf-16?B?W1NQRl0=?="), "");
}

TEST(SubjectTagText, OfSeveralRulesStandInTheirOrderEachOnce) {
  EXPECT_EQ(tagged(" x", {"[SPF]", "[DMARC]"}), "Subject: [SPF] [DMARC] x\r\n");
  EXPECT_EQ(tagged(" [SPF] x", {"[SPF]", "[DMARC]"}), "Subject: [DMARC] [SPF] x\r\n");
  EXPECT_EQ(tagged(" [DMARC] [SPF] x", {"[SPF]", "[DMARC]"}), "");
}

TEST(SubjectTagText, FoldsRatherThanMakingLongLines) {
  const std::string subject(75, 'x');
  EXPECT_EQ(tagged(" " + subject), "Subject: [SPF]\r\n " + subject + "\r\n");
  const std::string tag(99, 'y');
  const std::string line = tagged(" z", {tag});
  EXPECT_EQ(line, "Subject: " + tag + "\r\n z\r\n");
  const std::string encoded = tagged(" z", {"日本語の長いタグを書いてみるとどうなるか確かめる"});
  for (size_t begin = 0; begin < encoded.size();) {
    const size_t end = encoded.find("\r\n", begin);
    EXPECT_LE(end - begin, 85U) << encoded;
    begin = end + 2;
  }
}

const std::vector<policy::SubjectTag> kTag{{"[SPF]", true}};

// Two Subject fields: readers differ on which they show.
TEST(SubjectTagEdit, TagsEverySubjectField) {
  const mail::HeaderReader reader = read("Subject: a\r\nFrom: b\r\nsubject : c\r\n\r\n");
  HeaderEdits edits;
  tag_subject(edits, reader.block(), kTag, false);
  ASSERT_EQ(edits.replaced.size(), 2U);
  EXPECT_EQ(edits.replaced[0].index, 0U);
  EXPECT_EQ(edits.replaced[0].line, "Subject: [SPF] a\r\n");
  EXPECT_EQ(edits.replaced[1].index, 2U);
  EXPECT_EQ(edits.replaced[1].line, "Subject: [SPF] c\r\n");
  EXPECT_TRUE(edits.added.empty());
}

TEST(SubjectTagEdit, AddsASubjectWhereThereIsNone) {
  HeaderEdits edits;
  tag_subject(edits, read("From: b\r\n\r\n").block(), kTag, false);
  EXPECT_TRUE(edits.replaced.empty());
  EXPECT_EQ(edits.added, "Subject: [SPF]\r\n");
}

TEST(SubjectTagEdit, ChangesNothingWithoutTagsOrWhereTheyAreThere) {
  HeaderEdits edits;
  tag_subject(edits, read("From: b\r\n\r\n").block(), {}, false);
  tag_subject(edits, read("Subject: [SPF] b\r\n\r\n").block(), kTag, false);
  EXPECT_TRUE(edits.replaced.empty() && edits.added.empty());
}

// Shows: TM-08
TEST(SubjectTagEdit, SparesSignedMailWhereTheRuleSaysSo) {
  const mail::HeaderReader reader = read("Subject: a\r\n\r\n");
  const std::vector<policy::SubjectTag> sparing{{"[SPF]", false}, {"[DMARC]", true}};
  HeaderEdits edits;
  tag_subject(edits, reader.block(), sparing, true);
  ASSERT_EQ(edits.replaced.size(), 1U);
  EXPECT_EQ(edits.replaced[0].line, "Subject: [DMARC] a\r\n");
  HeaderEdits unsigned_mail;
  tag_subject(unsigned_mail, reader.block(), sparing, false);
  EXPECT_EQ(unsigned_mail.replaced[0].line, "Subject: [SPF] [DMARC] a\r\n");
}

// Shows: TM-08
TEST(SignedMail, IsWhatATagWouldBreak) {
  evidence::DkimEvidence dkim;
  EXPECT_FALSE(is_signed_mail(read("Content-Type: text/plain\r\n\r\n").block(), dkim));
  EXPECT_TRUE(is_signed_mail(read("Content-Type:\r\n Multipart/Signed; x=y\r\n\r\n").block(), dkim));
  EXPECT_TRUE(is_signed_mail(read("content-type: application/pkcs7-mime\r\n\r\n").block(), dkim));
  dkim.signatures.resize(1);
  dkim.signatures[0].signed_headers = "from:subject";
  EXPECT_FALSE(is_signed_mail(read("A: b\r\n\r\n").block(), dkim));
  dkim.signatures[0].result = dkim::Result::Pass;
  EXPECT_TRUE(is_signed_mail(read("A: b\r\n\r\n").block(), dkim));
  dkim.signatures[0].signed_headers = "from:to";
  EXPECT_FALSE(is_signed_mail(read("A: b\r\n\r\n").block(), dkim));
}

}  // namespace
}  // namespace sluice::delivery
