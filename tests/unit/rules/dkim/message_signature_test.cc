#include "rules/dkim/message_signature.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::dkim {
namespace {

const std::string kBodyHash = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=";

TEST(MessageSignature, HoldsWhatTheFieldSays) {
  const std::string value =
      " v=1; a=rsa-sha256; c=relaxed; d=Example.COM; s=Sel; i=Joe=20X@Sub.Example.com;\r\n\tt=5; x=9; l=7;"
      " h=From : To; bh=" +
      kBodyHash + "; b= AQ\r\n ID ";
  const MessageSignature signature = read_signature(value, SignatureKind::Dkim);
  EXPECT_EQ(signature.problem, std::nullopt);
  EXPECT_EQ(signature.algorithm, Algorithm::RsaSha256);
  EXPECT_EQ(signature.header, Canonicalization::Relaxed);
  EXPECT_EQ(signature.body, Canonicalization::Simple);
  EXPECT_EQ(signature.domain, "example.com");
  EXPECT_EQ(signature.selector, "sel");
  EXPECT_EQ(signature.identity, "Joe X@sub.example.com");
  EXPECT_EQ(signature.signature, "\x01\x02\x03");
  EXPECT_EQ(signature.body_hash[0], 0xda);
  EXPECT_EQ(signature.body_length, 7U);
  EXPECT_EQ(signature.signed_at->time_since_epoch().count(), 5);
  EXPECT_EQ(signature.expires_at->time_since_epoch().count(), 9);
  EXPECT_EQ(signature.names, "From : To");
  EXPECT_EQ(signature.b_whole, " AQ\r\n ID ");
  EXPECT_EQ(key_name(signature)->to_text(), "sel._domainkey.example.com");
}

TEST(MessageSignature, HasTheDefaultsOfTheRfc) {
  const std::string value = "v=1; a=ed25519-sha256; d=example.com; s=s; h=from; bh=" + kBodyHash + "; b=AQID";
  const MessageSignature signature = read_signature(value, SignatureKind::Dkim);
  EXPECT_EQ(signature.problem, std::nullopt);
  EXPECT_EQ(signature.header, Canonicalization::Simple);
  EXPECT_EQ(signature.body, Canonicalization::Simple);
  EXPECT_EQ(signature.identity, "@example.com");
  EXPECT_EQ(signature.body_length, std::nullopt);
  EXPECT_EQ(problem_of_time(signature, WallTime(), std::chrono::seconds(0)), std::nullopt);
}

TEST(MessageSignature, TurnsULabelsIntoALabels) {
  const std::string value =
      "v=1; a=rsa-sha256; d=B\xC3\xBC"
      "cher.example; s=\xC3\xA4; i=\xC3\xB6@b\xC3\xBC"
      "cher.example; h=from; bh=" +
      kBodyHash + "; b=AQID";
  const MessageSignature signature = read_signature(value, SignatureKind::Dkim);
  EXPECT_EQ(signature.problem, std::nullopt);
  EXPECT_EQ(signature.domain, "xn--bcher-kva.example");
  EXPECT_EQ(signature.selector, "xn--4ca");
  EXPECT_EQ(signature.identity, "\xC3\xB6@xn--bcher-kva.example");
}

TEST(MessageSignature, KeepsWhatCouldBeRead) {
  const MessageSignature signature = read_signature("v=1; d=example.com; s=s; b=AQID", SignatureKind::Dkim);
  EXPECT_EQ(signature.problem, Reason::MissingTag);
  EXPECT_EQ(signature.domain, "example.com");
  EXPECT_EQ(signature.b_whole, "AQID");
  EXPECT_EQ(read_signature("v=1; v=1", SignatureKind::Dkim).problem, Reason::MalformedTags);
}

TEST(MessageSignature, ReadsTheMessageSignatureOfArc) {
  const std::string tags = "a=rsa-sha256; d=example.com; s=s; h=from; bh=" + kBodyHash + "; b=AQID";
  const auto read = [](const std::string& value) { return read_signature(value, SignatureKind::ArcMessage); };
  const std::string second = "i=2; " + tags;
  EXPECT_EQ(read(second).problem, std::nullopt);
  EXPECT_EQ(read(second).instance, 2U);
  EXPECT_EQ(read(second).identity, "");
  EXPECT_EQ(read(tags).problem, Reason::MissingTag);
  for (const char* i : {"0", "51", "x", "", "-1", "001", "@example.com"}) {
    EXPECT_EQ(read("i=" + std::string(i) + "; " + tags).problem, Reason::MalformedTag) << i;
  }
  EXPECT_EQ(read("i=50; " + tags).problem, std::nullopt);
  const std::string sealed =
      "i=1; a=rsa-sha256; d=example.com; s=s; h=from:ARC-Seal; bh=" + kBodyHash + "; b=AQID";
  EXPECT_EQ(read(sealed).problem, Reason::MalformedTag);
}

TEST(MessageSignature, ReadsTheSealOfArc) {
  const std::string tags = "i=1; a=rsa-sha256; cv=none; d=example.com; s=s; t=5; b=AQID";
  const auto problem = [](const std::string& value) {
    return read_signature(value, SignatureKind::ArcSeal).problem;
  };
  EXPECT_EQ(problem(tags), std::nullopt);
  EXPECT_EQ(read_signature(tags, SignatureKind::ArcSeal).header, Canonicalization::Relaxed);
  EXPECT_EQ(problem(tags + "; h=from"), Reason::MalformedTag);
  // Tags that a seal does not have are ignored like unknown ones.
  EXPECT_EQ(problem(tags + "; bh=AAAA; c=nonsense; l=x; q=none"), std::nullopt);
  EXPECT_EQ(problem("a=rsa-sha256; cv=none; d=example.com; s=s; b=AQID"), Reason::MissingTag);
}

TEST(MessageSignature, NamesTheKeyOnlyWhereTheNameFits) {
  const std::string label(60, 'a');
  const std::string domain = label + "." + label + "." + label;  // 182
  const auto problem = [&](size_t selector) {
    const std::string value = "v=1; a=rsa-sha256; d=" + domain + "; s=" + std::string(selector, 's') +
                              "; h=from; bh=" + kBodyHash + "; b=AQID";
    const MessageSignature signature = read_signature(value, SignatureKind::Dkim);
    EXPECT_TRUE(signature.problem || key_name(signature));
    return signature.problem;
  };
  EXPECT_EQ(problem(59), std::nullopt);  // 182 + 12 + 59 = 253
  EXPECT_EQ(problem(60), Reason::MalformedTag);
}

}  // namespace
}  // namespace sluice::dkim
