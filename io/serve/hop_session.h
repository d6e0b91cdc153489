// HopSession: what HopPool and HopTransaction know of one connection to a next hop. Private to this folder;
// owned by either of the two at any time.
#pragma once

#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/serve/smtp_client.h"
#include "io/smtp/xclient.h"

#include <memory>
#include <optional>

namespace sluice::serve {

struct HopSession {
  std::unique_ptr<SmtpClient> client;
  Endpoint endpoint;
  unsigned refusals = 0;  // refused recipients, over all its transactions
  unsigned resets = 0;
  bool in_mail = false;  // MAIL was accepted and nothing has ended it
  std::optional<smtp::XclientOverrides> declared;
  MonoTime idle_since{};
};

}  // namespace sluice::serve
