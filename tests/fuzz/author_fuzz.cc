// Values of a From field: what is read strictly is read alike leniently; what is only read so is still one
// address of one name, which stands in the value as it is; and what is several authors or none stays so.

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
  const auto again = mail::parse_author(address.text(), AuthorForms::Lenient);
  SLUICE_CHECK(again && *again == address);
}

// No reader has to put the domain together: it stands in the value as one run.
void check_domain_stands(std::string_view value, const mail::Address& address) {
  SLUICE_CHECK(value.contains(address.domain()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  const auto strict = mail::parse_author(value, AuthorForms::Strict);
  const auto lenient = mail::parse_author(value, AuthorForms::Lenient);
  if (strict) SLUICE_CHECK(lenient && *lenient == *strict);
  if (!strict && strict.error() != AuthorError::Malformed) {
    SLUICE_CHECK(!lenient && lenient.error() == strict.error());
  }
  if (strict) check_address(*strict);
  if (!lenient) return 0;
  check_address(*lenient);
  check_domain_stands(value, *lenient);
  // Octets that no form has.
  SLUICE_CHECK(std::ranges::none_of(value, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet < ' ' && c != '\t' && c != '\r' && c != '\n') || octet == 0x7F;
  }));
  // A second author, or one in front, is never passed over.
  const std::string more = std::string(value) + ",x@other.example";
  SLUICE_CHECK(!mail::parse_author(more, AuthorForms::Lenient));
  SLUICE_CHECK(!mail::parse_author("x@other.example," + std::string(value), AuthorForms::Lenient));
  return 0;
}
