// RecordService: accepts every message, counts, and, where a file is open, writes a line of JSON about each
// before it is answered. Per shard; several may share the file, whose lines are appended whole.
#pragma once

#include "io/serve/smtp_handler.h"

#include <cstdint>
#include <memory>

namespace sluice::load {

struct SinkCounters {
  uint64_t connections = 0;
  uint64_t messages = 0;
  uint64_t recipients = 0;
  uint64_t octets = 0;  // in wire form
  uint64_t aborted = 0;
  uint64_t record_errors = 0;
};

class RecordService final : public serve::SmtpService {
 public:
  explicit RecordService(int file) : file_(file) {}  // -1: no record; else open for appending, not owned
  std::unique_ptr<serve::SmtpHandler> make_handler(serve::Shard& shard,
                                                   const serve::SmtpConnection& connection) override;
  bool may_xclient(const serve::SmtpConnection& /*connection*/) const override { return true; }
  const SinkCounters& counters() const { return counters_; }

 private:
  class Handler;
  int file_;
  SinkCounters counters_;
};

}  // namespace sluice::load
