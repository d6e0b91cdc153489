// NullService: accepts everything, keeps nothing, counts. The bare sink against which the node's own work is
// measured, and the base of the load sink. Per shard.
#pragma once

#include "io/serve/smtp_handler.h"

#include <cstdint>
#include <memory>

namespace sluice::serve {

struct NullCounters {
  uint64_t messages = 0;
  uint64_t recipients = 0;
  uint64_t body_octets = 0;
  uint64_t aborted = 0;
};

class NullService final : public SmtpService {
 public:
  std::unique_ptr<SmtpHandler> make_handler(Shard& shard, const SmtpConnection& connection) override;
  bool may_xclient(const SmtpConnection& /*connection*/) const override { return true; }
  const NullCounters& counters() const { return counters_; }

 private:
  NullCounters counters_;
};

}  // namespace sluice::serve
