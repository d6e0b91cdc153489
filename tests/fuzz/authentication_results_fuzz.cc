// Any octets as the value of an Authentication-Results field: what is read keeps its form and its bounds, and
// is read again as the same when it is written with every value quoted.
#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/limits.h"
#include "rules/auth/authentication_results.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

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
  const std::string again = written(found);
  if (found.authserv_id.empty() || found.authserv_id.contains('=') || again.size() > limits::kArcResults)
    return 0;
  AuthenticationResults reread = read_authentication_results(again);
  SLUICE_CHECK(reread.complete);
  reread.complete = found.complete;
  SLUICE_CHECK(reread == found);
  return 0;
}
