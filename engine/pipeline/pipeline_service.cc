#include "engine/pipeline/pipeline_service.h"

#include "engine/pipeline/smtp_pipeline.h"

namespace sluice::pipeline {

std::unique_ptr<serve::SmtpHandler> PipelineService::make_handler(reactor::Shard& /*shard*/,
                                                                  const serve::SmtpConnection& connection) {
  const policy::Listener& listener = context_.policy.listeners()[connection.listener];
  return std::make_unique<SmtpPipeline>(context_, listener, connection);
}

bool PipelineService::may_xclient(const serve::SmtpConnection& connection) const {
  const policy::Listener& listener = context_.policy.listeners()[connection.listener];
  return policy::contains(listener.xclient_peers, connection.peer.address);
}

}  // namespace sluice::pipeline
