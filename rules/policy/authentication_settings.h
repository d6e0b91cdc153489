// The settings of DKIM, ARC and DMARC that are not rules: verifying, signing, sealing, reporting. Plain
// values, shared immutable once they are part of a Policy (policy.h). Files are named here, never read:
// whoever has a file system does that. Units, defaults and bounds are declared in schema_authentication.cc.
#pragma once

#include "io/mail/author.h"
#include "rules/dmarc/outcome.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::policy {

struct SigningKeyFile {
  std::string selector;
  std::string file;  // PEM
  friend bool operator==(const SigningKeyFile&, const SigningKeyFile&) = default;
};

// Which key signs the mail of which authors. The first match from exact to general: see dkim::SigningTable.
struct DkimSigning {
  std::string domain;          // of the author, A-labels: "example.com", "*.example.com" (below it), "*"
  std::string signing_domain;  // d=; never empty
  std::vector<SigningKeyFile> keys;
  std::vector<std::string> headers;   // lower case; empty: the usual ones
  std::vector<std::string> oversign;  // lower case; empty with oversign_given: none
  bool oversign_given = false;
  bool relaxed_header = true;
  bool relaxed_body = true;
  std::optional<std::chrono::seconds> expire;  // x= so long after t=; none: no x=
  friend bool operator==(const DkimSigning&, const DkimSigning&) = default;
};

struct DkimSettings {
  bool verify = true;
  unsigned max_signatures = 10;
  bool partial_body = false;  // a signature whose l= leaves body uncovered may pass
  std::chrono::seconds clock_skew{300};
  std::vector<DkimSigning> sign;  // outbound mail of trusted networks; empty: nothing is signed
  friend bool operator==(const DkimSettings&, const DkimSettings&) = default;
};

enum class SealWhen : uint8_t {
  Modified,  // where our edits change what an earlier signature or seal may cover
  Always,
};

struct ArcSealing {
  std::string domain;
  std::string selector;
  std::string file;                  // PEM
  std::vector<std::string> headers;  // lower case; empty: the usual ones
  SealWhen when = SealWhen::Modified;
  friend bool operator==(const ArcSealing&, const ArcSealing&) = default;
};

struct ArcSettings {
  bool verify = true;                        // ESE-06; asked only where it can help (ESE-07)
  std::vector<std::string> trusted_sealers;  // ESE-08, D-3: A-labels; ".example.com" covers what is below too
  std::optional<ArcSealing> seal;            // none: nothing is sealed
  friend bool operator==(const ArcSettings&, const ArcSettings&) = default;
};

// Aggregate reports to the domains whose policy was applied (RFC 9990). Off: P-20.
struct DmarcReportSettings {
  bool enabled = false;
  std::string directory;      // where finished reports are written
  std::string organization;   // org_name
  std::string contact;        // email: an address
  std::string extra_contact;  // extra_contact_info; may be empty
  std::string submitter;      // the domain in report ids and file names
  std::chrono::seconds interval{86400};
  friend bool operator==(const DmarcReportSettings&, const DmarcReportSettings&) = default;
};

struct DmarcSettings {
  dmarc::Mode mode = dmarc::Mode::Rfc9989;                     // D-9
  std::string public_suffix_list;                              // file; needed unless the mode is Rfc9989
  mail::AuthorForms author_forms = mail::AuthorForms::Strict;  // of all that asks who the author is
  DmarcReportSettings reports;
  friend bool operator==(const DmarcSettings&, const DmarcSettings&) = default;
};

}  // namespace sluice::policy
