// Where the tool's answers come from: a zone held in memory, or the system's resolvers. Blocking, one
// question at a time: for a command line, never for the node.
#pragma once

#include "dnscache/zone/zone.h"

#include <memory>

namespace sluice::ctl {

class AnswerSource {
 public:
  AnswerSource() = default;
  AnswerSource(const AnswerSource&) = delete;
  AnswerSource& operator=(const AnswerSource&) = delete;
  virtual ~AnswerSource() = default;
  // Never fails: a question that cannot be answered is ServFail or Timeout.
  virtual dns::Answer ask(const dns::Question& question) = 0;
};

class ZoneSource final : public AnswerSource {
 public:
  explicit ZoneSource(const dns::Zone& zone) : zone_(zone) {}  // the zone must outlive this
  dns::Answer ask(const dns::Question& question) override { return zone_.lookup(question); }

 private:
  const dns::Zone& zone_;
};

// Asks the servers of /etc/resolv.conf, by TCP where an answer is truncated. Where there are none, every
// question is ServFail.
std::unique_ptr<AnswerSource> make_live_source();

}  // namespace sluice::ctl
