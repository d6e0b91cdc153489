#include "engine/message/disposition.h"

#include <numeric>

namespace sluice::message {

std::string_view to_word(Disposition disposition) {
  switch (disposition) {
    case Disposition::Refused:
      return "refused";
    case Disposition::Deferred:
      return "deferred";
    case Disposition::Abandoned:
      return "abandoned";
    case Disposition::Unknown:
      return "unknown";
    case Disposition::Relayed:
      return "relayed";
    case Disposition::Deleted:
      return "deleted";
  }
  return "";
}

uint64_t Balance::sum() const { return std::accumulate(ended.begin(), ended.end(), uint64_t{0}); }

void Balance::add(const Balance& other) {
  named += other.named;
  not_told += other.not_told;
  for (size_t i = 0; i < kDispositions; ++i) ended[i] += other.ended[i];
}

}  // namespace sluice::message
