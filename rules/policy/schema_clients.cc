#include "io/base/limits.h"
#include "rules/policy/schema_tables.h"

#include <array>

namespace sluice::policy::schema {
namespace {

static_assert(limits::kClientSessions == 100 && limits::kNodeSessions == 20000);
static_assert(limits::kServerCommandWait == std::chrono::seconds(300));
static_assert(limits::kServerDataWait == std::chrono::seconds(180));
static_assert(limits::kServerBodyGrace == std::chrono::seconds(300) && limits::kServerDataRate == 500);
static_assert(limits::kServerMessageWait == std::chrono::seconds(3600));
static_assert(limits::kServerSessionWait == std::chrono::seconds(3600));
static_assert(limits::kServerWriteWait == std::chrono::seconds(60));
static_assert(limits::kSmtpErrors == 10 && limits::kSmtpRefusedRecipients == 200);
static_assert(limits::kClientDelay == std::chrono::seconds(8));

constexpr std::array kClients{
    Setting{
        .name = "max_connections",
        .type = ValueType::Integer,
        .default_text = "20000",
        .unit = "connections",
        .minimum = 1,
        .maximum = 1'000'000,
        .reload = Reload::Connection,
        .text =
            "Open connections of the whole node, over all listeners. The shards share them out evenly; one "
            "that has its share answers 421 4.3.2. Keep it below the process's limit of descriptors."},
    Setting{.name = "max_connections_per_client",
            .type = ValueType::Integer,
            .default_text = "100",
            .unit = "connections",
            .minimum = 1,
            .maximum = 1'000'000,
            .reload = Reload::Connection,
            .text =
                "Open connections of one client address (IPv6: one /64), on each shard and listener; further "
                "ones get 421 4.7.0. Not for peers that may send XCLIENT."},
    Setting{.name = "max_connections_per_second",
            .type = ValueType::Integer,
            .default_text = "0",
            .unit = "connections",
            .minimum = 0,
            .maximum = 1'000'000,
            .reload = Reload::Connection,
            .at_zero = "0: as many as come",
            .text =
                "New connections of one client address in a second, on each shard and listener; further ones "
                "get 421 4.7.0. Not for peers that may send XCLIENT."},
    Setting{
        .name = "command_seconds",
        .type = ValueType::Integer,
        .default_text = "300",
        .unit = "seconds",
        .minimum = 1,
        .maximum = 3600,
        .text =
            "Time for the next command, up to its end. Then 421 4.4.2. RFC 5321 section 4.5.3.2.7 wants at "
            "least 300."},
    Setting{
        .name = "data_seconds",
        .type = ValueType::Integer,
        .default_text = "180",
        .unit = "seconds",
        .minimum = 1,
        .maximum = 3600,
        .text =
            "Time between two pieces of a message. Then 421 4.4.2. RFC 5321 section 4.5.3.2.5 lets a client "
            "wait 180 for one of its own sends."},
    Setting{.name = "message_grace_seconds",
            .type = ValueType::Integer,
            .default_text = "300",
            .unit = "seconds",
            .minimum = 1,
            .maximum = 3600,
            .text = "Time for a whole message, to which its octets add by `min_data_rate`. Keep it above "
                    "`data_seconds`, so that one stall is forgiven."},
    Setting{.name = "min_data_rate",
            .type = ValueType::Integer,
            .default_text = "500",
            .unit = "octets per second",
            .minimum = 0,
            .maximum = 1'000'000,
            .at_zero = "0: a client may be as slow as `data_seconds` and `message_seconds` allow",
            .text =
                "So many octets of a message add a second to its time. A client that is slower over all gets "
                "421 4.4.2. The time in which we do not read is not counted."},
    Setting{.name = "message_seconds",
            .type = ValueType::Integer,
            .default_text = "3600",
            .unit = "seconds",
            .minimum = 1,
            .maximum = 86400,
            .text = "Time for one message, at whatever rate. Then 421 4.4.2."},
    Setting{
        .name = "session_seconds",
        .type = ValueType::Integer,
        .default_text = "3600",
        .unit = "seconds",
        .minimum = 1,
        .maximum = 86400,
        .text =
            "Time that a session may go on without a message that ends. Then 421 4.4.2. Not for peers that "
            "may send XCLIENT."},
    Setting{.name = "write_seconds",
            .type = ValueType::Integer,
            .default_text = "60",
            .unit = "seconds",
            .minimum = 1,
            .maximum = 3600,
            .reload = Reload::Connection,
            .text = "Time in which a client must take our replies. Then the connection is broken off."},
    Setting{.name = "max_errors",
            .type = ValueType::Integer,
            .default_text = "10",
            .unit = "errors",
            .minimum = 1,
            .maximum = 1000,
            .reload = Reload::Connection,
            .text = "Commands of one session that were wrong; then 421 4.7.0."},
    Setting{.name = "max_refused_recipients",
            .type = ValueType::Integer,
            .default_text = "200",
            .unit = "recipients",
            .minimum = 1,
            .maximum = 1'000'000,
            .reload = Reload::Connection,
            .text = "Recipients of one session that were refused for good; then 421 4.7.0."},
    Setting{
        .name = "max_delay_seconds",
        .type = ValueType::Integer,
        .default_text = "8",
        .unit = "seconds",
        .minimum = 0,
        .maximum = 120,
        .at_zero = "0: replies are not delayed",
        .text =
            "From the fourth error of a session on (ten refused recipients weigh as one), its replies are "
            "held back: 1 s, then twice as long each time, up to this. Not for peers that may send XCLIENT."},
};

constexpr std::array kSections{
    Section{.path = "clients",
            .title = "Limits on clients",
            .text =
                "How many connections, how much time and how many errors a client has. A reload reaches open "
                "sessions as well, except where a setting says that it holds for connections that begin "
                "from then on.",
            .settings = kClients},
};

}  // namespace

std::span<const Section> client_sections() { return kSections; }

}  // namespace sluice::policy::schema
