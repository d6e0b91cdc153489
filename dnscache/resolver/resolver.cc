#include "dnscache/resolver/resolver.h"

#include "io/base/check.h"

#include <algorithm>
#include <expected>
#include <string_view>
#include <utility>

namespace sluice::dns {
namespace {

using namespace std::string_view_literals;

constexpr uint16_t kTcpSlot = UINT16_MAX;  // all questions to one server by TCP share its id space
constexpr unsigned kSendingsMax = 16;      // ours: of one question, before only waiting is left
constexpr unsigned kIdTries = 64;
constexpr size_t kCrowd = 64;  // ours: fewer questions below one domain are never too many

bool is_temporary_code(ResponseCode code) {
  return code != ResponseCode::NoError && code != ResponseCode::NameError;
}

// What a server answers that does not know EDNS0 (RFC 6891 section 7).
bool dislikes_edns(ResponseCode code) {
  return code == ResponseCode::FormatError || code == ResponseCode::NotImplemented ||
         code == ResponseCode::BadVersion;
}

// One for each id: multiplying by what is odd loses nothing.
uint32_t id_hash(uint16_t id) { return id * 0x9E3779B1U; }
constexpr auto kAny = [](auto) { return true; };

uint32_t bit(size_t server) { return 1U << server; }

DnsName last_labels(const DnsName& name, unsigned count) {
  DnsName domain = name;
  for (unsigned labels = name.label_count(); labels > count; --labels) domain = domain.parent();
  return domain;
}

// What is likely to be one owner's: two labels; three where the second-level one is short, as in "co.uk" and
// "com.au"; of addresses (RFC 1035 3.5, RFC 3596 2.5) a /16 or a /32.
DnsName crowd_domain(const DnsName& name) {
  constexpr size_t kShortLabel = 3;  // ours
  const DnsName domain = last_labels(name, 2);
  if (domain.wire() == "\3ip6\4arpa\0"sv) return last_labels(name, 2 + 8);
  if (domain.parent().wire() == "\4arpa\0"sv) return last_labels(name, 2 + 2);
  const auto second_level = static_cast<unsigned char>(domain.wire().front());
  return second_level <= kShortLabel ? last_labels(name, 3) : domain;
}

// Whether a message that cannot be read as a whole at least echoes our question, octet for octet as we sent
// it.
bool echoes(std::string_view octets, const Question& question, uint64_t case_seed) {
  const QueryMessage query = encode_query(question, {.with_edns = false, .case_seed = case_seed});
  const std::string_view ours = query.view().substr(kDnsHeader);
  return octets.size() >= kDnsHeader && octets.substr(kDnsHeader).starts_with(ours);
}

// Whether a response is to this question. Without any question it may be anybody's, and is believed only
// where a server says so that could not read ours.
bool is_response_to(const Question& question, const std::expected<DecodedResponse, WireError>& response,
                    std::string_view octets, uint64_t case_seed) {
  if (!response) return echoes(octets, question, case_seed);
  if (response->question) return *response->question == question;
  return response->code == ResponseCode::FormatError || response->code == ResponseCode::NotImplemented;
}

}  // namespace

static_assert(limits::kDnsServers <= 32, "a server is a bit of 32");

Resolver::Resolver(const ResolverSettings& settings, Random random)
    : settings_(settings),
      random_(random),
      health_(settings.server_count, settings.health),
      question_seed_(random_()),
      domain_seed_(random_()) {
  SLUICE_CHECK(settings.sockets >= 1 && settings.sockets < kTcpSlot / 2);
  by_sending_.resize(settings.server_count * (slots(settings) + size_t{1}));
  for (size_t i = 0; i < settings.server_count * settings.sockets; ++i)
    sockets_.push_back({.slot = static_cast<uint16_t>(i % settings.sockets)});
}

size_t Resolver::place(size_t server, uint16_t slot) const {
  const uint16_t udp_slots = slots(settings_);
  SLUICE_CHECK(server < settings_.server_count && (slot < udp_slots || slot == kTcpSlot));
  return server * (udp_slots + size_t{1}) + std::min(slot, udp_slots);
}

Resolver::Inquiry& Resolver::at(InquiryId id) {
  Inquiry* inquiry = inquiries_.find(id);
  SLUICE_CHECK(inquiry != nullptr);
  return *inquiry;
}

void Resolver::ask(const Question& question, AskerId asker, MonoTime deadline, MonoTime now) {
  ++statistics_.asked;
  if (deadline <= now) {
    completions_.push_back({question, {.status = AnswerStatus::Timeout, .records = {}}, {asker}, false});
    return;
  }
  if (const InquiryId id = under_way(question); id != InquiryId{}) {
    ++statistics_.joined;
    add_asker(at(id), asker, deadline);
    schedule(id);
    return;
  }
  if (inquiries_.size() >= settings_.questions_max) {
    ++statistics_.refused_full;
    completions_.push_back({question, {.status = AnswerStatus::ServFail, .records = {}}, {asker}, false});
    return;
  }
  if (is_crowd(question.name)) {
    ++statistics_.refused_domain;
    completions_.push_back({question, {.status = AnswerStatus::ServFail, .records = {}}, {asker}, false});
    return;
  }
  const InquiryId id = start(question, now);
  add_asker(at(id), asker, deadline);
  send_next(id, now);
  schedule(id);
  check_outage(now);
}

void Resolver::refresh(const Question& question, MonoTime now) {
  if (!has_room_for_refresh() || under_way(question) != InquiryId{}) return;
  const InquiryId id = start(question, now);
  send_next(id, now);
  schedule(id);
  check_outage(now);
}

void Resolver::forget(const Question& question, AskerId asker) {
  const InquiryId id = under_way(question);
  if (id == InquiryId{}) return;
  Inquiry& inquiry = at(id);
  std::erase_if(inquiry.askers, [asker](const Asker& a) { return a.id == asker; });
  // A question that nobody waits for any more is worth its answer for the cache, but not a place that others
  // need.
  const bool crowded = inquiries_.size() > settings_.questions_max / 4;
  if (!inquiry.askers.empty() || !crowded) return;
  end(id);
}

uint16_t Resolver::domain_of(const DnsName& name) const {
  return static_cast<uint16_t>(crowd_domain(name).hash(domain_seed_) % kDomains);
}

bool Resolver::is_crowd(const DnsName& name) const {
  return inquiries_.size() >= settings_.questions_max / 4 &&
         domains_[domain_of(name)] >= std::max(settings_.questions_max / 8, kCrowd);
}

void Resolver::end(InquiryId id) {
  Inquiry& inquiry = at(id);
  drop_sendings(inquiry);
  drop_timer(inquiry);
  by_question_.erase(hash(inquiry.asked), [id](InquiryId other) { return other == id; });
  --domains_[inquiry.domain];
  inquiries_.erase(id);
}

Resolver::InquiryId Resolver::under_way(const Question& question) {
  return by_question_.find(hash(question),
                           [&](InquiryId id) { return inquiries_.find(id)->asked == question; });
}

Resolver::InquiryId Resolver::start(const Question& question, MonoTime now) {
  Inquiry inquiry;
  inquiry.asked = inquiry.current = question;
  inquiry.deadline = now + settings_.question_wait;
  inquiry.domain = domain_of(question.name);
  ++domains_[inquiry.domain];
  const InquiryId id = inquiries_.emplace(std::move(inquiry));
  by_question_.insert(hash(question), id);
  return id;
}

void Resolver::add_asker(Inquiry& inquiry, AskerId asker, MonoTime deadline) {
  inquiry.askers.push_back({asker, deadline});
  inquiry.next_asker = std::min(inquiry.next_asker, deadline);
}

// Sends to the next server, or ends the inquiry when there is none left to ask.
void Resolver::send_next(InquiryId id, MonoTime now) {
  Inquiry& inquiry = at(id);
  const uint32_t asked = inquiry.servers_failed | inquiry.servers_tried;
  std::optional<size_t> server = health_.first_good(asked);
  if (inquiry.servers_failed != 0 && (!server || health_.is_demoted(*server))) {
    // Somebody answered: a silent server is not waited for a second time.
    complete(id, {.status = AnswerStatus::ServFail, .records = {}});
    return;
  }
  if (!server) {
    inquiry.servers_tried = 0;
    server = health_.first_good(0);
  }
  if (inquiry.attempts >= kSendingsMax) return;
  const bool is_first = inquiry.attempts == 0;
  ++inquiry.attempts;
  inquiry.servers_tried |= bit(*server);
  if (!is_first) ++statistics_.retries;
  send_to(id, *server, true, SendingPurpose::Real, now);
  if (!is_first || inquiry.by_tcp) return;
  const auto trial = health_.take_trial(now);
  if (trial && *trial != *server) send_to(id, *trial, true, SendingPurpose::Trial, now);
}

// Draws the socket for a message. A worn one is replaced, unless its other slot is still being emptied.
Resolver::Drawn Resolver::draw_socket(size_t server, MonoTime now) {
  Socket& socket = sockets_[server * settings_.sockets + random_.below(settings_.sockets)];
  Drawn drawn{socket.slot, std::nullopt};
  const bool is_worn = socket.sends >= settings_.socket_sends ||
                       (socket.sends != 0 && now - socket.since >= settings_.socket_age);
  const auto other = static_cast<uint16_t>((socket.slot + settings_.sockets) % slots(settings_));
  if (is_worn && sent_by(server, other).empty()) {
    drawn = {other, socket.slot};
    socket = {.slot = other};
  }
  if (socket.sends == 0) socket.since = now;
  ++socket.sends;
  return drawn;
}

void Resolver::send_to(InquiryId id, size_t server, bool with_edns, SendingPurpose purpose, MonoTime now) {
  Inquiry& inquiry = at(id);
  Sending sending;
  sending.server = server;
  sending.at = now;
  sending.with_edns = with_edns;
  sending.is_trial = purpose == SendingPurpose::Trial;
  sending.transport = inquiry.by_tcp ? DnsTransport::Tcp : DnsTransport::Udp;
  const Drawn drawn = inquiry.by_tcp ? Drawn{kTcpSlot, std::nullopt} : draw_socket(server, now);
  sending.slot = drawn.slot;
  bool is_free = false;
  for (unsigned tries = 0; tries < kIdTries && !is_free; ++tries) {
    sending.id = static_cast<uint16_t>(random_.below(1U << 16));
    is_free = sent_by(server, sending.slot).find(id_hash(sending.id), kAny) == InquiryId{};
  }
  if (!is_free) return;  // hardly possible; as if the message were lost, the deadline ends it
  const auto sent_before =
      std::ranges::count(inquiry.sendings, server, &Sending::server);  // to this server, for `current`
  sending.due = now + (inquiry.by_tcp ? settings_.health.wait_max
                                      : health_.wait(server, static_cast<unsigned>(sent_before)));
  if (settings_.mixed_case && !inquiry.by_tcp) sending.case_seed = random_() | 1U;
  const QueryOptions query{sending.id, with_edns, sending.case_seed};
  sent_by(server, sending.slot).insert(id_hash(sending.id), id);
  inquiry.sendings.push_back(sending);
  ++(inquiry.by_tcp ? statistics_.sent_tcp : statistics_.sent_udp);
  sends_.push_back({server, inquiry.by_tcp ? uint16_t{0} : sending.slot, drawn.retires, sending.transport,
                    encode_query(inquiry.current, query)});
  note_sent(now);
}

void Resolver::on_datagram(size_t server, uint16_t slot, std::string_view octets, MonoTime now) {
  on_message(server, slot, octets, now);
}

void Resolver::on_tcp_message(size_t server, std::string_view octets, MonoTime now) {
  on_message(server, kTcpSlot, octets, now);
}

void Resolver::on_message(size_t server, uint16_t slot, std::string_view octets, MonoTime now) {
  const auto head = peek_head(octets);
  BySending& sent_here = sent_by(server, slot);
  InquiryId id;
  if (head && head->is_response) id = sent_here.find(id_hash(head->id), kAny);
  if (id == InquiryId{}) {
    ++statistics_.unmatched;
    return;
  }
  auto response = decode_response(octets);
  Inquiry& inquiry = at(id);
  // Nobody can speak on a connection but the server; a datagram may come from anyone who guessed its id.
  const bool is_certain = slot == kTcpSlot && !(response && response->question);
  const auto sent = std::ranges::find_if(inquiry.sendings, [&](const Sending& s) {
    return s.server == server && s.slot == slot && s.id == head->id;
  });
  SLUICE_CHECK(sent != inquiry.sendings.end());
  const Sending sending = *sent;
  if (!is_certain && !is_response_to(inquiry.current, response, octets, sending.case_seed)) {
    ++statistics_.unmatched;
    return;
  }
  if (sending.case_seed != 0 && response && !echoes(octets, inquiry.current, sending.case_seed)) {
    on_other_case(id, server, now);
    return;
  }
  sent_here.erase(id_hash(sending.id), kAny);
  inquiry.sendings.erase(sent);
  note_answer(sending, now);
  if (response) {
    on_response(id, sending, std::move(*response), now);
  } else {
    ++statistics_.malformed;
    on_server_failed(id, server, now);
  }
  if (inquiries_.find(id) != nullptr) schedule(id);
}

// Forged, or of a server that does not repeat the case of letters. The datagram counts for nothing, and the
// question is asked by a connection, which nobody else can speak on.
void Resolver::on_other_case(InquiryId id, size_t server, MonoTime now) {
  ++statistics_.other_case;
  Inquiry& inquiry = at(id);
  if (inquiry.by_tcp) return;
  inquiry.by_tcp = true;
  send_to(id, server, true, SendingPurpose::Real, now);
  schedule(id);
}

void Resolver::on_response(InquiryId id, const Sending& sending, DecodedResponse response, MonoTime now) {
  Inquiry& inquiry = at(id);
  if (response.truncated && sending.transport == DnsTransport::Udp) {
    ++statistics_.truncated;
    if (inquiry.by_tcp) return;  // another server's datagram; TCP is under way
    inquiry.by_tcp = true;
    send_to(id, sending.server, true, SendingPurpose::Real, now);
    return;
  }
  if (sending.with_edns && dislikes_edns(response.code)) {
    send_to(id, sending.server, false, SendingPurpose::Real, now);
    return;
  }
  if (response.truncated || is_temporary_code(response.code) ||
      response.answer.status == AnswerStatus::ServFail) {
    on_server_failed(id, sending.server, now);
    return;
  }
  if (response.chain_open) {
    follow_chain(id, response, now);
    return;
  }
  if (inquiry.chain_length + response.chain_length > limits::kDnsCnameChain) {
    complete(id, {.status = AnswerStatus::ServFail, .records = {}});
    return;
  }
  response.answer.ttl = std::min(response.answer.ttl, inquiry.chain_ttl);
  complete(id, std::move(response.answer));
}

void Resolver::on_server_failed(InquiryId id, size_t server, MonoTime now) {
  Inquiry& inquiry = at(id);
  inquiry.servers_failed |= bit(server);
  const bool is_waiting =
      std::ranges::any_of(inquiry.sendings, [](const Sending& s) { return !s.is_lost && !s.is_trial; });
  if (!is_waiting) send_next(id, now);
}

void Resolver::follow_chain(InquiryId id, const DecodedResponse& response, MonoTime now) {
  Inquiry& inquiry = at(id);
  inquiry.chain_length += response.chain_length;
  inquiry.chain_ttl = std::min(inquiry.chain_ttl, response.answer.ttl);
  if (inquiry.chain_length > limits::kDnsCnameChain) {
    complete(id, {.status = AnswerStatus::ServFail, .records = {}});
    return;
  }
  drop_sendings(inquiry);
  inquiry.current.name = response.chain_end;
  inquiry.attempts = 0;
  inquiry.servers_failed = 0;
  inquiry.servers_tried = 0;
  inquiry.tcp_repeated = 0;
  inquiry.by_tcp = false;
  send_next(id, now);
}

void Resolver::complete(InquiryId id, Answer answer) {
  Inquiry& inquiry = at(id);
  if (answer.status == AnswerStatus::Timeout) ++statistics_.time_outs;
  if (answer.status == AnswerStatus::ServFail) ++statistics_.failures;
  Completion completion{inquiry.asked, std::move(answer), {}, true};
  completion.askers.reserve(inquiry.askers.size());
  for (const Asker& asker : inquiry.askers) completion.askers.push_back(asker.id);
  completions_.push_back(std::move(completion));
  end(id);
}

void Resolver::drop_sendings(Inquiry& inquiry) {
  for (const Sending& sending : inquiry.sendings) {
    sent_by(sending.server, sending.slot).erase(id_hash(sending.id), kAny);
  }
  inquiry.sendings.clear();
}

std::vector<Resolver::LostByTcp> Resolver::take_tcp_sendings(size_t server) {
  std::vector<LostByTcp> taken;
  const BySending sent = std::exchange(sent_by(server, kTcpSlot), {});
  sent.for_each([&](InquiryId id) {
    LostByTcp lost{id};
    // None are left where an inquiry comes for the second time.
    const auto erased = std::erase_if(at(id).sendings, [&](const Sending& s) {
      if (s.server != server || s.transport != DnsTransport::Tcp) return false;
      lost.is_waited_for = lost.is_waited_for || !s.is_lost;
      lost.with_edns = s.with_edns;
      return true;
    });
    if (erased != 0) taken.push_back(lost);
  });
  return taken;
}

void Resolver::on_tcp_closed(size_t server, MonoTime now) {
  for (const LostByTcp& lost : take_tcp_sendings(server)) {
    Inquiry& inquiry = at(lost.id);
    if (lost.is_waited_for && (inquiry.tcp_repeated & bit(server)) == 0) {
      inquiry.tcp_repeated |= bit(server);
      ++statistics_.retries;
      send_to(lost.id, server, lost.with_edns, SendingPurpose::Real, now);
    } else {
      on_server_failed(lost.id, server, now);
    }
    if (inquiries_.find(lost.id) != nullptr) schedule(lost.id);
  }
}

void Resolver::on_tcp_failed(size_t server, MonoTime now) {
  for (const LostByTcp& lost : take_tcp_sendings(server)) {
    on_server_failed(lost.id, server, now);
    if (inquiries_.find(lost.id) != nullptr) schedule(lost.id);
  }
}

void Resolver::on_udp_unreachable(size_t server, uint16_t slot, MonoTime now) {
  ++statistics_.unreachable;
  if (health_.count() == 1) return;  // its own time-out paces the next try
  std::vector<InquiryId> affected;
  sent_by(server, slot).for_each([&](InquiryId id) { affected.push_back(id); });
  for (const InquiryId id : affected) {
    Inquiry* inquiry = inquiries_.find(id);
    if (inquiry == nullptr) continue;
    // Nor here when all others were turned to already.
    if (!health_.first_good(inquiry->servers_failed | inquiry->servers_tried)) continue;
    for (Sending& sending : inquiry->sendings) {
      if (sending.server == server && sending.slot == slot && !sending.is_lost) sending.due = now;
    }
    expire_sendings(id, now);
    if (inquiries_.find(id) != nullptr) schedule(id);
  }
  check_outage(now);
}

std::optional<Send> Resolver::next_send() {
  if (sends_.empty()) return std::nullopt;
  Send send = sends_.front();
  sends_.pop_front();
  return send;
}

std::optional<Completion> Resolver::next_completion() {
  if (completions_.empty()) return std::nullopt;
  Completion completion = std::move(completions_.front());
  completions_.pop_front();
  return completion;
}

std::optional<ResolverEvent> Resolver::next_event() {
  if (events_.empty()) return std::nullopt;
  const ResolverEvent event = events_.front();
  events_.pop_front();
  return event;
}

void Resolver::note_sent(MonoTime now) {
  // After a pause in asking, silence counts from anew.
  if (!silent_since_ || now - last_sent_ > limits::kDnsOutage) {
    silent_since_ = now;
    probed_at_.reset();
  }
  last_sent_ = now;
}

void Resolver::note_answer(const Sending& sending, MonoTime now) {
  ++statistics_.answers;
  // A handshake is no measure of a datagram's way.
  std::optional<std::chrono::nanoseconds> round_trip;
  if (sending.transport == DnsTransport::Udp) round_trip = now - sending.at;
  if (health_.on_answer(sending.server, round_trip)) {
    events_.push_back({ResolverEventKind::ServerRestored, sending.server});
  }
  silent_since_.reset();
  probed_at_.reset();
  if (!outage_) return;
  outage_ = false;
  next_probe_ = kNever;
  events_.push_back({ResolverEventKind::OutageEnded, sending.server});
}

}  // namespace sluice::dns
