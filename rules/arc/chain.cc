#include "rules/arc/chain.h"

#include "io/base/ascii.h"
#include "io/base/limits.h"
#include "rules/auth/tag_list.h"
#include "rules/dkim/header_hash.h"

#include <algorithm>

namespace sluice::arc {
namespace {

constexpr std::array<std::string_view, kParts> kFieldNames = {"ARC-Authentication-Results",
                                                              "ARC-Message-Signature", "ARC-Seal"};
constexpr size_t kCommentDepth = 8;
constexpr size_t kInstanceDigits = 2;  // RFC 8617 4.2.1

struct Instance {
  bool readable = false;
  uint64_t number = 0;
};

// Skips folding white space and comments (CFWS).
std::string_view skip_cfws(std::string_view text) {
  size_t depth = 0;
  size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (depth > 0 && c == '\\') {
      ++i;
    } else if (c == '(') {
      if (++depth > kCommentDepth) return {};
    } else if (c == ')' && depth > 0) {
      --depth;
    } else if (depth == 0 && !auth::is_folding_space(c)) {
      break;
    }
  }
  return i >= text.size() ? std::string_view() : text.substr(i);
}

// arc-info (section 4.1.1): instance [CFWS] ";" authres-payload.
Instance instance_of_results(std::string_view value) {
  std::string_view rest = skip_cfws(value);
  if (rest.empty() || ascii_lower(rest.front()) != 'i') return {};
  rest = skip_cfws(rest.substr(1));
  if (!rest.starts_with('=')) return {};
  rest = skip_cfws(rest.substr(1));
  size_t digits = 0;
  while (digits < rest.size() && is_ascii_digit(rest[digits])) ++digits;
  const auto number = auth::read_number(rest.substr(0, digits), kInstanceDigits);
  rest = skip_cfws(rest.substr(digits));
  if (!number || !rest.starts_with(';')) return {};
  return {true, *number};
}

ChainValue chain_value_of(std::string_view text) {
  if (equals_ignore_case(text, "none")) return ChainValue::None;
  if (equals_ignore_case(text, "pass")) return ChainValue::Pass;
  if (equals_ignore_case(text, "fail")) return ChainValue::Fail;
  return ChainValue::Absent;
}

std::string_view without_line_end(std::string_view value) {
  if (value.ends_with('\n')) value.remove_suffix(1);
  if (value.ends_with('\r')) value.remove_suffix(1);
  return value;
}

}  // namespace

std::optional<Part> part_of(std::string_view field_name) {
  for (size_t i = 0; i < kParts; ++i) {
    if (equals_ignore_case(field_name, kFieldNames[i])) return static_cast<Part>(i);
  }
  return {};
}

std::string_view field_name(Part part) { return kFieldNames[static_cast<size_t>(part)]; }

Chain Chain::of(const mail::HeaderBlock& block) {
  Chain chain;
  for (size_t i = 0; i < block.size(); ++i) {
    const mail::HeaderField field = block[i];
    if (field.kind != mail::FieldKind::Field) continue;
    if (const auto part = part_of(field.name)) chain.take(*part, field.raw, field.value);
  }
  return chain;
}

Chain Chain::of(std::span<const std::string_view> raw_fields) {
  Chain chain;
  for (const std::string_view raw : raw_fields) {
    const size_t colon = raw.find(':');
    if (colon == std::string_view::npos) continue;
    if (const auto part = part_of(trim(raw.substr(0, colon)))) {
      chain.take(*part, raw, without_line_end(raw.substr(colon + 1)));
    }
  }
  return chain;
}

void Chain::take(Part part, std::string_view raw, std::string_view value) {
  any_ = true;
  if (++taken_ > kParts * limits::kArcSets) {
    out_of_range_ = true;
    return;
  }
  Instance instance;
  ChainValue cv = ChainValue::Absent;
  if (part == Part::Results) {
    instance = instance_of_results(value);
  } else if (const auto tags = auth::TagList::parse(value)) {
    const auto number = auth::read_number(tags->find("i").value_or(""), 10);
    instance = {number.has_value(), number.value_or(0)};
    cv = chain_value_of(tags->find("cv").value_or(""));
  }
  if (!instance.readable) {
    malformed_ = true;
    return;
  }
  if (instance.number == 0 || instance.number > limits::kArcSets) {
    out_of_range_ = true;
    return;
  }
  if (sets_.size() < instance.number) sets_.resize(instance.number);
  ChainSet& set = sets_[instance.number - 1];
  ChainSet::Field& field = set.part(part);
  if (++field.count > 1) return;
  field.raw = raw;
  field.value = value;
  if (part == Part::Seal) set.cv = cv;
}

Chain::Finding Chain::structure() const {
  if (!any_) return {Reason::NoSets, 0};
  if (out_of_range_) return {Reason::TooManySets, 0};
  if (malformed_) return {Reason::MalformedSet, 0};
  if (sets_.back().cv == ChainValue::Fail) return {Reason::MarkedFailed, newest()};
  return first_problem_of_sets();
}

// Doubled fields, gaps and cv= are looked for one after the other, as the conditions of step 3 stand.
Chain::Finding Chain::first_problem_of_sets() const {
  for (unsigned instance = 1; instance <= newest(); ++instance) {
    const auto& fields = set(instance).fields;
    if (std::ranges::any_of(fields, [](const ChainSet::Field& field) { return field.count > 1; })) {
      return {Reason::DoubledSet, instance};
    }
  }
  for (unsigned instance = 1; instance <= newest(); ++instance) {
    const auto& fields = set(instance).fields;
    if (std::ranges::any_of(fields, [](const ChainSet::Field& field) { return field.count == 0; })) {
      return {Reason::IncompleteSet, instance};
    }
  }
  for (unsigned instance = 1; instance <= newest(); ++instance) {
    const ChainValue right = instance == 1 ? ChainValue::None : ChainValue::Pass;
    if (set(instance).cv != right) return {Reason::ChainValueWrong, instance};
  }
  return {};
}

void append_sets(std::string& out, const Chain& chain, unsigned newest) {
  for (unsigned instance = 1; instance <= newest; ++instance) {
    for (const ChainSet::Field& field : chain.set(instance).fields) {
      dkim::append_canonical_field(out, dkim::Canonicalization::Relaxed, field.raw);
    }
  }
}

}  // namespace sluice::arc
