// The settings of a policy that are not rules: node, journal, DNS, listeners, domains with their next hops,
// result headers. Plain values, shared immutable once they are part of a Policy (policy.h). Units, defaults
// and bounds are declared in config_schema.h and not repeated here.
#pragma once

#include "io/base/ip.h"
#include "rules/evidence/evidence.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::policy {

using evidence::Direction;

enum class Backend : uint8_t { Auto, Uring, Epoll };

struct NodeSettings {
  std::string hostname;  // greeting, Received, default of listener.hostname and result_header.authserv_id
  unsigned shards = 0;   // 0: one for each CPU that the process may use
  Backend backend = Backend::Auto;
  std::string user;  // empty: stay who we are
  friend bool operator==(const NodeSettings&, const NodeSettings&) = default;
};

struct JournalSettings {
  std::string path;
  uint64_t rotate_octets = 0;  // 0: not by size
  bool rotate_daily = true;
  friend bool operator==(const JournalSettings&, const JournalSettings&) = default;
};

// What message bodies may hold; see engine/message.
struct MemorySettings {
  uint64_t bodies = 0;          // of the node
  uint64_t shard_bodies = 0;    // of it, in one shard
  uint64_t message = 0;         // of one message; beyond it, it is written out
  std::string spill_directory;  // empty: nothing is written out
  uint64_t spill_octets = 0;    // of the node
  friend bool operator==(const MemorySettings&, const MemorySettings&) = default;
};

// How an operator's programs reach the node. What is not given and cannot be had costs a warning; what is
// given and cannot be had, the start.
struct AdminSettings {
  bool http = true;  // metrics and health over TCP
  Endpoint listen;
  bool listen_given = false;
  std::string control;  // the Unix-domain socket of reload, drain and stats; empty: none
  bool control_given = false;
  std::chrono::seconds stuck_after{};  // a shard that has not turned for so long makes /healthz fail
  friend bool operator==(const AdminSettings&, const AdminSettings&) = default;
};

// What SPF does while no DNS server answers at all (W-35).
enum class OnOutage : uint8_t { Accept, Defer };

struct DnsSettings {
  std::vector<Endpoint> servers;  // empty: those of resolv_conf
  std::string resolv_conf;
  std::chrono::seconds timeout{};         // one question over all its retries
  std::chrono::seconds spf_evaluation{};  // one SPF evaluation
  OnOutage on_outage = OnOutage::Accept;  // Defer by default where an enabled rule has a reject preset
  uint64_t cache_octets = 0;              // of each shard
  std::chrono::seconds ttl_min{};
  std::chrono::seconds ttl_max{};
  std::chrono::seconds negative_ttl_max{};
  std::chrono::seconds serve_stale{};
  unsigned refresh_percent = 0;  // of an answer's time; 0: never ahead of its end
  bool mixed_case = false;
  friend bool operator==(const DnsSettings&, const DnsSettings&) = default;
};

// What clients are allowed.
struct ClientSettings {
  uint64_t max_connections = 0;             // of the node
  uint64_t max_connections_per_client = 0;  // of one address, on one shard
  uint64_t max_connections_per_second = 0;  // the same; 0: any
  std::chrono::seconds command{};
  std::chrono::seconds data{};
  std::chrono::seconds message_grace{};
  uint64_t min_data_rate = 0;  // 0: any
  std::chrono::seconds message{};
  std::chrono::seconds session{};
  std::chrono::seconds write{};
  uint64_t max_errors = 0;
  uint64_t max_refused_recipients = 0;
  std::chrono::seconds max_delay{};
  friend bool operator==(const ClientSettings&, const ClientSettings&) = default;
};

// What becomes of a bare CR or LF in a message.
enum class BareLineEnds : uint8_t { Refuse, Normalize };

struct Listener {
  Endpoint address;
  Direction direction = Direction::Inbound;
  std::string hostname;
  std::vector<Cidr> xclient_peers;  // may send XCLIENT (W-13); empty: nobody
  std::vector<Cidr> proxy_peers;    // may send a PROXY header; the reader refuses entries as yet
  uint64_t max_message_octets = 0;
  unsigned max_recipients = 0;
  BareLineEnds bare_line_ends = BareLineEnds::Refuse;
  friend bool operator==(const Listener&, const Listener&) = default;
};

// Where mail goes on to. Either an address or a host name (A-labels) that is resolved by the node.
struct NextHop {
  std::optional<IpAddress> address;
  std::string host;  // the name, or the address as text
  uint16_t port = 25;
  unsigned priority = 0;          // lower is tried first
  unsigned weight = 1;            // share among equals; 0: behind all others of its priority
  bool send_xclient = false;      // hand on the client (W-13), where the hop offers XCLIENT
  std::string to_string() const;  // "mail.example.com:25", "[2001:db8::1]:25"
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

// How the connections to next hops are shared and bounded.
struct DeliverySettings {
  unsigned connections = 0;            // to one address, of the whole node
  unsigned connections_per_shard = 0;  // to one address
  unsigned queue = 0;                  // transactions that wait for a connection, per list and shard
  std::chrono::seconds queue_wait{};
  unsigned connection_messages = 0;
  std::chrono::seconds idle{};
  bool chunking = true;           // W-9: BDAT where it helps
  bool refuse_eight_bit = false;  // W-9: rather than send octets above 127 to a hop without 8BITMIME
  friend bool operator==(const DeliverySettings&, const DeliverySettings&) = default;
};

struct ManagedDomain {
  std::string name;                // A-labels, lower case
  std::vector<NextHop> next_hops;  // never empty; by priority, then as written
  unsigned rule_index = 0;         // into Policy::rules()
  unsigned dkim_rule_index = 0;    // into Policy::dkim_rules()
  unsigned dmarc_rule_index = 0;   // into Policy::dmarc_rules()
  friend bool operator==(const ManagedDomain&, const ManagedDomain&) = default;
};

struct ResultHeaderSettings {
  std::string name;                     // of the SPF result field (D-6)
  bool received_spf = false;            // RFC 7208 section 9.1 beside it
  std::string authserv_id;              // ours, for the removal of forged Authentication-Results (W-20)
  bool authentication_results = false;  // write the field of RFC 8601
  bool tm_forms = false;  // X-TM-Authentication-Results (TM-07, TM-10) where a rule does not say otherwise
  friend bool operator==(const ResultHeaderSettings&, const ResultHeaderSettings&) = default;
};

// Which SPF results make a policy event (D-11).
enum class SpfEvents : uint8_t { All, FailOnly };

struct SpfSettings {
  std::vector<Cidr> private_peers;               // W-13: private clients that are evaluated all the same
  bool check_helo = false;                       // ESE-15
  bool from_header_if_null_sender = false;       // ESE-16
  bool prefetch = false;                         // ask ahead of need
  uint64_t broad_addresses = 1U << 20U;          // from here on a record is broad: IPv4 addresses that pass
  uint64_t broad_networks = uint64_t{1} << 32U;  // and IPv6 /64 networks
  bool measure_breadth = false;                  // some rule acts on that
  bool exempt_postmaster = true;                 // W-15: postmaster@ and abuse@
  SpfEvents events = SpfEvents::All;
  friend bool operator==(const SpfSettings&, const SpfSettings&) = default;
};

}  // namespace sluice::policy
