#include "tools/sluicectl/tracked_message.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

class TrackedMessageTest : public testing::Test {
 protected:
  TrackedMessageTest() {
    std::string folder = (std::filesystem::temp_directory_path() / "tracked_XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
  }
  ~TrackedMessageTest() override { std::filesystem::remove_all(folder_); }
  std::string journal(std::string_view text) const {
    const std::string path = (folder_ / "journal").string();
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    return path;
  }
  std::filesystem::path folder_;
};

TEST_F(TrackedMessageTest, HasClientHeloAndSenderOfItsLastRow) {
  const auto found = find_tracked(
      journal(
          "\n{\"kind\":\"tracking\",\"id\":\"7\",\"client_ip\":\"192.0.2.1\",\"spf\":{\"result\":\"Pass\"}}\n"
          "{\"kind\":\"policy_event\",\"id\":\"7\",\"client_ip\":\"192.0.2.2\"}\n"
          "{\"kind\":\"tracking\",\"id\":\"77\",\"client_ip\":\"192.0.2.3\"}\n"
          "{\"kind\":\"tracking\",\"id\":\"7\",\"time\":\"t\",\"client_ip\":\"2001:db8::1\",\"helo\":\"h."
          "example\","
          "\"sender\":\"a@b.example\",\"spf\":{\"result\":\"Fail\"}}\n"
          "{\"kind\":\"tracking\",\"id\":\"7\",\"clie"),
      "7");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->check.client.to_string(), "2001:db8::1");
  EXPECT_EQ(found->check.helo, "h.example");
  EXPECT_EQ(found->check.sender, "a@b.example");
  EXPECT_EQ(found->result, "Fail");
  EXPECT_EQ(found->time, "t");
}

TEST_F(TrackedMessageTest, IsRefusedWhenThereIsNone) {
  EXPECT_THAT(find_tracked(journal("{\"kind\":\"tracking\",\"id\":\"7\"}\n"), "7").error().message,
              testing::HasSubstr("no tracking row of 7"));
  EXPECT_THAT(find_tracked((folder_ / "absent").string(), "7").error().message,
              testing::HasSubstr("cannot read"));
}

}  // namespace
}  // namespace sluice::ctl
