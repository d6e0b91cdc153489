// A message of the journal, as far as its SPF evaluation can be made again: for `spf explain --id`.
#pragma once

#include "io/base/result.h"
#include "rules/spf/evaluator.h"

#include <string>
#include <string_view>

namespace sluice::ctl {

struct TrackedMessage {
  spf::Check check;    // client, HELO and MAIL FROM of the row
  std::string time;    // as in the row
  std::string result;  // of SPF, when the message came; empty where nothing was evaluated
};

// The last tracking row of the id. Lines that are no rows are passed over.
Result<TrackedMessage> find_tracked(const std::string& journal, std::string_view id);

}  // namespace sluice::ctl
