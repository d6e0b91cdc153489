// The openspf zone form (zone_file.h describes it) independent of the notation it came in: readers turn YAML
// or JSON into ZoneValues, this builds the Zone. Used inside this folder only.
#pragma once

#include "dnscache/zone/zone.h"
#include "io/base/result.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::dns {

struct ZoneField;

struct ZoneValue {
  enum class Kind : uint8_t { Null, Text, Number, Bool, List, Map };
  Kind kind = Kind::Null;
  std::string text;  // Text and Number as written, UTF-8; Bool: "true" or "false"
  std::vector<ZoneValue> items;
  std::vector<ZoneField> fields;
  size_t line = 0;  // from 1; 0 where the notation does not tell
};
struct ZoneField {
  std::string key;
  ZoneValue value;
};

inline constexpr unsigned kZoneValueDepth = 4;  // zone, entries, entry, strings

// Each character of UTF-8 text as one octet; fails on characters above U+00FF and on what is not UTF-8.
Result<std::string> octets_of(const std::string& text);

Result<Zone> build_openspf(const ZoneValue& zonedata);

}  // namespace sluice::dns
