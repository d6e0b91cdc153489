// spf_program_run --cases N [--seed S]: compiled SPF records against the evaluator, over random zones. Zone i
// is drawn from seed S + i. A difference ends the run with the zone and the command that repeats it.
#include "tests/differential/spf_compare.h"
#include "tests/differential/spf_zone.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

int main(int argc, char** argv) {
  using namespace sluice::differential;
  constexpr size_t kClients = 24;              // of one zone
  constexpr uint64_t kCasesOfShares = 10'000;  // fewer say nothing of shares
  uint64_t cases = 100000;
  uint64_t seed = 1;
  bool show = false;
  CLI::App app("Compiled SPF records against the evaluator");
  app.add_option("--cases", cases, "clients to compare, at least");
  app.add_option("--seed", seed, "of the first zone");
  app.add_flag("--show", show, "print each zone");
  CLI11_PARSE(app, argc, argv);

  const auto started = std::chrono::steady_clock::now();
  SpfComparer comparer;
  uint64_t next = seed;
  while (comparer.tally().cases < cases) {
    Dice dice(next);
    SpfZone zone = SpfZone::generate(dice);
    if (show) fmt::print("seed {}\n{}\n", next, zone.to_text());
    const std::vector<sluice::IpAddress> clients = zone.clients(dice, kClients);
    const std::string wrong = comparer.compare(zone, clients);
    if (!wrong.empty()) {
      fmt::print(stderr, "a difference:\n{}\nzone:\n{}\nrepeat it: {} --cases 1 --seed {}\n", wrong,
                 zone.to_text(), argv[0], next);
      return 1;
    }
    ++next;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  const Tally& tally = comparer.tally();
  fmt::print("{} cases over {} zones without a difference in {:.1f} s: {:.0f} cases a second\n", tally.cases,
             tally.zones, took.count(), static_cast<double>(tally.cases) / took.count());
  const double programs = 2.0 * static_cast<double>(tally.zones);
  fmt::print("answered by the program: {:.1f} %; whole programs: {:.1f} %; of several blocks: {:.1f} %\n",
             100.0 * static_cast<double>(tally.answered) / static_cast<double>(tally.cases),
             100.0 * static_cast<double>(tally.whole) / programs,
             100.0 * static_cast<double>(tally.jumping) / programs);
  for (size_t i = 0; i < 7; ++i) {
    fmt::print("  {}: {}\n", sluice::auth::rfc_word(static_cast<sluice::auth::SpfResult>(i)),
               tally.results[i]);
  }
  if (tally.cases < kCasesOfShares) return 0;
  if (const std::string wrong = shortfall(tally); !wrong.empty()) {
    fmt::print(stderr, "programs leave too much to the evaluator:\n{}", wrong);
    return 1;
  }
  return 0;
}
