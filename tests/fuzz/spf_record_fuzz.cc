// Any octets as an SPF record and as a macro string: positions stay inside the text, expansion stays inside
// its limits, and what was accepted is accepted again.
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/spf/domain.h"
#include "rules/spf/macro.h"
#include "rules/spf/record.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace sluice;
using namespace sluice::spf;

MacroValues values_of(std::string_view input) {
  MacroValues values;
  values.local_part = input;
  values.sender_domain = "sender.example";
  values.domain = "domain.example";
  values.helo = input;
  values.client = input.size() % 2 == 0 ? IpAddress::v4(0xC0000201) : *IpAddress::parse("2001:db8::1");
  return values;
}

void check_span(const Record& record, Span span) {
  SLUICE_CHECK(span.offset <= record.text().size());
  SLUICE_CHECK(span.size <= record.text().size() - span.offset);
}

void check_domain_text(std::string_view text, const MacroValues& values) {
  SLUICE_CHECK(!check_domain_spec(text));
  SLUICE_CHECK(expand_domain(text, values).size() <= limits::kSpfMacroName);
}

void check_record(const Record& record, const MacroValues& values) {
  SLUICE_CHECK(record.text().size() <= limits::kSpfRecord);
  SLUICE_CHECK(record.directives().size() <= limits::kSpfRecordTerms);
  size_t position = 6;
  for (const Directive& directive : record.directives()) {
    check_span(record, directive.term);
    check_span(record, directive.domain);
    SLUICE_CHECK(directive.term.offset > position);
    position = directive.term.offset;
    SLUICE_CHECK(!record.name_of(directive).empty());
    SLUICE_CHECK(directive.v4_length <= 32 && directive.v6_length <= 128);
    if (directive.domain.size != 0) check_domain_text(record.text_of(directive.domain), values);
  }
  for (const std::optional<Modifier>& modifier : {record.redirect(), record.explanation()}) {
    if (!modifier) continue;
    check_span(record, modifier->term);
    check_domain_text(record.text_of(modifier->value), values);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(data, data + size);
  const MacroValues values = values_of(input);
  for (const std::string& text : {input, "v=spf1 " + input}) {
    const auto record = Record::parse(text);
    if (record) {
      check_record(*record, values);
      SLUICE_CHECK(Record::parse(std::string(record->text())));
    } else {
      SLUICE_CHECK(record.error().offset <= text.size());
      SLUICE_CHECK(!record.error().problem.empty());
    }
  }
  if (!check_macro_string(input, MacroUse::Explanation)) {
    SLUICE_CHECK(expand_explanation(input, values).size() <= limits::kSpfExplanation);
  }
  if (const auto domain = checked_domain(input)) {
    SLUICE_CHECK(domain->size() <= limits::kSpfMacroName);
    SLUICE_CHECK(checked_domain(*domain) == domain);
  }
  return 0;
}
