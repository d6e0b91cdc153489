// FlatIndex: finds a Slab's elements by a hash, in one array without allocation per element: open addressing
// by linear probing, at most half full, closed up behind what is erased. It knows no keys: the caller
// compares. The hash must be keyed where others choose the keys. A plain value, per shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice::dns {

template <class Id>
class FlatIndex {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // The first with this hash of which `is(id)` holds; an id of generation 0 when there is none.
  template <class Is>
  Id find(uint32_t hash, Is is) const {
    if (size_ == 0) return {};
    return places_[locate(hash, is)].id;
  }
  // `id` is valid and not in it.
  void insert(uint32_t hash, Id id) {
    if (places_.size() < 2 * (size_ + 1)) grow();
    put({hash, id});
    ++size_;
  }
  template <class Is>
  bool erase(uint32_t hash, Is is) {
    if (size_ == 0) return false;
    const size_t at = locate(hash, is);
    if (places_[at].id.generation == 0) return false;
    close_up(at);
    --size_;
    return true;
  }
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Place& place : places_) {
      if (place.id.generation != 0) visit(place.id);
    }
  }
  void clear() {
    places_.clear();
    size_ = 0;
  }

 private:
  static constexpr size_t kPlacesMin = 16;
  struct Place {
    uint32_t hash = 0;
    Id id{};  // of generation 0: free
  };

  size_t mask() const { return places_.size() - 1; }
  // Ends at a free place: at most half are in use.
  template <class Is>
  size_t locate(uint32_t hash, Is is) const {
    size_t at = hash & mask();
    for (; places_[at].id.generation != 0; at = (at + 1) & mask()) {
      if (places_[at].hash == hash && is(places_[at].id)) break;
    }
    return at;
  }
  void put(const Place& place) {
    size_t at = place.hash & mask();
    while (places_[at].id.generation != 0) at = (at + 1) & mask();
    places_[at] = place;
  }
  void grow() {
    const size_t wanted = places_.empty() ? kPlacesMin : 2 * places_.size();
    for (const Place& place : std::exchange(places_, std::vector<Place>(wanted))) {
      if (place.id.generation != 0) put(place);
    }
  }
  // Moves back what probing had pushed over the freed place, so that no search ends early.
  void close_up(size_t free) {
    for (size_t next = (free + 1) & mask(); places_[next].id.generation != 0; next = (next + 1) & mask()) {
      const size_t home = places_[next].hash & mask();
      if (((next - home) & mask()) < ((next - free) & mask())) continue;
      places_[free] = places_[next];
      free = next;
    }
    places_[free] = {};
  }

  std::vector<Place> places_;
  size_t size_ = 0;
};

}  // namespace sluice::dns
