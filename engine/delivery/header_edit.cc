#include "engine/delivery/header_edit.h"

#include "io/base/ascii.h"
#include "rules/auth/tag_list.h"

#include <algorithm>
#include <utility>

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

// The field as it goes out; empty: it does not.
std::string_view sent_field(const mail::HeaderBlock& block, const HeaderEdits& edits, size_t index) {
  if (std::ranges::binary_search(edits.removed, index)) return {};
  const auto replaced = std::ranges::find(edits.replaced, index, &HeaderEdits::Replacement::index);
  return replaced != edits.replaced.end() ? std::string_view(replaced->line) : block[index].raw;
}

// A field of several lines: a continuation starts with white space, so only junk lines can start with a dot,
// and those are entries of their own.
void append_kept_fields(std::string& out, const mail::HeaderBlock& block, const HeaderEdits& edits) {
  for (size_t i = 0; i < block.size(); ++i) append_stuffed(out, sent_field(block, edits, i));
  if (block.has_empty_line()) out += "\r\n";
}

// Appends the fields of a text of whole fields.
void append_fields(std::vector<std::string_view>& out, std::string_view text) {
  while (!text.empty()) {
    size_t end = 0;
    do {
      const size_t line = text.find("\r\n", end);
      end = line == std::string_view::npos ? text.size() : line + 2;
    } while (end < text.size() && (text[end] == ' ' || text[end] == '\t'));
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

bool is_covered(const dkim::SignatureOutcome& signature, std::string_view name, size_t from_bottom) {
  if (signature.result != dkim::Result::Pass) return false;
  size_t listed = 0;
  auth::ItemList names(signature.signed_headers);
  while (const auto one = names.next()) {
    if (equals_ignore_case(*one, name)) ++listed;
  }
  return listed >= from_bottom;
}

}  // namespace

std::vector<std::string> removed_and_signed(const mail::HeaderBlock& block,
                                            const std::vector<size_t>& removed,
                                            const evidence::DkimEvidence& dkim) {
  std::vector<std::string> covered;
  if (!evidence::has_passing_signature(dkim)) return covered;
  for (const size_t index : removed) {
    const std::string_view name = block[index].name;
    size_t from_bottom = 1;
    for (auto at = block.find(name, index + 1); at; at = block.find(name, *at + 1)) ++from_bottom;
    const bool found = std::ranges::any_of(dkim.signatures, [name, from_bottom](const auto& signature) {
      return is_covered(signature, name, from_bottom);
    });
    if (found) covered.emplace_back(name);
  }
  return covered;
}

std::vector<std::string_view> sent_fields(std::string_view ours, const mail::HeaderBlock& block,
                                          const HeaderEdits& edits) {
  std::vector<std::string_view> fields;
  append_fields(fields, ours);
  append_fields(fields, edits.added);
  for (size_t i = 0; i < block.size(); ++i) {
    const std::string_view field = sent_field(block, edits, i);
    if (!field.empty()) fields.push_back(field);
  }
  return fields;
}

void edit_message(EditedMessage& out, std::string fields, const mail::HeaderBlock& block,
                  const HeaderEdits& edits, message::Body& body, uint64_t body_wire_offset) {
  out.front = std::move(fields);
  out.front += edits.added;
  uint64_t from = 0;
  if (block.needs_separator()) {
    out.front += "\r\n";
  } else if (edits.changes_fields()) {
    append_kept_fields(out.front, block, edits);
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
