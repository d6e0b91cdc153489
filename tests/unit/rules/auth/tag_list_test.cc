#include "rules/auth/tag_list.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::auth {
namespace {

TagError error_of(std::string_view text) {
  const auto list = TagList::parse(text);
  EXPECT_FALSE(list) << text;
  return list ? TagError::Empty : list.error();
}

TEST(TagList, KeepsTheOrderAndStripsWhiteSpace) {
  const std::string text = "v=1;  a = rsa-sha256 ;\r\n\tb_2=\r\n one\r\n two ; C=";
  const auto list = TagList::parse(text);
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 4U);
  EXPECT_EQ(list->tags()[0].name, "v");
  EXPECT_EQ(list->tags()[1].value, "rsa-sha256");
  EXPECT_EQ(list->tags()[2].name, "b_2");
  EXPECT_EQ(list->tags()[2].value, "one\r\n two");
  EXPECT_EQ(list->tags()[2].whole, "\r\n one\r\n two ");
  EXPECT_EQ(list->find("C"), "");
  EXPECT_EQ(list->find("c"), std::nullopt);
}

TEST(TagList, MayEndWithASemicolon) {
  for (const char* text : {"a=1;", "a=1; ", "a=1;\r\n ", "a=1;\n", "a=1"}) {
    const auto list = TagList::parse(text);
    ASSERT_TRUE(list) << text;
    EXPECT_EQ(list->size(), 1U);
    EXPECT_EQ(list->find("a"), "1");
  }
}

TEST(TagList, HoldsEqualsSignsAndUtf8InValues) {
  const auto list = TagList::parse(
      "p=AA==; d=b\xC3\xBC"
      "cher.example; e=\xE2\x82\xAC\xF0\x9F\x93\xA7");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->find("p"), "AA==");
  EXPECT_EQ(list->find("d"),
            "b\xC3\xBC"
            "cher.example");
}

TEST(TagList, RefusesWhatIsNone) {
  for (const char* text : {"", " ", "\r\n\t"}) EXPECT_EQ(error_of(text), TagError::Empty) << text;
  for (const char* text : {";", ";a=1", "a=1;;b=2", "a=1; ;b=2", "a=1;;", "=1", " = ", "1a=1", "_a=1",
                           "a-b=1", "a b=1", "\xC3\xA4=1"}) {
    EXPECT_EQ(error_of(text), TagError::BadName) << text;
  }
  for (const char* text : {"a", "a=1;b", "a; b=1"}) EXPECT_EQ(error_of(text), TagError::NoEquals) << text;
  EXPECT_EQ(error_of("a=1; b=2; a=3"), TagError::Duplicate);
}

TEST(TagList, RefusesOctetsThatMayNotStandInAValue) {
  for (const std::string_view text :
       {std::string_view("a=\0", 3), std::string_view("a=b\0c", 5), std::string_view("a=\x01"),
        std::string_view("a=\x7f"), std::string_view("a=x\ry"), std::string_view("a=x\r"),
        std::string_view("a=x\ny"), std::string_view("a=x\r\ny"), std::string_view("a=\x80"),
        std::string_view("a=\xC3"), std::string_view("a=\xC0\x80"), std::string_view("a=\xED\xA0\x80"),
        std::string_view("a=\xF4\x90\x80\x80"), std::string_view("a=\xF0\x80\x80\x80"),
        std::string_view("a=\xE0\x80\x80")}) {
    EXPECT_EQ(error_of(text), TagError::BadValue) << testing::PrintToString(text);
  }
  EXPECT_TRUE(TagList::parse("a=x\n\ty"));
  EXPECT_TRUE(TagList::parse("a=x\r\n y"));
}

// Long values are looked at in words.
TEST(TagList, SeesABadOctetAtEveryPlace) {
  for (size_t size = 1; size < 20; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (const char bad : {'\0', '\x1f', '\x7f', '\r', '\x80', '\xff'}) {
        std::string value(size, '~');
        value[at] = bad;
        EXPECT_EQ(error_of("a=1; b=" + value + "; c=2"), TagError::BadValue) << size << ' ' << at;
      }
      std::string value(size, '!');
      value[at] = ' ';
      EXPECT_TRUE(TagList::parse("b=" + value));
    }
  }
}

TEST(TagList, IsBounded) {
  std::string text;
  for (size_t i = 0; i < limits::kTagListTags; ++i) text += "t" + std::to_string(i) + "=x;";
  EXPECT_EQ(TagList::parse(text)->size(), limits::kTagListTags);
  EXPECT_EQ(error_of(text + "more=x"), TagError::TooMany);
}

TEST(ItemList, GivesTheItemsBetweenColons) {
  ItemList items("a : b:\r\n c:");
  EXPECT_EQ(items.next(), "a");
  EXPECT_EQ(items.next(), "b");
  EXPECT_EQ(items.next(), "c");
  EXPECT_EQ(items.next(), "");
  EXPECT_EQ(items.next(), std::nullopt);
  ItemList empty("");
  EXPECT_EQ(empty.next(), "");
  EXPECT_EQ(empty.next(), std::nullopt);
  EXPECT_TRUE(list_contains("y : s", "s"));
  EXPECT_FALSE(list_contains("y : s", "S"));
  EXPECT_FALSE(list_contains("", "s"));
}

TEST(TagNumber, IsDigitsAndNothingElse) {
  EXPECT_EQ(read_number("0", 12), 0U);
  EXPECT_EQ(read_number("007", 12), 7U);
  EXPECT_EQ(read_number("18446744073709551615", 76), UINT64_MAX);
  EXPECT_EQ(read_number("18446744073709551616", 76), UINT64_MAX);
  EXPECT_EQ(read_number(std::string(76, '9'), 76), UINT64_MAX);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1a", "0x1", "1234"}) {
    EXPECT_EQ(read_number(text, 3), std::nullopt) << text;
  }
}

TEST(TagBase64, IsRead) {
  EXPECT_EQ(base64_decode("", 10), "");
  EXPECT_EQ(base64_decode("Zg==", 10), "f");
  EXPECT_EQ(base64_decode("Zm8=", 10), "fo");
  EXPECT_EQ(base64_decode("Zm9v", 10), "foo");
  EXPECT_EQ(base64_decode(" Zm\r\n 9v\tYm Fy = = ", 10), std::nullopt);
  EXPECT_EQ(base64_decode(" Zm\r\n 9v\tYm Fy ", 10), "foobar");
  EXPECT_EQ(base64_decode("Z g = =", 10), "f");
  EXPECT_EQ(base64_decode("+/+/", 10), "\xfb\xff\xbf");
}

TEST(TagBase64, IsReadWhereverItIsFolded) {
  const std::string text = "AAECAwQFBgcICQoLDA0OD/7/+w==";
  const std::string octets("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\xfe\xff\xfb",
                           19);
  EXPECT_EQ(base64_decode(text, 19), octets);
  for (size_t first = 0; first <= text.size(); ++first) {
    for (size_t second = first; second <= text.size(); ++second) {
      std::string folded = text;
      folded.insert(second, "\r\n\t").insert(first, " ");
      ASSERT_EQ(base64_decode(folded, 19), octets) << folded;
    }
    std::string broken = text;
    EXPECT_EQ(base64_decode(broken.insert(first, "*"), 100), std::nullopt) << broken;
  }
}

TEST(TagBase64, KeepsNoMemoryForWhiteSpace) {
  const auto octets = base64_decode("QUJD" + std::string(900'000, ' ') + "AAAA", 100);
  ASSERT_EQ(octets, std::string("ABC\0\0\0", 6));
  EXPECT_LT(octets->capacity(), 100U);
}

TEST(TagBase64, RefusesWhatIsNone) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zm8", "Zm8==", "=", "==", "====", "Zg==Zg==", "Zm9v=", "Zm-v",
                           "Zm9v!", "Z===", "\xff\xff\xff\xff"}) {
    EXPECT_EQ(base64_decode(text, 10), std::nullopt) << text;
  }
  EXPECT_EQ(base64_decode("Zm9v", 3), "foo");
  EXPECT_EQ(base64_decode("Zm9v", 2), std::nullopt);
}

}  // namespace
}  // namespace sluice::auth
