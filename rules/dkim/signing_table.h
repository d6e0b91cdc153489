// SigningTable: which identities sign the mail of an author's domain. Immutable while in use; part of the
// policy object that is published to the shards. Pure; lookups cannot fail.
//
// Patterns: "example.com" (this name), "*.example.com" (every name below it, not itself), "*" (any name).
// The exact name goes before wildcards, the longer wildcard before the shorter. One entry may hold several
// identities (RSA and Ed25519 side by side): each makes a signature of its own.
#pragma once

#include "io/base/result.h"
#include "rules/dkim/signer.h"
#include "rules/dkim/signing_key.h"

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dkim {

struct SigningIdentity {
  SignSpec spec;
  SigningKey key;
};

class SigningTable {
 public:
  // Refused: a pattern of another form, one that is there already, an identity that cannot sign. An empty
  // list of identities is an entry that says "not signed" below a wildcard.
  [[nodiscard]] sluice::Result<void> add(std::string_view pattern, std::vector<SigningIdentity> identities);

  // `author_domain` in any case, A-labels. Empty: nothing signs. Valid as long as the table.
  std::span<const SigningIdentity> find(std::string_view author_domain) const;
  // The pattern that find() used, as it was added; empty without one.
  std::string_view pattern_for(std::string_view author_domain) const;

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string pattern;
    std::vector<SigningIdentity> identities;
  };
  const Entry* entry_for(std::string_view author_domain) const;

  // By pattern in lower case; wildcards with their star.
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace sluice::dkim
