#include "io/base/json_text.h"

#include <array>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonText, EscapesWhatWouldEndAStringOrALine) {
  EXPECT_EQ(quoted("a\"b\\c\r\n\t"), R"("a\"b\\c\r\n\t")");
  EXPECT_EQ(quoted(std::string_view("\0\x1f\x7f", 3)), R"("\u0000\u001f\u007f")");
}

TEST(JsonText, KeepsUtf8AndReplacesWhatIsNot) {
  EXPECT_EQ(quoted("件名"), "\"件名\"");
  EXPECT_EQ(quoted("\xff"
                   "a"),
            "\"\xEF\xBF\xBD"
            "a\"");
  // Overlong forms, surrogates, beyond U+10FFFF, and sequences cut short are not UTF-8.
  for (const char* text : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE3\x81", "\x80"}) {
    EXPECT_NE(quoted(text).find("\xEF\xBF\xBD"), std::string::npos);
    EXPECT_TRUE(nlohmann::json::accept(quoted(text)));
  }
}

TEST(JsonText, EscapesWhatATerminalOrAViewerObeys) {
  EXPECT_EQ(quoted("a\u0080\u009b2J\u009fb"), R"("a\u0080\u009b2J\u009fb")");
  EXPECT_EQ(quoted("\u2028\u2029\u202a\u202e"), R"("\u2028\u2029\u202a\u202e")");
  EXPECT_EQ(quoted("\u2066\u2069"), R"("\u2066\u2069")");
  // Their neighbours, and what ends in the same octets.
  for (const char* text :
       {"\u00a0", "\u2027\u202f", "\u2065\u206a", "\u0428\u042e", "\U0001f4a8", "\U0001009b"})
    EXPECT_EQ(quoted(text), '"' + std::string(text) + '"');
  const char* const all = "\u009b\u2028\u202e\u2066";
  EXPECT_EQ(nlohmann::json::parse(quoted(all)).get<std::string>(), all);
}

TEST(JsonText, WritesNestedObjectsThatParse) {
  std::string out;
  JsonObject row(out);
  row.text("a", "x").number("b", UINT64_MAX).boolean("c", true).null("d");
  JsonObject inner = row.object("e");
  inner.texts("f", std::array<std::string, 2>{"1", "2"});
  inner.end();
  row.object("g").end();
  row.end();
  EXPECT_EQ(out, R"({"a":"x","b":18446744073709551615,"c":true,"d":null,"e":{"f":["1","2"]},"g":{}})");
  EXPECT_TRUE(nlohmann::json::accept(out));
}

}  // namespace
}  // namespace sluice
