// Names from anybody, as text and in wire form: read by words as one octet at a time would, equal to
// themselves under any case of letters, and found in a cache under exactly their own name.

#include "dnscache/cache/answer_cache.h"
#include "dnscache/question/name.h"
#include "io/base/ascii.h"
#include "io/base/check.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace sluice;
using namespace sluice::dns;

// RFC 1035 3.1, octet by octet.
std::optional<std::string> plain_wire(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string wire;
  for (bool more = !text.empty(); more;) {
    const std::string_view label = text.substr(0, text.find('.'));
    text.remove_prefix(label.size());
    more = !text.empty();
    if (more) text.remove_prefix(1);
    if (label.empty() || label.size() > limits::kDnsLabel) return std::nullopt;
    wire += static_cast<char>(label.size());
    for (const char c : label) wire += ascii_lower(c);
  }
  wire += '\0';
  if (wire.size() > limits::kDnsName) return std::nullopt;
  return wire;
}

std::string upper(std::string_view wire) {
  std::string result(wire);
  for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

void check_name(const DnsName& name) {
  const auto again = DnsName::from_wire(upper(name.wire()));
  SLUICE_CHECK(again && *again == name && again->hash(7) == name.hash(7));
  DnsName below = name;
  unsigned labels = 0;
  for (; !below.is_root(); below = below.parent()) {
    ++labels;
    SLUICE_CHECK(name.is_at_or_below(below));
    SLUICE_CHECK(below.hash(7) == DnsName::from_wire(below.wire())->hash(7));
  }
  SLUICE_CHECK(labels == name.label_count());
}

void check_cache(const DnsName& name, const DnsName& other) {
  AnswerCache cache(CacheSettings{}, 7);
  const MonoTime now{std::chrono::seconds(1)};
  const Answer answer{AnswerStatus::NoData, {}, 60, false};
  SLUICE_CHECK(cache.put({name, RecordType::A}, answer, now));
  SLUICE_CHECK(cache.find({name, RecordType::A}, now));
  SLUICE_CHECK(cache.find({other, RecordType::A}, now).has_value() == (name.wire() == other.wire()));
  SLUICE_CHECK(cache.erase({name, RecordType::A}) && cache.statistics().bytes == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto expected = plain_wire(input);
  const auto from_text = DnsName::from_text(input);
  SLUICE_CHECK(from_text.has_value() == expected.has_value());
  if (from_text) {
    SLUICE_CHECK(from_text->wire() == *expected);
    check_name(*from_text);
    // The halves share what the first octets or the last are.
    const auto half = DnsName::from_text(input.substr(size / 2));
    if (half) check_cache(*from_text, *half);
  }
  if (const auto from_wire = DnsName::from_wire(input)) check_name(*from_wire);
  return 0;
}
