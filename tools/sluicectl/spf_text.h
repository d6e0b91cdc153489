// What the DNS said, in words.
#pragma once

#include "dnscache/question/question.h"

#include <string>
#include <string_view>

namespace sluice::ctl {

std::string_view status_word(dns::AnswerStatus status);
// One record: an address, a name, "10 mx.example", or text as its octets are.
std::string record_text(const dns::RecordData& data);

}  // namespace sluice::ctl
