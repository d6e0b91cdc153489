#include "engine/delivery/header_edit.h"

#include <algorithm>

namespace sluice::delivery {

std::vector<size_t> find_removed(const mail::HeaderBlock& block, const policy::RemovedFields& removed) {
  std::vector<size_t> found;
  for (size_t i = 0; i < block.size(); ++i) {
    const mail::HeaderField field = block[i];
    if (field.kind == mail::FieldKind::Field && removed.matches(field.name, field.value)) found.push_back(i);
  }
  return found;
}

uint64_t EditedMessage::size() const {
  uint64_t sum = octets.stored_end - octets.stored_from;
  for (const std::string_view piece : octets.pieces) sum += piece.size();
  for (const std::string_view piece : octets.tail) sum += piece.size();
  return sum;
}

namespace {

void append_stuffed(std::string& out, std::string_view line) {
  if (line.starts_with('.')) out += '.';
  out += line;
}

// A field of several lines: a continuation starts with white space, so only junk lines can start with a dot,
// and those are entries of their own.
void append_kept_fields(std::string& out, const mail::HeaderBlock& block,
                        const std::vector<size_t>& removed) {
  for (size_t i = 0; i < block.size(); ++i) {
    if (std::ranges::binary_search(removed, i)) continue;
    append_stuffed(out, block[i].raw);
  }
  if (block.has_empty_line()) out += "\r\n";
}

}  // namespace

void edit_message(EditedMessage& out, std::string fields, const mail::HeaderBlock& block,
                  const std::vector<size_t>& removed, message::Body& body, uint64_t body_wire_offset) {
  out.front = std::move(fields);
  uint64_t from = 0;
  if (block.needs_separator()) {
    out.front += "\r\n";
  } else if (!removed.empty()) {
    append_kept_fields(out.front, block, removed);
    from = body_wire_offset;
  }
  out.octets = {};
  out.octets.pieces.emplace_back(out.front);
  const uint64_t spilled = body.spilled_octets();
  if (from >= spilled) {
    body.views_from(from, out.octets.pieces);
    return;
  }
  out.octets.stored = &body;
  out.octets.stored_from = from;
  out.octets.stored_end = spilled;
  body.views_from(spilled, out.octets.tail);
}

}  // namespace sluice::delivery
