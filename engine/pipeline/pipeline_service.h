// PipelineService: makes an SmtpPipeline for each connection of one shard's listeners. One shard.
#pragma once

#include "engine/pipeline/context.h"
#include "io/serve/smtp_handler.h"

#include <memory>

namespace sluice::pipeline {

class PipelineService final : public serve::SmtpService {
 public:
  // The context outlives the service. SmtpConnection::listener is the number of one of its listeners.
  explicit PipelineService(PipelineContext& context) : context_(context) {}

  std::unique_ptr<serve::SmtpHandler> make_handler(reactor::Shard& shard,
                                                   const serve::SmtpConnection& connection) override;
  bool may_xclient(const serve::SmtpConnection& connection) const override;

 private:
  PipelineContext& context_;
};

}  // namespace sluice::pipeline
