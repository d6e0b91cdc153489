#include "rules/policy/config_schema.h"

#include "io/base/check.h"
#include "rules/policy/schema_tables.h"

#include <algorithm>
#include <vector>

namespace sluice::policy {

std::vector<Section> config_schema() {
  std::vector<Section> sections;
  for (const std::span<const Section> group :
       {schema::smtp_sections(), schema::client_sections(), schema::node_sections(), schema::spf_sections(),
        schema::dkim_sections(), schema::dmarc_sections()}) {
    sections.insert(sections.end(), group.begin(), group.end());
  }
  return sections;
}

const Section& find_section(std::string_view path) {
  for (const std::span<const Section> group :
       {schema::smtp_sections(), schema::client_sections(), schema::node_sections(), schema::spf_sections(),
        schema::dkim_sections(), schema::dmarc_sections()}) {
    const auto found = std::ranges::find(group, path, &Section::path);
    if (found != group.end()) return *found;
  }
  SLUICE_CHECK(!"a section that the schema does not declare");
  __builtin_unreachable();
}

const Setting* find_setting(const Section& section, std::string_view name) {
  const auto found = std::ranges::find(section.settings, name, &Setting::name);
  return found == section.settings.end() ? nullptr : &*found;
}

}  // namespace sluice::policy
