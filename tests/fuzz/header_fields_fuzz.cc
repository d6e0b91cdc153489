// Header blocks of any octets: entries cover the block without gap or overlap, the block and the body are the
// message again, pieces of any size give the same, and the readers of single fields end.

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/random.h"
#include "io/mail/author.h"
#include "io/mail/header_block.h"
#include "io/mail/header_writer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace sluice;
using mail::HeaderReader;

namespace {

void check_block(const mail::HeaderBlock& block) {
  size_t end = 0;
  size_t received = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const mail::HeaderField field = block[i];
    SLUICE_CHECK(field.offset == end);
    end += field.raw.size();
    SLUICE_CHECK(field.raw.contains(field.value));
    SLUICE_CHECK((field.kind == mail::FieldKind::Junk) == field.name.empty());
    if (field.name.empty()) continue;
    SLUICE_CHECK(block.find(field.name).value() <= i);
    received += equals_ignore_case(field.name, "received") ? 1 : 0;
    (void)mail::unfold(field.value);
    (void)mail::strip_comments(field.value);
    if (const auto author = mail::parse_author(field.value)) {
      SLUICE_CHECK(author->domain_kind() == mail::DomainKind::Name && !author->domain().empty());
    }
  }
  SLUICE_CHECK(end == block.fields_octets().size());
  SLUICE_CHECK(received == block.received_fields());
  (void)mail::find_author(block);
}

void check_writer(std::string_view value) {
  std::string out;
  mail::FieldWriter field(out, "X-Test");
  field.text(value).quoted(value).identity(value).in_comment(value).end();
  SLUICE_CHECK(out.find_first_of(std::string_view("\r\n\0", 3)) == out.size() - 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 65536) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const mail::HeaderLimits header_limits{4096, 100};
  HeaderReader whole(header_limits);
  const size_t taken = whole.feed(message);
  whole.finish();
  if (whole.state() == HeaderReader::State::Complete) {
    check_block(whole.block());
    SLUICE_CHECK(std::string(whole.block().octets()) + std::string(whole.body_prefix()) +
                     std::string(message.substr(taken)) ==
                 message);
  }

  Random random(size);
  HeaderReader pieces(header_limits);
  for (std::string_view rest = message; !rest.empty();) {
    const std::string_view piece = rest.substr(0, 1 + random.below(9));
    pieces.feed(piece);
    rest.remove_prefix(piece.size());
  }
  pieces.finish();
  SLUICE_CHECK(pieces.state() == whole.state());
  if (whole.state() == HeaderReader::State::Complete) {
    SLUICE_CHECK(pieces.block().octets() == whole.block().octets() &&
                 pieces.block().size() == whole.block().size());
    SLUICE_CHECK(pieces.block().needs_separator() == whole.block().needs_separator());
  }
  check_writer(message);
  return 0;
}
