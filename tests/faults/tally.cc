#include "tests/faults/tally.h"

#include <array>

namespace sluice::faults {
namespace {

constexpr std::array<std::string_view, kStages> kStageWords{"connected", "greeted", "hello",    "mail",
                                                            "rcpt",      "data",    "mid body", "before dot",
                                                            "after dot", "answered"};
constexpr std::array<std::string_view, kMishaps> kMishapWords{"reset", "leave", "silence", "blackhole"};
constexpr std::array<std::string_view, kRudenesses> kRudenessWords{
    "none", "4xx", "5xx", "421", "silent", "late", "close", "reset", "garbage"};
constexpr std::array<std::string_view, kHopStages> kHopStageWords{"greeting", "ehlo", "mail",
                                                                  "rcpt",     "data", "dot"};

// Besides those that are products of two lists.
constexpr std::array kOtherKinds{"client pipelines",
                                 "client says octet by octet",
                                 "client says garbage",
                                 "client is slow in body",
                                 "client is slow in envelope",
                                 "client sends a huge body",
                                 "client cuts the dot",
                                 "client sends a bad body",
                                 "client has a body normalised",
                                 "client does not read",
                                 "client forges a header",
                                 "hop took it and was lost",
                                 "hop reads slowly",
                                 "dns silent",
                                 "dns servfail",
                                 "dns truncates",
                                 "dns wrong id",
                                 "dns wrong question",
                                 "dns garbage",
                                 "dns late",
                                 "dns closes tcp",
                                 "node crash",
                                 "node drain and restart",
                                 "node reopens journals",
                                 "disk full",
                                 "disk errors",
                                 "disk slow",
                                 "hop unreachable",
                                 "hop streams reset",
                                 "dns unreachable"};

std::string name(Stage stage, Mishap mishap) {
  return "client " + std::string(to_word(mishap)) + " at " + std::string(to_word(stage));
}
std::string name(HopStage stage, Rudeness rudeness) {
  return "hop " + std::string(to_word(rudeness)) + " at " + std::string(to_word(stage));
}

}  // namespace

std::string_view to_word(Stage stage) { return kStageWords[static_cast<size_t>(stage)]; }
std::string_view to_word(Mishap mishap) { return kMishapWords[static_cast<size_t>(mishap)]; }
std::string_view to_word(Rudeness rudeness) { return kRudenessWords[static_cast<size_t>(rudeness)]; }
std::string_view to_word(HopStage stage) { return kHopStageWords[static_cast<size_t>(stage)]; }

void Tally::count(std::string_view kind, uint64_t times) {
  if (times == 0) return;
  const auto found = kinds_.find(kind);
  if (found == kinds_.end()) {
    kinds_.emplace(kind, times);
  } else {
    found->second += times;
  }
}

void Tally::count(Stage stage, Mishap mishap) { count(name(stage, mishap)); }
void Tally::count(HopStage stage, Rudeness rudeness) { count(name(stage, rudeness)); }

void Tally::add(const Tally& other) {
  for (const auto& [kind, times] : other.kinds_) count(kind, times);
}

uint64_t Tally::total() const {
  uint64_t sum = 0;
  for (const auto& [kind, times] : kinds_) sum += times;
  return sum;
}

std::vector<std::string> Tally::missing() const {
  std::vector<std::string> missing;
  const auto want = [&](const std::string& kind) {
    if (!kinds_.contains(kind)) missing.push_back(kind);
  };
  for (size_t stage = 0; stage < kStages; ++stage) {
    for (size_t mishap = 0; mishap < kMishaps; ++mishap)
      want(name(static_cast<Stage>(stage), static_cast<Mishap>(mishap)));
  }
  for (size_t stage = 0; stage < kHopStages; ++stage) {
    for (size_t rudeness = 1; rudeness < kRudenesses; ++rudeness)
      want(name(static_cast<HopStage>(stage), static_cast<Rudeness>(rudeness)));
  }
  for (const char* kind : kOtherKinds) want(kind);
  for (size_t kind = 0; kind < reactor::kSimInjections; ++kind)
    want(std::string("sim: ") + reactor::to_word(static_cast<reactor::SimInjection>(kind)));
  return missing;
}

}  // namespace sluice::faults
