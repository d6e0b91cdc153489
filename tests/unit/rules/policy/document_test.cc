#include "rules/policy/document.h"

#include "io/base/limits.h"

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

TEST(Document, KeepsValuesWithTheirPlaces) {
  const auto root = parse_document("a = 1\n[b]\n  \"c\" = [true, 'x']\n");
  ASSERT_TRUE(root.has_value());
  EXPECT_EQ(root->find("a")->value.integer, 1);
  EXPECT_EQ(root->find("a")->position, (Position{1, 1}));
  EXPECT_EQ(root->find("a")->value.position, (Position{1, 5}));
  const DocumentEntry* c = root->find("b")->value.find("c");
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->position, (Position{3, 3}));
  EXPECT_EQ(c->value.items[1].text, "x");
  EXPECT_EQ(c->value.items[1].position, (Position{3, 16}));
  EXPECT_EQ(root->find("nothing"), nullptr);
}

TEST(Document, KnowsEveryKind) {
  const auto root = parse_document("a=1\nb=1.5\nc=true\nd='t'\ne=[]\nf={}\ng=2026-01-01\nh=07:32:00\n");
  ASSERT_TRUE(root.has_value());
  const auto kind = [&root](const char* key) { return root->find(key)->value.kind; };
  EXPECT_EQ(kind("a"), NodeKind::Integer);
  EXPECT_EQ(kind("b"), NodeKind::Float);
  EXPECT_EQ(kind("c"), NodeKind::Boolean);
  EXPECT_EQ(kind("d"), NodeKind::Text);
  EXPECT_EQ(kind("e"), NodeKind::Array);
  EXPECT_EQ(kind("f"), NodeKind::Table);
  EXPECT_EQ(kind("g"), NodeKind::Date);
  EXPECT_EQ(kind("h"), NodeKind::Date);
  EXPECT_EQ(kind_words(NodeKind::Boolean), "true or false");
}

TEST(Document, ReportsTheFirstSyntaxErrorWithItsPlace) {
  const auto root = parse_document("a = 1\nb = = 2\nc = \n");
  ASSERT_FALSE(root.has_value());
  EXPECT_EQ(root.error().position.line, 2U);
  EXPECT_GT(root.error().position.column, 3U);
  EXPECT_FALSE(root.error().message.empty());
}

TEST(Document, RefusesKeysThatBeginWithADot) {
  for (const char* text :
       {"[.a]", "[[.a]]", "[ .a ]", ".a = 1", "a..b = 1", "[a..b]", "x = {.a = 1}", "[", "[[", "[a.", "a."}) {
    EXPECT_FALSE(parse_document(text).has_value()) << text;
  }
}

TEST(Document, RefusesBytesThatAreNotUtf8) {
  EXPECT_FALSE(parse_document("a = \"\xff\"\n").has_value());
  EXPECT_FALSE(parse_document(std::string_view("a = 1\0", 6)).has_value());
}

TEST(Document, RefusesDeepNestingOfEveryForm) {
  std::string dotted = "a";
  for (int i = 0; i < 100000; ++i) dotted += ".a";
  for (const std::string& text :
       {dotted + " = 1", "[" + dotted + "]", "x = {" + dotted + " = 1}", "x = " + std::string(100000, '['),
        "[a." + dotted.substr(0, 60) + "]\n" + dotted.substr(0, 60) + " = 1"}) {
    const auto root = parse_document(text);
    ASSERT_FALSE(root.has_value()) << text.substr(0, 40);
    EXPECT_GT(root.error().position.line, 0U);
  }
}

TEST(Document, DoesNotTakeDotsInTextForNesting) {
  const std::string dots(1000, '.');
  EXPECT_TRUE(parse_document("a = \"" + dots + "\"\n").has_value());
  EXPECT_TRUE(parse_document("a = '''\n" + dots + "'''\nb = '" + dots + "' # " + dots + "\n").has_value());
  EXPECT_TRUE(parse_document("a = \"\"\"x\\\"\"\"\"\nb = \"\\\"" + dots + "\"\n").has_value());
  std::string numbers;
  for (int i = 0; i < 100; ++i) numbers += "1.5,";
  EXPECT_TRUE(parse_document("a = [" + numbers + "]\n").has_value());
}

TEST(Document, RefusesAnOversizedTextUnread) {
  // A syntax error at the start shows that a text of just the limit is read: it is that error that is
  // reported.
  const std::string text = "= " + std::string(limits::kPolicyDocument - 1, '#');
  EXPECT_EQ(parse_document(text).error().position, Position{});
  EXPECT_EQ(parse_document(std::string_view(text).substr(0, limits::kPolicyDocument)).error().position.line,
            1U);
}

}  // namespace
}  // namespace sluice::policy
