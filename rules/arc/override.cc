#include "rules/arc/override.h"

#include "io/base/ascii.h"
#include "io/mail/domain.h"
#include "rules/auth/authentication_results.h"

#include <algorithm>

namespace sluice::arc {
namespace {

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

// The domain of an address, or of a domain that stands alone, as A-labels.
std::string domain_of(std::string_view value) {
  const size_t at = value.rfind('@');
  if (at != std::string_view::npos) value.remove_prefix(at + 1);
  return mail::to_a_labels(value).value_or("");
}

bool names_domain(const auth::MethodResult& result, std::string_view type, std::string_view name,
                  std::string_view domain) {
  const std::string* const value = result.find(type, name);
  return value != nullptr && domain_of(*value) == domain;
}

// i= may be below d=, and only d= has signed: what stands in header.i counts where the writer left d= out.
bool signed_by(const auth::MethodResult& result, std::string_view domain) {
  const bool has_domain = result.find("header", "d") != nullptr;
  return names_domain(result, "header", has_domain ? "d" : "i", domain);
}

// What one set of results says of the author's domain.
struct Claim {
  bool passed = false;
  std::string words;  // "dmarc=pass", or what stands there instead
};

// Words of a DMARC that judged nothing: there was no record.
bool is_no_judgement(std::string_view word) { return word == "none" || word == "bestguesspass"; }

// SPF or DKIM of exactly this domain, where DMARC has said nothing.
Claim claim_without_dmarc(const auth::AuthenticationResults& read, std::string_view author_domain) {
  for (const auth::MethodResult& result : read.results) {
    if (result.result != "pass") continue;
    if (result.method == "spf" && names_domain(result, "smtp", "mailfrom", author_domain))
      return {true, "spf=pass"};
    if (result.method == "dkim" && signed_by(result, author_domain)) return {true, "dkim=pass"};
  }
  return {false, "no pass"};
}

// What DMARC says decides, whatever stands beside it: a fail is a fail however its properties are written,
// and no other word than pass is one. SPF and DKIM speak for the author only where DMARC certainly said
// nothing, and that is not certain where something could not be read.
Claim claim_of(std::string_view results, std::string_view author_domain) {
  const auth::AuthenticationResults read = auth::read_authentication_results(results);
  if (read.authserv_id.empty()) return {false, "nothing that can be read (no authserv-id)"};
  bool passed = false;
  std::string_view judged;
  for (const auth::MethodResult& result : read.results) {
    if (result.method != "dmarc" || is_no_judgement(result.result)) continue;
    const bool of_author = names_domain(result, "header", "from", author_domain);
    if (result.result == "pass" && of_author) {
      passed = true;
    } else {
      judged = result.result == "fail" ? "dmarc=fail" : "no dmarc=pass";
    }
    if (result.result == "fail") break;
  }
  if (judged == "dmarc=fail") return {false, "dmarc=fail"};
  if (passed) return {true, "dmarc=pass"};
  if (!judged.empty()) return {false, std::string(judged)};
  if (!read.complete) return {false, "no dmarc=pass, and something that cannot be read,"};
  return claim_without_dmarc(read, author_domain);
}

std::string broken(const Outcome& chain) {
  std::string text = "the ARC chain is broken (" + std::string(to_word(chain.reason));
  if (chain.failed_instance != 0) text += " at set " + std::to_string(chain.failed_instance);
  return text + ")";
}

std::string set_text(const SetOutcome& set) {
  return "set " + std::to_string(set.instance) + " by " + printable(set.domain);
}

// Why no results can be believed at all; empty where some can.
std::string why_not_believed(const Outcome& chain, const TrustedSealers& trusted,
                             std::string_view author_domain) {
  if (chain.result == Result::None) return "the message has no ARC chain";
  if (chain.result == Result::TempError) return "the keys of the ARC chain could not be looked up now";
  if (chain.result != Result::Pass || chain.sets.empty()) return broken(chain);
  if (author_domain.empty()) return "the message has no author whose domain could have passed";
  const std::string& sealer = chain.sets.back().domain;
  if (trusted.contains(sealer)) return {};
  return "the newest sealer, " + printable(sealer) + ", is not a trusted sealer";
}

}  // namespace

std::vector<std::string> default_trusted_sealers() {
  return {"google.com",    "gmail.com",     "googlegroups.com", "messagingengine.com",
          "fastmail.com",  "fastmail.fm",   "outlook.com",      "hotmail.com",
          "office365.com", "microsoft.com", "yahoo.com",        "ymail.com",
          "icloud.com",    "me.com",        "amazon.com",       "aws.amazon.com"};
}

TrustedSealers::TrustedSealers(std::span<const std::string> entries) {
  for (const std::string& entry : entries) {
    const bool below = entry.starts_with('.');
    const auto domain = mail::to_a_labels(std::string_view(entry).substr(below ? 1 : 0));
    if (!domain || domain->empty()) continue;
    (below ? below_ : exact_).insert(*domain);
  }
}

bool TrustedSealers::contains(std::string_view domain) const {
  const std::string name = to_ascii_lower(domain);
  if (exact_.contains(name)) return true;
  for (std::string_view rest = name; !rest.empty();) {
    if (below_.contains(rest)) return true;
    const size_t dot = rest.find('.');
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  return false;
}

Override override_of(const Outcome& chain, const TrustedSealers& trusted, std::string_view author_domain) {
  Override made;
  if (!chain.sets.empty()) made.sealer = printable(chain.sets.back().domain);
  made.reason = why_not_believed(chain, trusted, author_domain);
  if (!made.reason.empty()) return made;

  // Down through trusted sealers: what stands below one that is not trusted may be its invention.
  size_t oldest = chain.sets.size() - 1;
  while (oldest > 0 && trusted.contains(chain.sets[oldest - 1].domain)) --oldest;
  const SetOutcome& believed = chain.sets[oldest];
  const Claim claim = claim_of(believed.results, to_ascii_lower(author_domain));
  const std::string about = " for the author's domain " + printable(author_domain);
  if (claim.passed) {
    made.applied = true;
    made.reason =
        set_text(believed) + " says " + claim.words + about + ", and all sealers from there on are trusted";
  } else {
    made.reason =
        set_text(believed) + ", the oldest that trusted sealers vouch for, says " + claim.words + about;
    if (oldest > 0) made.reason += "; " + set_text(chain.sets[oldest - 1]) + " is not of a trusted sealer";
  }
  return made;
}

}  // namespace sluice::arc
