#include "engine/pipeline/pipeline_service.h"

#include "engine/pipeline/smtp_pipeline.h"
#include "io/base/check.h"

#include <algorithm>

namespace sluice::pipeline {

ListenerInForce& PipelineContext::listener(uint32_t number) const {
  const auto found = std::ranges::find_if(
      listeners, [number](const std::unique_ptr<ListenerInForce>& each) { return each->number == number; });
  SLUICE_CHECK(found != listeners.end());
  return **found;
}

std::unique_ptr<serve::SmtpHandler> PipelineService::make_handler(reactor::Shard& /*shard*/,
                                                                  const serve::SmtpConnection& connection) {
  return std::make_unique<SmtpPipeline>(context_, context_.listener(connection.listener), connection);
}

bool PipelineService::may_xclient(const serve::SmtpConnection& connection) const {
  const policy::Listener& listener = context_.listener(connection.listener).settings();
  return policy::contains(listener.xclient_peers, connection.peer.address);
}

}  // namespace sluice::pipeline
