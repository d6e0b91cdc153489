#include "bench/spf_corpus.h"

#include "io/base/random.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace sluice::bench {
namespace {

// What share of the domains, in percent, has a record of which kind.
enum class Kind { None, Mailbox, Office, FewIncludes, ManyIncludes, OverLimit, OwnHosts, Networks, Redirect };
struct Share {
  Kind kind;
  unsigned percent;
};
constexpr std::array<Share, 9> kShares{{{Kind::None, 8},
                                        {Kind::Mailbox, 22},
                                        {Kind::Office, 18},
                                        {Kind::FewIncludes, 15},
                                        {Kind::ManyIncludes, 7},
                                        {Kind::OverLimit, 5},
                                        {Kind::OwnHosts, 10},
                                        {Kind::Networks, 9},
                                        {Kind::Redirect, 4}}};
// The rest: macros, errors of syntax, two records.

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  SpfCorpus make(size_t domains) {
    corpus_.zone = ". 3600 IN SOA ns.example. hostmaster.example. 1 3600 900 604800 300\n";
    make_providers();
    for (size_t i = 0; i < domains; ++i) make_domain(i);
    for (size_t i = corpus_.senders.size(); i > 1; --i)
      std::swap(corpus_.senders[i - 1], corpus_.senders[below(static_cast<unsigned>(i))]);
    return std::move(corpus_);
  }

 private:
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  bool chance(unsigned percent) { return below(100) < percent; }

  void text(std::string_view name, std::string_view value) {
    corpus_.zone += fmt::format("{}. 3600 IN TXT", name);
    for (; !value.empty(); value.remove_prefix(std::min<size_t>(255, value.size())))
      corpus_.zone += fmt::format(" \"{}\"", value.substr(0, 255));
    corpus_.zone += '\n';
  }
  void address(std::string_view name, const IpAddress& value) {
    corpus_.zone += fmt::format("{}. 3600 IN {} {}\n", name, value.is_v4() ? "A" : "AAAA", value.to_string());
  }

  // 198.18.0.0/15, again and again.
  Cidr network(uint8_t length) {
    next_ += 1U << (32 - length);
    next_ &= ~((1U << (32 - length)) - 1);
    return Cidr::of(IpAddress::v4(0xC6120000U + next_ % 0x20000U), length);
  }
  std::string network6() { return fmt::format("2001:db8:{:x}::/48", below(65536)); }
  IpAddress client_in(const Cidr& cidr) {
    const uint32_t size = cidr.length == 32 ? 1U : 1U << (32 - cidr.length);
    return IpAddress::v4(cidr.network.v4_value() + below(size));
  }

  // A record of networks, which are remembered under its name.
  void block(const std::string& name, unsigned v4, uint8_t shortest, unsigned v6, std::string_view end) {
    std::string record = "v=spf1";
    for (unsigned i = 0; i < v4; ++i) {
      const Cidr cidr = network(static_cast<uint8_t>(shortest + below(3)));
      listed_[name].push_back(cidr);
      record += " ip4:" + cidr.to_string();
    }
    for (unsigned i = 0; i < v6; ++i) record += " ip6:" + network6();
    text(name, record + std::string(end));
  }
  void parent(const std::string& name, const std::vector<std::string>& below_it, std::string_view end) {
    std::string record = "v=spf1";
    for (const std::string& each : below_it) {
      record += " include:" + each;
      listed_[name].insert(listed_[name].end(), listed_[each].begin(), listed_[each].end());
    }
    text(name, record + std::string(end));
  }

  void make_providers() {
    block("blocks1.mailbox.example", 12, 22, 0, " ~all");
    block("blocks2.mailbox.example", 0, 24, 7, " ~all");
    block("blocks3.mailbox.example", 10, 23, 0, " ~all");
    parent("spf.mailbox.example",
           {"blocks1.mailbox.example", "blocks2.mailbox.example", "blocks3.mailbox.example"}, " ~all");
    block("more.office.example", 3, 24, 2, " -all");
    block("spf.office.example", 9, 22, 5, " include:more.office.example -all");
    block("c.hop.example", 12, 26, 1, " ~all");
    parent("b.hop.example", {"c.hop.example"}, " ?all");
    parent("spf.hop.example", {"b.hop.example"}, " ~all");
    block("send.example", 10, 23, 0, " ~all");
    block("letters.example", 7, 24, 0, " ~all");
    block("cloudmail.example", 9, 24, 0, " -all");
    block("desk.example", 6, 25, 0, " ~all");
    for (unsigned i = 0; i < 6; ++i) block(fmt::format("spf.host{}.example", i), 8, 26, 1, " -all");
    std::vector<std::string> heavy;
    for (unsigned i = 0; i < 8; ++i) {
      heavy.push_back(fmt::format("n{}.heavy.example", i));
      block(heavy.back(), 2, 28, 0, " ~all");
    }
    parent("spf.heavy.example", heavy, " ~all");
  }

  Kind draw_kind() {
    unsigned at = below(100);
    for (const Share& share : kShares) {
      if (at < share.percent) return share.kind;
      at -= share.percent;
    }
    return static_cast<Kind>(kShares.size());
  }

  std::string includes(unsigned count, std::vector<Cidr>& listed) {
    // Light ones only, so that a record of five stays below ten terms.
    static constexpr std::array<std::string_view, 8> kLight{
        "send.example",      "letters.example",   "cloudmail.example", "desk.example",
        "spf.host0.example", "spf.host3.example", "spf.hop.example",   "spf.office.example"};
    std::string terms;
    const unsigned first = below(kLight.size());
    for (unsigned i = 0; i < count; ++i) {
      const std::string name(kLight[(first + i) % kLight.size()]);
      terms += " include:" + name;
      listed.insert(listed.end(), listed_[name].begin(), listed_[name].end());
    }
    return terms;
  }

  void make_domain(size_t number) {
    const std::string domain = fmt::format("d{:04}.example", number);
    const IpAddress host = client_in(network(30));
    address(domain, host);
    address("mail." + domain, host);
    corpus_.zone += fmt::format("{}. 3600 IN MX 10 mail.{}.\n", domain, domain);
    if (chance(50)) text(domain, fmt::format("site-verification={:032x}", random_()));
    std::vector<Cidr> listed;
    const std::string record = make_record(domain, draw_kind(), host, listed);
    if (!record.empty()) text(domain, record);
    corpus_.domains.push_back(domain);
    // A client that is listed where any is, one in six that is not, some by IPv6.
    IpAddress client = client_in(network(24));
    if (!listed.empty() && !chance(16))
      client = client_in(listed[below(static_cast<unsigned>(listed.size()))]);
    if (chance(8)) client = *IpAddress::parse(fmt::format("2001:db8:{:x}::1", below(65536)));
    corpus_.senders.push_back({client, domain});
  }

  std::string make_record(const std::string& domain, Kind kind, const IpAddress& host,
                          std::vector<Cidr>& listed) {
    const std::string_view all = chance(55) ? " ~all" : " -all";
    const auto of = [&](const std::string& provider) {
      listed = listed_[provider];
      return fmt::format("v=spf1 include:{}{}", provider, all);
    };
    switch (kind) {
      case Kind::None:
        return {};
      case Kind::Mailbox:
        return of("spf.mailbox.example");
      case Kind::Office:
        return of("spf.office.example");
      case Kind::FewIncludes:
        return fmt::format("v=spf1{}{}", includes(2 + below(2), listed), all);
      case Kind::ManyIncludes:
        listed = {Cidr::of(host, 32)};
        return fmt::format("v=spf1 a mx{}{}", includes(4, listed), all);
      case Kind::OverLimit:
        listed = listed_["spf.heavy.example"];
        return fmt::format(
            "v=spf1 a mx include:spf.mailbox.example include:spf.office.example include:spf.heavy.example{}",
            all);
      case Kind::OwnHosts:
        listed = {Cidr::of(host, 32)};
        return fmt::format("v=spf1 a mx{}{}", chance(40) ? " a:mail." + domain : "", all);
      case Kind::Networks: {
        std::string record = "v=spf1";
        for (unsigned i = 1 + below(5); i > 0; --i) {
          listed.push_back(network(static_cast<uint8_t>(29 + below(4))));
          record += " ip4:" + listed.back().to_string();
        }
        if (chance(30)) record += " ip6:" + network6();
        return record + std::string(all);
      }
      case Kind::Redirect: {
        const std::string host_of = fmt::format("spf.host{}.example", below(6));
        listed = listed_[host_of];
        return "v=spf1 redirect=" + host_of;
      }
    }
    if (chance(25)) return fmt::format("v=spf1 ip4:198.18.0.0/33 includ:foo{}", all);
    if (chance(25)) {
      text(domain, "v=spf1 mx -all");
      return "v=spf1 a ~all";
    }
    return fmt::format("v=spf1 exists:%{{i}}.%{{l}}._spf.{}{}", domain, all);
  }

  Random random_;
  SpfCorpus corpus_;
  std::map<std::string, std::vector<Cidr>> listed_;
  uint32_t next_ = 0;
};

}  // namespace

SpfCorpus make_spf_corpus(size_t domains, uint64_t seed) { return Maker(seed).make(domains); }

}  // namespace sluice::bench
