// Paths of any octets: what is taken has the form that it claims, can be written again and read as the same,
// and cannot break the line or the brackets that it is put into.

#include "io/base/check.h"
#include "io/mail/address.h"
#include "io/mail/domain.h"
#include "io/smtp/command.h"
#include "io/smtp/xclient.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace sluice;
using mail::Address;

namespace {

void check_address(const Address& address) {
  const std::string& text = address.text();
  SLUICE_CHECK(text.size() <= limits::kSmtpPath && mail::is_clean_utf8(text));
  if (address.is_null() || address.is_bare_postmaster()) {
    SLUICE_CHECK(address.domain().empty());
    return;
  }
  SLUICE_CHECK(!mail::check_domain(address.domain()));
  SLUICE_CHECK(address.literal().has_value() == (address.domain_kind() == mail::DomainKind::Literal));
  SLUICE_CHECK(!address.domain().contains('@') && !address.domain().contains('>'));
  const bool quoted = address.local_part().starts_with('"');
  SLUICE_CHECK(quoted || address.local_part().find_first_of("@<>() ,:;\\\"") == std::string_view::npos);
  const auto again = mail::parse_mailbox(text);
  SLUICE_CHECK(again && *again == address && again->domain() == address.domain());
  const auto path = mail::parse_forward_path("<" + text + "> X");
  SLUICE_CHECK(path.has_value() == (text.size() + 2 <= limits::kSmtpPath));
  SLUICE_CHECK(!path || path->size == text.size() + 2);
  (void)address.local_part_value();
  if (const auto ascii = mail::to_a_labels(address.domain())) {
    SLUICE_CHECK(std::ranges::none_of(*ascii, [](char c) { return c < 0x20 || c == 0x7f; }));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 8192) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto sender = mail::parse_reverse_path(input);
  const auto recipient = mail::parse_forward_path(input);
  for (const auto& path : {sender, recipient}) {
    if (!path) continue;
    SLUICE_CHECK(path->size <= input.size() && input[path->size - 1] == '>');
    check_address(path->address);
  }
  if (const auto mailbox = mail::parse_mailbox(input)) check_address(*mailbox);
  if (const auto strict = mail::parse_mailbox(input, {mail::DotRule::Strict})) {
    SLUICE_CHECK(mail::parse_mailbox(input).has_value());
  }

  if (const auto command = smtp::parse_mail(input)) check_address(command->sender);
  if (const auto command = smtp::parse_rcpt(input)) check_address(command->address);
  (void)smtp::parse_bdat(input);
  if (const auto overrides = smtp::parse_xclient(input)) {
    std::string written;
    smtp::append_xclient(written, *overrides);
    SLUICE_CHECK(smtp::parse_xclient(written) == overrides);
  }
  return 0;
}
