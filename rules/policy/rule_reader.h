// Reads what rules of every kind have in common: names, domains, actions, replies, tags, peers. Used by the
// readers of the sections with rules.
#pragma once

#include "rules/policy/draft.h"
#include "rules/policy/section_reader.h"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

inline constexpr std::string_view kDefaultRuleName = "default";

// Binds the rules of one kind to their domains, and sees to it that each name and each domain stands once
// (RUL-04).
class RuleBinder {
 public:
  // `family`: "SPF". `index`: the member of a domain that says which rule is its.
  RuleBinder(Draft& draft, std::string_view family, unsigned ManagedDomain::* index)
      : draft_(draft), family_(family), index_(index), bound_(draft.sections.domains.size()) {}

  // Reads `name` and `domains` of a rule that will be number `number` of its kind.
  void read(SectionReader& reader, Diagnostics& diagnostics, unsigned number);
  std::string name;                  // of the rule read last
  std::vector<std::string> domains;  // likewise

 private:
  void bind(SectionReader& reader, Diagnostics& diagnostics, unsigned number);
  void check_name(SectionReader& reader);

  Draft& draft_;
  std::string_view family_;
  unsigned ManagedDomain::* index_;
  std::vector<Place> bound_;  // as sections.domains
  struct Named {
    std::string name;
    Place place;
  };
  std::vector<Named> named_;
};

// The table of a default rule, which may be left out; null also where it is something else, which is
// reported.
const DocumentNode* default_rule_table(SectionReader& section);

// A setting of the type Choice whose words are actions. Words of other products get advice.
std::optional<Action> read_action(SectionReader& reader, std::string_view key);

SubjectTag read_tag(SectionReader& reader);

ReplyTriple read_reply(std::string_view section, const DocumentNode* table, const std::string& path,
                       Diagnostics& diagnostics);

}  // namespace sluice::policy
