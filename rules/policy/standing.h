// Whether a rule looks at a message at all: the question that comes before every result. Pure; used by the
// verdict alone.
#pragma once

#include "rules/policy/policy.h"

#include <cstdint>

namespace sluice::policy {

enum class Standing : uint8_t {
  NoRule,          // unmanaged, outbound, or the rule is disabled: nothing, and no word about it
  ExcludedPeer,    // RUL-15
  TrustedNetwork,  // our own side: authentication is about mail from outside (SPF-01)
  PrivatePeer,     // W-13: SPF, and so DMARC, cannot be evaluated
  OutsideScope,    // RUL-16
  NullSender,      // TM-06, TM-11: the rule skips it
  Applies,
};

struct Assessment {
  Standing standing = Standing::NoRule;
  const PeerEntry* excluded_by = nullptr;  // of the rule
};

// Null: no rule.
Assessment assess(const Policy& policy, const SpfRule* rule, const evidence::Client& client,
                  const evidence::Sender& sender);
Assessment assess(const Policy& policy, const DkimRule* rule, const evidence::Client& client,
                  const evidence::Sender& sender);
Assessment assess(const Policy& policy, const DmarcRule* rule, const evidence::Client& client,
                  const evidence::Sender& sender);

// W-13: the address seen is not the sender's, so that SPF would say nothing true.
bool is_hidden(const Policy& policy, const evidence::Client& client);

}  // namespace sluice::policy
