#include "tests/faults/client_plan.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::faults {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

constexpr std::array kDomains{"plain.example",   "tagged.example",   "refused.example", "late.example",
                              "deleted.example", "deferred.example", "twin.example",    "named.example"};

struct Senders {
  const char* kind;
  const char* spf;
};
constexpr std::array kSenders{Senders{"pass", "Pass"},        Senders{"fail", "Fail"},
                              Senders{"soft", "SoftFail"},    Senders{"none", "None"},
                              Senders{"broken", "PermError"}, Senders{"slow", "TempError"},
                              Senders{"deep", "Fail"},        Senders{"big", "Pass"}};

TransactionPlan draw_transaction(Dice& dice) {
  TransactionPlan plan;
  const Senders& senders = dice.pick(kSenders);
  // Fail and pass more often than the others.
  const char* kind = dice.chance(0.5) ? (dice.chance(0.5) ? "fail" : "pass") : senders.kind;
  plan.sender_domain = fmt::format("{}{}.senders.example", kind, dice.below(4));
  plan.null_sender = dice.chance(0.03);
  plan.domain = dice.pick(kDomains);
  plan.recipients = dice.chance(0.6) ? 1 : dice.chance(0.9) ? dice.between(2, 5) : dice.between(6, 20);
  plan.other_domain_too = dice.chance(0.05);
  plan.unmanaged_too = dice.chance(0.05);
  const double size = static_cast<double>(dice.below(1000)) / 1000;
  plan.body_octets = size < 0.75   ? dice.between(0, 1500)
                     : size < 0.96 ? dice.between(1500, 20'000)
                                   : dice.between(20'000, 300'000);
  plan.bad_body = dice.chance(0.04);
  plan.forged_header = dice.chance(0.08);
  plan.declare_size = dice.chance(0.2);
  plan.bdat = dice.chance(0.3);
  plan.cut_dot = dice.chance(0.3);
  plan.reset_before_data = dice.chance(0.04);
  if (dice.chance(0.06)) plan.envelope_pause = dice.time(1s, 40s);
  if (dice.chance(0.06)) plan.data_pause = dice.time(1s, 60s);
  if (dice.chance(0.08)) plan.body_pause = dice.time(1s, 170s);
  return plan;
}

}  // namespace

std::string true_spf(const std::string& sender_domain) {
  for (const Senders& senders : kSenders)
    if (sender_domain.starts_with(senders.kind)) return senders.spf;
  return {};
}

ClientPlan draw_client(Dice& dice, size_t nodes) {
  ClientPlan plan;
  const size_t connections = dice.between(1, 4);
  for (size_t i = 0; i < connections; ++i) {
    ConnectionPlan connection;
    connection.node = dice.below(nodes);
    connection.delay = dice.chance(0.7) ? dice.time(0ms, 5s) : dice.time(0ms, 60s);
    connection.pipelined = dice.chance(0.5);
    connection.octets = dice.chance(0.08);
    connection.garbage = dice.chance(0.15);
    connection.helo = dice.chance(0.1);
    connection.mute = dice.chance(0.02);
    const size_t transactions = dice.chance(0.6) ? 1 : dice.between(2, 5);
    for (size_t t = 0; t < transactions; ++t) connection.transactions.push_back(draw_transaction(dice));
    if (dice.chance(0.3)) {
      connection.mishap = MishapPlan{static_cast<Stage>(dice.below(kStages)),
                                     static_cast<Mishap>(dice.below(kMishaps)), dice.below(transactions)};
    }
    plan.connections.push_back(std::move(connection));
  }
  return plan;
}

}  // namespace sluice::faults
