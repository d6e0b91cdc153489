// What one rule makes of one message, before the rules are put together to a verdict. Used by verdict.cc
// alone.
#pragma once

#include "rules/policy/verdict.h"

#include <optional>
#include <string>
#include <vector>

namespace sluice::policy {

struct Finding {
  bool looked = false;  // the rule applied, and saw a result
  Action action = Action::Pass;
  std::optional<ReplyTriple> reply;
  std::optional<SubjectTag> tag;
  bool event = false;
  std::string result;       // as in the event
  std::vector<Note> notes;  // also where the rule ignored the message
};

// The rule's own words for what it did.
struct HeadlineIds {
  MessageId not_matched, deleted, rejected, deferred, tagged, not_intercepted;
};
MessageId headline(const HeadlineIds& ids, Action action, bool is_good);

// The rules must be there; disabled ones find nothing. At end of data only.
Finding dkim_finding(const Policy& policy, const RecipientBinding& recipient,
                     const evidence::Evidence& evidence);
Finding dmarc_finding(const Policy& policy, const RecipientBinding& recipient,
                      const evidence::Evidence& evidence);

// W-35, W-14: a result that the DNS withheld.
ReplyTriple temperror_reply();

}  // namespace sluice::policy
