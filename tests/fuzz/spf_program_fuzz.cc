// Compiled SPF records against the evaluator: the input draws a zone of records and the clients
// (tests/differential). Whatever the compiled form answers is what the evaluator answers, and what it costs
// to compile stays within the limits.
#include "io/base/check.h"
#include "tests/differential/dice.h"
#include "tests/differential/spf_compare.h"
#include "tests/differential/spf_zone.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::differential;
  constexpr size_t kClients = 24;
  Dice dice(std::span(data, size));
  SpfZone zone = SpfZone::generate(dice);
  SpfComparer comparer;
  const std::string wrong = comparer.compare(zone, zone.clients(dice, kClients));
  if (!wrong.empty()) std::fprintf(stderr, "%s\n%s", wrong.c_str(), zone.to_text().c_str());
  SLUICE_CHECK(wrong.empty());
  return 0;
}
