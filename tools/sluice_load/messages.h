// What is sent: one generated message over and over, or the files of a manifest. Read before the shards run
// and then shared, never changed.
#pragma once

#include "io/base/ip.h"
#include "io/base/result.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::load {

struct Envelope {
  std::string sender;
  std::vector<std::string> recipients;
  std::optional<IpAddress> client;  // said by XCLIENT, as is helo
  std::string helo;
  size_t body = 0;  // which of MessageSet::bodies
};

struct MessageSet {
  std::vector<std::string> bodies;  // in wire form, without the final dot
  std::vector<Envelope> envelopes;  // sent in a circle
};

// Of `size` octets in all (at least its header), text lines of 76.
MessageSet generated_message(size_t size, const std::string& sender, std::vector<std::string> recipients);
[[nodiscard]] Result<MessageSet> read_manifest(const std::string& manifest, const std::string& folder);
// LF or CRLF lines to CRLF lines with stuffed dots.
std::string to_wire_form(std::string_view text);

}  // namespace sluice::load
