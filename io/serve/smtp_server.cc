#include "io/serve/smtp_server.h"

#include "io/base/check.h"
#include "io/serve/server_connection.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sluice::serve {
namespace {

constexpr smtp::FixedReply kTooManySessions{421, {4, 3, 2}, "Too many connections, try again later"};
constexpr smtp::FixedReply kTooManyOfClient{421, {4, 7, 0}, "Too many connections from your address"};
constexpr smtp::FixedReply kTooFast{421, {4, 7, 0}, "Too many new connections from your address, slow down"};
constexpr std::chrono::seconds kArrivalsTime{1};

// What counts as one client: an IPv4 address, or the /64 that an IPv6 host has to itself.
IpAddress client_key(const IpAddress& address) {
  return address.is_v4() ? address : Cidr::of(address, 64).network;
}

}  // namespace

void SmtpServerCounters::add(const SmtpServerCounters& other) {
  connections += other.connections;
  over_shard_limit += other.over_shard_limit;
  over_client_limit += other.over_client_limit;
  over_client_rate += other.over_client_rate;
  closed_unheard += other.closed_unheard;
  delays += other.delays;
  not_delayed += other.not_delayed;
  early_talkers += other.early_talkers;
  time_outs += other.time_outs;
  protocol_ends += other.protocol_ends;
  broken += other.broken;
  transactions += other.transactions;
  messages += other.messages;
  accepted += other.accepted;
  aborted += other.aborted;
  body_octets += other.body_octets;
  for (size_t i = 0; i < replies.size(); ++i) replies[i] += other.replies[i];
}

Result<std::unique_ptr<SmtpServer>> SmtpServer::start(Shard& shard, const SmtpServerOptions& options,
                                                      SmtpService& service) {
  std::unique_ptr<SmtpServer> server(new SmtpServer(shard, options, service));
  Result<std::unique_ptr<net::Listener>> listener = net::Listener::open(shard, options.listen, *server);
  if (!listener) return std::unexpected(std::move(listener.error()));
  server->listener_ = std::move(*listener);
  return server;
}

SmtpServer::SmtpServer(Shard& shard, const SmtpServerOptions& options, SmtpService& service)
    : shard_(shard), options_(options), service_(service), ids_(shard.id(), shard.random()()) {
  set_session_options(options_.session);
}

SmtpServer::~SmtpServer() { SLUICE_CHECK(connections_.empty()); }

void SmtpServer::on_stream(net::StreamPtr stream) {
  const smtp::FixedReply* const reason = reason_to_turn_away(*stream);
  if (reason == nullptr) {
    ++counters_.connections;
    auto connection = std::make_unique<ServerConnection>(*this, shard_, std::move(stream));
    (void)group_.spawn(shard_, serve(shard_, std::move(connection)));
    return;
  }
  if (turning_away_ >= limits::kTurningAway) {  // a flood is not worth its words
    ++counters_.closed_unheard;
    return;
  }
  ++turning_away_;
  if (!group_.spawn(shard_, turn_away(shard_, std::move(stream), *reason))) --turning_away_;
}

size_t SmtpServer::sessions_of_shard() const {
  return options_.shard_sessions != nullptr ? *options_.shard_sessions : connections_.size();
}

// Null: it is welcome.
const smtp::FixedReply* SmtpServer::reason_to_turn_away(const net::Stream& stream) {
  if (sessions_of_shard() >= options_.limits.sessions_max) {
    ++counters_.over_shard_limit;
    return &kTooManySessions;
  }
  const IpAddress client = client_key(stream.peer().address);
  const auto same_client = per_client_.find(client);
  if (same_client != per_client_.end() && same_client->second >= options_.limits.sessions_per_client_max &&
      !is_proxy(stream)) {
    ++counters_.over_client_limit;
    return &kTooManyOfClient;
  }
  if (options_.limits.connections_per_second != 0 && too_fast(client) && !is_proxy(stream)) {
    ++counters_.over_client_rate;
    return &kTooFast;
  }
  return nullptr;
}

bool SmtpServer::too_fast(const IpAddress& client) {
  const MonoTime now = shard_.now();
  if (now - arrivals_begin_ >= kArrivalsTime) {
    arrivals_.clear();
    arrivals_begin_ = now;
  }
  if (arrivals_.size() >= limits::kClientArrivals && !arrivals_.contains(client)) return false;
  return ++arrivals_[client] > options_.limits.connections_per_second;
}

// A listed peer speaks for many clients.
bool SmtpServer::is_proxy(const net::Stream& stream) const {
  SmtpConnection connection;
  connection.listener = options_.listener;
  connection.peer = connection.client = stream.peer();
  connection.local = stream.local();
  return service_.may_xclient(connection);
}

void SmtpServer::set_session_options(const smtp::ServerOptions& options) {
  session_options_.push_back(std::make_unique<SessionOptions>());
  session_options_.back()->options = options;
  drop_unused_options();
}

void SmtpServer::drop_unused_options() {
  const SessionOptions* newest = session_options_.back().get();
  std::erase_if(session_options_, [newest](const std::unique_ptr<SessionOptions>& each) {
    return each->sessions == 0 && each.get() != newest;
  });
}

void SmtpServer::enter(ServerConnection& connection) {
  ++connection.session_options_.sessions;
  if (options_.shard_sessions != nullptr) ++*options_.shard_sessions;
  connection.place_ = connections_.size();
  connections_.push_back(&connection);
  ++per_client_[client_key(connection.peer().address)];
}

void SmtpServer::leave(ServerConnection& connection) {
  connections_[connection.place_] = connections_.back();
  connections_[connection.place_]->place_ = connection.place_;
  connections_.pop_back();
  if (options_.shard_sessions != nullptr) --*options_.shard_sessions;
  const auto client = per_client_.find(client_key(connection.peer().address));
  if (--client->second == 0) per_client_.erase(client);
  SessionOptions& options = connection.session_options_;
  if (--options.sessions == 0 && &options != session_options_.back().get()) drop_unused_options();
}

runtime::Task<void> SmtpServer::serve(Shard& shard, std::unique_ptr<ServerConnection> connection) {
  co_await connection->run(shard);
}

runtime::Task<void> SmtpServer::turn_away(Shard& shard, net::StreamPtr stream, smtp::FixedReply reply) {
  std::string text;
  smtp::append_reply(text, reply);
  stream->write(text);
  const MonoTime deadline = shard.now() + limits::kCloseLinger;
  co_await stream->finish(shard, deadline);
  --turning_away_;
}

runtime::Task<void> SmtpServer::drain(Shard& shard, MonoTime deadline) {
  draining_ = true;
  // The backlog's connections are greeted with 421: they are known and come again.
  co_await listener_->close(shard);
  for (ServerConnection* connection : connections_) connection->notice_drain();
  group_.close();
  while (group_.size() != 0) {
    const runtime::Wake wake = co_await group_.wait_empty(shard, deadline);
    if (wake != runtime::Wake::TimedOut) continue;
    for (ServerConnection* connection : connections_) connection->break_off(shard);
    deadline = kNever;
  }
}

void SmtpServer::hurry_drain() {
  for (ServerConnection* connection : connections_) connection->break_off(shard_);
}

}  // namespace sluice::serve
