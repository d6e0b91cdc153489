// A frozen zone for the self-test: a company's record that lists an address, a network and its mail vendor,
// whose record includes a second one. The ranges are a vendor's of 2023-08-15: test data, never a list to
// trust.
#pragma once

#include <string_view>

namespace sluice::ctl {

inline constexpr std::string_view kSelftestDomain = "company.example";

inline constexpr std::string_view kSelftestZone = R"(
company.example:
  - TXT: "v=spf1 ip4:203.0.113.1 ip4:198.51.100.0/24 include:spf.vendor.example ~all"
spf.vendor.example:
  - TXT: ["v=spf1 ip4:18.208.22.64/26 ip4:18.208.22.128/25 ip4:18.185.115.128/26 ip4:18.185.115.0/25 ",
          "ip4:13.238.202.0/25 ip4:13.238.202.128/26 ip4:18.176.203.128/25 ip4:13.213.174.128/25 ",
          "ip4:18.177.156.0/25 ip4:13.213.220.0/25 include:spf-nested.vendor.example ~all"]
spf-nested.vendor.example:
  - TXT: ["v=spf1 ip4:18.188.9.192/26 ip4:18.188.239.128/26 ip4:34.253.238.128/26 ip4:34.253.238.192/26 ",
          "ip4:52.202.71.114 ip4:54.145.52.119 ip4:35.156.245.132 ip4:18.156.0.20 ip4:3.74.126.139 ",
          "ip4:3.72.196.143 ip4:3.212.20.253 ip4:34.225.87.138 ~all"]
)";

}  // namespace sluice::ctl
