// How messages are checked, as a node with a policy would: the `dkim`, `arc` and `dmarc` sections of it, with
// the files that they name. Without a policy the defaults of these sections.
#pragma once

#include "io/base/result.h"
#include "rules/arc/override.h"
#include "rules/authentication/message_authenticator.h"

#include <memory>
#include <string>

namespace sluice::ctl {

class MessageSettings {
 public:
  MessageSettings();
  // Errors name the file and what is wrong with it.
  [[nodiscard]] static Result<MessageSettings> of_policy(const std::string& path);

  // For a message of this time. Valid as long as this object and the sealers.
  authentication::Settings at(WallTime now, const arc::TrustedSealers* sealers = nullptr) const;

 private:
  authentication::Settings settings_;
  std::unique_ptr<arc::TrustedSealers> sealers_;
  std::unique_ptr<dmarc::PublicSuffixes> suffixes_;
  bool overrides_ = true;  // arc.verify
};

}  // namespace sluice::ctl
