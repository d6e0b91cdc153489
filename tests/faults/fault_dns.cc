#include "tests/faults/fault_dns.h"

#include "tests/faults/pause.h"

namespace sluice::faults {

using reactor::Shard;
using runtime::Task;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

FaultDns::FaultDns(Shard& shard, const Endpoint& address, const dns::Zone& truth, const dns::Zone& lies,
                   const DnsTemper& temper, uint64_t seed, Ledger& ledger)
    : shard_(shard), truth_(truth), lies_(lies), temper_(temper), dice_(seed), ledger_(ledger) {
  reactor::DatagramOptions options;
  options.local = address;
  auto socket = net::Datagram::open(shard, options, *this);
  SLUICE_CHECK(socket.has_value());
  socket_ = std::move(*socket);
  reactor::ListenOptions listen;
  listen.address = address;
  auto listener = net::Listener::open(shard, listen, *this);
  SLUICE_CHECK(listener.has_value());
  listener_ = std::move(*listener);
}

FaultDns::~FaultDns() = default;

void FaultDns::begin_stop() {
  const bool spawned = stopping_.spawn(shard_, stop(shard_));
  SLUICE_CHECK(spawned);
}

Task<void> FaultDns::stop(Shard& shard) {
  co_await listener_->close(shard);
  for (net::Stream* stream : streams_) stream->abort();
  group_.close();
  (void)co_await group_.wait_empty(shard, kNever);
  stopped_ = true;
}

bool FaultDns::draw(double probability, std::string_view kind) {
  if (!dice_.chance(probability)) return false;
  ledger_.tally().count(kind);
  ledger_.say("{}", kind);
  return true;
}

// --- UDP ---

void FaultDns::on_datagram(net::Datagram& socket, Chunk payload, const Endpoint& from) {
  if (draw(temper_.silent, "dns silent")) return;
  lie(socket, payload.view(), from);
  dns::RespondOptions options;
  options.size_max = limits::kDnsUdpPayload;
  options.force_servfail = draw(temper_.servfail, "dns servfail");
  options.force_truncate = !options.force_servfail && draw(temper_.truncate, "dns truncates");
  dns::Response response = dns::respond(truth_, payload.view(), options);
  if (response.message.empty()) return;
  if (draw(temper_.late, "dns late")) {
    (void)group_.spawn(shard_, send_later(shard_, std::move(response.message), from));
    return;
  }
  (void)socket.send(response.message, from);
}

void FaultDns::lie(net::Datagram& socket, std::string_view query, const Endpoint& to) {
  if (query.size() < 14) return;
  std::string asked(query);
  if (draw(temper_.wrong_id, "dns wrong id")) {
    asked[0] = static_cast<char>(asked[0] ^ static_cast<char>(1 + dice_.below(255)));
  } else if (draw(temper_.wrong_question, "dns wrong question")) {
    // The first label with another letter in front.
    asked[13] = asked[13] == 'z' ? 'y' : 'z';
  } else if (draw(temper_.garbage, "dns garbage")) {
    for (size_t i = 2; i < asked.size(); ++i) asked[i] = static_cast<char>(dice_.below(256));
    asked.resize(dice_.between(0, asked.size()));
    if (!asked.empty()) (void)socket.send(asked, to);
    return;
  } else {
    return;
  }
  dns::RespondOptions options;
  options.size_max = limits::kDnsUdpPayload;
  const dns::Response lied = dns::respond(lies_, asked, options);
  if (!lied.message.empty()) (void)socket.send(lied.message, to);
}

Task<void> FaultDns::send_later(Shard& shard, std::string message, Endpoint to) {
  const auto pause = dice_.time(100ms, 8s);
  co_await pause_for(shard, pause);
  (void)socket_->send(message, to);
}

// --- TCP (RFC 7766): two octets of length, and the message ---

void FaultDns::on_stream(net::StreamPtr stream) {
  (void)group_.spawn(shard_, serve(shard_, std::move(stream)));
}

Task<void> FaultDns::serve(Shard& shard, net::StreamPtr stream) {
  streams_.push_back(stream.get());
  std::string input;
  for (bool open = true; open;) {
    net::Received got = co_await stream->receive(shard, kNever);
    if (got.event != net::StreamEvent::Data) break;
    input += got.chunk.view();
    while (input.size() >= 2) {
      const size_t size = static_cast<size_t>(static_cast<unsigned char>(input[0])) << 8 |
                          static_cast<unsigned char>(input[1]);
      if (input.size() < size + 2) break;
      const std::string query = input.substr(2, size);
      input.erase(0, size + 2);
      if (draw(temper_.close_tcp, "dns closes tcp")) {
        open = false;
        break;
      }
      dns::RespondOptions options;
      options.size_max = limits::kDnsTcpMessage;
      options.by_tcp = true;
      const dns::Response response = dns::respond(truth_, query, options);
      if (response.message.empty()) continue;
      std::string framed{static_cast<char>(response.message.size() >> 8),
                         static_cast<char>(response.message.size())};
      framed += response.message;
      stream->write(framed);
    }
  }
  std::erase(streams_, stream.get());
  co_await stream->close(shard, net::CloseMode::Graceful);
}

}  // namespace sluice::faults
