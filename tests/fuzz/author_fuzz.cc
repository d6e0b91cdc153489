// Values of a From field: what is read strictly is read alike where obsolete forms are allowed; what only
// these allow is still one address of one name, which nobody reads otherwise; and what is several authors or
// none stays so.

#include "io/base/check.h"
#include "io/mail/author.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace sluice;
using mail::AuthorError;
using mail::AuthorForms;

namespace {

void check_address(const mail::Address& address) {
  const std::string_view domain = address.domain();
  SLUICE_CHECK(address.domain_kind() == mail::DomainKind::Name && !mail::check_domain(domain));
  SLUICE_CHECK(domain.find_first_of(" \t\r\n@,;:<>[]()\"") == std::string_view::npos);
  SLUICE_CHECK(!address.local_part().empty() && !address.has_route());
  // Written as an address alone it is the same.
  const auto again = mail::parse_author(address.text(), AuthorForms::Obsolete);
  SLUICE_CHECK(again && *again == address);
}

// A value without quotes, comments and angle brackets, as a reader sees it who takes what is around the first
// @ as far as the next blank: the domain, or its first label.
void check_plain_reader(std::string_view value, const mail::Address& address) {
  if (value.find_first_of("\"(<") != std::string_view::npos) return;
  const size_t at = value.find('@');
  const size_t begin = value.find_first_not_of(" \t\r\n", at + 1);
  std::string_view seen = value.substr(begin, value.find_first_of(" \t\r\n,", begin) - begin);
  if (seen.ends_with('.')) seen.remove_suffix(1);
  SLUICE_CHECK(seen == address.domain() ||
               (!seen.contains('.') && address.domain().starts_with(std::string(seen) + '.')));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  const auto strict = mail::parse_author(value, AuthorForms::Strict);
  const auto obsolete = mail::parse_author(value, AuthorForms::Obsolete);
  if (strict) SLUICE_CHECK(obsolete && *obsolete == *strict);
  if (!strict && strict.error() != AuthorError::Malformed) {
    SLUICE_CHECK(!obsolete && obsolete.error() == strict.error());
  }
  if (strict) check_address(*strict);
  if (!obsolete) return 0;
  check_address(*obsolete);
  check_plain_reader(value, *obsolete);
  // Octets that no form has.
  SLUICE_CHECK(std::ranges::none_of(value, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet < ' ' && c != '\t' && c != '\r' && c != '\n') || octet == 0x7F;
  }));
  // A second author, or one in front, is never passed over.
  const std::string more = std::string(value) + ",x@other.example";
  const auto several = mail::parse_author(more, AuthorForms::Obsolete);
  SLUICE_CHECK(!several || value.empty());
  return 0;
}
