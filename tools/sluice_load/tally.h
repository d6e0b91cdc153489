// Tally: what one shard's senders saw; merged at the end. Latencies are in microseconds and in both
// directions honest: they begin with the turn of the loop in which the octets were handed to the kernel and
// end with the turn in which the reply was read, so what the generator itself takes is never subtracted.
#pragma once

#include "io/base/histogram.h"
#include "tools/sluice_load/time_series.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sluice::load {

enum class Point : uint8_t {
  Connect,   // until the connection stands
  Greeting,  // ... to the greeting
  Hello,     // ... to the reply to EHLO (or HELO)
  Mail,      // to the reply to MAIL
  Rcpt,      // to each reply to RCPT
  Data,      // to the 354
  End,       // from the last octet of the message to the reply
  Service,   // from the first octet of MAIL to the last reply
  Message,   // from when it was meant to begin (open loop), connecting and waiting for a connection included
};
inline constexpr size_t kPoints = 9;
inline constexpr std::array<std::string_view, kPoints> kPointNames{
    "connect", "greeting", "hello", "mail", "rcpt", "data", "end", "service", "message"};

struct Tally {
  uint64_t connections = 0;
  uint64_t begun = 0;     // = sent + errors, when all is over
  uint64_t sent = 0;      // transactions that had an answer
  uint64_t accepted = 0;  // ... 2xx to the final dot
  uint64_t recipients_refused = 0;
  uint64_t errors = 0;                                   // no answer
  uint64_t octets = 0;                                   // of accepted messages, in wire form
  std::map<std::string, uint64_t, std::less<>> refused;  // messages, by "550 5.7.1"
  std::map<std::string, uint64_t, std::less<>> replies;  // every refusing reply, by "rcpt 550 5.7.1"
  std::map<std::string, uint64_t, std::less<>> faults;   // by words
  std::array<Histogram, kPoints> points;
  // How well the schedule was kept, in microseconds behind it: `lag` of messages for which a connection was
  // free, so it is ours; `queue` of those that came when all connections were busy, so it is the server's.
  Histogram lag;
  Histogram queue;
  uint64_t late = 0;               // lag over kLateMicros
  uint64_t unsent = 0;             // were due and never begun: further behind than the grace
  uint64_t saturated_seconds = 0;  // in which the thread had no time to spare
  TimeSeries series;

  static constexpr uint64_t kLateMicros = 5000;
  Histogram& point(Point which) { return points[static_cast<size_t>(which)]; }
  const Histogram& point(Point which) const { return points[static_cast<size_t>(which)]; }
  void merge(const Tally& other);
};

}  // namespace sluice::load
