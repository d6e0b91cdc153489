#include "dnscache/zone/openspf.h"
#include "dnscache/zone/zone_file.h"

#include <string>

#include <yaml-cpp/yaml.h>

namespace sluice::dns {
namespace {

constexpr size_t kValuesMax = 1'000'000;  // ours: aliases can name one value many times

// May throw what yaml-cpp throws.
Result<ZoneValue> value_of(const YAML::Node& node, unsigned depth, size_t& values) {
  if (depth > kZoneValueDepth) return fail(ErrorKind::Limit, "zone: nested too deeply");
  if (++values > kValuesMax) return fail(ErrorKind::Limit, "zone: too many values");
  ZoneValue value;
  value.line = node.Mark().line < 0 ? 0 : static_cast<size_t>(node.Mark().line) + 1;
  if (node.IsScalar()) {
    value.kind = ZoneValue::Kind::Text;
    value.text = node.Scalar();
  } else if (node.IsSequence()) {
    value.kind = ZoneValue::Kind::List;
    for (const auto& item : node) {
      auto converted = value_of(item, depth + 1, values);
      if (!converted) return converted;
      value.items.push_back(std::move(*converted));
    }
  } else if (node.IsMap()) {
    value.kind = ZoneValue::Kind::Map;
    for (const auto& field : node) {
      auto converted = value_of(field.second, depth + 1, values);
      if (!converted) return converted;
      value.fields.push_back({field.first.as<std::string>(), std::move(*converted)});
    }
  }
  return value;
}

Error yaml_error(const YAML::Exception& error) {
  const int line = error.mark.line < 0 ? 0 : error.mark.line + 1;
  return {ErrorKind::Invalid, 0, "line " + std::to_string(line) + ": not YAML: " + error.msg};
}

}  // namespace

Result<Zone> zone_from_yaml_node(const YAML::Node& zonedata) {
  try {
    size_t values = 0;
    const auto value = value_of(zonedata, 0, values);
    if (!value) return std::unexpected(value.error());
    return build_openspf(*value);
  } catch (const YAML::Exception& error) {
    return std::unexpected(yaml_error(error));
  }
}

Result<Zone> zone_from_yaml(std::string_view text) {
  try {
    const YAML::Node document = YAML::Load(std::string(text));
    if (document.IsMap() && document["zonedata"].IsDefined()) {
      return zone_from_yaml_node(document["zonedata"]);
    }
    return zone_from_yaml_node(document);
  } catch (const YAML::Exception& error) {
    return std::unexpected(yaml_error(error));
  }
}

}  // namespace sluice::dns
