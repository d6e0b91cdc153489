// What the pipeline itself says to clients; everything else it says is the next hop's or the policy's word.
#pragma once

#include "io/smtp/reply.h"
#include "rules/policy/spf_rule.h"

#include <string>

namespace sluice::pipeline {

inline constexpr smtp::FixedReply kRelayDenied{550, {5, 7, 1}, "Relaying denied"};
inline constexpr smtp::FixedReply kNoPostmaster{
    550, {5, 1, 1}, "No postmaster domain here, use a full address"};
inline constexpr smtp::FixedReply kOtherGroup{
    452, {4, 5, 3}, "This recipient has another route or rule, send it in a transaction of its own"};  // W-4
inline constexpr smtp::FixedReply kNextHopUnreachable{
    451, {4, 4, 1}, "Next hop not reachable, try again later"};
inline constexpr smtp::FixedReply kMessageTooLarge{
    552, {5, 3, 4}, "Message is larger than the next hop takes"};
inline constexpr smtp::FixedReply kHeaderTooLarge{552, {5, 3, 4}, "Header block too large"};
inline constexpr smtp::FixedReply kTooManyHops{
    554, {5, 4, 6}, "Too many Received fields, mail is looping"};  // W-11
inline constexpr smtp::FixedReply kNotRecorded{
    452, {4, 3, 1}, "Insufficient system storage, try again later"};  // W-17
inline constexpr smtp::FixedReply kNoMemory{452, {4, 3, 1}, "Too much mail at once, try again later"};
inline constexpr smtp::FixedReply kAccepted{250, {2, 0, 0}, "Message accepted"};

// The policy's words; its reader checked them (ESE-18).
smtp::Reply to_reply(const policy::ReplyTriple& triple);

}  // namespace sluice::pipeline
