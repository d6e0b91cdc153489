// What is sent: made from patterns and distributions, or the messages of a manifest, a folder or an mbox.
// What is read from files is read before the shards run, and then shared and never changed; each shard makes
// its messages with a MessageMaker of its own.
#pragma once

#include "io/base/ip.h"
#include "io/base/random.h"
#include "io/base/result.h"
#include "io/serve/smtp_client.h"
#include "tools/sluice_load/distribution.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
  std::vector<std::string> bodies;   // in wire form, without the final dot; none: they are made
  std::vector<Envelope> envelopes;   // sent in a circle; none: they are drawn
  std::vector<AddressPattern> from;  // one of these
  std::vector<AddressPattern> to;    // all of these, or as many of them as `recipients` says
  std::optional<Distribution> recipients;
  Distribution size{4096};  // of messages that are made, header included
};

// Bodies and envelopes; the rest is the caller's.
[[nodiscard]] Result<MessageSet> read_manifest(const std::string& manifest, const std::string& folder);
// One body for each regular file, in the order of names.
[[nodiscard]] Result<MessageSet> read_folder(const std::string& folder);
// One body for each message behind a line "From "; ">From " loses its mark.
[[nodiscard]] Result<MessageSet> read_mbox(const std::string& file);
// LF or CRLF lines to CRLF lines with stuffed dots.
std::string to_wire_form(std::string_view text);

// One message under way. It must not move between octets() and the end of their sending.
struct Message {
  std::string sender;
  std::vector<std::string> recipients;
  std::optional<IpAddress> client;
  std::string helo;
  std::string header;                    // of a message that is made
  std::vector<std::string_view> pieces;  // behind it; of the set, or of the maker's filler
  serve::MessageOctets octets() const;
  uint64_t size() const;
};

// Per shard. The set outlives it, and it its messages.
class MessageMaker {
 public:
  MessageMaker(const MessageSet& set, uint64_t seed);
  Message make(uint64_t number);

 private:
  void address(Message& message);
  void fill(Message& message, uint64_t number);

  const MessageSet& set_;
  Random random_;
  uint64_t seed_;
  std::string filler_;  // whole lines; longer messages repeat it
};

}  // namespace sluice::load
