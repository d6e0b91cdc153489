#include "dnscache/zone/zone_json.h"

#include "dnscache/zone/openspf.h"
#include "dnscache/zone/zone_file.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace sluice::dns {
namespace {

Result<ZoneValue> value_of(const nlohmann::json& json, unsigned depth) {
  if (depth > kZoneValueDepth) return fail(ErrorKind::Limit, "zone: nested too deeply");
  ZoneValue value;
  if (json.is_string()) {
    value.kind = ZoneValue::Kind::Text;
    value.text = json.get_ref<const std::string&>();
  } else if (json.is_number() || json.is_boolean()) {
    value.kind = json.is_number() ? ZoneValue::Kind::Number : ZoneValue::Kind::Bool;
    value.text = json.dump();
  } else if (json.is_array()) {
    value.kind = ZoneValue::Kind::List;
    for (const auto& item : json) {
      auto converted = value_of(item, depth + 1);
      if (!converted) return converted;
      value.items.push_back(std::move(*converted));
    }
  } else if (json.is_object()) {
    value.kind = ZoneValue::Kind::Map;
    for (const auto& [key, field] : json.items()) {
      auto converted = value_of(field, depth + 1);
      if (!converted) return converted;
      value.fields.push_back({key, std::move(*converted)});
    }
  }
  return value;
}

}  // namespace

Result<Zone> zone_from_json_value(const nlohmann::json& zonedata) {
  const auto value = value_of(zonedata, 0);
  if (!value) return std::unexpected(value.error());
  return build_openspf(*value);
}

Result<Zone> zone_from_json(std::string_view text) {
  try {
    return zone_from_json_value(nlohmann::json::parse(text));
  } catch (const nlohmann::json::parse_error& error) {
    const std::string_view before = text.substr(0, std::min(error.byte, text.size()));
    const auto line = 1 + std::ranges::count(before, '\n');
    return fail(ErrorKind::Invalid, "line " + std::to_string(line) + ": not JSON: " + error.what());
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorKind::Invalid, std::string("not JSON: ") + error.what());
  }
}

}  // namespace sluice::dns
