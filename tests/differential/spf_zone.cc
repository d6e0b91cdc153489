#include "tests/differential/spf_zone.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace sluice::differential {

using dns::AnswerStatus;
using dns::RecordType;

namespace {

IpAddress step(const IpAddress& address, int by) {
  if (address.is_v4()) return IpAddress::v4(address.v4_value() + static_cast<uint32_t>(by));
  std::array<uint8_t, 16> octets{};
  std::ranges::copy(address.bytes(), octets.begin());
  for (size_t i = 16; i-- > 0;) {
    octets[i] = static_cast<uint8_t>(octets[i] + by);
    if (octets[i] != (by > 0 ? 0 : 255)) break;
  }
  return IpAddress::v6(octets);
}

IpAddress last_of(const Cidr& prefix) {
  std::array<uint8_t, 16> octets{};
  std::ranges::copy(prefix.network.bytes(), octets.begin());
  for (unsigned bit = prefix.length; bit < prefix.network.bits(); ++bit) {
    octets[bit / 8] = static_cast<uint8_t>(octets[bit / 8] | 0x80U >> bit % 8);
  }
  if (!prefix.network.is_v4()) return IpAddress::v6(octets);
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | octets[i];
  return IpAddress::v4(value);
}

}  // namespace

// Draws one zone. How often each kind of trouble comes up is drawn too, so that there are zones without any.
class SpfZoneWriter {
 public:
  explicit SpfZoneWriter(Dice& dice) : dice_(dice) {}

  SpfZone write() {
    names_ = 2 + dice_.below(dice_.one_in(3) ? 16 : 5);
    terms_ = 1 + dice_.below(dice_.one_in(4) ? 14 : 5);
    for (uint32_t* rate : {&voids_, &faults_, &absences_, &macros_, &errors_}) {
      *rate = dice_.one_in(2) ? 0 : 4 + dice_.below(40);
    }
    signs_ = dice_.one_in(3) ? 0 : 1 + dice_.below(4);
    zone_.is_straight_ = signs_ == 0;
    unconditional_ = dice_.one_in(2);
    zone_.domain_ = *dns::DnsName::from_text("n0.example");
    for (uint32_t i = 0; i < names_; ++i) write_name(i);
    // %{v}, %{d} and %{o} stand for one name in a program.
    for (const char* above : {"in-addr", "ip6"}) {
      put(fmt::format("{}.m.example", above), RecordType::Txt, "v=spf1 " + networks(2) + "?all");
    }
    put("x.n0.example", RecordType::Txt, "v=spf1 " + networks(2) + "-all" + explanation(3));
    const std::array<std::string, 5> texts{"not from here", "%{d} says no", "", "over %{v}", "a\r\nb"};
    for (uint32_t i = 0; i < texts.size(); ++i) put(fmt::format("e{}.example", i), RecordType::Txt, texts[i]);
    put("e6.example", RecordType::Txt, "one");
    put("e6.example", RecordType::Txt, "two");
    for (const char* name : {"e0.example", "e3.example", "e5.example"}) trouble(name, RecordType::Txt);
    return std::move(zone_);
  }

 private:
  bool happens(uint32_t rate) { return rate != 0 && dice_.one_in(rate); }

  std::string any_name() {
    return fmt::format("{}{}.example", dice_.one_in(9) ? "N" : "n", dice_.below(names_));
  }

  // A name to ask addresses of.
  std::string host() {
    if (happens(voids_)) return fmt::format("void{}.example", dice_.below(9));
    if (dice_.one_in(60)) return "host";
    return any_name();
  }

  Cidr network(bool v4) {
    // Few bases, so that prefixes nest and overlap.
    uint8_t length = 0;
    IpAddress base;
    if (v4) {
      base = IpAddress::v4(0xC0000200U + dice_.below(512));
      length = static_cast<uint8_t>(dice_.one_in(3) ? 32 : 20 + dice_.below(13));
      if (dice_.one_in(20)) base = IpAddress::v4(dice_.number());
      if (unconditional_ && dice_.one_in(30)) length = static_cast<uint8_t>(dice_.below(9));
    } else {
      std::array<uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8};
      octets[7] = static_cast<uint8_t>(dice_.below(4));
      octets[15] = static_cast<uint8_t>(dice_.below(64));
      base = IpAddress::v6(octets);
      length = static_cast<uint8_t>(dice_.one_in(3) ? 128 : 30 + dice_.below(99));
      if (unconditional_ && dice_.one_in(30)) length = static_cast<uint8_t>(dice_.below(9));
    }
    const Cidr made = Cidr::of(base, length);
    zone_.prefixes_.push_back(made);
    return made;
  }

  std::string networks(uint32_t most) {
    std::string text;
    for (uint32_t left = 1 + dice_.below(most); left != 0; --left) {
      const bool v4 = dice_.below(3) != 2;
      text += fmt::format("{}{}:{} ", qualifier(), v4 ? "ip4" : "ip6", network(v4).to_string());
    }
    return text;
  }

  std::string_view qualifier() {
    if (!happens(signs_)) return "";
    static constexpr std::array<std::string_view, 4> kAll{"-", "~", "?", "+"};
    return dice_.pick(kAll);
  }

  std::string lengths() {
    if (!dice_.one_in(3)) return "";
    std::string text;
    if (dice_.one_in(2))
      text += fmt::format("/{}", dice_.one_in(12) && unconditional_ ? 0 : 20 + dice_.below(13));
    if (dice_.one_in(2))
      text += fmt::format("//{}", dice_.one_in(12) && unconditional_ ? 0 : 30 + dice_.below(99));
    return text;
  }

  std::string wrong_term() {
    static constexpr std::array<std::string_view, 6> kWrong{"ip4:192.0.2", "a:",     "include",
                                                            "foo",         "all/24", "redirect=%{x}"};
    return std::string(dice_.pick(kWrong));
  }

  std::string macro_term() {
    static constexpr std::array<std::string_view, 6> kClient{
        "exists:%{i}.n1.example", "a:%{l}.n1.example", "ptr",
        "include:%{s}.example",   "ptr:n1.example",    "mx:%{h}"};
    static constexpr std::array<std::string_view, 5> kFixed{
        "include:%{v}.m.example", "include:x.%{d}", "include:x.%{o}", "a:%{d1r}%{d}", "exists:%%.%{d}"};
    if (dice_.one_in(3)) {
      zone_.flattens_ = false;
      return std::string(dice_.pick(kClient));
    }
    return std::string(dice_.pick(kFixed));
  }

  std::string term(uint32_t index) {
    if (happens(macros_)) return macro_term();
    if (happens(errors_) && dice_.one_in(4)) return wrong_term();
    const std::string sign(qualifier());
    switch (dice_.below(12)) {
      case 0:
        return fmt::format("{}a{}{}", sign, dice_.one_in(3) ? "" : ":" + host(), lengths());
      case 1:
        return fmt::format("{}mx{}{}", sign, dice_.one_in(3) ? "" : ":" + host(), lengths());
      case 2:
        return fmt::format("{}exists:{}", sign, dice_.one_in(3) ? any_name() : "void.example");
      case 3:
      case 4:
      case 5: {
        // Mostly down a tree; sometimes round.
        const uint32_t below = index + 1 < names_ && !dice_.one_in(6)
                                   ? index + 1 + dice_.below(names_ - index - 1)
                                   : dice_.below(names_);
        if (happens(errors_)) return sign + (dice_.one_in(2) ? "include:void.example" : "include:host");
        return fmt::format("{}include:n{}.example{}", sign, below, dice_.one_in(20) ? "." : "");
      }
      case 6:
        return dice_.one_in(6) ? sign + "all" : "ip4:" + network(true).to_string();
      case 7:
      case 8:
        return sign + "ip6:" + network(false).to_string();
      default:
        return sign + "ip4:" + network(true).to_string();
    }
  }

  std::string explanation(uint32_t which) {
    if (which == 1) zone_.flattens_ = false;  // its text differs between senders
    return fmt::format(" exp=e{}.example", which);
  }

  std::string record(uint32_t index) {
    std::string text = "v=spf1";
    for (uint32_t left = dice_.below(terms_ + 1); left != 0; --left) text += " " + term(index);
    switch (dice_.below(8)) {
      case 0:
        break;
      case 1:
        text += fmt::format(" redirect={}", happens(errors_) ? "void.example" : any_name());
        break;
      default:
        text += std::array{" -all", " ~all", " ?all", " -all"}[dice_.below(4)];
        break;
    }
    if (dice_.one_in(4)) text += explanation(dice_.below(8));
    if (macros_ != 0 && dice_.one_in(9)) text.insert(6, " x-note=%{d}");
    return text;
  }

  void write_name(uint32_t index) {
    const std::string name = fmt::format("n{}.example", index);
    write_texts(name, index);
    for (const RecordType type : {RecordType::A, RecordType::Aaaa}) {
      if (dice_.one_in(4)) {
        trouble(name, type);
        continue;
      }
      const uint32_t count = 1 + dice_.below(dice_.one_in(8) ? 12 : 3);
      for (uint32_t i = 0; i < count; ++i) put(name, type, network(type == RecordType::A).network);
      trouble(name, type);
    }
    if (!dice_.one_in(3)) {
      const uint32_t count = errors_ != 0 && dice_.one_in(6) ? 9 + dice_.below(4) : 1 + dice_.below(4);
      for (uint32_t i = 0; i < count; ++i) {
        const auto exchange = dice_.one_in(20) ? dns::DnsName{} : *dns::DnsName::from_text(host());
        put(name, RecordType::Mx, dns::MailExchange{static_cast<uint16_t>(i), exchange});
      }
    }
    trouble(name, RecordType::Mx);
  }

  void write_texts(const std::string& name, uint32_t index) {
    if (index == 0 ? dice_.one_in(40) : happens(errors_)) return;
    if (dice_.one_in(8)) put(name, RecordType::Txt, "some other text");
    put(name, RecordType::Txt, record(index));
    if (errors_ != 0 && dice_.one_in(50)) put(name, RecordType::Txt, "v=spf1 -all");
    trouble(name, RecordType::Txt);
  }

  void trouble(const std::string& name, RecordType type) {
    const bool faulty = happens(faults_);
    const bool absent = happens(absences_);
    if (!faulty && !absent) return;
    zone_.flattens_ = false;
    SpfZone::Entry& entry = zone_.entries_[SpfZone::key({*dns::DnsName::from_text(name), type})];
    if (absent) entry.is_there = false;
    if (!faulty) {
      if (entry.answer.records.empty()) entry.answer.status = AnswerStatus::NoData;
      return;
    }
    if (!entry.answer.records.empty() && dice_.one_in(2)) {
      entry.answer.stale = true;
      return;
    }
    entry.answer.records.clear();
    entry.answer.status = dice_.one_in(2) ? AnswerStatus::ServFail : AnswerStatus::Timeout;
  }

  void put(const std::string& name, RecordType type, dns::RecordData data) {
    dns::Answer& answer = zone_.entries_[SpfZone::key({*dns::DnsName::from_text(name), type})].answer;
    if (dns::is_temporary(answer.status) && !answer.records.empty()) return;
    answer.status = AnswerStatus::Records;
    answer.records.push_back(std::move(data));
  }

  Dice& dice_;
  SpfZone zone_;
  uint32_t names_ = 0;
  uint32_t terms_ = 0;
  uint32_t voids_ = 0, faults_ = 0, absences_ = 0, macros_ = 0, errors_ = 0, signs_ = 0;  // one in so many
  bool unconditional_ = false;
};

SpfZone SpfZone::generate(Dice& dice) { return SpfZoneWriter(dice).write(); }

std::string SpfZone::key(const dns::Question& question) {
  return std::string(question.name.wire()) + static_cast<char>(question.type);
}

const dns::Answer& SpfZone::lookup(const dns::Question& question) const {
  const auto found = entries_.find(key(question));
  if (found != entries_.end()) return found->second.answer;
  // Both kinds of void answers, always the same for a name.
  static const dns::Answer nx_domain{AnswerStatus::NxDomain};
  static const dns::Answer no_data{AnswerStatus::NoData};
  return question.name.label_count() % 2 == 0 ? nx_domain : no_data;
}

const dns::Answer* SpfZone::find(const dns::Question& question) {
  given_[finds_ % 2] = dns::Answer{AnswerStatus::ServFail};
  dns::Answer& given = given_[++finds_ % 2];
  const auto found = entries_.find(key(question));
  if (found != entries_.end() && !found->second.is_there) return nullptr;
  given = lookup(question);
  return &given;
}

const spf::SelectedRecordRef& SpfZone::shared_record(const dns::Question& txt) {
  const dns::Answer& answer = lookup(txt);
  Entry& entry = entries_.try_emplace(key(txt), Entry{answer, true, {}}).first->second;
  if (!entry.record) entry.record = spf::SelectedRecord::select(entry.answer);
  return entry.record;
}

std::vector<IpAddress> SpfZone::clients(Dice& dice, size_t count) const {
  std::vector<IpAddress> clients;
  while (clients.size() < count) {
    if (prefixes_.empty() || dice.one_in(16)) {
      clients.push_back(IpAddress::v4(dice.number()));
      continue;
    }
    const Cidr& prefix = dice.pick(prefixes_);
    const std::array<IpAddress, 6> edges{prefix.network,          step(prefix.network, -1),
                                         last_of(prefix),         step(last_of(prefix), 1),
                                         step(prefix.network, 1), step(last_of(prefix), -1)};
    clients.push_back(dice.pick(edges));
  }
  return clients;
}

std::string SpfZone::to_text() const {
  std::set<std::string> lines;
  for (const auto& [name_and_type, entry] : entries_) {
    const std::string_view wire = std::string_view(name_and_type).substr(0, name_and_type.size() - 1);
    const auto type = static_cast<RecordType>(static_cast<uint8_t>(name_and_type.back()));
    std::string line = fmt::format("{} {}", dns::DnsName::from_wire(wire)->to_text(), dns::to_string(type));
    if (entry.answer.records.empty())
      line += fmt::format(" status {}", static_cast<int>(entry.answer.status));
    for (const dns::RecordData& data : entry.answer.records) {
      if (const auto* text = std::get_if<std::string>(&data)) line += fmt::format(" \"{}\"", *text);
      if (const auto* address = std::get_if<IpAddress>(&data)) line += " " + address->to_string();
      if (const auto* mx = std::get_if<dns::MailExchange>(&data)) line += " " + mx->exchange.to_text();
    }
    if (entry.answer.stale) line += " (stale)";
    if (!entry.is_there) line += " (not cached)";
    lines.insert(line + "\n");
  }
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

}  // namespace sluice::differential
