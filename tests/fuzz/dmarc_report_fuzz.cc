// Aggregate reports made of octets that others chose: the document is UTF-8 without controls, its elements
// nest and close, no text of others becomes markup, and its length is bounded.
//
// The input is lines: author domain, MAIL FROM domain, SPF domain, then DKIM domain, selector and a comment.
#include "io/base/check.h"
#include "io/mail/address.h"
#include "rules/dmarc/report_document.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sluice;
using namespace sluice::dmarc;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (lines.size() < 6) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// Elements only as we write them: <name>, </name>, one declaration and one attribute; entities only ours.
void check_nesting(std::string_view xml) {
  std::vector<std::string_view> open;
  xml.remove_prefix(xml.find("?>") + 2);
  while (!xml.empty()) {
    const size_t markup = xml.find_first_of("<&");
    if (markup == std::string_view::npos) break;
    xml.remove_prefix(markup);
    if (xml.front() == '&') {
      const std::string_view rest = xml.substr(1);
      SLUICE_CHECK(rest.starts_with("amp;") || rest.starts_with("lt;") || rest.starts_with("gt;"));
      xml.remove_prefix(1);
      continue;
    }
    const size_t end = xml.find('>');
    SLUICE_CHECK(end != std::string_view::npos);
    std::string_view tag = xml.substr(1, end - 1);
    xml.remove_prefix(end + 1);
    if (tag.starts_with('/')) {
      SLUICE_CHECK(!open.empty() && open.back() == tag.substr(1));
      open.pop_back();
      continue;
    }
    tag = tag.substr(0, tag.find(' '));
    const auto in_name = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    SLUICE_CHECK(!tag.empty() && std::ranges::all_of(tag, in_name));
    open.push_back(tag);
  }
  SLUICE_CHECK(open.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(data, data + size);
  const auto lines = lines_of(input);
  Outcome outcome;
  outcome.result = Result::Fail;
  outcome.author_domain = lines[0];
  outcome.policy_domain = outcome.org_domain = "example.com";
  const Record record = *parse_record("v=DMARC1; p=none; rua=mailto:a@example.com");
  ReportedMessage message{.client = IpAddress::v4(0xC0000201), .outcome = outcome, .record = record};
  message.envelope_from = lines[1];
  message.spf = ReportedSpf{lines[2], auth::SpfResult::Fail, auth::Identity::MailFrom, lines[5]};
  const std::vector<ReportedSignature> signatures = {{lines[3], lines[4], "fail", lines[5]}};
  message.signatures = signatures;
  const std::vector<OverrideReason> reasons = {{OverrideType::Other, std::string(lines[5])}};
  message.reasons = reasons;

  ReportCollection collection(WallTime{});
  SLUICE_CHECK(collection.add(message, WallTime{}) && collection.add(message, WallTime{}));
  const DomainReport& report = collection.domains().at("example.com");
  SLUICE_CHECK(report.rows.size() == 1 && report.messages == 2);
  const ReportIdentity identity{"o", "c@example.org", "", "example.org", "g"};
  const std::string xml = report_xml(identity, {"example.com", WallTime{}, WallTime{}, "u"}, report);
  // Each of ten values grows at most fivefold ("&amp;").
  SLUICE_CHECK(xml.size() < 4096 + 10 * 5 * limits::kDmarcReportText);
  std::string on_one_line = xml;
  std::ranges::replace(on_one_line, '\n', ' ');
  SLUICE_CHECK(mail::is_clean_utf8(on_one_line));
  SLUICE_CHECK(xml.contains("<count>2</count>"));
  check_nesting(xml);
  return 0;
}
