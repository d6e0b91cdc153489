#include "rules/dmarc/report_document.h"

#include "io/base/ascii.h"
#include "io/base/check.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include <fmt/format.h>
#include <zlib.h>

namespace sluice::dmarc {
namespace {

int64_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

// A character at the front of the text: how many octets it takes, 0 where it is none (RFC 3629) or XML 1.0
// does not have it (2.2).
size_t xml_character(std::string_view text) {
  const auto octet = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned first = octet(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  uint32_t code = first & (0x7fU >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((octet(i) & 0xc0U) != 0x80) return 0;
    code = code << 6U | (octet(i) & 0x3fU);
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  const bool control = code >= 0x80 && code <= 0x9f;
  if (code < kLeast[size] || code > 0x10ffff || surrogate || control || code == 0xfffe || code == 0xffff)
    return 0;
  return size;
}

void append_element(std::string& out, std::string_view indent, std::string_view name, std::string_view text) {
  out.append(indent).append("<").append(name).append(">");
  append_xml_text(out, text);
  out.append("</").append(name).append(">\n");
}

std::string_view mode_letter(AlignmentMode mode) { return mode == AlignmentMode::Strict ? "s" : "r"; }

// RFC 9990 2.2: what tells most first.
std::vector<const ReportedSignature*> in_order(const ReportedMessage& message) {
  const std::string_view author = message.outcome.author_domain;
  const std::string_view organization = message.outcome.org_domain;
  const auto rank = [&](const ReportedSignature& signature) {
    if (signature.result != "pass") return 3;
    if (signature.domain == author) return 0;
    const bool related = signature.domain.ends_with(organization) && !organization.empty();
    return related ? 1 : 2;
  };
  std::vector<const ReportedSignature*> ordered;
  for (int wanted = 0; wanted <= 3; ++wanted) {
    for (const ReportedSignature& signature : message.signatures) {
      if (ordered.size() == limits::kDmarcReportSignatures) break;
      // The document needs both names.
      if (signature.domain.empty() || signature.selector.empty()) continue;
      if (rank(signature) == wanted) ordered.push_back(&signature);
    }
  }
  return ordered;
}

void append_row(std::string& out, const ReportedMessage& message) {
  const auto aligned = [](bool yes) { return yes ? std::string_view("pass") : std::string_view("fail"); };
  out += "    <row>\n";
  append_element(out, "      ", "source_ip", message.client.to_string());
  out += "      <count></count>\n      <policy_evaluated>\n";
  append_element(out, "        ", "disposition", rfc_word(message.disposition));
  append_element(out, "        ", "dkim", aligned(message.outcome.dkim_aligned));
  append_element(out, "        ", "spf", aligned(message.outcome.spf_aligned));
  for (const OverrideReason& reason : message.reasons) {
    out += "        <reason>\n";
    append_element(out, "          ", "type", rfc_word(reason.type));
    if (!reason.comment.empty()) append_element(out, "          ", "comment", reason.comment);
    out += "        </reason>\n";
  }
  out += "      </policy_evaluated>\n    </row>\n";
}

void append_results(std::string& out, const ReportedMessage& message) {
  out += "    <auth_results>\n";
  for (const ReportedSignature* signature : in_order(message)) {
    out += "      <dkim>\n";
    append_element(out, "        ", "domain", signature->domain);
    append_element(out, "        ", "selector", signature->selector);
    append_element(out, "        ", "result", signature->result);
    if (!signature->detail.empty()) append_element(out, "        ", "human_result", signature->detail);
    out += "      </dkim>\n";
  }
  if (message.spf) {
    out += "      <spf>\n";
    append_element(out, "        ", "domain", message.spf->domain);
    // "mfrom" is the only scope there is; the domain of a HELO goes without one.
    if (message.spf->identity == auth::Identity::MailFrom) append_element(out, "        ", "scope", "mfrom");
    append_element(out, "        ", "result", auth::rfc_word(message.spf->result));
    if (!message.spf->detail.empty()) append_element(out, "        ", "human_result", message.spf->detail);
    out += "      </spf>\n";
  }
  out += "    </auth_results>\n";
}

std::string problems_of(const DomainReport& report) {
  std::string text;
  for (unsigned bit = 0; bit < 16; ++bit) {
    const auto problem = static_cast<RecordProblem>(1U << bit);
    if ((report.published.problems & (1U << bit)) == 0 || to_text(problem).empty()) continue;
    text.append(text.empty() ? "" : "; ").append(to_text(problem));
  }
  if (report.unlisted != 0) {
    text.append(text.empty() ? "" : "; ")
        .append(fmt::format("{} messages are not listed: too many rows", report.unlisted));
  }
  return text;
}

void append_metadata(std::string& out, const ReportIdentity& identity, const ReportName& name,
                     const DomainReport& report) {
  out += "  <report_metadata>\n";
  append_element(out, "    ", "org_name", identity.organization);
  append_element(out, "    ", "email", identity.contact);
  if (!identity.extra_contact.empty())
    append_element(out, "    ", "extra_contact_info", identity.extra_contact);
  append_element(out, "    ", "report_id", report_id(identity, name));
  out += "    <date_range>\n";
  append_element(out, "      ", "begin", std::to_string(seconds_of(name.begin)));
  append_element(out, "      ", "end", std::to_string(seconds_of(name.end)));
  out += "    </date_range>\n";
  const std::string problems = problems_of(report);
  if (!problems.empty()) append_element(out, "    ", "error", problems);
  if (!identity.generator.empty()) append_element(out, "    ", "generator", identity.generator);
  out += "  </report_metadata>\n";
}

void append_published(std::string& out, std::string_view domain, const PublishedPolicy& published) {
  const bool newer = published.mode != Mode::Rfc7489;
  out += "  <policy_published>\n";
  append_element(out, "    ", "domain", domain);
  append_element(out, "    ", "discovery_method", newer ? "treewalk" : "psl");
  append_element(out, "    ", "p", rfc_word(published.policies.p));
  append_element(out, "    ", "sp", rfc_word(published.policies.sp));
  if (newer) append_element(out, "    ", "np", rfc_word(published.policies.np));
  append_element(out, "    ", "fo", published.fo.empty() ? "0" : std::string_view(published.fo));
  append_element(out, "    ", "adkim", mode_letter(published.adkim));
  append_element(out, "    ", "aspf", mode_letter(published.aspf));
  if (newer) append_element(out, "    ", "testing", published.testing ? "y" : "n");
  out += "  </policy_published>\n";
}

constexpr std::string_view kCount = "<count>";

}  // namespace

void append_xml_text(std::string& out, std::string_view text) {
  size_t taken = 0;
  while (taken < text.size()) {
    const std::string_view rest = text.substr(taken);
    const size_t size = xml_character(rest);
    if (taken + std::max<size_t>(size, 1) > limits::kDmarcReportText) return;
    taken += std::max<size_t>(size, 1);
    if (size == 0) {
      out.push_back('?');
      continue;
    }
    switch (rest.front()) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      default:
        out.append(rest.substr(0, size));
    }
  }
}

std::string report_row(const ReportedMessage& message) {
  std::string row = "  <record>\n";
  append_row(row, message);
  row += "    <identifiers>\n";
  append_element(row, "      ", "header_from", message.outcome.author_domain);
  append_element(row, "      ", "envelope_from", message.envelope_from);
  row += "    </identifiers>\n";
  append_results(row, message);
  row += "  </record>\n";
  return row;
}

std::string report_xml(const ReportIdentity& identity, const ReportName& name, const DomainReport& report) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  out += "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n  <version>1.0</version>\n";
  append_metadata(out, identity, name, report);
  append_published(out, name.policy_domain, report.published);
  for (const auto& [row, count] : report.rows) {
    // The first there is, since no text of others holds a '<'.
    const size_t at = row.find(kCount) + kCount.size();
    out.append(row, 0, at).append(std::to_string(count)).append(row, at);
  }
  out += "</feedback>\n";
  return out;
}

std::string report_id(const ReportIdentity& identity, const ReportName& name) {
  return fmt::format("{}@{}", name.unique_id, identity.submitter);
}

std::string report_file_name(const ReportIdentity& identity, const ReportName& name) {
  return fmt::format("{}!{}!{}!{}!{}.xml.gz", identity.submitter, name.policy_domain, seconds_of(name.begin),
                     seconds_of(name.end), name.unique_id);
}

std::string report_subject(const ReportIdentity& identity, const ReportName& name) {
  return fmt::format("Report Domain: {} Submitter: {} Report-ID: <{}>", name.policy_domain,
                     identity.submitter, report_id(identity, name));
}

std::string gzip(std::string_view octets) {
  z_stream stream{};
  // 15 bits of window; 16 more ask for the frame of gzip.
  const int begun = deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  SLUICE_CHECK(begun == Z_OK);
  std::string out(deflateBound(&stream, octets.size()), '\0');
  std::string in(octets);  // zlib takes octets that it may write, and does not
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int done = deflate(&stream, Z_FINISH);
  SLUICE_CHECK(done == Z_STREAM_END);
  out.resize(stream.total_out);
  (void)deflateEnd(&stream);
  return out;
}

uint64_t encoded_octets(uint64_t octets) {
  const uint64_t characters = (octets + 2) / 3 * 4;
  return characters + (characters + 75) / 76 * 2;
}

}  // namespace sluice::dmarc
