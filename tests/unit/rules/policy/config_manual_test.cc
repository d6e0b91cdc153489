#include "rules/policy/config_manual.h"

#include "rules/policy/config_schema.h"
#include "rules/policy/policy_check.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

std::string contents_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ConfigManual, IsTheOneInTheDocs) {
  // Not EXPECT_EQ: both texts would be printed whole.
  EXPECT_TRUE(contents_of("docs/configuration.md") == configuration_manual())
      << "docs/configuration.md is not what the schema says; write it anew with: sluicectl policy manual > "
         "docs/configuration.md";
}

TEST(ConfigSchema, DeclaresEverySettingOnceAndExplainsIt) {
  std::set<std::string_view> paths;
  for (const Section& section : config_schema()) {
    EXPECT_TRUE(paths.insert(section.path).second) << section.path;
    EXPECT_FALSE(section.text.empty());
    std::set<std::string_view> names;
    for (const Setting& setting : section.settings) {
      EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
      EXPECT_FALSE(setting.text.empty()) << setting.name;
      EXPECT_TRUE(setting.text.ends_with('.') || setting.text.ends_with("`.")) << setting.name;
      const bool has_default = !setting.default_text.empty();
      EXPECT_FALSE(setting.required && has_default) << setting.name;
      EXPECT_TRUE(setting.required || has_default || !setting.at_zero.empty())
          << section.path << "." << setting.name << " does not say what holds when it is left out";
      if (setting.type == ValueType::Integer) {
        EXPECT_LT(setting.minimum, setting.maximum) << setting.name;
      }
      if (setting.type == ValueType::Choice) {
        EXPECT_FALSE(setting.choices.empty()) << setting.name;
      }
    }
  }
}

TEST(ConfigSchemaDeathTest, HasNoOtherSections) { EXPECT_DEATH((void)find_section("nothing"), ""); }

TEST(Examples, AreAllUsable) {
  size_t seen = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("docs/examples")) {
    if (entry.path().extension() != ".toml") continue;
    const PolicyReport report = check_policy(contents_of(entry.path()), entry.path().string());
    EXPECT_TRUE(report.usable) << report.text;
    ++seen;
  }
  EXPECT_GE(seen, 2U);
}

TEST(PolicyCheck, SaysWhatAnUsableDocumentHolds) {
  const PolicyReport report = check_policy(
      "[[listener]]\naddress = \"127.0.0.1:2525\"\n[[domain]]\nname = \"a.example\"\nnext_hops = "
      "[\"192.0.2.1\"]\n",
      "p.toml");
  EXPECT_TRUE(report.usable);
  EXPECT_TRUE(
      report.text.starts_with("p.toml: ok: 0 errors, 0 warnings; 1 listener, 1 managed domain, 0 SPF rules, "
                              "0 DKIM rules and 0 DMARC rules besides the defaults; version "))
      << report.text;
}

// Shows: RUL-14
TEST(PolicyCheck, RefusesWithEveryFindingOnItsLine) {
  const PolicyReport report = check_policy("[node]\nshards = 999\nuser = 1\n", "p.toml");
  EXPECT_FALSE(report.usable);
  EXPECT_TRUE(report.text.starts_with("p.toml: error: listener: ")) << report.text;
  EXPECT_NE(report.text.find("\np.toml:2:10: error: node.shards: "), std::string::npos) << report.text;
  EXPECT_NE(report.text.find("\np.toml:3:8: error: node.user: "), std::string::npos) << report.text;
  EXPECT_TRUE(report.text.ends_with("\np.toml: refused: 3 errors, 0 warnings\n")) << report.text;
}

}  // namespace
}  // namespace sluice::policy
