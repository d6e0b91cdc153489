// What rules of every kind are made of: actions, replies, subject tags, and lists of peers that a rule leaves
// alone or is for. Pure values, made by the reader, shared immutable.
#pragma once

#include "io/base/ip.h"
#include "rules/evidence/evidence.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

enum class Action : uint8_t {
  Pass,    // do not intercept
  Delete,  // accept, then discard (after a committed journal row)
  Reject,  // 5xx
  Defer,   // 4xx
  Tag,     // do not intercept, and mark the subject
};
std::string_view to_word(Action action);  // "pass", "delete", "reject", "defer", "tag": as in the document
// Whether the message does not go on as usual; later rules are not asked then.
bool intercepts(Action action);

// What the client is told (ESE-18): code, enhanced status, text.
struct ReplyTriple {
  uint16_t code = 0;
  std::string status;             // "5.7.1"
  std::string message;            // printable ASCII, at most limits::kReplyText octets
  std::string to_string() const;  // "550 5.7.1 SPF check failed"
  friend bool operator==(const ReplyTriple&, const ReplyTriple&) = default;
};

// What the action `tag` puts before the subject (RUL-11).
struct SubjectTag {
  std::string text;        // UTF-8 without controls, at most limits::kSubjectTag octets, no space at its ends
  bool tag_signed = true;  // also where the change would break a signature (TM-08)
  friend bool operator==(const SubjectTag&, const SubjectTag&) = default;
};

enum class PeerKind : uint8_t { Address, Domain, DomainTree, Network, NullSender };

// An entry of a peer list: "user@example.com", "example.com" (exact), ".example.com" (it and all below),
// "192.0.2.0/24", "2001:db8::1", "<>".
struct PeerEntry {
  PeerKind kind = PeerKind::Domain;
  std::string text;        // as written; named in the row (LOG-04)
  std::string local_part;  // Address; compared without regard to case
  std::string domain;      // Address, Domain, DomainTree: A-labels, lower case, without the leading dot
  Cidr network;            // Network

  // Null when the text is none of these.
  static std::optional<PeerEntry> parse(std::string_view text);
  bool matches(const evidence::Client& client, const evidence::Sender& sender) const;
  friend bool operator==(const PeerEntry&, const PeerEntry&) = default;
};

// The first entry that matches, or null. Points into `entries`.
const PeerEntry* find_match(std::span<const PeerEntry> entries, const evidence::Client& client,
                            const evidence::Sender& sender);

}  // namespace sluice::policy
