// Tally: how often each kind of fault happened, by name, over one run or many; and which kinds a long series
// must have seen. One thread.
#pragma once

#include "io/reactor/sim_faults.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::faults {

// Where in the dialogue a client does what it should not.
enum class Stage : uint8_t {
  Connected,
  Greeted,
  Hello,
  Mail,
  Rcpt,
  Data,
  MidBody,
  BeforeDot,
  AfterDot,
  Answered,
};
inline constexpr size_t kStages = 10;
std::string_view to_word(Stage stage);

enum class Mishap : uint8_t { Reset, Leave, Silence, Blackhole };
inline constexpr size_t kMishaps = 4;
std::string_view to_word(Mishap mishap);

// What a next hop does instead of saying yes.
enum class Rudeness : uint8_t { None, Refuse4, Refuse5, Say421, Silent, Late, Close, Reset, Garbage };
inline constexpr size_t kRudenesses = 9;
std::string_view to_word(Rudeness rudeness);

enum class HopStage : uint8_t { Greeting, Ehlo, Mail, Rcpt, Data, Dot };
inline constexpr size_t kHopStages = 6;
std::string_view to_word(HopStage stage);

class Tally {
 public:
  void count(std::string_view kind, uint64_t times = 1);
  void count(Stage stage, Mishap mishap);
  void count(HopStage stage, Rudeness rudeness);
  void add(const Tally& other);
  uint64_t total() const;
  const std::map<std::string, uint64_t, std::less<>>& kinds() const { return kinds_; }
  // Of those that a long series must have seen.
  std::vector<std::string> missing() const;

 private:
  std::map<std::string, uint64_t, std::less<>> kinds_;
};

}  // namespace sluice::faults
