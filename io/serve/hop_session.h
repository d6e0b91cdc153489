// HopSession: what the pools and HopTransaction know of one connection to a next hop. Private to this folder;
// owned by HopDestinations or by a transaction at any time.
#pragma once

#include "io/base/clock.h"
#include "io/serve/smtp_client.h"
#include "io/smtp/xclient.h"

#include <memory>
#include <optional>

namespace sluice::serve {

struct HopDestination;

struct HopSession {
  explicit HopSession(HopDestination& at) : destination(at) {}
  HopDestination& destination;
  std::unique_ptr<SmtpClient> client;
  unsigned transactions = 0;  // that have used it, the present one included
  unsigned refusals = 0;      // refused recipients, over all its transactions
  unsigned resets = 0;
  bool in_mail = false;  // MAIL was accepted and nothing has ended it
  std::optional<smtp::XclientOverrides> declared;
  MonoTime idle_since{};

  // Others had it before: its end says nothing of how the hop is now.
  bool reused() const { return transactions > 1; }
};

}  // namespace sluice::serve
