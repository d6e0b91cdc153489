// HopReply: what one of our clients is told about the next hop's word (W-6), and what a row says of it. One
// function per question of the protocol maps the hop's replies; nothing else does.
//
// Pure but for its folder.
#pragma once

#include "io/serve/smtp_client.h"
#include "io/smtp/reply.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::serve {

enum class HopResult : uint8_t {
  Accepted,  // 2xx
  Refused,   // the hop's own word on this sender, recipient or message, passed on
  Fault,     // something between us and the hop; the client is told 451 and comes again
  Unknown,   // W-7: the hop had our final dot and did not answer; 451 4.4.2
};

struct HopReply {
  HopResult result = HopResult::Fault;
  smtp::Reply reply;     // for our client: code class fits the result
  std::string hop_said;  // the hop's own reply as one line, or what went wrong: for rows and logs
  bool accepted() const { return result == HopResult::Accepted; }
};

// W-6. `reply` is the hop's, complete; 421 never comes here (it is a ClientFault).
HopReply map_mail_reply(const smtp::Reply& reply);
HopReply map_rcpt_reply(const smtp::Reply& reply);
HopReply map_end_of_data_reply(const smtp::Reply& reply);
HopReply map_chunk_reply(const smtp::Reply& reply);  // to BDAT LAST, which is both DATA and its end
// Everything else the hop can say: connect, greeting, EHLO, XCLIENT, DATA: a fault.
HopReply map_other_reply(smtp::ClientCommand command, const smtp::Reply& reply);
HopReply map_fault(const ClientFault& fault);
// W-7: after our final dot.
HopReply unknown_outcome(const ClientFault& fault);
// All our connections to it are taken, and none came free. 451 4.4.5
HopReply hop_is_busy();
// W-16: we broke it off ourselves. 451 4.3.2
HopReply cut_off();
// W-9: the hop cannot take this address or header. 550 5.6.7
HopReply needs_smtputf8();
// W-9, where the setting says so: the message has octets above 127.
HopReply needs_eight_bit();

// W-8: larger than the hop takes. 552 5.3.4
HopReply exceeds_size(uint64_t limit);

std::string_view to_string(HopResult result);

}  // namespace sluice::serve
