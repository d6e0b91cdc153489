// What goes to the next hop: the message as it came, with our trace fields in front, forged copies of our
// own fields taken out, and the subject tagged where a rule says so (subject_tag.h). Nothing is copied that
// need not be: while nothing is removed or replaced, the octets are those of the received Chunks.
//
//   | fields of ours | header fields received, less removed, some replaced | empty line, body as received |
//
// All of it is wire form (dot-stuffed) without the final dot. Order of edits: protocol decision W-22; what is
// removed: W-20. Pure.
#pragma once

#include "engine/message/body.h"
#include "io/mail/header_block.h"
#include "io/serve/smtp_client.h"
#include "rules/evidence/evidence.h"
#include "rules/policy/removed_fields.h"

#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::delivery {

// Indices of the fields that are removed from a message of an untrusted peer.
std::vector<size_t> find_removed(const mail::HeaderBlock& block, const policy::RemovedFields& removed);

// Those of the removed fields that a passing DKIM signature covered: their names, as written (W-20). Fields
// are counted from the bottom, as signatures take them.
std::vector<std::string> removed_and_signed(const mail::HeaderBlock& block,
                                            const std::vector<size_t>& removed,
                                            const evidence::DkimEvidence& dkim);

// What changes in the header, beside the fields that are put in front (W-22).
struct HeaderEdits {
  std::vector<size_t> removed;  // indices, ascending
  struct Replacement {
    size_t index = 0;
    std::string line;  // a whole field, folded, with its line end
  };
  std::vector<Replacement> replaced;  // ascending; none of them removed
  std::string added;                  // whole fields that stand right behind ours

  bool changes_fields() const { return !removed.empty() || !replaced.empty(); }
};

// The fields of the message as it will be sent, topmost first, each with its line end and without
// dot-stuffing: what a signature or a seal covers. Views of the arguments; `ours` is what is put in front.
std::vector<std::string_view> sent_fields(std::string_view ours, const mail::HeaderBlock& block,
                                          const HeaderEdits& edits);

struct EditedMessage {
  // `memory`: where the lists of pieces are kept; outlives the message.
  explicit EditedMessage(std::pmr::memory_resource* memory = std::pmr::get_default_resource())
      : octets{.pieces = std::pmr::vector<std::string_view>(memory),
               .tail = std::pmr::vector<std::string_view>(memory)} {}

  std::string front;            // our fields, and the kept ones where some were removed
  serve::MessageOctets octets;  // `front` first, then the body: what was written out of it, and its Chunks

  uint64_t size() const;
};

// `fields`: whole lines of ours, topmost first. `body_wire_offset`: where in the wire form the header block
// ends, its empty line included. The result borrows from `body`, and its octets from its own `front`: it must
// not be moved.
void edit_message(EditedMessage& out, std::string fields, const mail::HeaderBlock& block,
                  const HeaderEdits& edits, message::Body& body, uint64_t body_wire_offset);

}  // namespace sluice::delivery
