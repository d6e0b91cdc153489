#include "engine/node/log_catalogue.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

const std::filesystem::path kRoot = ".";

TEST(LogCatalogue, IsSortedAndHasBothLanguages) {
  const auto messages = log_catalogue();
  EXPECT_TRUE(std::ranges::is_sorted(messages, {}, &LogMessage::event));
  for (const LogMessage& message : messages) {
    EXPECT_NE(message.english, "") << message.event;
    EXPECT_NE(message.japanese, "") << message.event;
    EXPECT_EQ(message.english_advice.empty(), message.japanese_advice.empty()) << message.event;
    const bool ascii = std::ranges::all_of(message.japanese, [](char c) { return c >= 0; });
    EXPECT_FALSE(ascii) << message.event;
  }
}

TEST(LogCatalogue, TheDocumentIsThatOfTheCode) {
  EXPECT_EQ(read(kRoot / "docs/log_catalogue.md"), log_catalogue_page())
      << "write it anew: sluicectl log-catalogue > docs/log_catalogue.md";
}

// Every literal that looks like an event, in the sources that write to the log.
TEST(LogCatalogue, HasEveryEventOfTheCodeAndNoOther) {
  std::set<std::string> in_code;
  const std::regex writes("LogLevel|\\\\\"event\\\\\"|hop_watch|tell_change");
  const std::regex event(
      "\"((?:admin|dmarc|dns|hop|journal|log|memory|node|policy|reactor|smtp)\\.[a-z_]+)(?:\"|\\\\\")");
  for (const char* folder : {"engine", "io/runtime", "io/serve", "tools/sluiced"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / folder)) {
      if (entry.path().extension() != ".cc" || entry.path().filename() == "log_catalogue.cc") continue;
      const std::string text = read(entry.path());
      if (!std::regex_search(text, writes)) continue;
      for (std::sregex_iterator at(text.begin(), text.end(), event), end; at != end; ++at)
        in_code.insert((*at)[1]);
    }
  }
  std::set<std::string> listed;
  for (const LogMessage& message : log_catalogue()) listed.emplace(message.event);
  EXPECT_EQ(in_code, listed);
}

}  // namespace
}  // namespace sluice::node
