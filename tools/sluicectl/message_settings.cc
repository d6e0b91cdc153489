#include "tools/sluicectl/message_settings.h"

#include "rules/policy/reader.h"
#include "tools/sluicectl/message_file.h"

#include <utility>

namespace sluice::ctl {

MessageSettings::MessageSettings()
    : sealers_(std::make_unique<arc::TrustedSealers>(arc::default_trusted_sealers())) {}

Result<MessageSettings> MessageSettings::of_policy(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text) return std::unexpected(text.error());
  const policy::ReadPolicy read = policy::read_policy(*text, 0);
  if (!read.policy) {
    return fail(ErrorKind::Invalid, path + " is refused: sluicectl policy check says why");
  }
  const policy::Policy& policy = *read.policy;
  MessageSettings made;
  made.settings_.dkim.signatures_max = policy.dkim().max_signatures;
  made.settings_.dkim.partial_body = policy.dkim().partial_body;
  made.settings_.dkim.clock_skew = policy.dkim().clock_skew;
  made.settings_.mode = policy.dmarc().mode;
  made.settings_.author_forms = policy.dmarc().author_forms;
  made.sealers_ = std::make_unique<arc::TrustedSealers>(policy.arc().trusted_sealers);
  made.overrides_ = policy.arc().verify;
  if (made.settings_.mode == dmarc::Mode::Rfc9989) return made;
  const std::string& list = policy.dmarc().public_suffix_list;
  const Result<std::string> octets = read_file(list);
  if (!octets) return std::unexpected(octets.error());
  Result<dmarc::PublicSuffixes> suffixes = dmarc::PublicSuffixes::from_octets(*octets);
  if (!suffixes) return fail(ErrorKind::Invalid, list + ": " + suffixes.error().to_string());
  made.suffixes_ = std::make_unique<dmarc::PublicSuffixes>(std::move(*suffixes));
  return made;
}

authentication::Settings MessageSettings::at(WallTime now, const arc::TrustedSealers* sealers) const {
  authentication::Settings settings = settings_;
  settings.dkim.now = now;
  settings.suffixes = suffixes_.get();
  settings.trusted_sealers = sealers != nullptr ? sealers : overrides_ ? sealers_.get() : nullptr;
  return settings;
}

}  // namespace sluice::ctl
