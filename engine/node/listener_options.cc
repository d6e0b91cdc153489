#include "engine/node/listener_options.h"

#include "io/base/limits.h"

#include <algorithm>

namespace sluice::node {
namespace {

// W-4: a client that puts every domain in a transaction of its own is never told 452.
bool domains_differ(const policy::Policy& policy) {
  const auto domains = policy.domains();
  return std::ranges::adjacent_find(domains, [](const auto& one, const auto& next) {
           return one.next_hops != next.next_hops || one.rule_index != next.rule_index;
         }) != domains.end();
}

}  // namespace

smtp::ServerOptions session_options(const policy::Policy& policy, const policy::Listener& listener) {
  smtp::ServerOptions options;
  options.hostname = listener.hostname;
  options.message_octets = listener.max_message_octets;
  if (listener.bare_line_ends == policy::BareLineEnds::Normalize)
    options.bare_line_ends = smtp::BareLineEnds::Normalize;
  options.recipients = listener.max_recipients;
  options.errors = policy.clients().max_errors;
  options.recipients_at_once = limits::kSmtpRecipientsAtOnce;
  options.refused_recipients = policy.clients().max_refused_recipients;
  options.recipient_domains = domains_differ(policy) ? 1 : 0;
  return options;
}

serve::ClientLimits client_limits(const policy::ClientSettings& clients, size_t shards) {
  serve::ClientLimits limits;
  limits.sessions_max = (clients.max_connections + shards - 1) / shards;
  limits.sessions_per_client_max = clients.max_connections_per_client;
  limits.connections_per_second = clients.max_connections_per_second;
  limits.times.command_wait = clients.command;
  limits.times.data_wait = clients.data;
  limits.times.body_grace = clients.message_grace;
  limits.times.data_rate_min = clients.min_data_rate;
  limits.times.message_wait = clients.message;
  limits.times.session_wait = clients.session;
  limits.write_wait = clients.write;
  limits.delay_max = clients.max_delay;
  return limits;
}

}  // namespace sluice::node
