// What goes to the next hop: the message as it came, with our trace fields in front and forged copies of our
// own fields taken out. Nothing is copied that need not be: while nothing is removed, the octets are those of
// the received Chunks.
//
//   | fields of ours | header fields as received, less the removed ones | empty line and body as received |
//
// All of it is wire form (dot-stuffed) without the final dot. Order of edits: protocol decision W-22; what is
// removed: W-20. Pure.
#pragma once

#include "engine/message/body.h"
#include "io/mail/header_block.h"
#include "io/serve/smtp_client.h"
#include "rules/policy/removed_fields.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::delivery {

// Indices of the fields that are removed from a message of an untrusted peer.
std::vector<size_t> find_removed(const mail::HeaderBlock& block, const policy::RemovedFields& removed);

struct EditedMessage {
  std::string front;            // our fields, and the kept ones where some were removed
  serve::MessageOctets octets;  // `front` first, then the body: what was written out of it, and its Chunks

  uint64_t size() const;
};

// `fields`: whole lines of ours, topmost first. `body_wire_offset`: where in the wire form the header block
// ends, its empty line included. The result borrows from `body`, and its octets from its own `front`: it must
// not be moved.
void edit_message(EditedMessage& out, std::string fields, const mail::HeaderBlock& block,
                  const std::vector<size_t>& removed, message::Body& body, uint64_t body_wire_offset);

}  // namespace sluice::delivery
