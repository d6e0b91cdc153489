#include "rules/policy/restart.h"

#include "rules/policy/config_schema.h"
#include "tests/unit/rules/policy/policy_text.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

// The base document with another value for each setting that is taken at start only.
constexpr std::string_view kAllOthers =
    "[node]\nshards = 7\nbackend = \"epoll\"\nuser = \"mail\"\n"
    "[journal]\npath = \"/elsewhere\"\n"
    "[admin]\nhttp = false\nlisten = \"127.0.0.1:1\"\ncontrol_socket = \"/elsewhere\"\n"
    "[memory]\nbodies = \"300 MiB\"\nshard_bodies = \"64 MiB\"\nmessage = \"2 MiB\"\n"
    "spill_directory = \"/elsewhere\"\nspill_size = 0\n"
    "[dns]\nservers = [\"192.0.2.1\"]\nresolv_conf = \"/elsewhere\"\ntimeout_seconds = 1\n"
    "cache_size = \"1 MiB\"\nttl_min_seconds = 1\nttl_max_seconds = 2\nnegative_ttl_max_seconds = 2\n"
    "serve_stale_seconds = 1\nrefresh_percent = 1\nmixed_case = true\n";

TEST(SettingsThatNeedRestart, AreThoseThatTheSchemaDeclares) {
  std::vector<std::string> declared;
  for (const Section& section : config_schema()) {
    for (const Setting& setting : section.settings) {
      if (setting.reload == Reload::Restart) {
        declared.push_back(std::string(section.path) + '.' + std::string(setting.name));
      }
    }
  }
  std::vector<std::string> found =
      settings_that_need_restart(policy_of(kBase), policy_of(with_base(kAllOthers)));
  std::ranges::sort(declared);
  std::ranges::sort(found);
  EXPECT_EQ(found, declared);
}

TEST(SettingsThatNeedRestart, AreNoneWhereOnlyOthersChange) {
  const Policy next = policy_of(
      "[node]\nhostname = \"other.example\"\n[[listener]]\naddress = \"127.0.0.1:2626\"\n"
      "[[domain]]\nname = \"new.example\"\nnext_hops = [\"127.0.0.1:9\"]\n[journal]\nrotate_daily = false\n");
  EXPECT_EQ(settings_that_need_restart(policy_of(kBase), next), std::vector<std::string>{});
}

TEST(AdminSettings, ListenOnLoopbackAsTheSchemaSaysWhereNothingElseIsGiven) {
  const AdminSettings admin = policy_of(kBase).admin();
  const Setting* listen = find_setting(find_section("admin"), "listen");
  EXPECT_EQ('"' + admin.listen.to_string() + '"', listen->default_text);
  EXPECT_TRUE(admin.listen.address.is_loopback());
  EXPECT_FALSE(admin.listen_given);
  EXPECT_FALSE(admin.control_given);
}

}  // namespace
}  // namespace sluice::policy
