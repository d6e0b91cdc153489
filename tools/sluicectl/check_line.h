// The contract of `sluicectl check --batch`: one JSON object in, one out, each on a line.
//
//   in   {"id","ip","helo","mail_from","message_file","checks":["spf","dkim","arc","dmarc"],"now",
//         "zone":{...},"trusted_sealers":[...],"authserv_id"}
//   out  {"id","spf":{...},"dkim":[{...}],"arc":{...},"dmarc":{...}}: docs/formats.md has every member
//        {"id","error"} for a line that cannot be read, or whose message cannot
//
// `id` is a string or a number and comes back as it was. Without `checks` all that the line has something for
// are made; one that needs a message and has none answers {"error"} under its name, as does "content".
// With `authserv_id` the answer also has "authentication_results": the value of the field that a node of that
// name would write of what was evaluated. `zone` (openspf form) replaces the default source for its line,
// `trusted_sealers` the settings'. Members that are not known are ignored. Nothing throws; no line stops the
// next. A line whose answers could not be recorded, or are not in the recording that is replayed, is answered
// with an error that says so.
#pragma once

#include "rules/spf/evaluator.h"
#include "tools/sluicectl/answer_source.h"
#include "tools/sluicectl/message_settings.h"

#include <memory>
#include <string>
#include <string_view>

namespace sluice {
class JsonObject;
}

namespace sluice::ctl {

// The members of "spf".
void append_outcome(JsonObject& object, const spf::Outcome& outcome);

class CheckLines {
 public:
  // The source is for lines without a zone, the settings for what a line does not say; both outlive this.
  CheckLines(AnswerSource& source, const MessageSettings& settings);
  ~CheckLines();

  // The answer to one line, with its line end. Lines in a row with the same zone parse it once.
  std::string answer(std::string_view line);
  std::string answer_too_long();  // to one that was not read

 private:
  std::string evaluate(std::string_view line);
  struct LineZone;
  AnswerSource& source_;
  const MessageSettings& settings_;
  std::unique_ptr<LineZone> line_zone_;
};

}  // namespace sluice::ctl
