// The parts of the schema, one for each group of sections. Only config_schema.cc includes this.
#pragma once

#include "rules/policy/config_schema.h"

#include <span>

namespace sluice::policy::schema {

std::span<const Section> node_sections();    // node, journal, memory, admin, dns
std::span<const Section> smtp_sections();    // top level, outbound, listener, domain and its next hops
std::span<const Section> client_sections();  // clients
std::span<const Section> spf_sections();     // result_header, events, authentication, spf and its rules
std::span<const Section> dkim_sections();    // dkim, its rules, signing; arc
std::span<const Section> dmarc_sections();   // dmarc, its rules, reports

}  // namespace sluice::policy::schema
