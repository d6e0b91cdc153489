#include "io/serve/body_collector.h"

#include <algorithm>
#include <utility>

namespace sluice::serve {

void BodyCollector::add(std::string_view octets, bool carried) {
  if (carried) {
    copy(std::exchange(range_, {}));
    copy(octets);
  } else if (range_.empty()) {
    range_ = octets;
  } else if (range_.data() + range_.size() == octets.data()) {
    range_ = {range_.data(), range_.size() + octets.size()};
  } else {
    copy(range_);
    range_ = octets;
  }
}

void BodyCollector::end_chunk(Chunk& chunk, Adopt adopt) {
  const std::string_view range = std::exchange(range_, {});
  if (range.empty()) return;
  if (adopt == Adopt::No || range.size() < chunk.capacity() / 2) {
    copy(range);
    return;
  }
  end_tails();
  chunk.remove_prefix(static_cast<uint32_t>(range.data() - chunk.view().data()));
  chunk.truncate(static_cast<uint32_t>(range.size()));
  ready_.push_back(std::move(chunk));
}

void BodyCollector::end_message() { end_tails(); }

void BodyCollector::clear() {
  range_ = {};
  tail_.reset();
  next_tail_ = limits::kBodyChunkLeast;
  ready_.clear();
  ready_taken_ = 0;
}

Chunk BodyCollector::take_ready() {
  Chunk next = std::move(ready_[ready_taken_++]);
  if (ready_taken_ == ready_.size()) {
    ready_.clear();
    ready_taken_ = 0;
  }
  return next;
}

void BodyCollector::copy(std::string_view octets) {
  while (!octets.empty()) {
    if (tail_.room() == 0) {
      pass_tail();
      tail_ = pool_.chunk(next_tail_);
      next_tail_ = std::min(2 * next_tail_, limits::kBodyChunk);
    }
    octets.remove_prefix(tail_.append(octets));
  }
}

// The last tail for now.
void BodyCollector::end_tails() {
  if (!tail_.empty() && tail_.size() < tail_.capacity() / 2) {
    Chunk cut = pool_.chunk(tail_.size());
    cut.append(tail_.view());
    tail_ = std::move(cut);
  }
  pass_tail();
  next_tail_ = limits::kBodyChunkLeast;
}

void BodyCollector::pass_tail() {
  if (!tail_.empty()) ready_.push_back(std::move(tail_));
  tail_.reset();
}

}  // namespace sluice::serve
