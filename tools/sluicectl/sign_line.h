// The contract of `sluicectl sign --batch`: one JSON object in, one out, each on a line.
//
//   in   {"id","mode":"dkim"|"arc","message_file","out_file","domain","selector","key_file"
//   (PEM),"algorithm",
//         "canonicalization","headers":[...],"now","authserv_id","ip","helo","mail_from","zone"}
//   out  {"id","ok":true}, or {"id","error"}
//
// The message is written to `out_file` with what was made in front: a DKIM-Signature, or an ARC set. For arc
// SPF, DKIM, ARC and DMARC are evaluated with what the line gives, and the set's ARC-Authentication-Results
// are written from what was found; a chain that failed is not continued, and the line is answered with an
// error.
//
// Also taken: "oversigned":[...], "identity", "expire" (seconds). Defaults: relaxed/relaxed, the header lists
// of rules/dkim/signer.h, the clock. Where "headers" is given and "oversigned" is not, nothing is oversigned.
// `algorithm` must be that of the key. A message file with LF line ends only is signed as it would stand on
// the wire, with CRLF, and written so. Nothing throws; no line stops the next.
#pragma once

#include "rules/dkim/signing_key.h"
#include "tools/sluicectl/answer_source.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::ctl {

class SignLines {
 public:
  explicit SignLines(AnswerSource& source);  // for lines without a zone; must outlive this
  ~SignLines();

  std::string answer(std::string_view line);  // with its line end
  std::string answer_too_long();              // to one that was not read

 private:
  struct LineZone;
  struct Request;
  Result<void> sign(const Request& request);
  Result<const dkim::SigningKey*> key_of(const std::string& path);

  AnswerSource& source_;
  std::unique_ptr<LineZone> line_zone_;
  std::map<std::string, dkim::SigningKey, std::less<>> keys_;  // by path: a batch signs with few
};

}  // namespace sluice::ctl
