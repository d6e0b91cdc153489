#include "dnscache/zone/openspf.h"

#include "io/base/ascii.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace sluice::dns {
namespace {

using Kind = ZoneValue::Kind;

std::unexpected<Error> fail_at(const ZoneValue& value, std::string_view owner, std::string_view why) {
  std::string message = "zone entry of \"" + std::string(owner) + "\": " + std::string(why);
  if (value.line != 0) message = "line " + std::to_string(value.line) + ": " + message;
  return fail(ErrorKind::Invalid, std::move(message));
}

std::optional<ZoneFault> fault_of(std::string_view word) {
  if (word == "TIMEOUT") return ZoneFault::Timeout;
  if (word == "SERVFAIL") return ZoneFault::ServFail;
  return std::nullopt;
}

std::optional<RecordType> type_of(std::string_view word) {
  if (equals_ignore_case(word, "SPF")) return kRecordTypeSpf;
  for (const RecordType type : {RecordType::A, RecordType::Aaaa, RecordType::Mx, RecordType::Ptr,
                                RecordType::Txt, RecordType::Cname, RecordType::Ns}) {
    if (equals_ignore_case(word, to_string(type))) return type;
  }
  return std::nullopt;
}

// Reads the entries of one name into the builder.
class NameReader {
 public:
  NameReader(ZoneBuilder& builder, std::string_view owner, const DnsName& name)
      : builder_(builder), owner_(owner), name_(name) {}

  Result<void> read(const ZoneValue& entry) {
    if (entry.kind == Kind::Text) {
      const auto fault = fault_of(entry.text);
      if (!fault) return fail_at(entry, owner_, "expected TIMEOUT, SERVFAIL or {TYPE: value}");
      builder_.add_fault(name_, *fault);
      return {};
    }
    if (entry.kind != Kind::Map) return fail_at(entry, owner_, "expected {TYPE: value}");
    for (const auto& [word, value] : entry.fields) {
      if (auto read = read_field(word, value); !read) return read;
    }
    return {};
  }

 private:
  Result<void> read_field(const std::string& word, const ZoneValue& value) {
    if (const auto fault = fault_of(word)) {
      builder_.add_fault(name_, *fault);
      return {};
    }
    if (word == "CNAMELOOP") {
      builder_.add_fault(name_, ZoneFault::ServFail);
      return {};
    }
    const auto type = type_of(word);
    if (!type) return fail_at(value, owner_, "unknown record type \"" + word + "\"");
    if (value.kind == Kind::Text) {
      if (const auto fault = fault_of(value.text)) {
        builder_.add_fault(name_, *type, *fault);
        return {};
      }
    }
    Result<void> added = read_record(*type, value);
    if (!added) return fail_at(value, owner_, added.error().message);
    return {};
  }

  Result<void> read_record(RecordType type, const ZoneValue& value) {
    if (type == RecordType::A || type == RecordType::Aaaa) return read_address(type, value);
    if (type == RecordType::Mx) return read_mx(value);
    if (type == RecordType::Txt || type == kRecordTypeSpf) return read_text(type, value);
    const auto target = name_of(value);
    if (!target) return std::unexpected(target.error());
    return builder_.add_name(name_, type, *target);
  }

  Result<void> read_address(RecordType type, const ZoneValue& value) {
    const auto address = value.kind == Kind::Text ? IpAddress::parse(value.text) : std::nullopt;
    if (!address || address->is_v4() != (type == RecordType::A)) {
      return fail(ErrorKind::Invalid, "\"" + value.text + "\" is not an address for " + to_string(type));
    }
    return builder_.add_address(name_, *address);
  }

  Result<void> read_mx(const ZoneValue& value) {
    if (value.kind != Kind::List || value.items.size() != 2) {
      return fail(ErrorKind::Invalid, "MX wants [preference, name]");
    }
    const std::string& number = value.items[0].text;
    uint16_t preference = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), preference);
    if (error != std::errc() || end != number.data() + number.size()) {
      return fail(ErrorKind::Invalid, "\"" + number + "\" is not an MX preference");
    }
    const auto exchange = name_of(value.items[1]);
    if (!exchange) return std::unexpected(exchange.error());
    return builder_.add_mx(name_, {preference, *exchange});
  }

  Result<void> read_text(RecordType type, const ZoneValue& value) {
    if (type == RecordType::Txt && value.kind == Kind::Text && value.text == "NONE") {
      builder_.suppress_spf_as_text(name_);
      return {};
    }
    std::vector<std::string> strings;
    const auto append = [&strings](const ZoneValue& item) -> Result<void> {
      if (item.kind == Kind::List || item.kind == Kind::Map || item.kind == Kind::Null) {
        return fail(ErrorKind::Invalid, "text is a string or a list of strings");
      }
      auto octets = octets_of(item.text);
      if (!octets) return std::unexpected(octets.error());
      strings.push_back(std::move(*octets));
      return {};
    };
    if (value.kind != Kind::List) {
      if (auto appended = append(value); !appended) return appended;
    }
    for (const ZoneValue& item : value.items) {
      if (auto appended = append(item); !appended) return appended;
    }
    return builder_.add_text(name_, type, strings);
  }

  // The empty string is the root, as a null MX has it (RFC 7505).
  static Result<DnsName> name_of(const ZoneValue& value) {
    if (value.kind != Kind::Text && value.kind != Kind::Number) {
      return fail(ErrorKind::Invalid, "expected a name");
    }
    const auto octets = octets_of(value.text);
    if (!octets) return std::unexpected(octets.error());
    const auto name = DnsName::from_text(*octets);
    if (!name) return fail(ErrorKind::Invalid, "\"" + value.text + "\" is not a DNS name");
    return *name;
  }

  ZoneBuilder& builder_;
  std::string_view owner_;
  DnsName name_;
};

}  // namespace

Result<std::string> octets_of(const std::string& text) {
  std::string octets;
  octets.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (octet < 0x80) {
      octets += text[i];
      continue;
    }
    // U+0080 to U+00FF are C2 xx and C3 xx in UTF-8.
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if ((octet != 0xC2 && octet != 0xC3) || (next & 0xC0U) != 0x80) {
      return fail(ErrorKind::Invalid, "a character above U+00FF does not stand for an octet");
    }
    octets += static_cast<char>((octet & 0x03U) << 6 | (next & 0x3FU));
    ++i;
  }
  return octets;
}

Result<Zone> build_openspf(const ZoneValue& zonedata) {
  if (zonedata.kind == Kind::Null) return Zone();
  if (zonedata.kind != Kind::Map) {
    return fail(ErrorKind::Invalid, "a zone is a mapping of names to lists of entries");
  }
  ZoneBuilder builder;
  for (const auto& [owner, entries] : zonedata.fields) {
    const auto octets = octets_of(owner);
    const auto name = octets ? DnsName::from_text(*octets) : std::nullopt;
    if (!name) return fail_at(entries, owner, "not a DNS name");
    builder.add_empty(*name);
    NameReader reader(builder, owner, *name);
    if (entries.kind == Kind::Null) continue;
    if (entries.kind != Kind::List) {
      if (auto read = reader.read(entries); !read) return std::unexpected(read.error());
    }
    for (const ZoneValue& entry : entries.items) {
      if (auto read = reader.read(entry); !read) return std::unexpected(read.error());
    }
  }
  return builder.finish();
}

}  // namespace sluice::dns
