#include "rules/policy/catalogue.h"

#include "io/base/check.h"

#include <array>
#include <cstddef>

namespace sluice::policy {
namespace {

// In the order of MessageId.
constexpr std::array<CatalogueEntry, 21> kCatalogue{{
    {MessageId::SpfNotMatched, "spf.not_matched", "条件不一致 (SPFルール)", "Not matched (SPF rule)"},
    {MessageId::SpfDeleted, "spf.deleted", "メッセージ削除済み (SPFルール)", "Message deleted (SPF rule)"},
    {MessageId::SpfRejected, "spf.rejected", "メッセージ拒否済み (SPFルール)", "Message rejected (SPF rule)"},
    {MessageId::SpfDeferred, "spf.deferred", "メッセージ一時拒否済み (SPFルール)",
     "Message deferred (SPF rule)"},
    {MessageId::SpfNotIntercepted, "spf.not_intercepted", "インターセプトなし (SPFルール)",
     "Not intercepted (SPF rule)"},
    {MessageId::SpfResultIs, "spf.result", "SPFの結果: {0}", "SPF result: {0}"},
    {MessageId::SpfIgnored, "spf.ignored", "無視 (SPFルール)", "Ignored (SPF rule)"},
    {MessageId::SpfExcludedPeer, "spf.excluded_peer", "除外するピアに一致: {0}",
     "Matched excluded peer: {0}"},
    {MessageId::SpfOutsideScope, "spf.outside_scope", "送信者がルールの対象外",
     "Sender outside the scope of the rule"},
    {MessageId::SpfPrivatePeer, "spf.private_peer", "プライベートアドレスの接続元: {0}",
     "Client with a private address: {0}"},
    {MessageId::SpfTrustedNetwork, "spf.trusted_network", "信頼するネットワークの接続元: {0}",
     "Client in a trusted network: {0}"},
    {MessageId::SpfExemptRecipient, "spf.exempt_recipient",
     "postmasterまたはabuse宛のため処理を適用せず: {0}", "Action not taken for postmaster or abuse: {0}"},
    {MessageId::SpfHeloNotADomain, "spf.helo_not_a_domain", "HELOがドメイン名ではないため処理を適用せず: {0}",
     "Action not taken because HELO is not a domain name: {0}"},
    {MessageId::SpfCheckFailed, "spf.check_failed", "SPFチェック失敗", "SPF check failed"},
    {MessageId::ThreatDomainBasedAuthentication, "threat.domain_based_authentication", "ドメインベース認証",
     "Domain-based Authentication"},
    {MessageId::ThreatSubtypeSpf, "threat.subtype_spf", "SPF", "SPF"},
    {MessageId::DefaultRuleName, "spf.default_rule", "初期設定 (ドメインが未指定の場合)",
     "Default (when no domain is specified)"},
    {MessageId::ActionPass, "action.pass", "メッセージをインターセプトしない", "Do not intercept messages"},
    {MessageId::ActionDelete, "action.delete", "メッセージ全体を削除", "Delete entire message"},
    {MessageId::ActionReject, "action.reject", "メッセージを拒否", "Reject message"},
    {MessageId::ActionDefer, "action.defer", "メッセージを一時拒否", "Defer message"},
}};

constexpr bool is_in_order() {
  for (size_t i = 0; i < kCatalogue.size(); ++i) {
    if (static_cast<size_t>(kCatalogue[i].id) != i) return false;
  }
  return kCatalogue.size() == static_cast<size_t>(MessageId::ActionDefer) + 1;
}
static_assert(is_in_order());

const CatalogueEntry& entry(MessageId id) {
  const auto index = static_cast<size_t>(id);
  SLUICE_CHECK(index < kCatalogue.size());
  return kCatalogue[index];
}

}  // namespace

std::span<const CatalogueEntry> catalogue() { return kCatalogue; }

std::string_view message_key(MessageId id) { return entry(id).key; }

std::string message_text(MessageId id, Language language, std::span<const std::string> arguments) {
  const std::string_view words = language == Language::Japanese ? entry(id).japanese : entry(id).english;
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool placeholder = words[i] == '{' && i + 2 < words.size() && words[i + 2] == '}';
    if (!placeholder) {
      text += words[i];
      continue;
    }
    const auto argument = static_cast<size_t>(words[i + 1] - '0');
    if (argument < arguments.size()) text += arguments[argument];
    i += 2;
  }
  return text;
}

}  // namespace sluice::policy
