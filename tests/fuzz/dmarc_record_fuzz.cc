// DMARC records: whatever the text, reading ends, what is read is within its bounds and can be applied or
// cannot, and records at one name mean the same in any order.
#include "io/base/check.h"
#include "io/base/limits.h"
#include "io/mail/address.h"
#include "rules/dmarc/record.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace sluice;
using namespace sluice::dmarc;

void check_uris(const std::vector<ReportUri>& uris) {
  SLUICE_CHECK(uris.size() <= limits::kDmarcReportUris);
  for (const ReportUri& uri : uris) {
    SLUICE_CHECK(!uri.uri.empty());
    if (!uri.address.empty()) SLUICE_CHECK(mail::parse_mailbox(uri.address).has_value());
  }
}

void check_record(const Record& record) {
  check_uris(record.rua);
  check_uris(record.ruf);
  if (!record.rua.empty()) SLUICE_CHECK(record.policies && record.policies_7489);
  if (record.policies) SLUICE_CHECK(record.policies_7489.has_value());  // which knows fewer faults
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  const auto record = parse_record(text);
  SLUICE_CHECK(record.has_value() == is_record(text));
  if (record) {
    check_record(*record);
    SLUICE_CHECK(*parse_record(text) == *record);
    // What stands behind is no part of what was read, but for tags that were not there.
    SLUICE_CHECK(parse_record(text + "; unknown=1").has_value());
  }
  if (const auto prefixed = parse_record("v=DMARC1;" + text)) check_record(*prefixed);

  dns::Answer answer;
  answer.status = dns::AnswerStatus::Records;
  for (size_t start = 0; start <= text.size() && answer.records.size() < 8;) {
    const size_t end = std::min(text.find('\n', start), text.size());
    answer.records.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  const RecordRef one = SelectedRecord::select(answer);
  std::ranges::reverse(answer.records);
  const RecordRef other = SelectedRecord::select(answer);
  SLUICE_CHECK(one->kind() == other->kind());
  if (one->kind() == SelectedRecord::Kind::One) SLUICE_CHECK(one->record() == other->record());
  return 0;
}
