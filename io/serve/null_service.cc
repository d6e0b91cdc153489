#include "io/serve/null_service.h"

namespace sluice::serve {
namespace {

class NullHandler final : public SmtpHandler {
 public:
  explicit NullHandler(NullCounters& counters) : counters_(counters) {}

  Eventual<Answer> on_mail(Shard& /*shard*/, smtp::MailFrom& /*mail*/, TraceId /*transaction*/) override {
    return Answer();
  }
  Eventual<Answer> on_rcpt(Shard& /*shard*/, smtp::Recipient& /*recipient*/) override {
    ++counters_.recipients;
    return Answer();
  }
  Eventual<Answer> on_body(Shard& /*shard*/, Chunk piece) override {
    counters_.body_octets += piece.size();
    return Answer();
  }
  Eventual<Answer> on_end_of_data(Shard& /*shard*/, const smtp::DataReader& /*message*/) override {
    ++counters_.messages;
    return Answer();
  }
  Eventual<Done> on_abort(Shard& /*shard*/, AbortReason /*reason*/, const smtp::Reply* /*reply*/) override {
    ++counters_.aborted;
    return Done();
  }

 private:
  NullCounters& counters_;
};

}  // namespace

std::unique_ptr<SmtpHandler> NullService::make_handler(Shard& /*shard*/,
                                                       const SmtpConnection& /*connection*/) {
  return std::make_unique<NullHandler>(counters_);
}

}  // namespace sluice::serve
