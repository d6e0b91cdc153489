#include "dnscache/zone/zone_file.h"
#include "rules/auth/result.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/selftest_zone.h"
#include "tools/sluicectl/spf_run.h"

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace sluice::ctl {
namespace {

struct Row {
  std::string_view what;
  std::string_view client;
  auth::SpfResult result;
  std::string_view mechanism;
  unsigned lookups;
};

using auth::SpfResult;
constexpr std::string_view kInclude = "include:spf.vendor.example";
constexpr std::array<Row, 6> kRows{
    {{"the listed address", "203.0.113.1", SpfResult::Pass, "ip4:203.0.113.1", 0},
     {"inside the listed network", "198.51.100.77", SpfResult::Pass, "ip4:198.51.100.0/24", 0},
     {"in the included record", "18.208.22.65", SpfResult::Pass, kInclude, 1},
     {"in the nested record, a range", "18.188.9.193", SpfResult::Pass, kInclude, 2},
     {"in the nested record, last term", "34.225.87.138", SpfResult::Pass, kInclude, 2},
     {"listed nowhere", "192.0.2.1", SpfResult::SoftFail, "all", 2}}};

bool run_row(const Row& row, AnswerSource& source) {
  spf::Check check;
  check.client = *IpAddress::parse(row.client);
  check.sender = fmt::format("user@{}", kSelftestDomain);
  check.helo = fmt::format("mail.{}", kSelftestDomain);
  const spf::Outcome outcome = run_spf(check, source);
  const bool right = outcome.result == row.result && outcome.mechanism == row.mechanism &&
                     outcome.lookups == row.lookups && outcome.void_lookups == 0;
  fmt::print("{:<4}  {:<32} {:<15} {:<9} {:>7}  {}\n", right ? "ok" : "BAD", row.what, row.client,
             auth::rfc_word(outcome.result), outcome.lookups, outcome.mechanism.value_or("-"));
  if (!right) {
    fmt::print("      expected {} by {} after {} lookups\n", auth::rfc_word(row.result), row.mechanism,
               row.lookups);
  }
  return right;
}

int selftest_spf() {
  const Result<dns::Zone> zone = dns::zone_from_yaml(kSelftestZone);
  if (!zone) {
    fmt::print(stderr, "sluicectl: the self-test's zone: {}\n", zone.error().to_string());
    return kExitFailed;
  }
  ZoneSource source(*zone);
  fmt::print("{:<4}  {:<32} {:<15} {:<9} {:>7}  {}\n", "", "client", "address", "result", "lookups",
             "mechanism");
  size_t right = 0;
  for (const Row& row : kRows) right += run_row(row, source) ? 1 : 0;
  fmt::print("{} of {} as expected\n", right, kRows.size());
  return right == kRows.size() ? kExitDone : kExitFailed;
}

}  // namespace

void add_selftest(CLI::App& app, int& exit_status) {
  CLI::App* selftest = app.add_subcommand("selftest", "Checks this program against frozen examples, offline");
  selftest->require_subcommand(1);
  CLI::App* spf = selftest->add_subcommand("spf", "A company, its vendor and a nested record: who may send?");
  spf->callback([&exit_status] { exit_status = selftest_spf(); });
}

}  // namespace sluice::ctl
