// LivePolicy: one policy document in force, with what is made of it once for all shards. Shared immutable;
// published to the shards (runtime::Published), and pinned by each transaction, which therefore ends under
// the version that it began with.
//
// A listening address keeps its number for as long as it is open, whatever documents come and go: the number
// is what a connection is known by (serve::SmtpConnection::listener).
#pragma once

#include "io/base/ip.h"
#include "io/runtime/published.h"
#include "rules/arc/override.h"
#include "rules/dkim/signing_table.h"
#include "rules/dmarc/suffixes.h"
#include "rules/policy/policy.h"
#include "rules/policy/removed_fields.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace sluice::pipeline {

struct OpenListener {
  uint32_t number = 0;  // 0: not open yet
  Endpoint address;     // with the port that was found for port 0
};

// What the files hold that a policy names.
struct PolicyFiles {
  dkim::SigningTable signing;                     // [[dkim.sign]]
  std::optional<dkim::SigningKey> seal;           // [arc.seal]
  std::optional<dmarc::PublicSuffixes> suffixes;  // dmarc.public_suffix_list
};

struct LivePolicy {
  // `open`: one for each listener of the policy, in its order.
  LivePolicy(policy::Policy document, std::vector<OpenListener> open, PolicyFiles read = {})
      : policy(std::move(document)),
        removed_fields(policy.result_header()),
        trusted_sealers(policy.arc().trusted_sealers),
        files(std::move(read)),
        listeners(std::move(open)) {}

  const dmarc::PublicSuffixes* suffixes() const { return files.suffixes ? &*files.suffixes : nullptr; }

  policy::Policy policy;
  policy::RemovedFields removed_fields;
  arc::TrustedSealers trusted_sealers;
  PolicyFiles files;
  std::vector<OpenListener> listeners;
};

// For each listener of `next` the address that is open for it under `running` (the same `listener.address`),
// or number 0 where there is none.
std::vector<OpenListener> listeners_that_stay(const LivePolicy& running, const policy::Policy& next);

using LivePolicies = runtime::Published<LivePolicy>;
using PolicyPin = LivePolicies::Pin;

// What one open listening address of a shard goes by: the newest version that has it. After a reload that
// took it away its last sessions still find the version before. One shard.
struct ListenerInForce {
  uint32_t number = 0;
  PolicyPin version;
  size_t index = 0;  // of the version's listeners

  const policy::Listener& settings() const { return version->policy.listeners()[index]; }
};

}  // namespace sluice::pipeline
