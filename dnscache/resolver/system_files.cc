#include "dnscache/resolver/system_files.h"

#include "io/base/ascii.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace sluice::dns {
namespace {

constexpr uint16_t kDnsPort = 53;
constexpr unsigned kTimeoutMax = 30;  // resolv.conf(5)
constexpr unsigned kAttemptsMax = 5;  // resolv.conf(5)

// Takes the next line off the text, without its end.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Takes the next word off the line; empty at its end.
std::string_view take_word(std::string_view& line) {
  line = trim(line);
  const size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

std::optional<unsigned> number_of(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void read_options(std::string_view line, ResolvConf& conf) {
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    const size_t colon = word.find(':');
    if (colon == std::string_view::npos) continue;
    const auto value = number_of(word.substr(colon + 1));
    if (!value) continue;
    if (word.substr(0, colon) == "timeout") {
      conf.timeout = std::chrono::seconds(std::clamp(*value, 1U, kTimeoutMax));
    } else if (word.substr(0, colon) == "attempts") {
      conf.attempts = std::clamp(*value, 1U, kAttemptsMax);
    }
  }
}

bool read_server(std::string_view line, ResolvConf& conf) {
  const auto address = IpAddress::parse(take_word(line));
  if (!address) return false;
  const Endpoint server{*address, kDnsPort};
  if (std::ranges::find(conf.servers, server) != conf.servers.end()) return true;
  if (conf.servers.size() == limits::kDnsServers) return false;
  conf.servers.push_back(server);
  return true;
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::string_view keyword = take_word(line);
    if (keyword.empty() || keyword.front() == '#' || keyword.front() == ';') continue;
    if (keyword == "options") {
      read_options(line, conf);
    } else if (keyword == "nameserver") {
      if (!read_server(line, conf)) ++conf.lines_ignored;
    } else if (keyword != "search" && keyword != "domain" && keyword != "sortlist") {
      ++conf.lines_ignored;
    }
  }
  return conf;
}

std::span<const IpAddress> HostsTable::find(const DnsName& name, IpFamily family) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return {};
  return family == IpFamily::V4 ? found->second.v4 : found->second.v6;
}

HostsTable parse_hosts(std::string_view text) {
  HostsTable table;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    line = line.substr(0, line.find('#'));
    const std::string_view word = take_word(line);
    if (word.empty()) continue;
    const auto address = IpAddress::parse(word);
    bool understood = false;
    for (std::string_view host = take_word(line); address && !host.empty(); host = take_word(line)) {
      const auto name = DnsName::from_text(host);
      if (!name) continue;
      understood = true;
      HostsTable::Addresses& addresses = table.names_[*name];
      auto& list = address->is_v4() ? addresses.v4 : addresses.v6;
      if (std::ranges::find(list, *address) == list.end()) list.push_back(*address);
    }
    if (!understood) ++table.lines_ignored_;
  }
  return table;
}

}  // namespace sluice::dns
