// The contract of `sluicectl check --batch`: one JSON object in, one out, each on a line.
//
//   in   {"id","ip","helo","mail_from","checks":["spf",...],"now","zone":{...}, ...}
//   out  {"id","spf":{"result","identity","domain","mechanism","explanation","lookups","void_lookups"}}
//        {"id","error"} for a line that cannot be read
//
// `id` is a string or a number and comes back as it was. Without `checks` all that exist are made; of the
// others, those of the contract answer {"error":"not available"} under their names. `zone` (openspf form)
// replaces the default source for its line. Members that are not known are ignored. Nothing throws; no line
// stops the next. A line whose answers could not be recorded, or are not in the recording that is replayed,
// is answered with an error that says so.
#pragma once

#include "rules/spf/evaluator.h"
#include "tools/sluicectl/answer_source.h"

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
  explicit CheckLines(AnswerSource& source);  // for lines without a zone; must outlive this
  ~CheckLines();

  // The answer to one line, with its line end. Lines in a row with the same zone parse it once.
  std::string answer(std::string_view line);
  std::string answer_too_long();  // to one that was not read

 private:
  std::string evaluate(std::string_view line);
  struct LineZone;
  AnswerSource& source_;
  std::unique_ptr<LineZone> line_zone_;
};

}  // namespace sluice::ctl
