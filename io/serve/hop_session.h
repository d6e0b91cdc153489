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
  smtp::XclientAttributes declared_attributes = 0;  // of it, what the hop took
  MonoTime idle_since{};

  // Others had it before: its end says nothing of how the hop is now.
  bool reused() const { return transactions > 1; }
  // It speaks for another client than `other`, and the hop does not let itself be told any more.
  bool stuck_with_another(const smtp::XclientOverrides& other) const {
    const smtp::XclientAttributes offered = attributes();
    return declared && *declared != other && (offered & declared_attributes) != declared_attributes;
  }
  smtp::XclientAttributes attributes() const { return client->capabilities().xclient; }
};

}  // namespace sluice::serve
