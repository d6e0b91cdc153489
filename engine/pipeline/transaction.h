// Transaction: what one MAIL ... end of data has gathered so far. Plain data of one connection; the stages in
// smtp_pipeline.h fill it in and read it. It lies in the shard's pool, and what it gathers in its arena: both
// are free again when it ends. One shard.
#pragma once

#include "engine/message/arena.h"
#include "engine/message/body.h"
#include "engine/pipeline/live_policy.h"
#include "engine/pipeline/message_inquiry.h"
#include "engine/pipeline/spf_inquiry.h"
#include "io/mail/header_block.h"
#include "io/serve/hop_pool.h"
#include "io/serve/hop_transaction.h"
#include "io/serve/trace_id.h"
#include "io/smtp/command.h"
#include "io/smtp/dot_stuffing.h"
#include "rules/evidence/evidence.h"
#include "rules/policy/policy.h"
#include "rules/policy/verdict.h"

#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice::pipeline {

struct AcceptedRecipient {
  std::string address;
  policy::RecipientBinding binding;
};

using Verdicts = std::pmr::vector<policy::Verdict>;

struct Transaction {
  // The policy in force at the listener stays this transaction's.
  Transaction(serve::TraceId transaction_id, message::BodyStore& bodies, const ListenerInForce& at)
      : version(at.version.again()),
        arena(bodies.shard().frame_pool(), bodies.budget()),
        listener(&at.settings()),
        id(transaction_id),
        recipients(&arena),
        body(bodies, &arena),
        header(&arena),
        verdicts(&arena) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const policy::Policy& policy() const { return version->policy; }

  PolicyPin version;     // first: what the rest borrows from
  message::Arena arena;  // and lies in
  const policy::Listener* listener;
  serve::TraceId id;
  evidence::Evidence evidence;
  std::optional<uint64_t> declared_size;
  smtp::BodyType body_type = smtp::BodyType::Unspecified;
  bool smtputf8 = false;
  bool stuffed = true;    // some lines start with a dot; known at end of data
  bool eight_bit = true;  // octets above 127; known at end of data

  // All of one group (W-4): the first one's rule and next hop are everybody's.
  std::pmr::vector<AcceptedRecipient> recipients;
  std::span<const policy::NextHop> next_hops;  // of the policy; whose pool it is
  std::string next_hop;                        // in words, for rows
  serve::HopPool* pool = nullptr;
  runtime::FramePtr<serve::HopTransaction> hop;
  bool cut_off = false;  // W-16: no hop is asked any more

  SpfInquiry spf;
  SpfInquiry spf_from_author;  // ESE-16

  message::Body body;
  uint64_t message_octets = 0;  // of the body, without dot-stuffing; final at end of data
  mail::HeaderReader header;
  smtp::Unstuffer unstuffer;
  uint64_t header_wire_octets = 0;  // how much of the wire form the header block took so far
  MessageInquiryPtr inquiry;        // DKIM, DMARC, ARC, where needed; from the end of the header block on
  // Signatures of ours, and which of the inquiry's body hashes they need.
  std::span<const dkim::SigningIdentity> signing;  // of the version
  std::vector<size_t> signing_hashes;
  std::optional<size_t> seal_hash;
  Verdicts verdicts;  // from the end of data on, one for each recipient
};

}  // namespace sluice::pipeline
