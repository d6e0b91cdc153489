// The message catalogue: every text that a tracking row or a policy event shows, in Japanese and English,
// under an id that never changes. Rows keep the id and its arguments; the words are chosen when they are
// shown.
//
// Constant data. Ids are interface: they may be added, never renamed. New ones stand at the end.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

enum class Language : uint8_t { Japanese, English };

enum class MessageId : uint8_t {
  SpfNotMatched,  // LOG-01
  SpfDeleted,     // LOG-02
  SpfRejected,
  SpfDeferred,
  SpfNotIntercepted,                // a result other than Pass for which the rule does nothing
  SpfResultIs,                      // {0}: the result
  SpfBroadPass,                     // {0}: how many addresses or /64 networks it authorises
  SpfIgnored,                       // LOG-04, first line
  SpfExcludedPeer,                  // LOG-04, second line; {0}: the entry as written
  SpfOutsideScope,                  // the sender is not in the rule's sender scope
  SpfPrivatePeer,                   // W-13
  SpfTrustedNetwork,                // mail of our own side
  SpfExemptRecipient,               // W-15; {0}: the action that was not taken
  SpfHeloNotADomain,                // W-31; {0}: the action that was not taken
  SpfCheckFailed,                   // ESE-18
  ThreatDomainBasedAuthentication,  // LOG-03
  ThreatSubtypeSpf,
  DefaultRuleName,  // RUL-03
  ActionPass,
  ActionDelete,
  ActionReject,
  ActionDefer,
  SpfTagged,
  SpfAuthenticatedByDmarc,  // W-32; {0}: the action that was not taken
  SpfAuthenticatedByArc,    // W-32; {0}: the action that was not taken, {1}: the sealer
  DkimNotMatched,
  DkimDeleted,
  DkimRejected,
  DkimDeferred,
  DkimTagged,
  DkimNotIntercepted,
  DkimResultIs,  // {0}: the result
  DkimIgnored,
  DkimExcludedPeer,     // {0}: the entry as written
  DkimTrustedNetwork,   // {0}: the client
  DkimNullSender,       // the rule skips mail with the null sender
  DkimExemptRecipient,  // W-15; {0}: the action that was not taken
  DkimArcOverride,      // W-33; {0}: the sealer
  DkimEnforcedPeer,     // TM-09; {0}: the entry as written
  DmarcNotMatched,
  DmarcDeleted,
  DmarcRejected,
  DmarcDeferred,
  DmarcTagged,
  DmarcNotIntercepted,
  DmarcResultIs,  // {0}: the result
  DmarcIgnored,
  DmarcExcludedPeer,     // {0}: the entry as written
  DmarcTrustedNetwork,   // {0}: the client
  DmarcNullSender,       // the rule skips mail with the null sender
  DmarcExemptRecipient,  // W-15; {0}: the action that was not taken
  DmarcArcOverride,      // W-33; {0}: the sealer
  DmarcPrivatePeer,      // W-13: SPF cannot be evaluated; {0}: the client
  DmarcPolicyIs,         // {0}: the policy that applies, {1}: where it was found
  DmarcArcNoOverride,    // {0}: why not
  ThreatSubtypeDkim,
  ThreatSubtypeDmarc,
  ActionTag,
};

struct CatalogueEntry {
  MessageId id;
  std::string_view key;  // "spf.not_matched": the stable name in rows and JSON
  std::string_view japanese;
  std::string_view english;
};

std::span<const CatalogueEntry> catalogue();
std::string_view message_key(MessageId id);
// The text with {0}, {1} ... replaced by the arguments; arguments are put in as they are.
std::string message_text(MessageId id, Language language, std::span<const std::string> arguments = {});

// One line of a row: an id and its arguments.
struct Note {
  MessageId id = MessageId::SpfNotMatched;
  std::vector<std::string> arguments;
  friend bool operator==(const Note&, const Note&) = default;
};

}  // namespace sluice::policy
