#include "engine/pipeline/pipeline_replies.h"

namespace sluice::pipeline {

smtp::Reply to_reply(const policy::ReplyTriple& triple) {
  return {triple.code, smtp::EnhancedStatus::parse(triple.status).value_or(smtp::EnhancedStatus{}),
          triple.message};
}

}  // namespace sluice::pipeline
