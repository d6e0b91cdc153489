// What a host gets that a domain's record does not list (SPF-10): the result of an impostor.
#pragma once

#include "rules/auth/result.h"
#include "tools/sluicectl/answer_source.h"

#include <optional>
#include <string>

namespace sluice::ctl {

struct ImpostorResult {
  auth::SpfResult result = auth::SpfResult::None;
  std::string reason;  // the term that gives it, or what went wrong
  // The record alone: the qualifier of `all`, redirects followed. Null when there is no usable record or a
  // macro decides.
  std::optional<auth::SpfResult> as_written;
};

struct Impostor {
  ImpostorResult v4, v6;  // they can differ: only the client's family is asked for
};

// By evaluating the record for addresses that nobody has (RFC 1112 section 4, RFC 3849).
Impostor impostor_of(const std::string& domain, AnswerSource& source);

}  // namespace sluice::ctl
