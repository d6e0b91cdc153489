// ClientClock: until when a client of the server must have said what is awaited of it. No single wait would
// be enough: a client that sends one octet shortly before each time-out would keep its session for ever.
//
//   command    command_wait for all of its line (RFC 5321 section 4.5.3.2.7: at least 5 minutes)
//   message    data_wait between two of its octets, and body_grace for all of it, to which each octet adds
//   its
//              share by data_rate_min; message_wait at most. The grace lies above the 3 minutes that a client
//              may wait for one of its own sends (4.5.3.2.5), so that one such stall is forgiven.
//   session    session_wait from its start, or from the end of its last message. Not for proxies (XCLIENT).
//
// The time that we take ourselves is not the client's: see we_took(). Pure: the time is passed in. One for
// each connection.
#pragma once

#include "io/base/clock.h"
#include "io/base/limits.h"

#include <cstdint>

namespace sluice::serve {

struct ClientTimes {
  MonoClock::duration command_wait = limits::kServerCommandWait;
  MonoClock::duration data_wait = limits::kServerDataWait;
  MonoClock::duration body_grace = limits::kServerBodyGrace;
  MonoClock::duration message_wait = limits::kServerMessageWait;
  MonoClock::duration session_wait = limits::kServerSessionWait;
  uint64_t data_rate_min = limits::kServerDataRate;  // octets per second; 0: any
};

class ClientClock {
 public:
  enum class Bound : uint8_t { Ordinary, Proxy };

  ClientClock(const ClientTimes& times, MonoTime now)
      : times_(times), waiting_since_(now), message_ended_(now), body_began_(now) {}
  void bind(Bound bound) { bound_ = bound; }

  // A command is complete, or a decision of ours is over, or octets of the message came.
  void heard(MonoTime now) { waiting_since_ = now; }
  // Octets of a message are awaited, for the first time.
  void body_begins(MonoTime now);
  void body_octets(uint64_t octets) { body_octets_ += octets; }
  void body_ends() { in_body_ = false; }
  bool in_body() const { return in_body_; }
  // An end of data was answered.
  void message_ends(MonoTime now) { message_ended_ = now; }
  // For a wait that the client did not cause.
  void we_took(MonoClock::duration time);

  // Of the next receive. May have passed already: a client that is always heard of, but says too little.
  MonoTime deadline() const;

 private:
  const ClientTimes& times_;
  MonoTime waiting_since_;
  MonoTime message_ended_;
  MonoTime body_began_;
  uint64_t body_octets_ = 0;
  bool in_body_ = false;
  Bound bound_ = Bound::Ordinary;
};

}  // namespace sluice::serve
