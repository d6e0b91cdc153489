#include "io/serve/client_clock.h"

#include <algorithm>

namespace sluice::serve {

void ClientClock::body_begins(MonoTime now) {
  waiting_since_ = body_began_ = now;
  body_octets_ = 0;
  in_body_ = true;
}

void ClientClock::we_took(MonoClock::duration time) {
  waiting_since_ += time;
  body_began_ += time;
  message_ended_ += time;
}

MonoTime ClientClock::deadline() const {
  if (!in_body_) {
    const MonoTime command = waiting_since_ + times_.command_wait;
    return bound_ == Bound::Proxy ? command : std::min(command, message_ended_ + times_.session_wait);
  }
  MonoClock::duration whole = times_.message_wait;
  if (times_.data_rate_min != 0) {
    const uint64_t earned = body_octets_ / times_.data_rate_min;
    const auto most =
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(times_.message_wait).count());
    const std::chrono::seconds added(static_cast<int64_t>(std::min(earned, most)));
    whole = std::min<MonoClock::duration>(whole, times_.body_grace + added);
  }
  return std::min(waiting_since_ + times_.data_wait, body_began_ + whole);
}

}  // namespace sluice::serve
