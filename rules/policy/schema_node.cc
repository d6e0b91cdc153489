#include "rules/policy/schema_tables.h"

#include <array>

namespace sluice::policy::schema {
namespace {

constexpr std::array<std::string_view, 3> kBackends{"auto", "uring", "epoll"};
constexpr std::array<std::string_view, 2> kOnOutage{"accept", "defer"};

constexpr std::array kNode{
    Setting{.name = "hostname",
            .type = ValueType::Domain,
            .at_zero = "not set: the machine's host name",
            .text = "Our name in the greeting, in Received and in result headers, unless a listener has its "
                    "own, and in EHLO to next hops."},
    Setting{.name = "shards",
            .type = ValueType::Integer,
            .default_text = "0",
            .unit = "threads",
            .minimum = 0,
            .maximum = 256,
            .reload = Reload::Restart,
            .at_zero = "0: one for each CPU that the process may use",
            .text = "Number of shards. Each is one thread with its own connections and DNS cache."},
    Setting{
        .name = "backend",
        .type = ValueType::Choice,
        .default_text = "\"auto\"",
        .choices = kBackends,
        .reload = Reload::Restart,
        .text = "How the kernel is spoken to. `auto` takes io_uring, and epoll where io_uring is refused."},
    Setting{.name = "user",
            .type = ValueType::Text,
            .default_text = "\"\"",
            .reload = Reload::Restart,
            .at_zero = "empty: the user that started the node",
            .text = "The account that the node changes to once its ports are open."},
};

constexpr std::array kJournal{
    Setting{.name = "path",
            .type = ValueType::Text,
            .default_text = "\"/var/log/sluice/journal.jsonl\"",
            .reload = Reload::Restart,
            .text = "The file of tracking rows, one JSON object a line. Its folder must exist."},
    Setting{.name = "rotate_size",
            .type = ValueType::Size,
            .default_text = "\"256 MiB\"",
            .unit = "octets",
            .minimum = 0,
            .maximum = int64_t{1} << 40,
            .at_zero = "0: not rotated by size",
            .text = "A file that has grown to this size is closed and renamed."},
    Setting{.name = "rotate_daily",
            .type = ValueType::Boolean,
            .default_text = "true",
            .text = "Begin a new file each day (UTC)."},
};

constexpr std::array kMemory{
    Setting{
        .name = "bodies",
        .type = ValueType::Size,
        .default_text = "\"256 MiB\"",
        .unit = "octets",
        .minimum = 1024 * 1024,
        .maximum = int64_t{1} << 42,
        .reload = Reload::Restart,
        .text =
            "Memory for the messages of the whole node, counted in the capacity of their buffers. When it is "
            "used up, MAIL is answered 452 4.3.1."},
    Setting{.name = "shard_bodies",
            .type = ValueType::Size,
            .default_text = "\"128 MiB\"",
            .unit = "octets",
            .minimum = 1024 * 1024,
            .maximum = int64_t{1} << 42,
            .reload = Reload::Restart,
            .text =
                "How much of `bodies` the messages of one shard may have. Above it clients are paused in the "
                "middle of their message, and answered 452 4.3.1 after 60 s."},
    Setting{
        .name = "message",
        .type = ValueType::Size,
        .default_text = "\"1 MiB\"",
        .unit = "octets",
        .minimum = 32 * 1024,
        .maximum = int64_t{1} << 42,
        .reload = Reload::Restart,
        .text =
            "What one message may hold in memory. When it is more, it is written to a spill file and read "
            "back when it is sent on."},
    Setting{.name = "spill_directory",
            .type = ValueType::Text,
            .default_text = "\"/var/tmp\"",
            .reload = Reload::Restart,
            .at_zero = "empty: nothing is written out, and messages have `shard_bodies` and no more",
            .text =
                "Where spill files are made. They have no name and are gone with the process. A disk, not a "
                "tmpfs, which is memory too; tried at start."},
    Setting{
        .name = "spill_size",
        .type = ValueType::Size,
        .default_text = "\"4 GiB\"",
        .unit = "octets",
        .minimum = 0,
        .maximum = int64_t{1} << 50,
        .reload = Reload::Restart,
        .at_zero = "0: nothing is written out",
        .text =
            "Room for all spill files of the node. When it is used up, messages stay in memory while that "
            "lasts."},
};

constexpr std::array kAdmin{
    Setting{.name = "http",
            .type = ValueType::Boolean,
            .default_text = "true",
            .reload = Reload::Restart,
            .text = "Serve `/metrics`, `/healthz` and `/readyz` over HTTP at `listen`."},
    Setting{
        .name = "listen",
        .type = ValueType::Address,
        .default_text = "\"127.0.0.1:9125\"",
        .reload = Reload::Restart,
        .text =
            "Where HTTP is served. Whoever can connect reads the metrics; nothing can be changed over it. "
            "Where the default is in use by others, the node starts without and logs a warning."},
    Setting{
        .name = "control_socket",
        .type = ValueType::Text,
        .default_text = "\"/run/sluice/control.sock\"",
        .reload = Reload::Restart,
        .at_zero = "empty: none; `sluicectl reload`, `drain` and `stats` do not work",
        .text =
            "The Unix-domain socket for `sluicectl`, mode 0600, owned by `node.user`. Its folder must exist; "
            "where that of the default does not, the node starts without and logs a warning."},
    Setting{.name = "stuck_after_seconds",
            .type = ValueType::Integer,
            .default_text = "10",
            .unit = "seconds",
            .minimum = 2,
            .maximum = 600,
            .text =
                "A shard whose loop has not turned for so long makes `/healthz` answer 503, and the service "
                "manager's watchdog is no longer fed."},
};

constexpr std::array kDns{
    Setting{
        .name = "servers",
        .type = ValueType::Servers,
        .default_text = "[]",
        .reload = Reload::Restart,
        .at_zero = "empty: the servers of `resolv_conf`",
        .text =
            "DNS servers in the order in which they are tried, IPv4 or IPv6, each with a port if it is not "
            "53: `\"192.0.2.53\"`, `\"[2001:db8::53]:5353\"`."},
    Setting{.name = "resolv_conf",
            .type = ValueType::Text,
            .default_text = "\"/etc/resolv.conf\"",
            .reload = Reload::Restart,
            .text = "Where the servers are read from when none are listed."},
    Setting{.name = "timeout_seconds",
            .type = ValueType::Integer,
            .default_text = "5",
            .unit = "seconds",
            .minimum = 1,
            .maximum = 60,
            .reload = Reload::Restart,
            .text = "Time for one question over all its retries. After it the answer is a temporary error."},
    Setting{.name = "spf_evaluation_seconds",
            .type = ValueType::Integer,
            .default_text = "20",
            .unit = "seconds",
            .minimum = 1,
            .maximum = 30,
            .text =
                "Time for one SPF evaluation with all its questions (RFC 7208 section 4.6.4 advises at least "
                "20). After it the result is TempError."},
    Setting{
        .name = "on_outage",
        .type = ValueType::Choice,
        .choices = kOnOutage,
        .at_zero =
            "not set: `defer` if an enabled rule refuses mail (SPF: by the preset `reject`, `imsva` or "
            "`reject-authenticated`), else `accept`",
        .text =
            "While no server answers at all: accept mail without an SPF result, or defer it with 451 4.4.3."},
    Setting{
        .name = "cache_size",
        .type = ValueType::Size,
        .default_text = "\"64 MiB\"",
        .unit = "octets",
        .minimum = 1024 * 1024,
        .maximum = int64_t{1} << 36,
        .reload = Reload::Restart,
        .text =
            "Memory for answers on each shard: about 100,000 short ones in 64 MiB. A quarter is for what is "
            "compiled from them. What was asked for once only goes first, and has a tenth of the rest."},
    Setting{.name = "ttl_min_seconds",
            .type = ValueType::Integer,
            .default_text = "0",
            .unit = "seconds",
            .minimum = 0,
            .maximum = 3600,
            .reload = Reload::Restart,
            .at_zero = "0: each answer for its own time, those of time 0 not at all",
            .text = "Answers are kept for at least so long, against the wish of those who gave them."},
    Setting{.name = "ttl_max_seconds",
            .type = ValueType::Integer,
            .default_text = "86400",
            .unit = "seconds",
            .minimum = 1,
            .maximum = 604800,
            .reload = Reload::Restart,
            .text = "Answers are kept for at most so long."},
    Setting{.name = "negative_ttl_max_seconds",
            .type = ValueType::Integer,
            .default_text = "3600",
            .unit = "seconds",
            .minimum = 1,
            .maximum = 10800,
            .reload = Reload::Restart,
            .text = "The same for what does not exist (RFC 2308 section 5)."},
    Setting{.name = "serve_stale_seconds",
            .type = ValueType::Integer,
            .default_text = "3600",
            .unit = "seconds",
            .minimum = 0,
            .maximum = 259200,
            .reload = Reload::Restart,
            .at_zero = "0: answers past their time are not used",
            .text =
                "Answers past their time are used for so long when no server answers, or when the question "
                "fails (RFC 8767). Tracking rows mark the results that rest on them."},
    Setting{.name = "refresh_percent",
            .type = ValueType::Integer,
            .default_text = "10",
            .unit = "percent of an answer's time",
            .minimum = 0,
            .maximum = 50,
            .reload = Reload::Restart,
            .at_zero = "0: asked again only when its time is over and it is needed",
            .text =
                "An answer that is used in this last part of its time, not for the first time, is asked for "
                "again "
                "once in the background, so that no message waits for it. Times below 10 s are left alone."},
    Setting{
        .name = "mixed_case",
        .type = ValueType::Boolean,
        .default_text = "false",
        .reload = Reload::Restart,
        .text =
            "Send names by UDP in letters of random case, which the answer must repeat: harder to forge than "
            "port and id alone. A server that does not repeat them is asked by TCP, which costs more."},
};

constexpr std::array kSections{
    Section{.path = "node",
            .title = "The node",
            .text = "The process itself. Taken at start.",
            .settings = kNode},
    Section{.path = "journal",
            .title = "The journal",
            .text = "Every end of every recipient is a row in this file, a refusal before DATA included.",
            .settings = kJournal},
    Section{.path = "memory",
            .title = "Memory",
            .text = "What messages on their way may hold, in memory and on the disk. Taken at start.",
            .settings = kMemory},
    Section{.path = "admin",
            .title = "Operation",
            .text = "How programs of the operator reach the node: metrics, health, `sluicectl`.",
            .settings = kAdmin},
    Section{.path = "dns", .title = "DNS", .text = "Whom to ask, and for how long.", .settings = kDns},
};

}  // namespace

std::span<const Section> node_sections() { return kSections; }

}  // namespace sluice::policy::schema
