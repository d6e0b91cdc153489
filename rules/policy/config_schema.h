// Every setting of the policy document, declared once: name, type, unit, default, bounds, choices, what a
// reload does with it, what happens at zero, and its manual text.
//
// The reader takes types, bounds and defaults from here, and docs/configuration.md is printed from here
// (config_manual.h); a setting that is not declared cannot be read. The tables are constant data, one file
// for each group of sections (schema_*.cc).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::policy {

enum class ValueType : uint8_t {
  Boolean,
  Integer,
  Size,      // octets: an integer, or text with a unit ("50 MiB")
  Text,      // free text
  Choice,    // one word of `choices`
  Domain,    // a host or domain name; U-labels are made A-labels
  Address,   // IP address with port: "192.0.2.1:25", "[2001:db8::1]:25"
  Hop,       // host with port: as Address, or "mail.example.com:25"
  Networks,  // list of IP addresses and CIDR prefixes
  Domains,   // list of domain names
  Hops,      // list of Hop, or of tables {host, port, priority, weight}
  Servers,   // list of IP addresses, each with an optional port
  Peers,     // list of addresses, domains, CIDR prefixes, or "<>"
  Fields,    // list of names of header fields
  Sealers,   // list of domain names, each with an optional leading dot
  Keys,      // list of tables {selector, file}
};

enum class Reload : uint8_t {
  Next,        // the next transaction uses the new value
  Connection,  // connections that begin from then on; open ones keep what they were greeted with
  Restart,     // taken at start only; a reload that changes it says so and keeps the old value
};

struct Setting {
  std::string_view name{};
  ValueType type = ValueType::Text;
  std::string_view default_text{};  // as it would stand in the document; empty with `required` or "not set"
  std::string_view unit{};          // "seconds", "octets", ... or empty
  int64_t minimum = 0;              // of an Integer or Size
  int64_t maximum = 0;
  std::span<const std::string_view> choices{};
  bool required = false;
  Reload reload = Reload::Next;
  std::string_view at_zero{};  // what zero or an empty value means; empty where that needs no words
  std::string_view text{};     // the manual: one or two sentences
};

enum class SectionKind : uint8_t { Table, ArrayOfTables };

struct Section {
  std::string_view path{};  // "dns", "spf.rule"; empty for the top level
  SectionKind kind = SectionKind::Table;
  std::string_view title{};
  std::string_view text{};
  std::span<const Setting> settings{};
  std::span<const std::string_view> tables{};  // names of the tables that may stand inside
};

// In the order of the manual.
std::vector<Section> config_schema();
// The section must exist: asking for another one is a defect (CHECK).
const Section& find_section(std::string_view path);
// Null when the section has no such setting.
const Setting* find_setting(const Section& section, std::string_view name);

}  // namespace sluice::policy
