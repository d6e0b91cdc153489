// Reads the replies of a server (RFC 5321 section 4.2.1) from octets in pieces of any size. Tolerant where
// next hops are (a bare code without a space, LF without CR, text of any octets), broken where the reply
// could not be told apart: no code, codes that differ between lines, too many or too long lines
// (limits::kHopReplyLines, kHopReplyLine). Pure.
#pragma once

#include "io/smtp/reply.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::smtp {

class ReplyReader {
 public:
  enum class State : uint8_t { Reading, Complete, Broken };

  // Takes octets up to the end of one reply; returns how many. Call next_reply() before feeding on.
  size_t feed(std::string_view octets);
  State state() const { return state_; }
  bool in_the_middle() const { return !line_.empty() || reply_.code != 0; }
  // Complete: the reply, valid until next_reply() or feed().
  const Reply& reply() const { return reply_; }
  Reply& reply() { return reply_; }
  void next_reply();  // from Complete back to Reading; keeps the memory
  void reset();

 private:
  void take_line(std::string_view line);

  std::string line_;  // a line that is not complete yet
  Reply reply_;
  size_t lines_ = 0;
  State state_ = State::Reading;
};

}  // namespace sluice::smtp
