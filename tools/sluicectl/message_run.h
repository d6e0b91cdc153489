// DKIM, DMARC and ARC of a message held in memory, with the answers of a source, one question after another.
#pragma once

#include "io/base/result.h"
#include "rules/authentication/message_authenticator.h"
#include "tools/sluicectl/answer_source.h"

#include <string_view>

namespace sluice::ctl {

// Puts what is found into the evidence, whose SPF the caller has filled in. `octets` as on the wire, without
// dot-stuffing. Past limits::kAuthenticationWait nothing more is asked. A header block over the limits is an
// error, as the node refuses it: half of it would say half the truth.
[[nodiscard]] Result<void> run_message(std::string_view octets, const authentication::Wanted& wanted,
                                       const authentication::Settings& settings, AnswerSource& source,
                                       evidence::Evidence& evidence);

// An address without angle brackets; empty: the null sender.
evidence::Sender to_sender(std::string_view mail_from);

}  // namespace sluice::ctl
