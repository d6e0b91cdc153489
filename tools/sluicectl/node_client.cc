#include "tools/sluicectl/node_client.h"

#include <chrono>

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

namespace sluice::ctl {
namespace {

constexpr std::chrono::seconds kAnswerWait{30};
constexpr int kAnyPort = 80;  // means nothing over a Unix-domain socket

}  // namespace

NodeAnswer ask_node(const std::string& socket, std::string_view method, const std::string& path) {
  httplib::Client client(socket, kAnyPort);
  client.set_address_family(AF_UNIX);
  client.set_read_timeout(kAnswerWait);
  const httplib::Result said = method == "POST" ? client.Post(path) : client.Get(path);
  if (!said)
    return {0, {}, fmt::format("no node answers at {}: {}", socket, httplib::to_string(said.error()))};
  return {said->status, said->body, {}};
}

std::string query_text(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace sluice::ctl
