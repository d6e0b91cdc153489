// Writes what authentication found into header fields: Authentication-Results (RFC 8601), the payload of
// ARC-Authentication-Results (RFC 8617 section 4.1.1), and the X-TM-Authentication-Results forms that
// administrators of another product know (TM-07, TM-10). Always from the evidence, never from a field that
// came with the message (P-24).
//
// Everything foreign is validated, or quoted, or left out (W-21, CVE-2020-12272): whatever the evidence
// holds, one call writes one field, bounded in length and folded between results. Pure.
#pragma once

#include "rules/evidence/evidence.h"
#include "rules/policy/result_header.h"

#include <string>
#include <string_view>

namespace sluice::policy {

// "Authentication-Results: mx.example.com;\r\n\tspf=pass smtp.mailfrom=...;\r\n\tdkim=...\r\n".
// `authserv_id`: ours.
void append_authentication_results_line(std::string& out, std::string_view authserv_id,
                                        const evidence::Evidence& evidence);
std::string authentication_results_line(std::string_view authserv_id, const evidence::Evidence& evidence);

// What follows the authserv-id in an ARC-Authentication-Results field: ";\r\n\tspf=pass ...;\r\n\t..." or ";
// none".
void append_arc_results_payload(std::string& out, const evidence::Evidence& evidence);
std::string arc_results_payload(const evidence::Evidence& evidence);

// What a DKIM rule makes of the signatures (TM-07).
enum class DkimStanding : uint8_t {
  Verified,              // pass
  NoSignatures,          // pass: there are none, and the sender need not have any
  NoneProcessed,         // pass: none could be checked, and the sender need not have any
  EnforcedNotProcessed,  // fail: none, or none that could be checked, but the sender must have one
  NotVerified,           // fail: none of them is right
};
bool is_pass(DkimStanding standing);
// `enforced`: the sender is an enforced peer of the rule (TM-09).
DkimStanding dkim_standing(const evidence::DkimEvidence& dkim, bool enforced);

// "X-TM-Authentication-Results: dkim=pass; No signatures and verification is not enforced"
HeaderField tm_dkim_field(const evidence::DkimEvidence& dkim, bool enforced);
// "X-TM-Authentication-Results: spf=pass (sender IP address: 192.0.2.1) smtp.mailfrom=...; dkim=...;
// dmarc=...;"
HeaderField tm_dmarc_field(const evidence::Evidence& evidence);

}  // namespace sluice::policy
