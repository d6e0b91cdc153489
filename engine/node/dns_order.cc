#include "engine/node/dns_order.h"

namespace sluice::node {

DnsOrderResult carry_out(const DnsOrder& order, dns::AnswerCache& cache, MonoTime now) {
  DnsOrderResult result;
  result.number = order.number;
  switch (order.kind) {
    case DnsOrder::Kind::None:
      break;
    case DnsOrder::Kind::Lookup:
      for (const dns::Question& question : order.questions) {
        if (const auto kept = cache.peek(question, now))
          result.kept.push_back({question, *kept->answer, kept->left, kept->stale});
      }
      break;
    case DnsOrder::Kind::Flush:
      for (const dns::Question& question : order.questions) result.removed += cache.erase(question) ? 1 : 0;
      break;
    case DnsOrder::Kind::FlushAll:
      result.removed = cache.statistics().entries;
      cache.clear();
      break;
  }
  return result;
}

}  // namespace sluice::node
