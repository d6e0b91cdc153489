#include "tools/sluicectl/message_json.h"

#include "io/base/json_text.h"

#include <string>

namespace sluice::ctl {
namespace {

// JSON objects as a list.
class JsonList {
 public:
  JsonObject next() {
    if (text_.size() > 1) text_ += ',';
    return JsonObject(text_);
  }
  std::string end() { return text_ + ']'; }

 private:
  std::string text_ = "[";
};

}  // namespace

void append_dkim(JsonObject& parent, const evidence::DkimEvidence& dkim) {
  JsonList list;
  for (const dkim::SignatureOutcome& signature : dkim.signatures) {
    JsonObject object = list.next();
    object.text("result", dkim::rfc_word(signature.result))
        .text("domain", signature.domain)
        .text("selector", signature.selector)
        .text("reason", dkim::to_word(signature.reason))
        .text("algorithm", dkim::to_word(signature.algorithm))
        .number("key_bits", signature.key_bits);
    object.end();
  }
  parent.raw("dkim", list.end());
}

void append_arc(JsonObject& parent, const arc::Outcome& arc, const arc::Override& override_of_dmarc) {
  JsonList chain;
  for (const arc::SetOutcome& set : arc.sets) {
    JsonObject object = chain.next();
    object.number("i", set.instance)
        .text("domain", set.domain)
        .text("selector", set.selector)
        .text("seal", dkim::rfc_word(set.seal))
        .text("message", dkim::rfc_word(set.message))
        .text("cv", arc::rfc_word(set.cv));
    object.end();
  }
  JsonObject object = parent.object("arc");
  object.text("result", arc::rfc_word(arc.result))
      .text("reason", arc::to_word(arc.reason))
      .raw("chain", chain.end())
      .number("oldest_pass", arc.oldest_pass);
  JsonObject override_object = object.object("override");
  override_object.boolean("applied", override_of_dmarc.applied)
      .text("sealer", override_of_dmarc.sealer)
      .text("reason", override_of_dmarc.reason);
  override_object.end();
  object.end();
}

void append_dmarc(JsonObject& parent, const dmarc::Outcome& dmarc) {
  JsonObject object = parent.object("dmarc");
  object.text("result", dmarc::rfc_word(dmarc.result))
      .text("policy", dmarc::rfc_word(dmarc.policy))
      .text("disposition", dmarc::rfc_word(dmarc.disposition))
      .text("org_domain", dmarc.org_domain);
  JsonObject alignment = object.object("alignment");
  alignment.boolean("spf", dmarc.spf_aligned).boolean("dkim", dmarc.dkim_aligned);
  alignment.end();
  object.text("reason", dmarc::to_word(dmarc.reason))
      .text("author_domain", dmarc.author_domain)
      .text("policy_domain", dmarc.policy_domain);
  object.end();
}

}  // namespace sluice::ctl
