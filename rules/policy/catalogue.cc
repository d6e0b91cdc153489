#include "rules/policy/catalogue.h"

#include "io/base/check.h"

#include <array>
#include <cstddef>

namespace sluice::policy {
namespace {

// In the order of MessageId.
constexpr std::array<CatalogueEntry, 58> kCatalogue{{
    {MessageId::SpfNotMatched, "spf.not_matched", "条件不一致 (SPFルール)", "Not matched (SPF rule)"},
    {MessageId::SpfDeleted, "spf.deleted", "メッセージ削除済み (SPFルール)", "Message deleted (SPF rule)"},
    {MessageId::SpfRejected, "spf.rejected", "メッセージ拒否済み (SPFルール)", "Message rejected (SPF rule)"},
    {MessageId::SpfDeferred, "spf.deferred", "メッセージ一時拒否済み (SPFルール)",
     "Message deferred (SPF rule)"},
    {MessageId::SpfNotIntercepted, "spf.not_intercepted", "インターセプトなし (SPFルール)",
     "Not intercepted (SPF rule)"},
    {MessageId::SpfResultIs, "spf.result", "SPFの結果: {0}", "SPF result: {0}"},
    {MessageId::SpfBroadPass, "spf.broad_pass", "許可するアドレスの範囲が広すぎるSPFレコード: {0}",
     "SPF record that authorises very many addresses: {0}"},
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
    {MessageId::SpfTagged, "spf.tagged", "件名にタグを挿入済み (SPFルール)", "Subject tagged (SPF rule)"},
    {MessageId::SpfAuthenticatedByDmarc, "spf.authenticated_by_dmarc",
     "DMARCに合格したため処理を適用せず: {0}", "Action not taken because DMARC passes: {0}"},
    {MessageId::SpfAuthenticatedByArc, "spf.authenticated_by_arc",
     "信頼するARCシーラー{1}の結果により処理を適用せず: {0}",
     "Action not taken because of the trusted ARC sealer {1}: {0}"},
    {MessageId::DkimNotMatched, "dkim.not_matched", "条件不一致 (DKIMルール)", "Not matched (DKIM rule)"},
    {MessageId::DkimDeleted, "dkim.deleted", "メッセージ削除済み (DKIMルール)",
     "Message deleted (DKIM rule)"},
    {MessageId::DkimRejected, "dkim.rejected", "メッセージ拒否済み (DKIMルール)",
     "Message rejected (DKIM rule)"},
    {MessageId::DkimDeferred, "dkim.deferred", "メッセージ一時拒否済み (DKIMルール)",
     "Message deferred (DKIM rule)"},
    {MessageId::DkimTagged, "dkim.tagged", "件名にタグを挿入済み (DKIMルール)", "Subject tagged (DKIM rule)"},
    {MessageId::DkimNotIntercepted, "dkim.not_intercepted", "インターセプトなし (DKIMルール)",
     "Not intercepted (DKIM rule)"},
    {MessageId::DkimResultIs, "dkim.result", "DKIMの結果: {0}", "DKIM result: {0}"},
    {MessageId::DkimIgnored, "dkim.ignored", "無視 (DKIMルール)", "Ignored (DKIM rule)"},
    {MessageId::DkimExcludedPeer, "dkim.excluded_peer", "除外するピアに一致: {0}",
     "Matched excluded peer: {0}"},
    {MessageId::DkimTrustedNetwork, "dkim.trusted_network", "信頼するネットワークの接続元: {0}",
     "Client in a trusted network: {0}"},
    {MessageId::DkimNullSender, "dkim.null_sender", "エンベロープ送信者なしのため対象外",
     "Skipped: no envelope sender"},
    {MessageId::DkimExemptRecipient, "dkim.exempt_recipient",
     "postmasterまたはabuse宛のため処理を適用せず: {0}", "Action not taken for postmaster or abuse: {0}"},
    {MessageId::DkimArcOverride, "dkim.arc_override", "信頼するARCシーラーの結果により処理を適用せず: {0}",
     "Action not taken because of a trusted ARC sealer: {0}"},
    {MessageId::DkimEnforcedPeer, "dkim.enforced_peer", "適用するピアに一致: {0}",
     "Matched enforced peer: {0}"},
    {MessageId::DmarcNotMatched, "dmarc.not_matched", "条件不一致 (DMARCルール)", "Not matched (DMARC rule)"},
    {MessageId::DmarcDeleted, "dmarc.deleted", "メッセージ削除済み (DMARCルール)",
     "Message deleted (DMARC rule)"},
    {MessageId::DmarcRejected, "dmarc.rejected", "メッセージ拒否済み (DMARCルール)",
     "Message rejected (DMARC rule)"},
    {MessageId::DmarcDeferred, "dmarc.deferred", "メッセージ一時拒否済み (DMARCルール)",
     "Message deferred (DMARC rule)"},
    {MessageId::DmarcTagged, "dmarc.tagged", "件名にタグを挿入済み (DMARCルール)",
     "Subject tagged (DMARC rule)"},
    {MessageId::DmarcNotIntercepted, "dmarc.not_intercepted", "インターセプトなし (DMARCルール)",
     "Not intercepted (DMARC rule)"},
    {MessageId::DmarcResultIs, "dmarc.result", "DMARCの結果: {0}", "DMARC result: {0}"},
    {MessageId::DmarcIgnored, "dmarc.ignored", "無視 (DMARCルール)", "Ignored (DMARC rule)"},
    {MessageId::DmarcExcludedPeer, "dmarc.excluded_peer", "除外するピアに一致: {0}",
     "Matched excluded peer: {0}"},
    {MessageId::DmarcTrustedNetwork, "dmarc.trusted_network", "信頼するネットワークの接続元: {0}",
     "Client in a trusted network: {0}"},
    {MessageId::DmarcNullSender, "dmarc.null_sender", "エンベロープ送信者なしのため対象外",
     "Skipped: no envelope sender"},
    {MessageId::DmarcExemptRecipient, "dmarc.exempt_recipient",
     "postmasterまたはabuse宛のため処理を適用せず: {0}", "Action not taken for postmaster or abuse: {0}"},
    {MessageId::DmarcArcOverride, "dmarc.arc_override", "信頼するARCシーラーの結果により処理を適用せず: {0}",
     "Action not taken because of a trusted ARC sealer: {0}"},
    {MessageId::DmarcPrivatePeer, "dmarc.private_peer", "プライベートアドレスの接続元: {0}",
     "Client with a private address: {0}"},
    {MessageId::DmarcPolicyIs, "dmarc.policy", "公開されているDMARCポリシー: {0} ({1})",
     "Published DMARC policy: {0} ({1})"},
    {MessageId::DmarcArcNoOverride, "dmarc.arc_no_override", "ARCの結果は使用せず: {0}", "ARC not used: {0}"},
    {MessageId::ThreatSubtypeDkim, "threat.subtype_dkim", "DKIM", "DKIM"},
    {MessageId::ThreatSubtypeDmarc, "threat.subtype_dmarc", "DMARC", "DMARC"},
    {MessageId::ActionTag, "action.tag", "メッセージをインターセプトせず、件名にタグを挿入",
     "Do not intercept messages; tag subject"},
}};

constexpr bool is_in_order() {
  for (size_t i = 0; i < kCatalogue.size(); ++i) {
    if (static_cast<size_t>(kCatalogue[i].id) != i) return false;
  }
  return kCatalogue.size() == static_cast<size_t>(MessageId::ActionTag) + 1;
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
