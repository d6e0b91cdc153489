// Ids that must not be mixed up are types of their own: StrongId<struct ShardTag, uint16_t>.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace sluice {

template <class Tag, class Number>
struct StrongId {
  Number value{};
  friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

using ShardId = StrongId<struct ShardIdTag, uint16_t>;

}  // namespace sluice

template <class Tag, class Number>
struct std::hash<sluice::StrongId<Tag, Number>> {
  size_t operator()(sluice::StrongId<Tag, Number> id) const noexcept { return std::hash<Number>{}(id.value); }
};
