// SpareTexts: strings that have been used, kept for their memory: for texts that are built with every message
// and handed from part to part until they are written. Few are kept, and none that has grown large; under
// sanitizers none at all, so that use after free is seen. Pure; one shard.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

class SpareTexts {
 public:
  // An empty one.
  std::string take() {
    if (texts_.empty()) return {};
    std::string text = std::move(texts_.back());
    texts_.pop_back();
    return text;
  }
  // What was in it is gone.
  void give_back(std::string text) {
    if (texts_.size() == kKept || text.capacity() > kOctets) return;
    text.clear();
    texts_.push_back(std::move(text));
  }

 private:
#ifdef SLUICE_SANITIZED
  static constexpr size_t kKept = 0;
#else
  static constexpr size_t kKept = 32;  // ours: a burst of messages that end together
#endif
  static constexpr size_t kOctets = 8192;  // ours: most rows and header fields of one message

  std::vector<std::string> texts_;
};

}  // namespace sluice
