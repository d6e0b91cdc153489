#include "dnscache/wire/response.h"

#include <algorithm>

namespace sluice::dns {
namespace {

constexpr size_t kPointerMax = 0x3FFF;  // RFC 1035 4.1.4: fourteen bits of offset
constexpr size_t kWrittenMax = 64;      // ours: names remembered for compression

}  // namespace

ResponseWriter::ResponseWriter(const Options& options) : options_(options) {
  options_.size_max = std::clamp(options_.size_max, kUdpClassic, limits::kDnsTcpMessage);
  octets_.assign(kDnsHeader, '\0');
}

void ResponseWriter::append_u16(uint16_t value) {
  octets_ += static_cast<char>(value >> 8);
  octets_ += static_cast<char>(value & 0xFF);
}

void ResponseWriter::append_u32(uint32_t value) {
  append_u16(static_cast<uint16_t>(value >> 16));
  append_u16(static_cast<uint16_t>(value & 0xFFFF));
}

void ResponseWriter::append_name(const DnsName& name) {
  DnsName rest = name;
  while (!rest.is_root()) {
    const auto known = std::ranges::find(written_, rest, &Written::name);
    if (known != written_.end()) {
      append_u16(static_cast<uint16_t>(0xC000U | known->offset));
      return;
    }
    if (octets_.size() <= kPointerMax && written_.size() < kWrittenMax) {
      written_.push_back({rest, static_cast<uint16_t>(octets_.size())});
    }
    const DnsName parent = rest.parent();
    octets_ += rest.wire().substr(0, rest.wire_size() - parent.wire_size());
    rest = parent;
  }
  octets_ += '\0';
}

void ResponseWriter::question(const Question& question) {
  append_name(question.name);
  append_u16(static_cast<uint16_t>(question.type));
  append_u16(kClassIn);
  questions_ = 1;
  records_at_ = octets_.size();
}

bool ResponseWriter::record(Section section, const DnsName& owner, RecordType type, uint32_t ttl,
                            std::string_view rdata) {
  if (truncated_) return false;
  const size_t before = octets_.size();
  const size_t known_before = written_.size();
  append_name(owner);
  append_u16(static_cast<uint16_t>(type));
  append_u16(kClassIn);
  append_u32(ttl);
  const size_t room = options_.size_max - (options_.with_edns ? kOptRecord : 0);
  if (rdata.size() > UINT16_MAX || octets_.size() + 2 > room || rdata.size() > room - octets_.size() - 2) {
    octets_.resize(before);
    written_.resize(known_before);
    truncated_ = true;
    return false;
  }
  append_u16(static_cast<uint16_t>(rdata.size()));
  octets_ += rdata;
  ++(section == Section::Answer ? answers_ : authorities_);
  return true;
}

void ResponseWriter::truncate() {
  octets_.resize(records_at_);
  std::erase_if(written_, [this](const Written& w) { return w.offset >= records_at_; });
  answers_ = authorities_ = 0;
  truncated_ = true;
}

std::string ResponseWriter::finish() {
  const auto code = static_cast<uint16_t>(options_.code);
  if (options_.with_edns) {
    octets_ += '\0';
    append_u16(kTypeOpt);
    append_u16(static_cast<uint16_t>(limits::kDnsUdpPayload));
    append_u32(static_cast<uint32_t>(code >> 4) << 24);
    append_u16(0);
  }
  const unsigned flags = 0x8000U | (options_.authoritative ? 0x0400U : 0U) | (truncated_ ? 0x0200U : 0U) |
                         (options_.recursion_desired ? 0x0100U : 0U) |
                         (options_.recursion_available ? 0x0080U : 0U) | (code & 0x000FU);
  std::string body = std::move(octets_);
  octets_.clear();
  append_u16(options_.id);
  append_u16(static_cast<uint16_t>(flags));
  append_u16(questions_);
  append_u16(answers_);
  append_u16(authorities_);
  append_u16(options_.with_edns ? 1 : 0);
  std::ranges::copy(octets_, body.begin());
  octets_.clear();
  return body;
}

}  // namespace sluice::dns
