// What a client is going to do, drawn from the run's seed before it begins; FaultClient does it.
#pragma once

#include "tests/faults/dice.h"
#include "tests/faults/tally.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace sluice::faults {

struct TransactionPlan {
  std::string sender_domain;
  bool null_sender = false;
  std::string domain;  // of the recipients
  size_t recipients = 1;
  bool other_domain_too = false;  // one more recipient, of another route
  bool unmanaged_too = false;     // one more, of a domain that is not managed
  size_t body_octets = 0;
  bool bad_body = false;
  bool forged_header = false;
  bool declare_size = false;
  bool bdat = false;  // where it is offered
  bool cut_dot = false;
  bool reset_before_data = false;
  std::chrono::nanoseconds envelope_pause{0};  // before the last recipient
  std::chrono::nanoseconds data_pause{0};      // before DATA
  std::chrono::nanoseconds body_pause{0};      // in the middle of the body
};

struct MishapPlan {
  Stage stage = Stage::Connected;
  Mishap mishap = Mishap::Reset;
  size_t transaction = 0;
};

struct ConnectionPlan {
  size_t node = 0;
  std::chrono::nanoseconds delay{0};  // after the one before
  bool pipelined = false;
  bool octets = false;   // one at a time
  bool garbage = false;  // commands that nobody knows, in between
  bool helo = false;     // HELO, not EHLO
  bool mute = false;     // says EHLO without end and reads nothing
  std::vector<TransactionPlan> transactions;
  std::optional<MishapPlan> mishap;
};

struct ClientPlan {
  std::vector<ConnectionPlan> connections;
};

ClientPlan draw_client(Dice& dice, size_t nodes);

// Of the policy (fixtures.h): where the recipients are, and who sends.
inline constexpr const char* kDeletingDomain = "deleted.example";
// What SPF truly says of a sender domain's mail; empty: it is not known here.
std::string true_spf(const std::string& sender_domain);

}  // namespace sluice::faults
