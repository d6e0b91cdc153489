#include "rules/evidence/evidence.h"

#include <gtest/gtest.h>

namespace sluice::evidence {
namespace {

TEST(Sender, IsNullOnlyWithoutBothParts) {
  EXPECT_TRUE(Sender{}.is_null());
  EXPECT_FALSE((Sender{"a", "example.com"}.is_null()));
  EXPECT_FALSE((Sender{"a", ""}.is_null()));
}

TEST(Sender, PrintsWhatItHas) {
  EXPECT_EQ(Sender{}.to_string(), "");
  EXPECT_EQ((Sender{"a", "example.com"}.to_string()), "a@example.com");
  EXPECT_EQ((Sender{"a", ""}.to_string()), "a");
}

// Shows: ESE-15
TEST(HeloName, IsTheConfirmedReverseNameOnlyWhenHeloIsMissing) {
  Client client;
  EXPECT_EQ(helo_name(client), "");
  client.reverse_name = "mail.example.net";
  EXPECT_EQ(helo_name(client), "mail.example.net");
  client.helo = "helo.example.com";
  EXPECT_EQ(helo_name(client), "helo.example.com");
}

// Shows: W-31
TEST(HeloName, IsCheckableOnlyAsADomainWithADot) {
  EXPECT_TRUE(is_helo_checkable("mail.example.com"));
  EXPECT_TRUE(is_helo_checkable("mail.example.com."));
  EXPECT_FALSE(is_helo_checkable(""));
  EXPECT_FALSE(is_helo_checkable("."));
  EXPECT_FALSE(is_helo_checkable("localhost"));
  EXPECT_FALSE(is_helo_checkable("localhost."));
  EXPECT_FALSE(is_helo_checkable("[192.0.2.1]"));
  EXPECT_FALSE(is_helo_checkable("[IPv6:2001:db8::1]"));
  EXPECT_FALSE(is_helo_checkable("192.0.2.1"));
}

}  // namespace
}  // namespace sluice::evidence
