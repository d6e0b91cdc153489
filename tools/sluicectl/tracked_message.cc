#include "tools/sluicectl/tracked_message.h"

#include <cerrno>
#include <fstream>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace sluice::ctl {

using nlohmann::json;

namespace {

std::string text_of(const json& row, const char* member) {
  const auto found = row.find(member);
  if (found == row.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

std::optional<TrackedMessage> message_of(const json& row) {
  const auto client = IpAddress::parse(text_of(row, "client_ip"));
  if (!client) return std::nullopt;
  TrackedMessage message;
  message.check.client = *client;
  message.check.helo = text_of(row, "helo");
  message.check.sender = text_of(row, "sender");
  message.time = text_of(row, "time");
  if (const auto spf = row.find("spf"); spf != row.end() && spf->is_object())
    message.result = text_of(*spf, "result");
  return message;
}

}  // namespace

Result<TrackedMessage> find_tracked(const std::string& journal, std::string_view id) {
  std::ifstream file(journal, std::ios::binary);
  if (!file) return fail_system(errno, "cannot read " + journal);
  std::optional<TrackedMessage> found;
  std::string line;
  while (std::getline(file, line)) {
    if (line.find(id) == std::string::npos) continue;
    const json row = json::parse(line, nullptr, false);
    if (!row.is_object() || text_of(row, "kind") != "tracking" || text_of(row, "id") != id) continue;
    if (auto message = message_of(row)) found = std::move(message);
  }
  if (!found) return fail(ErrorKind::NotFound, fmt::format("{} has no tracking row of {}", journal, id));
  return std::move(*found);
}

}  // namespace sluice::ctl
