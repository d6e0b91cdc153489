#include "io/serve/hop_reply.h"

#include "io/base/limits.h"

#include <algorithm>
#include <utility>

namespace sluice::serve {
namespace {

constexpr smtp::FixedReply kHopTrouble{
    451, {4, 3, 0}, "The next server has a problem with us, try again later"};
constexpr smtp::FixedReply kHopAway{451, {4, 4, 1}, "The next server does not answer, try again later"};
constexpr smtp::FixedReply kHopLost{451, {4, 4, 2}, "The next server did not confirm the message"};
constexpr smtp::FixedReply kHopBusy{451, {4, 4, 5}, "The next server is busy, try again later"};
constexpr smtp::FixedReply kCutOff{451, {4, 3, 2}, "Service is going down, try again"};
constexpr smtp::FixedReply kUnreadable{452, {4, 3, 1}, "Insufficient system storage, try again later"};
constexpr smtp::FixedReply kNeedsSmtputf8{
    550, {5, 6, 7}, "The next server does not take internationalized addresses"};
constexpr smtp::FixedReply kNeedsEightBit{
    554, {5, 6, 3}, "The next server does not take 8-bit data, and it is not converted here"};
constexpr smtp::FixedReply kTooLarge{552, {5, 3, 4}, "Message is larger than the next hop takes"};

// Replies that speak of us, not of the mail: unknown or unwanted commands, authentication.
bool is_about_us(uint16_t code) { return code == 421 || code == 502 || code == 503 || code == 530; }

HopReply pass_on(HopResult result, const smtp::Reply& reply) {
  HopReply mapped;
  mapped.result = result;
  mapped.hop_said = reply.to_line();
  mapped.reply = reply;
  // Texts of others are made fit for our lines; the code and its status stay.
  std::ranges::replace(mapped.reply.text, '\n', ' ');
  mapped.reply.text = smtp::printable_reply_text(mapped.reply.text);
  // 521 speaks of a whole host (RFC 7504) and would end our own session.
  if (reply.code == 521) mapped.reply.code = 550;
  if (!reply.status.present()) mapped.reply.status = {static_cast<uint8_t>(reply.code / 100), 0, 0};
  return mapped;
}

HopReply own(HopResult result, const smtp::FixedReply& reply, std::string hop_said) {
  HopReply mapped;
  mapped.result = result;
  mapped.reply = reply.to_reply();
  mapped.hop_said = std::move(hop_said);
  return mapped;
}

HopReply map_word(const smtp::Reply& reply) {
  if (reply.positive()) return pass_on(HopResult::Accepted, reply);
  if (reply.refuses() && !is_about_us(reply.code)) return pass_on(HopResult::Refused, reply);
  return own(HopResult::Fault, kHopTrouble, reply.to_line());
}

bool is_about_sender(const smtp::Reply& reply) {
  if (reply.code == 552 || reply.code == 553) return true;
  if (reply.code != 550 && reply.code != 501) return false;
  const smtp::EnhancedStatus& status = reply.status;
  return status == smtp::EnhancedStatus{5, 1, 7} || status == smtp::EnhancedStatus{5, 1, 8} ||
         status == smtp::EnhancedStatus{5, 6, 7};
}

}  // namespace

HopReply map_mail_reply(const smtp::Reply& reply) {
  if (reply.positive()) return pass_on(HopResult::Accepted, reply);
  if (is_about_sender(reply)) return pass_on(HopResult::Refused, reply);
  return own(HopResult::Fault, kHopTrouble, "MAIL: " + reply.to_line());
}

HopReply map_rcpt_reply(const smtp::Reply& reply) { return map_word(reply); }

HopReply map_end_of_data_reply(const smtp::Reply& reply) { return map_word(reply); }

HopReply map_chunk_reply(const smtp::Reply& reply) {
  // It offered CHUNKING, and does not understand it.
  const bool about_bdat = reply.code == 500 || reply.code == 501 || reply.code == 504 || reply.code == 555;
  return about_bdat ? map_other_reply(smtp::ClientCommand::Bdat, reply) : map_word(reply);
}

HopReply map_other_reply(smtp::ClientCommand command, const smtp::Reply& reply) {
  return own(HopResult::Fault, kHopTrouble, std::string(smtp::to_string(command)) + ": " + reply.to_line());
}

HopReply map_fault(const ClientFault& fault) {
  if (fault.kind == ClientFault::Kind::Message) return own(HopResult::Fault, kUnreadable, fault.to_string());
  const bool away = fault.kind == ClientFault::Kind::Connect || fault.kind == ClientFault::Kind::Timeout ||
                    fault.kind == ClientFault::Kind::Lost;
  return own(HopResult::Fault, away ? kHopAway : kHopTrouble, fault.to_string());
}

HopReply unknown_outcome(const ClientFault& fault) {
  return own(HopResult::Unknown, kHopLost, fault.to_string());
}

HopReply hop_is_busy() {
  return own(HopResult::Fault, kHopBusy, "no connection to the next hop came free in time");
}

HopReply cut_off() { return own(HopResult::Fault, kCutOff, "broken off by us"); }

HopReply needs_smtputf8() {
  return own(HopResult::Refused, kNeedsSmtputf8, "the next hop does not offer SMTPUTF8");
}

HopReply needs_eight_bit() {
  return own(HopResult::Refused, kNeedsEightBit, "the next hop does not offer 8BITMIME");
}

HopReply exceeds_size(uint64_t limit) {
  return own(HopResult::Refused, kTooLarge,
             "the next hop takes " + std::to_string(limit) + " octets at most");
}

std::string_view to_string(HopResult result) {
  switch (result) {
    case HopResult::Accepted:
      return "accepted";
    case HopResult::Refused:
      return "refused";
    case HopResult::Fault:
      return "fault";
    case HopResult::Unknown:
      return "unknown";
  }
  return "fault";
}

}  // namespace sluice::serve
