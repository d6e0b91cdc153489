#include "tools/sluice_load/messages.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace sluice::load {
namespace {

MessageSet drawn_set(const std::string& size) {
  MessageSet set;
  set.from.push_back(*AddressPattern::parse("a@b.example"));
  set.to.push_back(*AddressPattern::parse("c@d.example"));
  set.to.push_back(*AddressPattern::parse("e@f.example"));
  set.size = *Distribution::parse(size);
  return set;
}

std::string text_of(const Message& message) {
  std::string text;
  for (const std::string_view piece : message.octets().pieces) text += piece;
  return text;
}

TEST(MessageMaker, SizesAreExactAndLinesWhole) {
  for (const size_t size :
       {300, 301, 302, 303, 377, 378, 379, 380, 381, 4096, 319488, 319489 + 200, 1000000}) {
    const MessageSet set = drawn_set(std::to_string(size));
    MessageMaker maker(set, 1);
    const std::string text = text_of(maker.make(12));
    EXPECT_EQ(text.size(), size);
    EXPECT_TRUE(text.ends_with("\r\n"));
    EXPECT_NE(text.find("\r\n\r\n"), text.npos);
    size_t line = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') {
        ASSERT_EQ(text[i - 1], '\r');
        ASSERT_NE(text[line], '.');
        line = i + 1;
      }
    }
  }
}

TEST(MessageMaker, EachMessageHasAnIdOfItsOwn) {
  const MessageSet set = drawn_set("400");
  MessageMaker maker(set, 1);
  const Message first = maker.make(1);
  const Message second = maker.make(2);
  EXPECT_NE(text_of(first), text_of(second));
  EXPECT_EQ(first.recipients.size(), 2U);
  EXPECT_EQ(first.size(), text_of(first).size());
}

TEST(MessageMaker, DrawsAsManyRecipientsAsAsked) {
  MessageSet set = drawn_set("400");
  set.recipients = *Distribution::parse("5");
  MessageMaker maker(set, 1);
  EXPECT_EQ(maker.make(1).recipients.size(), 5U);
}

class Files : public testing::Test {
 protected:
  Files() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice_load_XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Files() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  std::string folder_;
};

TEST_F(Files, AnMboxIsCutAtItsFromLines) {
  const Result<MessageSet> set = read_mbox(write(
      "box",
      "From a Thu\nSubject: 1\n\n>From x\n>>From y\nFrom-here\n.dot\n\nFrom b Fri\nSubject: 2\n\nlast"));
  ASSERT_TRUE(set.has_value());
  ASSERT_EQ(set->bodies.size(), 2U);
  EXPECT_EQ(set->bodies[0], "Subject: 1\r\n\r\nFrom x\r\n>From y\r\nFrom-here\r\n..dot\r\n");
  EXPECT_EQ(set->bodies[1], "Subject: 2\r\n\r\nlast\r\n");
  EXPECT_FALSE(read_mbox(write("none", "no message\n")).has_value());
  EXPECT_FALSE(read_mbox(folder_ + "/gone").has_value());
}

TEST_F(Files, AFolderIsReadByName) {
  write("b.eml", "2\n");
  write("a.eml", "1\n");
  const Result<MessageSet> set = read_folder(folder_);
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->bodies, (std::vector<std::string>{"1\r\n", "2\r\n"}));
  EXPECT_FALSE(read_folder(folder_ + "/gone").has_value());
}

}  // namespace
}  // namespace sluice::load
