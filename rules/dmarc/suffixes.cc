#include "rules/dmarc/suffixes.h"

#include <cstdio>

#include <libpsl.h>

namespace sluice::dmarc {

void PublicSuffixes::Free::operator()(psl_ctx_st* list) const { psl_free(list); }

sluice::Result<PublicSuffixes> PublicSuffixes::from_octets(std::string_view octets) {
  const auto broken = [] { return fail(ErrorKind::Invalid, "not a public suffix list"); };
  if (octets.empty()) return broken();
  // libpsl reads streams only; this one is the memory itself.
  std::string copy(octets);
  std::FILE* stream = fmemopen(copy.data(), copy.size(), "r");
  if (stream == nullptr) return broken();
  psl_ctx_t* list = psl_load_fp(stream);
  (void)std::fclose(stream);
  if (list == nullptr) return broken();
  PublicSuffixes made(list);
  // Of text libpsl takes whatever there is: a list without rules is no list. The compiled form has no count.
  if (psl_suffix_count(list) == 0) return broken();
  return made;
}

std::string_view PublicSuffixes::organizational_domain(const std::string& domain) const {
  const char* found = psl_registrable_domain(list_.get(), domain.c_str());
  return found == nullptr ? std::string_view(domain) : std::string_view(found);
}

bool PublicSuffixes::is_public_suffix(const std::string& domain) const {
  return psl_is_public_suffix(list_.get(), domain.c_str()) != 0;
}

}  // namespace sluice::dmarc
