// Resolver: decides what to ask which server and when, and what the answers mean. It has no sockets and no
// clock: `dnscache/client` carries octets and time in and out, tests drive it as a script. Per shard.
//
// Questions with the same name and type that are under way share one question. A question goes by UDP with
// EDNS0 to the first healthy server; without an answer within an adaptive time (RFC 6298 per server) to the
// next one, and so on until limits::kDnsQuestionWait. SERVFAIL and REFUSED lead to the next server too. TC
// leads to TCP at the same server. Late answers to earlier sendings still count. CNAMEs that lead out of a
// message are followed by further questions. A response counts only when it came from the server and socket
// that the question left by, with its id and its question (RFC 5452 section 9.1); what does not match is
// counted and dropped, and the wait goes on. On demand the letters of a name are sent in random case, which
// the response must repeat; where only that differs the question is asked by TCP.
//
// A server that is silent several times in a row is passed over and tried again from time to time, beside a
// healthy one, so that no question pays for the trial. With no answer from any server for limits::kDnsOutage
// while asking, outage() is true until the next answer of any kind; during it the resolver asks on its own
// for the root's name servers (W-35). It asks that too before it gives up the last good server or sees an
// outage, and only silence to that decides: other questions may be slow to resolve.
//
// After each call drain next_send(), next_completion() and next_event(), then wait until next_wakeup().
// Bounds: questions_max under way; and from a quarter of that on, an eighth of it below one domain.
//
// Nothing here fails: what cannot be asked completes with ServFail.
#pragma once

#include "dnscache/question/question.h"
#include "dnscache/resolver/flat_index.h"
#include "dnscache/resolver/server_health.h"
#include "dnscache/wire/query.h"
#include "dnscache/wire/response.h"
#include "io/base/clock.h"
#include "io/base/ids.h"
#include "io/base/limits.h"
#include "io/base/random.h"
#include "io/base/slab.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

namespace sluice::dns {

// Whoever waits for an answer; the number is the caller's and is only handed back.
using AskerId = StrongId<struct AskerIdTag, uint64_t>;

struct ResolverSettings {
  size_t server_count = 1;  // 1 to limits::kDnsServers; the caller knows their addresses
  uint16_t sockets = 8;     // UDP, per server, each with a random port of its own
  // ours: then a socket is replaced, as its port is worth less the longer it is used (RFC 5452 section 9.2)
  unsigned socket_sends = 500;
  std::chrono::nanoseconds socket_age = std::chrono::seconds(60);
  size_t questions_max = 20000;  // ours: under way at once. ServFail
  std::chrono::nanoseconds question_wait = limits::kDnsQuestionWait;
  bool mixed_case = false;  // by UDP (0x20): one more bit to guess for each letter of the name
  HealthSettings health{};
};

enum class DnsTransport : uint8_t { Udp, Tcp };

struct Send {
  size_t server = 0;
  uint16_t slot = 0;  // Udp: which of the server's sockets, below slots(); responses are reported with it
  // Set: the slot's socket is to be a new one. The socket of the slot named here gets no more messages; it is
  // closed when nothing is under_way() by it.
  std::optional<uint16_t> retires;
  DnsTransport transport = DnsTransport::Udp;
  QueryMessage message;  // Tcp: the two octets of length are the client's to add (RFC 1035 4.2.2)
};

// The end of one question. The answer may be put into a cache unless it is one asker's deadline only.
struct Completion {
  Question question;  // as asked
  Answer answer;
  std::vector<AskerId> askers;  // may be empty
  bool for_cache = true;
};

enum class ResolverEventKind : uint8_t { OutageBegan, OutageEnded, ServerDemoted, ServerRestored };
struct ResolverEvent {
  ResolverEventKind kind = ResolverEventKind::OutageBegan;
  size_t server = 0;  // ServerDemoted, ServerRestored; and who ended the outage
};

struct ResolverStatistics {
  uint64_t asked = 0;   // calls of ask()
  uint64_t joined = 0;  // of these, those that found their question under way
  uint64_t sent_udp = 0;
  uint64_t sent_tcp = 0;
  uint64_t retries = 0;     // sendings after the first of a question
  uint64_t answers = 0;     // responses that matched
  uint64_t unmatched = 0;   // responses that matched nothing: late beyond use, or forged
  uint64_t malformed = 0;   // matched by id and question, then not readable
  uint64_t other_case = 0;  // matched but for the case of letters that were sent; asked anew by TCP
  uint64_t truncated = 0;
  uint64_t unreachable = 0;     // calls of on_udp_unreachable()
  uint64_t probes = 0;          // questions of our own
  uint64_t time_outs = 0;       // questions that ended so
  uint64_t failures = 0;        // questions that ended with ServFail
  uint64_t refused_full = 0;    // over questions_max
  uint64_t refused_domain = 0;  // too many below one domain, while many are under way
};

class Resolver {
 public:
  // Ids and sockets are drawn from `random`: its seed must come from the kernel outside of tests.
  Resolver(const ResolverSettings& settings, Random random);

  // Completes exactly once, at the latest at the earlier of `deadline` and now + question_wait.
  void ask(const Question& question, AskerId asker, MonoTime deadline, MonoTime now);
  // Nobody waits for it; for the cache's sake. Nothing happens when it is under way already, or when a
  // quarter of questions_max is.
  void refresh(const Question& question, MonoTime now);
  bool has_room_for_refresh() const { return inquiries_.size() <= settings_.questions_max / 4; }
  // The asker went away: no completion will name it. The question itself goes on for the cache's sake, unless
  // a quarter of questions_max is under way: then one that nobody waits for is dropped.
  void forget(const Question& question, AskerId asker);

  void on_datagram(size_t server, uint16_t slot, std::string_view octets, MonoTime now);
  // One message without its length. A server's connections are told apart by nothing: all its questions by
  // TCP share one connection.
  void on_tcp_message(size_t server, std::string_view octets, MonoTime now);
  // A connection that had been made is gone. What it owes an answer is asked once more there (RFC 7766
  // section 6.2.4); the second time the server has failed.
  void on_tcp_closed(size_t server, MonoTime now);
  void on_tcp_failed(size_t server, MonoTime now);  // no connection is to be had, or nonsense comes by it
  // The kernel says that nobody listens (ICMP): counts as a time-out that is over at once for all that is
  // under way by this socket, so that many such reports may be told as one.
  void on_udp_unreachable(size_t server, uint16_t slot, MonoTime now);
  void on_tick(MonoTime now);  // at or after next_wakeup()

  std::optional<Send> next_send();
  std::optional<Completion> next_completion();
  std::optional<ResolverEvent> next_event();
  MonoTime next_wakeup() const;  // kNever while nothing is under way

  bool outage() const { return outage_; }
  size_t under_way() const { return inquiries_.size(); }
  // Messages that left by a socket and may still be answered. Ends for one that is retired, at the latest
  // with the last question that used it.
  size_t under_way(size_t server, uint16_t slot) const { return by_sending_[place(server, slot)].size(); }
  static uint16_t slots(const ResolverSettings& settings) {
    return static_cast<uint16_t>(2 * settings.sockets);
  }
  const ResolverStatistics& statistics() const { return statistics_; }
  const ServerHealth& health() const { return health_; }

 private:
  static constexpr size_t kNoTimer = SIZE_MAX;
  struct Asker {
    AskerId id;
    MonoTime deadline;
  };
  // One message that left for an inquiry.
  struct Sending {
    size_t server = 0;
    uint16_t slot = 0;
    uint16_t id = 0;
    MonoTime at;
    MonoTime due;  // when it is taken for lost
    DnsTransport transport = DnsTransport::Udp;
    bool with_edns = true;
    bool is_trial = false;  // beside the real one, to see whether the server is back
    bool is_lost = false;   // its time is over; it may still be answered
    uint64_t case_seed = 0;
  };
  // One question under way, for all who asked it.
  struct Inquiry {
    Question asked;
    Question current;  // differs from `asked` once a CNAME led out of a message
    MonoTime deadline;
    std::vector<Asker> askers;
    std::vector<Sending> sendings;
    MonoTime next_asker = kNever;  // the earliest deadline of `askers`
    size_t timer = kNoTimer;       // its place in timers_
    unsigned chain_length = 0;
    uint32_t chain_ttl = UINT32_MAX;
    unsigned attempts = 0;        // sendings of `current`, trials aside
    uint32_t servers_failed = 0;  // a bit for each server that reported failure on `current`
    uint32_t servers_tried = 0;   // in this round
    uint16_t domain = 0;          // its place in domains_
    uint32_t tcp_repeated = 0;    // a bit for each server that was asked again after its connection closed
    bool by_tcp = false;
  };
  using InquiryId = Slab<Inquiry>::Id;
  struct Timer {
    MonoTime at;
    InquiryId id;
  };
  // Questions under way by the last labels of their names, hashed: a crowd of names of one domain, each
  // slow to resolve, leaves places for others.
  static constexpr size_t kDomains = 8192;
  enum class SendingPurpose : uint8_t { Real, Trial };
  // What an inquiry had under way on a connection that is gone.
  struct LostByTcp {
    InquiryId id;
    bool is_waited_for = false;
    bool with_edns = true;
  };

  using BySending = FlatIndex<InquiryId>;  // by the message's id

  // One of a server's sockets. It has two slots: the one in use, and one that is empty or is being emptied.
  struct Socket {
    uint16_t slot = 0;
    unsigned sends = 0;
    MonoTime since{};  // the first of these
  };
  struct Drawn {
    uint16_t slot = 0;
    std::optional<uint16_t> retires;
  };

  size_t place(size_t server, uint16_t slot) const;
  BySending& sent_by(size_t server, uint16_t slot) { return by_sending_[place(server, slot)]; }
  uint32_t hash(const Question& question) const {
    return static_cast<uint32_t>(
        question.name.hash(question_seed_ ^ static_cast<uint64_t>(question.type) << 48U));
  }
  InquiryId under_way(const Question& question);  // of generation 0: not
  Drawn draw_socket(size_t server, MonoTime now);
  Inquiry& at(InquiryId id);
  InquiryId start(const Question& question, MonoTime now);
  bool is_crowd(const DnsName& name) const;
  uint16_t domain_of(const DnsName& name) const;
  void end(InquiryId id);
  void add_asker(Inquiry& inquiry, AskerId asker, MonoTime deadline);
  void send_next(InquiryId id, MonoTime now);
  void send_to(InquiryId id, size_t server, bool with_edns, SendingPurpose purpose, MonoTime now);
  void on_message(size_t server, uint16_t slot, std::string_view octets, MonoTime now);
  void on_other_case(InquiryId id, size_t server, MonoTime now);
  void on_response(InquiryId id, const Sending& sending, DecodedResponse response, MonoTime now);
  void on_server_failed(InquiryId id, size_t server, MonoTime now);
  std::vector<LostByTcp> take_tcp_sendings(size_t server);
  void follow_chain(InquiryId id, const DecodedResponse& response, MonoTime now);
  void complete(InquiryId id, Answer answer);
  void drop_sendings(Inquiry& inquiry);
  void on_timer(InquiryId id, MonoTime now);
  void expire_askers(Inquiry& inquiry, MonoTime now);
  void expire_sendings(InquiryId id, MonoTime now);
  void schedule(InquiryId id);
  void set_timer(InquiryId id, MonoTime at_time);
  void drop_timer(Inquiry& inquiry);
  void place_timer(size_t place, const Timer& timer);
  void move_up(size_t place);
  void move_down(size_t place);
  void lose(const Inquiry& inquiry, Sending& sending, MonoTime now);
  void note_sent(MonoTime now);
  void note_answer(const Sending& sending, MonoTime now);
  void check_outage(MonoTime now);
  void probe(MonoTime now);

  ResolverSettings settings_;
  Random random_;
  ServerHealth health_;
  Slab<Inquiry> inquiries_;
  uint64_t question_seed_;
  FlatIndex<InquiryId> by_question_;
  std::vector<uint32_t> domains_ = std::vector<uint32_t>(kDomains);
  uint64_t domain_seed_;
  std::vector<BySending> by_sending_;  // of each server: its slots' in their order, then its connection's
  std::vector<Socket> sockets_;        // of each server in its order
  std::vector<Timer> timers_;          // a heap, the earliest first; each inquiry is in it once
  std::deque<Send> sends_;
  std::deque<Completion> completions_;
  std::deque<ResolverEvent> events_;
  ResolverStatistics statistics_;

  std::optional<MonoTime> silent_since_;  // the first sending since the last answer
  MonoTime last_sent_{};
  std::optional<MonoTime> probed_at_;  // to see whether this silence is an outage
  MonoTime next_probe_ = kNever;       // during an outage
  bool probe_wanted_ = false;          // a server's last chance
  bool outage_ = false;
};

}  // namespace sluice::dns
