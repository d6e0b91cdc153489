// A policy while it is being read: its sections so far, with the places in the document that later checks
// name.
//
// Each read_ function takes one group of sections from the root table; check_draft() looks at what only the
// whole shows. All report into Diagnostics and go on. Used by reader.cc alone.
#pragma once

#include "rules/policy/diagnostics.h"
#include "rules/policy/document.h"
#include "rules/policy/policy.h"

#include <string>
#include <vector>

namespace sluice::policy {

struct Place {
  Position position;
  std::string path;
};

// A next hop wherever it stands, for the check against our own listeners (W-11).
struct PlacedHop {
  NextHop hop;
  Place place;
};

struct Draft {
  PolicySections sections;
  std::string machine_name;
  std::vector<Place> listeners;  // as sections.listeners
  std::vector<Place> domains;    // as sections.domains
  std::vector<Place> rules;      // as sections.rules
  std::vector<Place> dkim_rules;
  std::vector<Place> dmarc_rules;
  std::vector<PlacedHop> hops;
  Place trusted_networks;
  Place postmaster_domain;
  Place dkim_verify;
  Place dkim_sign;  // the first
  Place arc_seal;
  bool on_outage_given = false;
};

void read_node_sections(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics);
// Reads the top level too, and so checks its keys.
void read_smtp_sections(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics);
void read_client_section(const DocumentNode* table, Draft& draft, Diagnostics& diagnostics);
// After the domains: rules are bound to them.
void read_spf_sections(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics);
void read_dkim_sections(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics);
void read_dmarc_sections(const DocumentNode& root, Draft& draft, Diagnostics& diagnostics);
void check_draft(Draft& draft, Diagnostics& diagnostics);

}  // namespace sluice::policy
