// The rows of the journal as text: one JSON object and a line feed each. docs/formats.md describes every
// member.
//
// A tracking row is the end of one recipient; a policy event says that a rule looked at a result that was not
// Pass (decision D-11). Members keep message ids, not words: the catalogue turns them into Japanese or
// English when they are shown. Pure; everything borrowed needs to live only for the call.
#pragma once

#include "engine/message/disposition.h"
#include "io/base/clock.h"
#include "rules/evidence/evidence.h"
#include "rules/policy/policy.h"
#include "rules/policy/verdict.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::message {

// Where in the dialogue a recipient ended.
enum class EndedAt : uint8_t { Rcpt, Data, EndOfData, Reset, Disconnect };
std::string_view to_word(EndedAt stage);  // "rcpt", "data", "end-of-data", "reset", "disconnect"

// What all rows of one transaction share.
struct TransactionFacts {
  std::string_view id;
  const evidence::Evidence& evidence;
  std::string_view policy_version;  // PolicyVersion as text
  IpAddress peer;     // the socket's other end; differs from the client's address behind XCLIENT
  uint64_t size = 0;  // octets of the message as received, without dot-stuffing; 0 before the end of data
};

struct TrackingRow {
  std::string_view recipient;
  Disposition disposition = Disposition::Refused;
  EndedAt stage = EndedAt::Rcpt;
  std::string_view reply;           // what the client was told; empty where it was not there any more
  std::string_view next_hop;        // empty where none was chosen
  std::string_view hop_reply;       // the next hop's own words, where it decided
  std::string_view next_hop_fault;  // a fault between us and the hop (W-6), in words
  const policy::Verdict* verdict = nullptr;  // null where no rule was asked
  bool first = true;  // of its transaction: with all that was found, not with the results alone
};

void append_tracking_row(std::string& out, const TransactionFacts& facts, const TrackingRow& row,
                         WallTime now);
// A line for each event of the verdict; returns how many.
uint32_t append_policy_events(std::string& out, const TransactionFacts& facts, std::string_view recipient,
                              const policy::Verdict& verdict, WallTime now);

// Marks the tracking row of a relayed recipient: the client had gone before our 250 (W-7).
void append_amendment(std::string& out, std::string_view transaction, std::string_view recipient,
                      WallTime now);

}  // namespace sluice::message
