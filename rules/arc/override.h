// Whether an ARC chain says enough, from sealers that we trust, to set aside what DMARC (or SPF or DKIM) says
// of this message (RFC 8617 sections 7.2 and 9; decision W-33). ARC can only help, never harm.
//
// It applies when all of this holds:
//   1. the chain is intact (cv=pass by our own validation);
//   2. the newest set's sealer is trusted;
//   3. going down from the newest set through sets whose sealers are all trusted, the oldest one reached
//      holds ARC-Authentication-Results that say dmarc=pass for the author domain of this message, or
//      spf=pass or dkim=pass for the same domain where they certainly say nothing of DMARC: any dmarc= other
//      than none and bestguesspass rules that out, and so does anything in them that cannot be read.
// A sealer that is not trusted stops the way down: what stands below it may be its invention. Pure.
#pragma once

#include "rules/arc/outcome.h"

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::arc {

// ESE-08. The order is that of the documentation.
std::vector<std::string> default_trusted_sealers();

class TrustedSealers {
 public:
  TrustedSealers() = default;
  // Entries: "example.com" (exactly this d=), ".example.com" (it and every name below, D-3). Any case;
  // entries are taken as A-labels.
  explicit TrustedSealers(std::span<const std::string> entries);

  bool contains(std::string_view domain) const;
  bool empty() const { return exact_.empty() && below_.empty(); }

 private:
  std::set<std::string, std::less<>> exact_;
  std::set<std::string, std::less<>> below_;  // without the dot
};

// `author_domain`: A-labels; empty where the message has no usable author, and then nothing applies.
Override override_of(const Outcome& chain, const TrustedSealers& trusted, std::string_view author_domain);

}  // namespace sluice::arc
