// ReservedPort: a listener's address with its final port, held by a socket that does not listen, so that
// several shards can open the same port when the policy says port 0, and so that an address that cannot be
// bound is found before anything starts. Start-up only.
#pragma once

#include "io/base/ip.h"
#include "io/base/result.h"

#include <utility>

namespace sluice::node {

class ReservedPort {
 public:
  [[nodiscard]] static Result<ReservedPort> reserve(const Endpoint& address);
  ReservedPort(ReservedPort&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), address_(other.address_) {}
  ReservedPort& operator=(ReservedPort&&) = delete;
  ~ReservedPort();

  const Endpoint& address() const { return address_; }

 private:
  ReservedPort(int descriptor, const Endpoint& address) : descriptor_(descriptor), address_(address) {}
  int descriptor_;
  Endpoint address_;
};

}  // namespace sluice::node
