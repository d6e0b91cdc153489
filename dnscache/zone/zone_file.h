// Readers of zone text: the openspf form as YAML or JSON, and RFC 1035 section 5 master files.
//
// The openspf form is a mapping of names to lists of entries:
//
//   example.com:
//     - A: 192.0.2.1                     # AAAA, PTR, NS, CNAME, MX: [10, mail.example.com]
//     - SPF: v=spf1 mx -all              # served as TXT too, unless the name has a TXT entry
//     - TXT: ["one record ", "of two strings"]
//     - TXT: NONE                        # only suppresses the copy of SPF entries
//     - AAAA: TIMEOUT                    # one type is silent; SERVFAIL likewise
//     - TIMEOUT                          # every type without a record here; {TIMEOUT: true} means the same
//
// A character of a string is one octet, U+0000 to U+00FF. {CNAMELOOP: true} fails as a loop of CNAMEs does.
// Wildcards are read only from master files, $INCLUDE is refused there. Pure: text in, Zone or Error out,
// with the line where the reader knows it.
#pragma once

#include "dnscache/zone/zone.h"
#include "io/base/result.h"

#include <cstdint>
#include <string_view>

namespace YAML {  // NOLINT(readability-identifier-naming): the library's
class Node;
}

namespace sluice::dns {

// The mapping itself, or a document that holds it under the key `zonedata`.
[[nodiscard]] Result<Zone> zone_from_yaml(std::string_view text);
// The same of a node that is parsed already (the value of `zonedata`).
[[nodiscard]] Result<Zone> zone_from_yaml_node(const YAML::Node& zonedata);
[[nodiscard]] Result<Zone> zone_from_json(std::string_view text);
// `origin` completes relative names until the file's own $ORIGIN.
[[nodiscard]] Result<Zone> zone_from_master(std::string_view text, const DnsName& origin = {});

enum class ZoneFormat : uint8_t { Yaml, Json, Master };
// By the file name's ending: .yml, .yaml; .json; any other is a master file.
ZoneFormat zone_format_of(std::string_view file_name);
[[nodiscard]] Result<Zone> zone_from_text(ZoneFormat format, std::string_view text);

}  // namespace sluice::dns
