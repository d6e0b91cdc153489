// The action `tag` on a header: a text put before the subject (RUL-11), which later readers see whatever
// charset the subject has (RFC 2047). Not twice: a subject that begins with the tag already, encoded or not,
// is left as it is. Every Subject field is tagged, for readers differ on which of several they show; a
// message without one gets one.
//
// Pure. Nothing fails; the tag is the policy's (printable, bounded), the subject anybody's.
#pragma once

#include "engine/delivery/header_edit.h"
#include "rules/evidence/evidence.h"
#include "rules/policy/rule_parts.h"

#include <span>
#include <string>
#include <string_view>

namespace sluice::delivery {

// Puts what changes into `edits`. `signed_mail`: as is_signed_mail() says; tags that spare such mail are left
// out.
void tag_subject(HeaderEdits& edits, const mail::HeaderBlock& block, std::span<const policy::SubjectTag> tags,
                 bool signed_mail);

// Whether a tag would break a signature (TM-08): a DKIM signature passes that covers the subject, or the
// message is S/MIME or OpenPGP mail that is signed as a whole.
bool is_signed_mail(const mail::HeaderBlock& block, const evidence::DkimEvidence& dkim);

// The value of a Subject field ("" where there is none) with the tags that are missing in front, as a whole
// field with its line end; empty where none is missing.
std::string tagged_subject(std::string_view value, std::span<const std::string_view> tags);

}  // namespace sluice::delivery
