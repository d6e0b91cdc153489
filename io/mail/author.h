// The author of a message: the one address of its From field (RFC 5322 section 3.6.2), for what is decided by
// it (SPF of an empty MAIL FROM, DMARC, signing). Strict where a reader could be deceived: no author rather
// than a guess. Of the obsolete forms (section 4) only dots in a display name are read, and by AuthorForms
// empty members of the list; docs/protocol_map.md lists them. Display names are skipped, never decoded. Pure.
#pragma once

#include "io/mail/address.h"
#include "io/mail/header_block.h"

#include <cstdint>
#include <expected>
#include <string_view>

namespace sluice::mail {

enum class AuthorError : uint8_t {
  Missing,    // no From field, or an empty one
  Several,    // more than one From field, or more than one address in it
  Group,      // RFC 6854 group syntax, even with one member
  Malformed,  // not an address list, or an obsolete form of one; an encoded word, a literal or a bare name
              // where the address should be; controls or octets that are not UTF-8 anywhere
};

// Which forms are well-formed. Lenient: also those of real mail that can show nobody another domain: dots at
// the end of a local part or in a row, and empty members of the list. What Strict reads Lenient reads alike.
enum class AuthorForms : uint8_t { Strict, Lenient };

// From fields are those of that name, with white space before the colon and behind junk lines too. A line
// that a lenient reader may take for one (a folded colon, controls or a byte order mark around the name)
// makes the author Malformed.
[[nodiscard]] std::expected<Address, AuthorError> find_author(const HeaderBlock& block,
                                                              AuthorForms forms = AuthorForms::Strict);
// The value of one From field, folding included.
[[nodiscard]] std::expected<Address, AuthorError> parse_author(std::string_view value,
                                                               AuthorForms forms = AuthorForms::Strict);

}  // namespace sluice::mail
