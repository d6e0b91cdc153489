// The server session over any octets: the same events and replies whether they come whole or in pieces, one
// reply for each command, bounded output, and nothing but printable lines in it; and the input as a message
// is the same by DATA and by BDAT. The first octet chooses the settings.

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/random.h"
#include "tests/unit/io/smtp/server_script.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace sluice;

namespace {

void check_output(std::string_view output) {
  while (!output.empty()) {
    const size_t end = output.find("\r\n");
    SLUICE_CHECK(end != std::string_view::npos);
    const std::string_view line = output.substr(0, end);
    SLUICE_CHECK(line.size() >= 3 && line.size() + 2 <= limits::kSmtpReplyLine);
    SLUICE_CHECK(std::ranges::all_of(line, is_ascii_printable));
    SLUICE_CHECK(std::ranges::all_of(line.substr(0, 3), is_ascii_digit));
    output.remove_prefix(end + 2);
  }
}

size_t count_replies(std::string_view output) {
  size_t replies = 0;
  for (size_t begin = 0; begin < output.size(); begin = output.find('\n', begin) + 1) {
    if (output[begin + 3] != '-') ++replies;
  }
  return replies;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 65536) return 0;
  const uint8_t settings = data[0];
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  // Whether a body is given up depends on what of it was given out, which depends on the pieces.
  if (input.contains('#')) return 0;

  smtp::ServerScript script;
  script.options.message_octets = (settings & 1) != 0 ? 16 : 4096;
  script.options.smtputf8 = (settings & 2) == 0;
  script.options.recipients = (settings & 4) != 0 ? 2 : 1000;
  script.options.errors = (settings & 8) != 0 ? 100 : 10;
  script.options.recipients_at_once = (settings & 32) != 0 ? 3 : limits::kSmtpRecipientsAtOnce;
  if ((settings & 64) != 0) script.options.refused_recipients = 3;
  const bool normalizes = (settings & 128) != 0;
  if (normalizes) script.options.bare_line_ends = smtp::BareLineEnds::Normalize;
  script.peer = (settings & 16) != 0 ? smtp::XclientPeer::Listed : smtp::XclientPeer::NotListed;
  const smtp::ServerRun whole = smtp::run_server(input, script);
  check_output(whole.output);
  // The greeting, a reply for each line at most, and the 421 that may end it.
  const auto lines = static_cast<size_t>(std::ranges::count(input, '\n'));
  SLUICE_CHECK(count_replies(whole.output) <= lines + 2);

  Random random(settings);
  script.piece = [&random](size_t left) { return std::min<size_t>(left, 1 + random.below(7)); };
  const smtp::ServerRun pieces = smtp::run_server(input, script);
  SLUICE_CHECK(pieces.output == whole.output);
  SLUICE_CHECK(pieces.events == whole.events);
  script.options.recipients_at_once = 1;
  script.piece = [](size_t left) { return left; };
  const smtp::ServerRun one_by_one = smtp::run_server(input, script);
  SLUICE_CHECK(one_by_one.output == whole.output && one_by_one.events == whole.events);
  SLUICE_CHECK(pieces.messages == whole.messages && pieces.closed == whole.closed);

  if (input.ends_with('\r') || (normalizes && input.ends_with('\n'))) return 0;
  SLUICE_CHECK(smtp::bdat_differs_from_data(input, random, script.options.bare_line_ends).empty());
  return 0;
}
