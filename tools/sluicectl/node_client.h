// One request to a running node's control socket. Blocking; for the command line.
#pragma once

#include <string>
#include <string_view>

namespace sluice::ctl {

inline constexpr const char* kDefaultSocket = "/run/sluice/control.sock";

struct NodeAnswer {
  int status = 0;  // of HTTP
  std::string body;
  std::string problem;  // no node answered: why
};

// `method` is GET or POST.
NodeAnswer ask_node(const std::string& socket, std::string_view method, const std::string& path);

// A value of a query, escaped (RFC 3986 2.1).
std::string query_text(std::string_view value);

}  // namespace sluice::ctl
