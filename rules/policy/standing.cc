#include "rules/policy/standing.h"

namespace sluice::policy {
namespace {

using evidence::Client;
using evidence::ClientSource;
using evidence::Sender;

// What decides for every kind of rule.
template <class Rule>
Assessment assess_peer(const Policy& policy, const Rule* rule, const Client& client, const Sender& sender) {
  if (rule == nullptr || !rule->enabled) return {};
  if (const PeerEntry* entry = find_match(rule->excluded_peers, client, sender)) {
    return {Standing::ExcludedPeer, entry};
  }
  if (policy.is_trusted(client.address)) return {Standing::TrustedNetwork};
  return {Standing::Applies};
}

}  // namespace

bool is_hidden(const Policy& policy, const Client& client) {
  const bool is_private = client.address.is_private() && client.source == ClientSource::Socket;
  return (is_private && !contains(policy.spf().private_peers, client.address)) ||
         client.address.is_unspecified();
}

Assessment assess(const Policy& policy, const SpfRule* rule, const Client& client, const Sender& sender) {
  Assessment found = assess_peer(policy, rule, client, sender);
  if (found.standing != Standing::Applies) return found;
  if (is_hidden(policy, client)) return {Standing::PrivatePeer};
  const bool in_scope =
      rule->sender_scope.empty() || find_match(rule->sender_scope, client, sender) != nullptr;
  return {in_scope ? Standing::Applies : Standing::OutsideScope};
}

// DKIM does not depend on the client's address.
Assessment assess(const Policy& policy, const DkimRule* rule, const Client& client, const Sender& sender) {
  Assessment found = assess_peer(policy, rule, client, sender);
  if (found.standing == Standing::Applies && rule->skip_null_sender && sender.is_null()) {
    return {Standing::NullSender};
  }
  return found;
}

Assessment assess(const Policy& policy, const DmarcRule* rule, const Client& client, const Sender& sender) {
  Assessment found = assess_peer(policy, rule, client, sender);
  if (found.standing != Standing::Applies) return found;
  if (is_hidden(policy, client)) return {Standing::PrivatePeer};
  return {rule->skip_null_sender && sender.is_null() ? Standing::NullSender : Standing::Applies};
}

}  // namespace sluice::policy
