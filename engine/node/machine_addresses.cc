#include "engine/node/machine_addresses.h"

#include <array>
#include <cstdint>
#include <cstring>

#include <ifaddrs.h>
#include <netinet/in.h>

namespace sluice::node {

std::vector<IpAddress> machine_addresses() {
  std::vector<IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      sockaddr_in address{};
      std::memcpy(&address, entry->ifa_addr, sizeof address);
      addresses.push_back(IpAddress::v4(ntohl(address.sin_addr.s_addr)));
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 address{};
      std::memcpy(&address, entry->ifa_addr, sizeof address);
      std::array<uint8_t, 16> octets{};
      std::memcpy(octets.data(), address.sin6_addr.s6_addr, octets.size());
      addresses.push_back(IpAddress::v6(octets));
    }
  }
  freeifaddrs(list);
  return addresses;
}

}  // namespace sluice::node
