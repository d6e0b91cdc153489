// Walks: the names that are asked for one domain, and the organization that their answers give.
#include "io/base/check.h"
#include "rules/dmarc/evaluator.h"

#include <algorithm>

namespace sluice::dmarc {

void Evaluator::ask_author() {
  if (options_.mode == Mode::Rfc9989) {
    plan_walk(author_);
  } else {
    const std::string_view organization = options_.suffixes->organizational_domain(author_.domain);
    outcome_.org_domain = organization;
    organization_known_ = true;
    author_.steps[0].offset = 0;
    author_.steps[1].offset = static_cast<uint16_t>(author_.domain.size() - organization.size());
    author_.count = author_.steps[1].offset == 0 ? 1 : 2;
  }
  ask_walk(author_);
}

// RFC 9989 4.10, steps 3, 4 and 7: the domain itself, then its parents; of 8 labels or more it is cut to 7.
void Evaluator::plan_walk(Walk& walk) const {
  std::array<uint16_t, limits::kDmarcWalkLabels> parents{};  // shortest first
  size_t count = 0;
  const std::string& domain = walk.domain;
  for (size_t at = domain.size(); at-- > 0 && count < parents.size();) {
    if (domain[at] == '.') parents[count++] = static_cast<uint16_t>(at + 1);
  }
  walk.steps[0] = Step{};
  for (size_t i = 0; i < count; ++i) walk.steps[i + 1] = Step{parents[count - 1 - i], kNoLookup};
  walk.count = static_cast<uint8_t>(count + 1);
}

void Evaluator::ask_walk(Walk& walk) {
  for (size_t i = 0; i < walk.count; ++i) {
    walk.steps[i].lookup = ask("_dmarc.", name_at(walk, i), dns::RecordType::Txt);
  }
}

uint16_t Evaluator::ask(std::string_view prefix, std::string_view domain, dns::RecordType type) {
  std::array<char, 16 + limits::kDnsName> text;
  SLUICE_CHECK(prefix.size() + domain.size() <= text.size());
  auto* const end = std::ranges::copy(domain, std::ranges::copy(prefix, text.begin()).out).out;
  const auto name = dns::DnsName::from_text({text.begin(), end});
  if (!name) return kNoLookup;
  for (size_t i = 0; i < lookup_count_; ++i) {
    if (lookups_[i].type == type && lookups_[i].name == *name) return static_cast<uint16_t>(i);
  }
  const size_t index = lookup_count_++;
  if (index == lookups_.size()) lookups_.emplace_back();
  Lookup& lookup = lookups_[index];
  lookup.name = *name;
  lookup.type = type;
  lookup.answered = false;
  if (fresh_ == questions_.size()) questions_.emplace_back();
  auth::PendingQuestion& pending = questions_[fresh_++];
  pending.id = first_id_ + static_cast<auth::QuestionId>(index);
  pending.question.name = *name;
  pending.question.type = type;
  if (type == dns::RecordType::Txt) ++outcome_.questions;
  return static_cast<uint16_t>(index);
}

const Evaluator::Lookup* Evaluator::lookup_at(const Walk& walk, size_t step) const {
  const uint16_t index = walk.steps[step].lookup;
  return index == kNoLookup ? nullptr : &lookups_[index];
}

// RFC 9989 4.10.2, from the longest name to the shortest. What stands behind the end of the walk is not
// looked at, whether it has been answered or not.
Evaluator::Organization Evaluator::organization_of(const Walk& walk) {
  Organization found{Organization::Kind::Known, walk.domain, walk.count};
  for (size_t i = 0; i < walk.count; ++i) {
    const Lookup* lookup = lookup_at(walk, i);
    if (lookup == nullptr) continue;
    if (!lookup->answered) return {Organization::Kind::Waiting, found.domain, i};
    if (lookup->failed()) return {Organization::Kind::Unknown, found.domain, i};
    if (lookup->stale) outcome_.stale = true;
    const Record* record = lookup->one();
    if (record == nullptr) continue;
    const std::string_view name = name_at(walk, i);
    if (record->psd == Psd::Yes && i != 0) {
      // One label more than the public suffix, whether that name was asked for or not.
      const size_t before = std::string_view(walk.domain).rfind('.', walk.steps[i].offset - 2U);
      const size_t start = before == std::string_view::npos || walk.steps[i].offset < 2 ? 0 : before + 1;
      return {Organization::Kind::Known, std::string_view(walk.domain).substr(start), i};
    }
    if (record->psd != Psd::Unknown) return {Organization::Kind::Known, name, i};
    found.domain = name;
  }
  return found;
}

}  // namespace sluice::dmarc
