#include "io/base/limits.h"
#include "rules/policy/schema_tables.h"

#include <array>

namespace sluice::policy::schema {
namespace {

constexpr std::array<std::string_view, 2> kDirections{"inbound", "outbound"};
constexpr std::array<std::string_view, 2> kBareLineEnds{"refuse", "normalize"};  // as BareLineEnds
constexpr std::array<std::string_view, 17> kTopTables{
    "listener",       "domain", "outbound", "node",    "journal", "memory", "dns", "result_header", "events",
    "authentication", "spf",    "delivery", "clients", "admin",   "dkim",   "arc", "dmarc"};
static_assert(limits::kMessageOctets == 50ULL * 1024 * 1024);
static_assert(limits::kSmtpRecipients == 1000);
static_assert(limits::kHopSessions == 64);
static_assert(limits::kHopWaiting == 256);
static_assert(limits::kHopQueueWait == std::chrono::seconds(30));
static_assert(limits::kHopSessionTransactions == 1000);
static_assert(limits::kHopIdleWait == std::chrono::seconds(45));

constexpr std::array kTop{
    Setting{.name = "trusted_networks",
            .type = ValueType::Networks,
            .default_text = "[]",
            .at_zero = "empty: nobody",
            .text =
                "Clients of our own side. They may send to domains that are not managed (through "
                "`outbound.next_hop`), SPF rules do not look at their mail, and no header field of theirs is "
                "removed. `0.0.0.0/0` and `::/0` are refused: they would make an open relay."},
    Setting{.name = "postmaster_domain",
            .type = ValueType::Domain,
            .at_zero = "not set: the first managed domain of the document",
            .text = "Where mail to `<Postmaster>` without a domain goes (RFC 5321 section 4.5.1). Must be a "
                    "managed domain."},
};

constexpr std::array kOutbound{
    Setting{.name = "next_hop",
            .type = ValueType::Hop,
            .at_zero = "not set: such mail is refused with 550 5.7.1",
            .text = "Where mail of trusted clients to domains that are not managed goes."},
    Setting{.name = "send_xclient",
            .type = ValueType::Boolean,
            .default_text = "false",
            .text = "As in `domain.next_hops`. The server then judges the client, and may not let it relay."},
};

constexpr std::array<std::string_view, 2> kChunking{"auto", "never"};
constexpr std::array<std::string_view, 2> kWithout8BitMime{"send", "refuse"};
static_assert(limits::kHopChunk == 1024 * 1024);

constexpr std::array kDelivery{
    Setting{
        .name = "chunking",
        .type = ValueType::Choice,
        .default_text = "\"auto\"",
        .choices = kChunking,
        .text =
            "`auto`: a next hop that offers CHUNKING gets a message of up to 1 MiB by one BDAT, which saves "
            "a round trip; a larger one by DATA, so that the hop can refuse it before it is sent. `never`: "
            "DATA always."},
    Setting{.name = "without_8bitmime",
            .type = ValueType::Choice,
            .default_text = "\"send\"",
            .choices = kWithout8BitMime,
            .text =
                "What becomes of a message with octets above 127 when the next hop does not offer 8BITMIME. "
                "`send`: it is sent as it is, and counted. `refuse`: 554 5.6.3. Nothing is converted."},
    Setting{.name = "connections",
            .type = ValueType::Integer,
            .default_text = "128",
            .unit = "connections",
            .minimum = 1,
            .maximum = 100000,
            .text = "To one address of a next hop, of the whole node. Divided among the shards; each has at "
                    "least one. Keep it below what the server takes from one client."},
    Setting{.name = "connections_per_shard",
            .type = ValueType::Integer,
            .default_text = "64",
            .unit = "connections",
            .minimum = 1,
            .maximum = 10000,
            .text = "To one address of a next hop, of one shard, whatever its share of `connections` is."},
    Setting{.name = "queue",
            .type = ValueType::Integer,
            .default_text = "256",
            .unit = "transactions",
            .minimum = 0,
            .maximum = 100000,
            .at_zero = "0: nobody waits",
            .text =
                "Transactions for one list of next hops that wait for a connection, of one shard. Further "
                "ones get 451 4.4.5."},
    Setting{.name = "queue_seconds",
            .type = ValueType::Integer,
            .default_text = "30",
            .unit = "seconds",
            .minimum = 1,
            .maximum = 120,
            .text = "How long they wait, then 451 4.4.5."},
    Setting{.name = "messages_per_connection",
            .type = ValueType::Integer,
            .default_text = "1000",
            .unit = "messages",
            .minimum = 1,
            .maximum = 1000000,
            .text = "Transactions over one connection; then it is closed with QUIT."},
    Setting{.name = "idle_seconds",
            .type = ValueType::Integer,
            .default_text = "45",
            .unit = "seconds",
            .minimum = 1,
            .maximum = 280,
            .text = "How long a connection without a transaction is kept. Less than the server's own limit "
                    "(Postfix: `smtpd_timeout`, 300)."},
};

constexpr std::array kListener{
    Setting{.name = "address",
            .type = ValueType::Address,
            .required = true,
            .reload = Reload::Connection,
            .text = "IP address and port to listen on: `\"0.0.0.0:25\"`, `\"[::]:25\"`. A reload opens an "
                    "address that is "
                    "new and drains one that is gone; a port below 1024 needs the privilege to bind it."},
    Setting{.name = "direction",
            .type = ValueType::Choice,
            .default_text = "\"inbound\"",
            .choices = kDirections,
            .text =
                "`inbound`: mail from outside, which SPF rules look at. `outbound`: mail of our own side; no "
                "SPF, no result header, no row of an SPF rule."},
    Setting{.name = "hostname",
            .type = ValueType::Domain,
            .reload = Reload::Connection,
            .at_zero = "not set: `node.hostname`",
            .text = "The name in this listener's greeting and in what it writes into messages. In an open "
                    "session a reload changes the latter only."},
    Setting{.name = "xclient_peers",
            .type = ValueType::Networks,
            .default_text = "[]",
            .reload = Reload::Connection,
            .at_zero = "empty: XCLIENT is not offered",
            .text = "Proxies that may name the original client with XCLIENT."},
    Setting{.name = "proxy_peers",
            .type = ValueType::Networks,
            .default_text = "[]",
            .text = "Reserved for load balancers that send a PROXY header. Must be empty in this version."},
    Setting{
        .name = "max_message_size",
        .type = ValueType::Size,
        .default_text = "\"50 MiB\"",
        .unit = "octets",
        .minimum = 64 * 1024,
        .maximum = int64_t{1} << 31,
        .reload = Reload::Connection,
        .text =
            "Larger messages are refused with 552 5.3.4. RFC 5321 section 4.5.3.1.7 wants at least 64 KiB."},
    Setting{.name = "max_recipients",
            .type = ValueType::Integer,
            .default_text = "1000",
            .unit = "recipients",
            .minimum = 100,
            .maximum = 10000,
            .reload = Reload::Connection,
            .text =
                "Recipients of one transaction; further ones get 452 4.5.3. RFC 5321 section 4.5.3.1.8 wants "
                "at least 100."},
    Setting{
        .name = "bare_line_ends",
        .type = ValueType::Choice,
        .default_text = "\"refuse\"",
        .choices = kBareLineEnds,
        .reload = Reload::Connection,
        .text =
            "What becomes of a message with a CR or LF that is not part of CRLF (RFC 5321 section 2.3.8): "
            "`refuse`: 554 5.6.0. `normalize`: each becomes CRLF before anything is hashed, matched or "
            "relayed, for devices and scripts that send LF (Postfix: `smtpd_forbid_bare_newline = "
            "normalize`). With both, only CRLF.CRLF as it came ends a message, NUL is refused, and a "
            "command line with a bare CR or LF ends the session. `max_message_size` counts what is kept, "
            "which may be twice what came."},
};

constexpr std::array kDomain{
    Setting{
        .name = "name",
        .type = ValueType::Domain,
        .required = true,
        .text = "The domain behind the @ of the recipients. Exact: sub-domains are domains of their own."},
    Setting{.name = "next_hops",
            .type = ValueType::Hops,
            .required = true,
            .text = "Where its mail goes on to: a list of `\"host:port\"`, or of tables as in "
                    "`domain.next_hops`. Those of the lowest priority number share the mail; the "
                    "others stand by."},
};

constexpr std::array kNextHop{
    Setting{.name = "host", .type = ValueType::Text, .required = true, .text = "Host name or IP address."},
    Setting{.name = "port",
            .type = ValueType::Integer,
            .default_text = "25",
            .minimum = 1,
            .maximum = 65535,
            .text = "TCP port."},
    Setting{.name = "priority",
            .type = ValueType::Integer,
            .default_text = "0",
            .minimum = 0,
            .maximum = 65535,
            .text = "Lower is tried first; a higher one only when none of the lower ones works."},
    Setting{.name = "weight",
            .type = ValueType::Integer,
            .default_text = "1",
            .minimum = 0,
            .maximum = 65535,
            .at_zero = "0: only when no other of its priority works",
            .text = "Share of the messages among hops of the same priority, as in RFC 2782."},
    Setting{.name = "send_xclient",
            .type = ValueType::Boolean,
            .default_text = "false",
            .text = "Tell this hop who the client is (XCLIENT), where it offers that: a Postfix behind the "
                    "node then logs and judges the client itself. It must list the node in "
                    "`smtpd_authorized_xclient_hosts`."},
};

constexpr std::array kSections{
    Section{.path = "",
            .title = "Top level",
            .text = "Written before the first table.",
            .settings = kTop,
            .tables = kTopTables},
    Section{.path = "listener",
            .kind = SectionKind::ArrayOfTables,
            .title = "Listeners",
            .text = "One table for each address that the node listens on. At least one is needed.",
            .settings = kListener},
    Section{.path = "domain",
            .kind = SectionKind::ArrayOfTables,
            .title = "Managed domains",
            .text =
                "The recipient domains that mail is taken for. Mail for others is refused with 550 5.7.1, "
                "unless a trusted client sends it.",
            .settings = kDomain},
    Section{.path = "domain.next_hops",
            .kind = SectionKind::ArrayOfTables,
            .title = "Next hops in detail",
            .text = "The long form of an entry of `next_hops`.",
            .settings = kNextHop},
    Section{.path = "outbound",
            .title = "Outbound mail",
            .text = "Mail of trusted clients.",
            .settings = kOutbound},
    Section{.path = "delivery",
            .title = "Connections to next hops",
            .text = "How they are shared and bounded, so that a slow next hop costs no other one anything.",
            .settings = kDelivery},
};

}  // namespace

std::span<const Section> smtp_sections() { return kSections; }

}  // namespace sluice::policy::schema
