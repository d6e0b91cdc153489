// Lines of a recording, of any octets: what is read can be written, and is then read as the same; what is
// written is one line of printable ASCII, so that no name or text of others can break out of it.

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "tools/sluicectl/recording_line.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace sluice;
using namespace sluice::ctl;

namespace {

void check_line(std::string_view text) {
  const Result<RecordedLine> read = read_recorded(text);
  if (!read) {
    SLUICE_CHECK(!read.error().message.empty());
    return;
  }
  const std::string written = write_recorded(*read);
  SLUICE_CHECK(written.ends_with('\n'));
  const std::string_view line = std::string_view(written).substr(0, written.size() - 1);
  SLUICE_CHECK(std::ranges::all_of(line, is_ascii_printable));
  if (line.size() > kRecordingLineMax) return;
  const Result<RecordedLine> again = read_recorded(line);
  SLUICE_CHECK(again && again->index() == read->index());
  SLUICE_CHECK(write_recorded(*again) == written);
  if (const auto* answer = std::get_if<RecordedAnswer>(&*read)) {
    const auto& other = std::get<RecordedAnswer>(*again);
    SLUICE_CHECK(other.question == answer->question && other.answer.records == answer->answer.records);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_line(input);
  // The same octets as an answer's text.
  RecordedAnswer recorded;
  recorded.question = {*dns::DnsName::from_text("a.example"), dns::RecordType::Txt};
  recorded.answer.status = dns::AnswerStatus::Records;
  recorded.answer.records.emplace_back(std::string(input.substr(0, 4096)));
  if (const auto name = dns::DnsName::from_wire(input.substr(0, 255))) recorded.question.name = *name;
  const std::string written = write_recorded(recorded);
  check_line(std::string_view(written).substr(0, written.size() - 1));
  const Result<RecordedLine> read = read_recorded(std::string_view(written).substr(0, written.size() - 1));
  SLUICE_CHECK(read && std::get<RecordedAnswer>(*read).answer.records == recorded.answer.records);
  SLUICE_CHECK(std::get<RecordedAnswer>(*read).question == recorded.question);
  return 0;
}
