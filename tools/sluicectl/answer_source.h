// Where the tool's answers come from: a zone held in memory, or the system's resolvers. Blocking, one
// question at a time: for a command line, never for the node.
#pragma once

#include "dnscache/zone/zone.h"
#include "io/base/clock.h"
#include "io/base/ip.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::ctl {

class AnswerSource {
 public:
  AnswerSource() = default;
  AnswerSource(const AnswerSource&) = delete;
  AnswerSource& operator=(const AnswerSource&) = delete;
  virtual ~AnswerSource() = default;
  // Never fails: a question that cannot be answered is ServFail or Timeout.
  virtual dns::Answer ask(const dns::Question& question) = 0;
  // For what is good to know beside the check: null where asking would be a problem of the check.
  virtual std::optional<dns::Answer> ask_aside(const dns::Question& question) { return ask(question); }
  // Instead of ask(), when the check has no time left.
  virtual dns::Answer refuse(const dns::Question&) {
    dns::Answer answer;
    answer.status = dns::AnswerStatus::OverBudget;
    return answer;
  }
  // The clock, for checks that are given no time.
  virtual WallTime now() {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  }

  // Around all that one check asks. check_problem() says why what was computed since begin_check() does not
  // count; empty where it does. end_check() is told what came out, as JSON without a line end.
  virtual void begin_check() {}
  virtual std::string check_problem() { return {}; }
  virtual void end_check(std::string_view) {}
};

class ZoneSource final : public AnswerSource {
 public:
  explicit ZoneSource(const dns::Zone& zone) : zone_(zone) {}  // the zone must outlive this
  dns::Answer ask(const dns::Question& question) override { return zone_.lookup(question); }

 private:
  const dns::Zone& zone_;
};

// Asks the server, or without one those of /etc/resolv.conf, by TCP where an answer is truncated. Where there
// are none, every question is ServFail.
std::unique_ptr<AnswerSource> make_live_source(std::optional<Endpoint> server);

}  // namespace sluice::ctl
