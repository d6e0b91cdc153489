#include "dnscache/wire/response.h"
#include "io/base/limits.h"
#include "tools/sluicectl/answer_source.h"

#include <algorithm>
#include <string_view>

#include <ldns/ldns.h>

namespace sluice::ctl {
namespace {

struct ResolverDeleter {
  void operator()(ldns_resolver* resolver) const { ldns_resolver_deep_free(resolver); }
};
struct PacketDeleter {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
struct NameDeleter {
  void operator()(ldns_rdf* name) const { ldns_rdf_deep_free(name); }
};

dns::Answer failed(dns::AnswerStatus status) {
  dns::Answer answer;
  answer.status = status;
  return answer;
}

class LiveSource final : public AnswerSource {
 public:
  explicit LiveSource(std::optional<Endpoint> server) {
    ldns_resolver* resolver = server ? resolver_of(*server) : system_resolver();
    if (resolver == nullptr) return;
    resolver_.reset(resolver);
    ldns_resolver_set_timeout(resolver, timeval{std::chrono::seconds(limits::kDnsQuestionWait).count(), 0});
    ldns_resolver_set_retry(resolver, 1);
    ldns_resolver_set_defnames(resolver, false);
    ldns_resolver_set_dnsrch(resolver, false);
    ldns_resolver_set_edns_udp_size(resolver, limits::kDnsUdpPayload);
    ldns_resolver_set_fallback(resolver, true);
  }

  dns::Answer ask(const dns::Question& question) override {
    dns::Question next = question;
    uint32_t ttl = 0;
    bool first = true;
    for (size_t links = 0; links <= limits::kDnsCnameChain;) {
      auto decoded = ask_once(next);
      if (!decoded) return failed(decoded.error());
      dns::Answer& answer = decoded->answer;
      answer.ttl = first ? answer.ttl : std::min(ttl, answer.ttl);
      if (!decoded->chain_open) return std::move(answer);
      ttl = answer.ttl;
      first = false;
      links += std::max(decoded->chain_length, 1U);
      next.name = decoded->chain_end;
    }
    return failed(dns::AnswerStatus::ServFail);
  }

 private:
  static ldns_resolver* system_resolver() {
    ldns_resolver* resolver = nullptr;
    return ldns_resolver_new_frm_file(&resolver, nullptr) == LDNS_STATUS_OK ? resolver : nullptr;
  }

  static ldns_resolver* resolver_of(const Endpoint& server) {
    ldns_resolver* resolver = ldns_resolver_new();
    if (resolver == nullptr) return nullptr;
    const ldns_rdf_type type = server.address.is_v4() ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA;
    const std::unique_ptr<ldns_rdf, NameDeleter> address(
        ldns_rdf_new_frm_str(type, server.address.to_string().c_str()));
    if (address) ldns_resolver_push_nameserver(resolver, address.get());
    ldns_resolver_set_port(resolver, server.port);
    return resolver;
  }

  // One question to the servers, decoded by the same code as in the node.
  std::expected<dns::DecodedResponse, dns::AnswerStatus> ask_once(const dns::Question& question) {
    if (!resolver_) return std::unexpected(dns::AnswerStatus::ServFail);
    const std::string_view wire = question.name.wire();
    const std::unique_ptr<ldns_rdf, NameDeleter> name(
        ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, wire.size(), wire.data()));
    ldns_pkt* raw = nullptr;
    const ldns_status status =
        ldns_resolver_query_status(&raw, resolver_.get(), name.get(),
                                   static_cast<ldns_rr_type>(question.type), LDNS_RR_CLASS_IN, LDNS_RD);
    const std::unique_ptr<ldns_pkt, PacketDeleter> packet(raw);
    if (status != LDNS_STATUS_OK || !packet) return std::unexpected(dns::AnswerStatus::Timeout);
    uint8_t* octets = nullptr;
    size_t size = 0;
    if (ldns_pkt2wire(&octets, packet.get(), &size) != LDNS_STATUS_OK) {
      return std::unexpected(dns::AnswerStatus::ServFail);
    }
    const std::unique_ptr<uint8_t, void (*)(void*)> owner(octets, std::free);
    auto decoded = dns::decode_response({reinterpret_cast<const char*>(octets), size});
    if (!decoded || decoded->truncated) return std::unexpected(dns::AnswerStatus::ServFail);
    return std::move(*decoded);
  }

  std::unique_ptr<ldns_resolver, ResolverDeleter> resolver_;
};

}  // namespace

std::unique_ptr<AnswerSource> make_live_source(std::optional<Endpoint> server) {
  return std::make_unique<LiveSource>(server);
}

}  // namespace sluice::ctl
