// Evidence: all that is known of one message, as plain values: who connected, what the envelope said, what
// authentication found. The policy decides from it and the row keeps it. No logic but small questions about
// the values; nothing here asks, waits or fails.
//
// One transaction's, on its shard; copies freely. Text is as the peer gave it (unquoted and unfolded, not
// made harmless): whoever prints it does that.
#pragma once

#include "io/base/ip.h"
#include "rules/arc/outcome.h"
#include "rules/auth/result.h"
#include "rules/dkim/outcome.h"
#include "rules/dmarc/outcome.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::evidence {

using auth::Identity;
using auth::SpfResult;

// Of the listener (W-12). SPF is for inbound only.
enum class Direction : uint8_t { Inbound, Outbound };

// Who told us the client's address (W-13).
enum class ClientSource : uint8_t { Socket, Xclient, Proxy };

struct Client {
  IpAddress address;         // effective and unmapped; of the original client where a listed peer named it
  std::string helo;          // EHLO or HELO argument, brackets of a literal included; empty: none was given
  std::string reverse_name;  // forward-confirmed name of the address; empty: none, or not asked
  ClientSource source = ClientSource::Socket;
};

// MAIL FROM without angle brackets; both empty: the null sender.
class Sender {
 public:
  Sender() = default;
  Sender(std::string_view local_part, std::string_view domain);
  // An address as written, of which the first `local_octets` are the local part.
  Sender(std::string text, size_t local_octets) : text_(std::move(text)), local_octets_(local_octets) {}

  bool is_null() const { return text_.empty(); }
  // "local@domain"; empty for the null sender
  const std::string& text() const { return text_; }
  // As given, quotes included.
  std::string_view local_part() const { return std::string_view(text_).substr(0, local_octets_); }
  // As given; empty with a local part: an address without a domain.
  std::string_view domain() const {
    if (local_octets_ == text_.size()) return {};
    return std::string_view(text_).substr(local_octets_ + 1);
  }
  friend bool operator==(const Sender&, const Sender&) = default;

 private:
  std::string text_;
  size_t local_octets_ = 0;
};

// What one SPF evaluation found.
struct SpfOutcome {
  SpfResult result = SpfResult::None;
  Identity identity = Identity::MailFrom;
  std::string domain;                    // the domain checked, A-labels
  std::optional<std::string> mechanism;  // "ip4:192.0.2.0/24", "default"; null where no record was evaluated
  std::optional<std::string> explanation;  // printable ASCII from the DNS, only with Fail
  unsigned lookups = 0;
  unsigned void_lookups = 0;
  std::string problem;  // TempError, PermError: what went wrong, for people
  std::string problem_domain;
  std::string problem_term;
  size_t problem_offset = 0;
  bool stale = false;  // an answer used was served after its time (RFC 8767)
  // Pass: how much of the address space the record authorises, where that is known: addresses for an IPv4
  // client, /64 networks for an IPv6 client.
  std::optional<uint64_t> breadth;
  bool breadth_at_least = false;  // it may be more: not all of the record could be counted
  friend bool operator==(const SpfOutcome&, const SpfOutcome&) = default;
};

// One outcome for each identity that was checked. With a null sender, postmaster@HELO stands in `helo`.
struct SpfEvidence {
  std::optional<SpfOutcome> mail_from;
  std::optional<SpfOutcome> helo;
  std::optional<SpfOutcome> from_header;  // ESE-16; never feeds DMARC
};

// What verifying the DKIM signatures found. Not verified: nobody looked, which is not the same as a message
// without signatures.
struct DkimEvidence {
  bool verified = false;
  std::vector<dkim::SignatureOutcome> signatures;  // one for each DKIM-Signature field, top first
  friend bool operator==(const DkimEvidence&, const DkimEvidence&) = default;
};

struct MessageFlags {
  bool long_line = false;                          // a line over 998 octets (W-8)
  uint64_t bare_line_ends = 0;                     // bare CR and LF that were made CRLF
  std::vector<std::string> removed_fields;         // names of fields that were removed (W-20)
  std::vector<std::string> removed_signed_fields;  // those of them that a passing DKIM signature covered
};

struct Evidence {
  Direction direction = Direction::Inbound;
  Client client;
  Sender sender;
  SpfEvidence spf;
  DkimEvidence dkim;
  std::optional<arc::Outcome> arc;            // none: not asked (ESE-07)
  arc::Override arc_override;                 // what the chain did to DMARC (W-33)
  std::optional<dmarc::Outcome> dmarc;        // what is acted on; none: not evaluated
  std::optional<dmarc::Outcome> dmarc_other;  // of the other standard, with `dmarc.mode = "both"` (D-9)
  MessageFlags flags;
};

// The name to check for HELO: what the client said, else its forward-confirmed reverse name (D-4), else
// empty. Borrows from the client.
std::string_view helo_name(const Client& client);

// False for an address literal, a single label or nothing: such a HELO gives None and is never a ground for
// refusal (W-31).
bool is_helo_checkable(std::string_view helo);

// The SPF outcome that DMARC may use (RFC 9989 section 4.4.2): of MAIL FROM, or of HELO with the null sender;
// never that of the From field, and no Pass of HELO beside a MAIL FROM (CVE-2019-20790). Null: there is none.
const SpfOutcome* spf_for_dmarc(const Evidence& evidence);

bool has_passing_signature(const DkimEvidence& dkim);
// No signature passes, and one might have had the DNS answered.
bool is_dkim_uncertain(const DkimEvidence& dkim);
// d= of the signatures that pass, each once, top first. Views of `dkim`.
std::vector<std::string_view> passing_domains(const DkimEvidence& dkim);

// Which signatures to name where there is room for `most`, in their order: those that were verified come
// before those that their field alone decided, of which anybody can put many on top.
class SignatureChoice {
 public:
  SignatureChoice(const DkimEvidence& dkim, size_t most);
  bool takes(const dkim::SignatureOutcome& signature);  // called for each, top first

 private:
  size_t verified_left_;
  size_t others_left_;
};

// DMARC passes, or fails but the results of a trusted ARC sealer stand in for it (W-33).
bool is_dmarc_satisfied(const Evidence& evidence);

}  // namespace sluice::evidence
