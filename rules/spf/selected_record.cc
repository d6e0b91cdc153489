#include "rules/spf/selected_record.h"

#include "io/base/limits.h"
#include "rules/spf/domain.h"
#include "rules/spf/macro.h"

#include <algorithm>
#include <span>
#include <utility>
#include <variant>

namespace sluice::spf {
namespace {

// Directives that make a set worth its memory; fewer are compared one by one. Ours, an estimate that was not
// measured: no result depends on it, only time and memory.
constexpr size_t kRunMin = 4;

bool is_network(const Directive& directive) {
  return directive.mechanism == Mechanism::Ip4 || directive.mechanism == Mechanism::Ip6;
}

}  // namespace

SelectedRecord::SelectedRecord(const dns::Answer& answer) {
  const std::string* found = nullptr;
  for (const dns::RecordData& data : answer.records) {
    const auto* text = std::get_if<std::string>(&data);
    if (text == nullptr || !Record::is_record(*text)) continue;
    kind_ = found == nullptr ? Kind::One : Kind::Several;
    found = text;
  }
  if (kind_ == Kind::One) {
    auto record = Record::parse(*found);
    if (record) {
      record_.emplace(std::move(*record));
      prepare();
    } else {
      kind_ = Kind::Malformed;
      error_.emplace(std::move(record.error()));
    }
  }
  bytes_ = count_bytes();
}

void SelectedRecord::prepare() {
  const std::span<const Directive> directives = record_->directives();
  terms_.reserve(directives.size() + 1);
  size_t asking = 0;
  for (const Directive& directive : directives) {
    terms_.push_back(directive.is_lookup() ? term_of(directive.domain, asking) : Term{});
    if (directive.is_lookup()) ++asking;
  }
  terms_.push_back(record_->redirect() ? term_of(record_->redirect()->value, asking) : Term{});
  names_.shrink_to_fit();
  find_runs();
}

SelectedRecord::Term SelectedRecord::term_of(Span domain, size_t asking_before) {
  Term term;
  const std::string_view text = record_->text_of(domain);
  if (text.empty()) {
    term.target = Target::Current;
    return term;
  }
  // What is longer than a name is cut by expansion (7.3).
  const bool plain = text.find('%') == std::string_view::npos && text.size() <= limits::kSpfMacroName;
  if (!plain || asking_before >= limits::kSpfTerms) {
    term.target = Target::Expand;
    term.takes_validated = has_macro(text, 'p');
    term.takes_local_part = has_macro(text, 's') || has_macro(text, 'l');
    return term;
  }
  const std::optional<std::string> target = target_domain(text);
  const std::optional<dns::DnsName> name = target ? dns::DnsName::from_text(*target) : std::nullopt;
  if (!name) {
    term.target = Target::Unusable;
    return term;
  }
  term.target = Target::Fixed;
  term.name = static_cast<uint16_t>(names_.size());
  names_.push_back(*name);
  return term;
}

void SelectedRecord::find_runs() {
  const std::span<const Directive> directives = record_->directives();
  for (size_t first = 0; first < directives.size();) {
    size_t end = first;
    while (end < directives.size() && is_network(directives[end])) ++end;
    if (end - first >= kRunMin) {
      Run& run = runs_.emplace_back();
      run.end = end;
      for (size_t i = first; i < end; ++i) {
        run.blocks.add(directives[i].network, static_cast<uint32_t>(i));
      }
      run.blocks.seal();
      terms_[first].run = static_cast<uint16_t>(runs_.size());
    }
    first = std::max(end, first + 1);
  }
}

size_t SelectedRecord::count_bytes() const {
  size_t bytes = sizeof(*this) + terms_.capacity() * sizeof(Term) + names_.capacity() * sizeof(dns::DnsName) +
                 runs_.capacity() * sizeof(Run);
  for (const Run& run : runs_) bytes += run.blocks.bytes();
  if (record_) bytes += record_->text().size() + record_->directives().size() * sizeof(Directive);
  if (error_) bytes += error_->term.capacity() + error_->problem.capacity();
  return bytes;
}

}  // namespace sluice::spf
