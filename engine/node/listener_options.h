// What a policy says of clients, as the server of a listener wants it. Pure.
#pragma once

#include "io/serve/smtp_server.h"
#include "io/smtp/server_session.h"
#include "rules/policy/policy.h"

#include <cstddef>

namespace sluice::node {

smtp::ServerOptions session_options(const policy::Policy& policy, const policy::Listener& listener);
// Of each of so many shards. What is counted for the whole node is shared out, rounded up.
serve::ClientLimits client_limits(const policy::ClientSettings& clients, size_t shards);

}  // namespace sluice::node
