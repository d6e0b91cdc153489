// Any octets as the value of an Authentication-Results field: what is read keeps its form and its bounds, and
// is read again as the same when it is written with every value quoted.
#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/auth/authentication_results.h"
#include "rules/policy/authentication_results.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace sluice;
using namespace sluice::auth;

void check_word(std::string_view word) {
  SLUICE_CHECK(!word.empty());
  for (const char c : word)
    SLUICE_CHECK(is_ascii_alnum(c) ? !is_ascii_upper(c) : c == '-' || c == '_' || c == '.');
}

void check_value(std::string_view value) {
  SLUICE_CHECK(value.find_first_of("\r\n") == std::string_view::npos);
}

std::string quoted(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

std::string written(const AuthenticationResults& found) {
  std::string text = found.instance ? "i=" + std::to_string(*found.instance) + "; " : "";
  text += quoted(found.authserv_id) + ' ' + std::to_string(found.version);
  for (const MethodResult& result : found.results) {
    text += ";\r\n\t" + result.method + '=' + result.result;
    if (!result.reason.empty()) text += " (c) reason=" + quoted(result.reason);
    for (const ResultProperty& property : result.properties) {
      text += ' ' + (property.type.empty() ? "" : property.type + '.') + property.name + '=' +
              quoted(property.value);
    }
  }
  return text;
}

// Pieces of the input, one after the other, divided by "|"; the last ones are empty.
class Pieces {
 public:
  explicit Pieces(std::string_view text) : rest_(text) {}
  std::string next() {
    const size_t end = std::min(rest_.find('|'), rest_.size());
    std::string piece(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return piece;
  }
  size_t number(size_t below) {
    const std::string piece = next();
    return piece.empty() ? 0 : static_cast<unsigned char>(piece.front()) % below;
  }

 private:
  std::string_view rest_;
};

evidence::Evidence evidence_of(std::string_view text) {
  Pieces pieces(text);
  evidence::Evidence evidence;
  evidence.client.address =
      pieces.number(2) == 0 ? IpAddress::v4(0xC0000201) : *IpAddress::parse("2001:db8::1");
  evidence.client.helo = pieces.next();
  evidence.sender = {pieces.next(), pieces.next()};
  evidence.spf.mail_from.emplace();
  evidence.spf.mail_from->result = static_cast<SpfResult>(pieces.number(7));
  evidence.dkim.verified = true;
  evidence.dkim.signatures.resize(pieces.number(60));
  for (dkim::SignatureOutcome& signature : evidence.dkim.signatures) {
    signature.result = static_cast<dkim::Result>(pieces.number(7));
    signature.algorithm = static_cast<dkim::Algorithm>(pieces.number(4));
    signature.domain = pieces.next();
    signature.selector = pieces.next();
    signature.identity = pieces.next();
    signature.signature_head = pieces.next();
  }
  evidence.dmarc.emplace();
  evidence.dmarc->result = static_cast<dmarc::Result>(pieces.number(5));
  evidence.dmarc->author_domain = pieces.next();
  evidence.arc_override = {pieces.number(2) == 0, pieces.next(), pieces.next()};
  return evidence;
}

void check_line(std::string_view line) {
  SLUICE_CHECK(line.ends_with("\r\n"));
  while (!line.empty()) {
    const size_t end = line.find("\r\n");
    SLUICE_CHECK(end > 0 && end <= limits::kSmtpTextLineAdvised);
    for (const char c : line.substr(0, end)) SLUICE_CHECK(is_ascii_printable(c) || c == '\t');
    line.remove_prefix(end + 2);
    SLUICE_CHECK(line.empty() || line.front() == '\t' || line.front() == ' ');
  }
}

void check_written(const evidence::Evidence& evidence) {
  check_line(policy::tm_dmarc_field(evidence).to_line());
  check_line(policy::tm_dkim_field(evidence.dkim, true).to_line());
  const std::string line = policy::authentication_results_line("mx.example.com", evidence);
  check_line(line);
  const std::string_view value = std::string_view(line).substr(line.find(':') + 1);
  if (value.size() > limits::kArcResults) return;
  const AuthenticationResults read = read_authentication_results(value);
  SLUICE_CHECK(read.complete && read.authserv_id == "mx.example.com");
  std::vector<std::string> wanted{"spf=" + std::string(rfc_word(evidence.spf.mail_from->result))};
  const size_t shown = std::min<size_t>(evidence.dkim.signatures.size(), 50);
  for (size_t i = 0; i < shown; ++i) {
    wanted.push_back("dkim=" + std::string(rfc_word(evidence.dkim.signatures[i].result)));
  }
  if (shown == 0) wanted.emplace_back("dkim=none");
  wanted.push_back("dmarc=" + std::string(rfc_word(evidence.dmarc->result)));
  std::vector<std::string> found;
  for (const MethodResult& result : read.results) found.push_back(result.method + '=' + result.result);
  SLUICE_CHECK(found == wanted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const AuthenticationResults found = read_authentication_results(text);
  SLUICE_CHECK(found.results.size() <= limits::kAuthResults);
  check_value(found.authserv_id);
  for (const MethodResult& result : found.results) {
    check_word(result.method);
    check_word(result.result);
    check_value(result.reason);
    SLUICE_CHECK(result.properties.size() <= limits::kAuthResultProperties);
    for (const ResultProperty& property : result.properties) {
      check_word(property.name);
      if (!property.type.empty()) check_word(property.type);
      check_value(property.value);
    }
  }
  check_written(evidence_of(text));
  const std::string again = written(found);
  if (found.authserv_id.empty() || found.authserv_id.contains('=') || again.size() > limits::kArcResults)
    return 0;
  AuthenticationResults reread = read_authentication_results(again);
  SLUICE_CHECK(reread.complete);
  reread.complete = found.complete;
  SLUICE_CHECK(reread == found);
  return 0;
}
