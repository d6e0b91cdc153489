// Key records of DKIM as an operator meets them: how one is written into a zone file, and whether what the
// DNS holds is a key that receivers can use and that belongs to a private key.
#pragma once

#include "dnscache/question/question.h"
#include "rules/dkim/signing_key.h"

#include <optional>
#include <string>
#include <string_view>

namespace sluice::ctl {

// "selector._domainkey.domain. IN TXT ( "v=DKIM1; ..." "..." )": strings of 255 octets at most (RFC
// 1035 3.3.14).
std::string zone_line(std::string_view name, std::string_view record);

struct RecordReport {
  bool usable = false;  // receivers can verify with it, and it fits the private key where there is one
  std::string text;     // for people, a line for each finding
};
// `key`: the private key that is to sign; none: the record alone is looked at.
RecordReport judge_record(std::string_view name, const dns::Answer& answer,
                          const std::optional<dkim::SigningKey>& key);

}  // namespace sluice::ctl
