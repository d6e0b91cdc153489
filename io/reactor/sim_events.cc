#include "io/reactor/sim_events.h"

#include "io/base/check.h"

#include <algorithm>
#include <limits>

namespace sluice::reactor {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kWallStart = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};

}  // namespace

const char* to_word(SimInjection kind) {
  static constexpr std::array<const char*, kSimInjections> kWords{
      "connect refused", "connect lost", "accept error",  "tiny segment",        "stall",
      "reset",           "blackhole",    "datagram lost", "datagram duplicated", "datagram delayed",
      "open error",      "read error",   "write error",   "sync error",          "rename error",
      "disk full",       "crash",        "unsynced lost", "late report",         "canceled send"};
  return kWords[static_cast<size_t>(kind)];
}

// Not at the epoch, so that a zero time stands out.
SimEvents::SimEvents(uint64_t seed) : start_(MonoTime{} + 1000s), now_(start_), random_(seed) {}

WallTime SimEvents::wall_now() const {
  return kWallStart + std::chrono::duration_cast<std::chrono::microseconds>(now_ - start_);
}

void SimEvents::at(MonoTime time, std::function<void()> act) {
  planned_.emplace(std::pair(std::max(time, now_), sequence_++), std::move(act));
}

void SimEvents::step() {
  SLUICE_CHECK(!planned_.empty());
  auto event = planned_.extract(planned_.begin());
  now_ = std::max(now_, event.key().first);
  ++happened_;
  event.mapped()();
}

void SimEvents::run_due() {
  while (next() <= now_) step();
}

void SimEvents::advance(MonoTime to) {
  SLUICE_CHECK(to != kNever);
  while (next() <= to) step();
  now_ = std::max(now_, to);
}

bool SimEvents::chance(double probability) {
  if (probability <= 0) return false;
  constexpr double kUnit = 1.0 / (uint64_t{1} << 53);
  return static_cast<double>(random_() >> 11) * kUnit < probability;
}

bool SimEvents::inject(SimInjection kind, double probability) {
  if (!chance(probability)) return false;
  count(kind);
  return true;
}

std::chrono::nanoseconds SimEvents::between(std::chrono::nanoseconds low, std::chrono::nanoseconds high) {
  if (high <= low) return low;
  const auto span = static_cast<uint64_t>((high - low).count()) + 1;
  return low + std::chrono::nanoseconds(static_cast<int64_t>(random_() % span));
}

size_t SimEvents::up_to(size_t most) {
  SLUICE_CHECK(most > 0);
  return 1 +
         random_.below(static_cast<uint32_t>(std::min<size_t>(most, std::numeric_limits<uint32_t>::max())));
}

void SimEvents::trace(uint64_t word) {
  trace_ ^= word;
  trace_ *= 0x100000001B3U;
  trace_ ^= trace_ >> 29;
}

void SimEvents::trace(std::string_view octets) {
  uint64_t word = octets.size();
  for (const char c : octets) word = (word ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  trace(word);
}

}  // namespace sluice::reactor
