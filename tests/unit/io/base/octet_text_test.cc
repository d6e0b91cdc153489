#include "io/base/octet_text.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(EscapedOctets, AreReadBackAsTheyWere) {
  std::string all;
  for (int octet = 0; octet < 256; ++octet) all += static_cast<char>(octet);
  const std::string text = escape_octets(all);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(unescape_octets(text), all);
  EXPECT_EQ(escape_octets("a\\b\n"), "a\\092b\\010");
}

TEST(EscapedOctets, HaveOneSpelling) {
  for (const char* text : {"\\", "\\09", "\\0a2", "\\256", "\\999", "\\065", "a\nb", "\xe9", "\\x41"})
    EXPECT_EQ(unescape_octets(text), std::nullopt) << text;
}

}  // namespace
}  // namespace sluice
