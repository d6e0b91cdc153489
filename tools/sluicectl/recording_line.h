// The lines of a recording: answers of the DNS and verdicts, one JSON object a line (docs/formats.md). Names
// and text are octets, so they are escaped as in zone files; what is written is read as exactly the same.
// Reading meets files that others may have made: it checks all that it takes and never throws.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/clock.h"
#include "io/base/result.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace sluice::ctl {

// Ours: the text of an answer of 64 KB, every octet escaped, and a verdict with its explanation fit. What
// `spf explain` says of many large records may not: it is not recorded then, and that is a failure.
inline constexpr size_t kRecordingLineMax = 512 * 1024;

struct RecordedStart {
  WallTime now{};  // of the checks that take it from the clock
};
struct RecordedAnswer {
  dns::Question question;
  dns::Answer answer;
};
struct RecordedVerdict {
  std::string text;  // what was printed, without its line end
};
using RecordedLine = std::variant<RecordedStart, RecordedAnswer, RecordedVerdict>;

// With its line end.
std::string write_recorded(const RecordedLine& line);
// Without its line end.
Result<RecordedLine> read_recorded(std::string_view line);

// "example.com TXT", for messages.
std::string question_text(const dns::Question& question);

}  // namespace sluice::ctl
