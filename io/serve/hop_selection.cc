#include "io/serve/hop_selection.h"

#include <algorithm>
#include <utility>

namespace sluice::serve {
namespace {

struct Host {
  size_t first = 0;  // of its candidates
  size_t count = 0;
  unsigned priority = 0;
  unsigned weight = 0;
};

std::vector<Host> hosts_of(std::span<const HopCandidate> candidates) {
  std::vector<Host> hosts;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i > 0 && candidates[i].host == candidates[i - 1].host) {
      ++hosts.back().count;
    } else {
      hosts.push_back({i, 1, candidates[i].priority, candidates[i].weight});
    }
  }
  std::ranges::sort(hosts, {}, [](const Host& host) { return std::pair(host.priority, host.first); });
  return hosts;
}

// Puts one of the hosts to the front: by weight; the first as written where no weight is left.
void draw(std::span<Host> hosts, Random& random) {
  uint64_t sum = 0;
  for (const Host& host : hosts) sum += host.weight;
  if (sum == 0) return;
  uint64_t drawn = random() % sum;
  size_t at = 0;
  while (drawn >= hosts[at].weight) drawn -= hosts[at++].weight;
  std::ranges::rotate(hosts.first(at + 1), hosts.begin() + static_cast<ptrdiff_t>(at));
}

void append_addresses(std::vector<size_t>& order, std::span<const HopCandidate> candidates, const Host& host,
                      Random& random) {
  if (host.count == 1) {
    order.push_back(host.first);
    return;
  }
  std::vector<size_t> same;  // of the family of the first one
  std::vector<size_t> other;
  for (size_t i = host.first; i < host.first + host.count; ++i) {
    (candidates[i].v4 == candidates[host.first].v4 ? same : other).push_back(i);
  }
  for (std::vector<size_t>* family : {&same, &other}) {
    if (family->size() < 2) continue;
    const auto begin = random.below(static_cast<uint32_t>(family->size()));
    std::ranges::rotate(*family, family->begin() + begin);
  }
  for (size_t i = 0; i < std::max(same.size(), other.size()); ++i) {
    if (i < same.size()) order.push_back(same[i]);
    if (i < other.size()) order.push_back(other[i]);
  }
}

}  // namespace

std::vector<size_t> order_of_trial(std::span<const HopCandidate> candidates, Random& random) {
  std::vector<size_t> order;
  order.reserve(candidates.size());
  std::vector<Host> hosts = hosts_of(candidates);
  for (size_t begin = 0; begin < hosts.size();) {
    size_t end = begin;
    while (end < hosts.size() && hosts[end].priority == hosts[begin].priority) ++end;
    for (; begin < end; ++begin) {
      draw(std::span(hosts).subspan(begin, end - begin), random);
      append_addresses(order, candidates, hosts[begin], random);
    }
  }
  std::vector<size_t> failing;
  std::erase_if(order, [&](size_t index) {
    if (!candidates[index].usable) failing.push_back(index);
    return !candidates[index].usable;
  });
  std::ranges::sort(failing, {}, [&](size_t index) { return std::pair(candidates[index].retry_at, index); });
  order.insert(order.end(), failing.begin(), failing.end());
  return order;
}

}  // namespace sluice::serve
