// What is asked of the DNS, and what came back, as plain values. Evaluators in rules/ speak only these.
#pragma once

#include "dnscache/question/name.h"
#include "io/base/clock.h"
#include "io/base/ip.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace sluice::dns {

enum class RecordType : uint16_t {
  A = 1,
  Ns = 2,
  Cname = 5,
  Soa = 6,
  Ptr = 12,
  Mx = 15,
  Txt = 16,
  Aaaa = 28,
};
std::string to_string(RecordType type);  // "A", "TXT", ... "TYPE99"

struct Question {
  DnsName name;
  RecordType type = RecordType::A;
  friend bool operator==(const Question&, const Question&) = default;
};

struct MailExchange {
  uint16_t preference = 0;
  DnsName exchange;
  friend bool operator==(const MailExchange&, const MailExchange&) = default;
};

// A and AAAA: IpAddress. PTR, NS, CNAME: DnsName. MX: MailExchange. TXT: its strings joined without anything
// between them (RFC 7208 section 3.3), as octets.
using RecordData = std::variant<IpAddress, DnsName, MailExchange, std::string>;

enum class AnswerStatus : uint8_t {
  Records,     // at least one record of the type asked for
  NoData,      // the name exists, no record of that type (RFC 2308 2.2)
  NxDomain,    // the name does not exist (RCODE 3)
  ServFail,    // any other RCODE, a broken answer, a CNAME loop, or a name that cannot be asked
  Timeout,     // no server answered within the question's time
  OverBudget,  // refused before anything was sent: the evaluation's budget or deadline is used up
};

// Both void lookups of RFC 7208 section 4.6.4: NXDOMAIN, and NOERROR without an answer.
constexpr bool is_void(AnswerStatus status) {
  return status == AnswerStatus::NoData || status == AnswerStatus::NxDomain;
}
// A fault that may pass: the evaluators' temperror.
constexpr bool is_temporary(AnswerStatus status) {
  return status == AnswerStatus::ServFail || status == AnswerStatus::Timeout ||
         status == AnswerStatus::OverBudget;
}

// CNAMEs are followed before an Answer is made; records are in the order of the message.
struct Answer {
  AnswerStatus status = AnswerStatus::Timeout;
  std::vector<RecordData> records{};
  uint32_t ttl = 0;    // seconds, the shortest on the way, after the cache's bounds
  bool stale = false;  // served after its time because no server answered (RFC 8767)
};

// What a question counts as (RFC 7208 section 4.6.4). The evaluator books terms and void lookups itself, in
// record order; the sender uses the kind to refuse a packet that the budget no longer covers.
enum class LookupKind : uint8_t {
  Uncounted,    // the first record, an explanation, and all that is not SPF
  Term,         // the first question of a DNS-querying term
  TermName,     // a further name of an mx or ptr term that was booked already
  Speculative,  // asked ahead of need; counted against the terms still free
};

struct LookupBudget {
  unsigned terms_left = limits::kSpfTerms;
  MonoTime deadline = kNever;

  // Takes what the question costs; false when the budget no longer covers it (no packet may leave).
  bool take(LookupKind kind, MonoTime now) {
    if (now >= deadline) return false;
    if (kind != LookupKind::Term && kind != LookupKind::Speculative) return true;
    if (terms_left == 0) return false;
    --terms_left;
    return true;
  }
};

}  // namespace sluice::dns
