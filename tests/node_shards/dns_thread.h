// A DNS server on a thread and a loopback socket of its own, with plain blocking calls, so that nothing of
// what is under test serves it. Ends with the object.
#pragma once

#include "dnscache/zone/zone.h"
#include "io/base/ip.h"

#include <thread>

namespace sluice::dns {

enum class Manner : uint8_t { Answers, IsSilent };

class DnsThread {
 public:
  DnsThread(Zone zone, Manner manner);
  ~DnsThread();
  DnsThread(const DnsThread&) = delete;
  DnsThread& operator=(const DnsThread&) = delete;

  Endpoint address() const { return {IpAddress::v4(0x7F000001), port_}; }

 private:
  void serve() const;

  Zone zone_;
  Manner manner_;
  int socket_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace sluice::dns
