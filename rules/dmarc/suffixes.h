// PublicSuffixes: the public suffix list, for organizational domains as RFC 7489 section 3.2 finds them. The
// list is text or its compiled form (DAFSA) as distributions carry it, handed in as octets; private suffixes
// count, as the list's authors mean it for this use. RFC 9989 does not use it.
//
// Immutable once made; lookups from several shards at once are safe (libpsl keeps no state in them).
#pragma once

#include "io/base/result.h"

#include <memory>
#include <string>
#include <string_view>

extern "C" {
struct psl_ctx_st;
}

namespace sluice::dmarc {

class PublicSuffixes {
 public:
  // An error when the octets hold no list.
  [[nodiscard]] static sluice::Result<PublicSuffixes> from_octets(std::string_view octets);

  // "a.b.example.co.uk": "example.co.uk". A name that is itself a public suffix, or none at all, is its own.
  // `domain` is in A-labels and lower case without a final dot; so is the result, which is its end and a view
  // of it.
  std::string_view organizational_domain(const std::string& domain) const;
  bool is_public_suffix(const std::string& domain) const;

 private:
  struct Free {
    void operator()(psl_ctx_st* list) const;
  };
  explicit PublicSuffixes(psl_ctx_st* list) : list_(list) {}

  std::unique_ptr<psl_ctx_st, Free> list_;
};

}  // namespace sluice::dmarc
