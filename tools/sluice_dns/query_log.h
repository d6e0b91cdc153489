// QueryLog: what was asked, as lines of JSON, each written out at once so that a test can read along:
//
//   {"time":"2026-01-02T03:04:05.678Z","client":"127.0.0.1:4242","transport":"udp","name":"a.example",
//    "type":"TXT","outcome":"records"}
//
// Outcomes: records, nodata, nxdomain, servfail, truncated, timeout (the zone says so), lost (--loss),
// malformed (name and type are then null). A line that cannot be written is counted, nothing else happens.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/clock.h"
#include "io/base/ip.h"
#include "io/base/result.h"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::tool {

class QueryLog {
 public:
  QueryLog() = default;                                     // writes nothing
  static Result<QueryLog> open(const std::string& target);  // a file to append to, or "-": standard output

  void write(WallTime time, const Endpoint& client, std::string_view transport,
             const std::optional<dns::Question>& question, std::string_view outcome);
  uint64_t lines_failed() const { return lines_failed_; }

 private:
  struct Close {
    void operator()(FILE* file) const noexcept {
      if (file != stdout) (void)std::fclose(file);
    }
  };
  std::unique_ptr<FILE, Close> file_;
  std::string line_;
  uint64_t lines_failed_ = 0;
};

}  // namespace sluice::tool
