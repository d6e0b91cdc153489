#include "rules/policy/section_reader.h"

#include "io/base/ascii.h"
#include "io/base/check.h"
#include "rules/policy/document.h"
#include "rules/policy/domain_name.h"
#include "rules/policy/value_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

constexpr size_t kShownOctets = 60;
constexpr uint16_t kDnsPort = 53;
constexpr size_t kFieldName = 64;

constexpr std::string_view kNetworkForm =
    "IP addresses or prefixes, for instance \"192.0.2.0/24\" or \"2001:db8::/32\"";
constexpr std::string_view kHopForm =
    "a host with its port, for instance \"mail.example.com:25\" or \"[2001:db8::1]:25\"";
constexpr std::string_view kPeerForm =
    "an address (\"user@example.com\"), a domain (\"example.com\", or \".example.com\" for it and all "
    "below), an IP "
    "address or prefix (\"192.0.2.0/24\"), or \"<>\"";

// Names that administrators will look for, of features that need parts which are not there.
struct Unavailable {
  std::string_view name;
  std::string_view advice;
};
constexpr std::array<Unavailable, 4> kUnavailable{{
    {"tag_subject", "write the action \"tag\", and its words as tag = \"[...]\""},
    {"notify", "notifications are not available before the outbox exists; remove this line"},
    {"send_notification", "notifications are not available before the outbox exists; remove this line"},
    {"quarantine", "there is no quarantine before the store exists; remove this line"},
}};

// Defaults stand in the schema as they would in the document.
std::string_view without_quotes(std::string_view literal) {
  if (literal.size() < 2 || literal.front() != '"') return literal;
  return literal.substr(1, literal.size() - 2);
}

int64_t to_integer(std::string_view literal) {
  int64_t number = 0;
  const auto [stop, error] = std::from_chars(literal.data(), literal.data() + literal.size(), number);
  SLUICE_CHECK(error == std::errc() && stop == literal.data() + literal.size());
  return number;
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += fmt::format("\"{}\"", words[i]);
  }
  return text;
}

}  // namespace

std::string shown(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, kShownOctets)) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    result += control ? '?' : c;
  }
  // A cut may fall inside a UTF-8 sequence: its beginning goes too.
  if (text.size() <= kShownOctets) return result;
  while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xC0U) == 0x80U) result.pop_back();
  if (!result.empty() && !is_ascii(result.back())) result.pop_back();
  return result + "...";
}

SectionReader::SectionReader(const Section& section, const DocumentNode* table, std::string path,
                             Diagnostics& diagnostics, std::span<const std::string_view> handled)
    : section_(section), table_(table), path_(std::move(path)), diagnostics_(diagnostics) {
  check_keys(handled);
  if (table_ == nullptr) return;
  for (const Setting& setting : section_.settings) {
    if (!setting.required || given(setting.name)) continue;
    diagnostics_.error(table_->position, path_,
                       fmt::format("\"{}\" is missing: {}", setting.name, setting.text));
  }
}

void SectionReader::check_keys(std::span<const std::string_view> handled) {
  if (table_ == nullptr) return;
  std::vector<std::string_view> known(section_.tables.begin(), section_.tables.end());
  for (const Setting& setting : section_.settings) known.push_back(setting.name);
  for (const DocumentEntry& entry : table_->entries) {
    const bool expected = std::ranges::find(known, entry.key) != known.end() ||
                          std::ranges::find(handled, entry.key) != handled.end();
    if (expected) continue;
    const auto unavailable = std::ranges::find(kUnavailable, entry.key, &Unavailable::name);
    std::string message = fmt::format("unknown setting \"{}\"", shown(entry.key));
    if (unavailable != kUnavailable.end()) {
      message = std::string(unavailable->advice);
    } else if (const std::string_view meant = nearest(entry.key, known); !meant.empty()) {
      message += fmt::format("; did you mean \"{}\"?", meant);
    } else {
      message += fmt::format("; {} has: {}", path_.empty() ? "the top level" : path_, joined(known));
    }
    diagnostics_.error(entry.position, path_of(shown(entry.key)), std::move(message));
  }
}

const DocumentNode* SectionReader::value(std::string_view name) const {
  const DocumentEntry* entry = table_ == nullptr ? nullptr : table_->find(name);
  return entry == nullptr ? nullptr : &entry->value;
}

Position SectionReader::position(std::string_view name) const {
  if (const DocumentNode* node = value(name)) return node->position;
  return table_ == nullptr ? Position{} : table_->position;
}

std::string SectionReader::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

void SectionReader::error(std::string_view name, std::string message) {
  diagnostics_.error(position(name), path_of(name), std::move(message));
}

void SectionReader::warning(std::string_view name, std::string message) {
  diagnostics_.warning(position(name), path_of(name), std::move(message));
}

void SectionReader::error_at(const DocumentNode& node, std::string_view name, std::string message) {
  diagnostics_.error(node.position, path_of(name), std::move(message));
}

const Setting& SectionReader::declared(std::string_view name, ValueType type) const {
  const Setting* setting = find_setting(section_, name);
  SLUICE_CHECK(setting != nullptr && setting->type == type);
  return *setting;
}

const DocumentNode* SectionReader::value_of(std::string_view name, NodeKind kind, std::string_view wanted) {
  const DocumentNode* node = value(name);
  if (node == nullptr || node->kind == kind) return node;
  error_at(*node, name, fmt::format("expected {}, found {}", wanted, kind_words(node->kind)));
  return nullptr;
}

bool SectionReader::boolean(std::string_view name) {
  const Setting& setting = declared(name, ValueType::Boolean);
  const DocumentNode* node = value_of(name, NodeKind::Boolean, "true or false");
  return node != nullptr ? node->boolean : setting.default_text == "true";
}

void SectionReader::check_bounds(const Setting& setting, int64_t& number) {
  if (number >= setting.minimum && number <= setting.maximum) return;
  const std::string unit = setting.unit.empty() ? "" : fmt::format(" {}", setting.unit);
  error(setting.name,
        fmt::format("{} is out of bounds; write {} to {}{}", number, setting.minimum, setting.maximum, unit));
  number = std::clamp(number, setting.minimum, setting.maximum);
}

int64_t SectionReader::integer(std::string_view name) {
  const Setting& setting = declared(name, ValueType::Integer);
  const DocumentNode* node = value_of(name, NodeKind::Integer, "a whole number");
  if (node == nullptr) return to_integer(setting.default_text);
  int64_t number = node->integer;
  check_bounds(setting, number);
  return number;
}

uint64_t SectionReader::size(std::string_view name) {
  const Setting& setting = declared(name, ValueType::Size);
  const std::optional<uint64_t> standard = parse_size(without_quotes(setting.default_text));
  SLUICE_CHECK(standard.has_value());
  const DocumentNode* node = value(name);
  if (node == nullptr) return *standard;
  int64_t octets = 0;
  if (node->kind == NodeKind::Integer) {
    octets = node->integer;
  } else {
    const std::optional<uint64_t> parsed =
        node->kind == NodeKind::Text ? parse_size(node->text) : std::nullopt;
    if (!parsed || *parsed > static_cast<uint64_t>(INT64_MAX)) {
      error(name, "expected a number of octets, or text with a unit, for instance \"50 MiB\"");
      return *standard;
    }
    octets = static_cast<int64_t>(*parsed);
  }
  check_bounds(setting, octets);
  return static_cast<uint64_t>(octets);
}

std::string SectionReader::text(std::string_view name) {
  const Setting& setting = declared(name, ValueType::Text);
  const DocumentNode* node = value_of(name, NodeKind::Text, "text in quotes");
  return node != nullptr ? node->text : std::string(without_quotes(setting.default_text));
}

std::optional<size_t> SectionReader::choice(std::string_view name) {
  const Setting& setting = declared(name, ValueType::Choice);
  const auto index_of = [&setting](std::string_view word) -> std::optional<size_t> {
    const auto found = std::ranges::find(setting.choices, word);
    if (found == setting.choices.end()) return std::nullopt;
    return static_cast<size_t>(found - setting.choices.begin());
  };
  const std::optional<size_t> standard = index_of(without_quotes(setting.default_text));
  const std::string wanted = joined(setting.choices);
  const DocumentNode* node = value_of(name, NodeKind::Text, wanted);
  if (node == nullptr) return standard;
  if (const std::optional<size_t> index = index_of(node->text)) return index;
  const std::vector<std::string_view> words(setting.choices.begin(), setting.choices.end());
  const std::string_view meant = nearest(node->text, words);
  error(name, fmt::format("\"{}\" is not known; write {}{}", shown(node->text), wanted,
                          meant.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", meant)));
  return standard;
}

std::optional<std::string_view> SectionReader::choice_word(std::string_view name) {
  const Setting& setting = declared(name, ValueType::Choice);
  const std::optional<size_t> index = choice(name);
  return index ? std::optional(setting.choices[*index]) : std::nullopt;
}

std::string SectionReader::domain(std::string_view name) {
  (void)declared(name, ValueType::Domain);
  const DocumentNode* node = value_of(name, NodeKind::Text, "a domain name in quotes");
  if (node == nullptr) return {};
  if (std::optional<std::string> domain = to_domain_name(node->text)) return std::move(*domain);
  error(name, fmt::format("\"{}\" is no domain name; write it as \"example.com\"", shown(node->text)));
  return {};
}

std::optional<Endpoint> SectionReader::address(std::string_view name) {
  (void)declared(name, ValueType::Address);
  const std::string_view wanted = "an IP address with a port, for instance \"0.0.0.0:25\" or \"[::]:25\"";
  const DocumentNode* node = value_of(name, NodeKind::Text, wanted);
  if (node == nullptr) return std::nullopt;
  std::optional<Endpoint> endpoint = Endpoint::parse(node->text);
  if (!endpoint) error(name, fmt::format("\"{}\" is not {}", shown(node->text), wanted));
  return endpoint;
}

std::optional<NextHop> SectionReader::hop(std::string_view name) {
  (void)declared(name, ValueType::Hop);
  const DocumentNode* node = value_of(name, NodeKind::Text, kHopForm);
  if (node == nullptr) return std::nullopt;
  std::optional<NextHop> hop = parse_hop(node->text);
  if (!hop) error(name, fmt::format("\"{}\" is not {}", shown(node->text), kHopForm));
  return hop;
}

std::vector<const DocumentNode*> SectionReader::texts(std::string_view name, std::string_view wanted) {
  std::vector<const DocumentNode*> result;
  const DocumentNode* list = value_of(name, NodeKind::Array, fmt::format("a list of {}", wanted));
  if (list == nullptr) return result;
  for (const DocumentNode& item : list->items) {
    if (item.kind == NodeKind::Text) {
      result.push_back(&item);
    } else {
      error_at(item, name, fmt::format("expected {}, found {}", wanted, kind_words(item.kind)));
    }
  }
  return result;
}

std::vector<Cidr> SectionReader::networks(std::string_view name) {
  (void)declared(name, ValueType::Networks);
  std::vector<Cidr> networks;
  for (const DocumentNode* item : texts(name, kNetworkForm)) {
    if (const std::optional<Cidr> network = Cidr::parse(item->text)) {
      networks.push_back(*network);
    } else {
      error_at(*item, name,
               fmt::format("\"{}\" is no IP address or prefix; write {}", shown(item->text), kNetworkForm));
    }
  }
  return networks;
}

std::vector<Endpoint> SectionReader::servers(std::string_view name) {
  (void)declared(name, ValueType::Servers);
  const std::string_view wanted = "IP addresses, for instance \"192.0.2.53\" or \"[2001:db8::53]:5353\"";
  std::vector<Endpoint> servers;
  for (const DocumentNode* item : texts(name, wanted)) {
    if (const std::optional<Endpoint> server = parse_server(item->text, kDnsPort)) {
      servers.push_back(*server);
    } else {
      error_at(*item, name, fmt::format("\"{}\" is no IP address; write {}", shown(item->text), wanted));
    }
  }
  return servers;
}

std::vector<PeerEntry> SectionReader::peers(std::string_view name) {
  (void)declared(name, ValueType::Peers);
  std::vector<PeerEntry> peers;
  for (const DocumentNode* item : texts(name, "text in quotes")) {
    std::optional<PeerEntry> entry = PeerEntry::parse(item->text);
    if (!entry) {
      error_at(*item, name, fmt::format("\"{}\" is not {}", shown(item->text), kPeerForm));
      continue;
    }
    if (entry->kind == PeerKind::Network && entry->network.length == 0) {
      diagnostics_.warning(item->position, path_of(name),
                           fmt::format("\"{}\" matches every client of its family", item->text));
    }
    peers.push_back(std::move(*entry));
  }
  return peers;
}

std::vector<SectionReader::PlacedDomain> SectionReader::domain_list(std::string_view name) {
  (void)declared(name, ValueType::Domains);
  std::vector<PlacedDomain> domains;
  for (const DocumentNode* item : texts(name, "domain names in quotes")) {
    if (std::optional<std::string> domain = to_domain_name(item->text)) {
      domains.push_back({std::move(*domain), item->position});
    } else {
      error_at(*item, name,
               fmt::format("\"{}\" is no domain name; write it as \"example.com\"", shown(item->text)));
    }
  }
  return domains;
}

std::vector<std::string> SectionReader::fields(std::string_view name) {
  (void)declared(name, ValueType::Fields);
  std::vector<std::string> fields;
  for (const DocumentNode* item : texts(name, "names of header fields in quotes")) {
    const bool good =
        !item->text.empty() && item->text.size() <= kFieldName && std::ranges::all_of(item->text, [](char c) {
          return is_ascii_printable(c) && c != ' ' && c != ':' && c != ';';
        });
    if (good) {
      fields.push_back(to_ascii_lower(item->text));
    } else {
      error_at(*item, name, fmt::format("\"{}\" is no name of a header field", shown(item->text)));
    }
  }
  return fields;
}

std::vector<std::string> SectionReader::sealers(std::string_view name) {
  const Setting& setting = declared(name, ValueType::Sealers);
  std::vector<std::string> sealers;
  if (!given(name)) {
    const auto standard = parse_document(fmt::format("list = {}", setting.default_text));
    SLUICE_CHECK(standard.has_value());
    for (const DocumentNode& item : standard->find("list")->value.items) sealers.push_back(item.text);
    return sealers;
  }
  for (const DocumentNode* item : texts(name, "domain names in quotes")) {
    const bool below = item->text.starts_with('.');
    const std::optional<std::string> domain =
        to_domain_name(std::string_view(item->text).substr(below ? 1 : 0));
    if (domain) {
      sealers.push_back(below ? '.' + *domain : *domain);
    } else {
      error_at(
          *item, name,
          fmt::format("\"{}\" is no domain name; write \"example.com\", or \".example.com\" for it and all "
                      "below",
                      shown(item->text)));
    }
  }
  return sealers;
}

const DocumentNode* SectionReader::table(std::string_view name) {
  const DocumentNode* node = value(name);
  if (node == nullptr || node->kind == NodeKind::Table) return node;
  error(name, fmt::format("expected a table: write [{}]", path_of(name)));
  return nullptr;
}

std::vector<const DocumentNode*> SectionReader::tables(std::string_view name) {
  std::vector<const DocumentNode*> result;
  const DocumentNode* node = value(name);
  if (node == nullptr) return result;
  if (node->kind != NodeKind::Array) {
    error(name, fmt::format("expected a list of tables: write [[{}]], with two brackets on each side",
                            path_of(name)));
    return result;
  }
  for (const DocumentNode& item : node->items) {
    if (item.kind == NodeKind::Table) {
      result.push_back(&item);
    } else {
      error_at(item, name, fmt::format("expected a table: write [[{}]]", path_of(name)));
    }
  }
  return result;
}

}  // namespace sluice::policy
