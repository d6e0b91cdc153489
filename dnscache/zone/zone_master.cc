#include "dnscache/zone/zone_file.h"
#include "io/base/ascii.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include <ldns/ldns.h>

namespace sluice::dns {
namespace {

struct FreeRecord {
  void operator()(ldns_rr* rr) const noexcept { ldns_rr_free(rr); }
};
struct FreeBuffer {
  void operator()(ldns_buffer* buffer) const noexcept { ldns_buffer_free(buffer); }
};
struct CloseFile {
  void operator()(FILE* file) const noexcept { (void)std::fclose(file); }
};
// A name that ldns replaces as it reads ($ORIGIN, the owner before).
class HeldName {
 public:
  explicit HeldName(ldns_rdf* name) : name_(name) {}
  HeldName(const HeldName&) = delete;
  HeldName& operator=(const HeldName&) = delete;
  ~HeldName() { ldns_rdf_deep_free(name_); }
  ldns_rdf** slot() { return &name_; }

 private:
  ldns_rdf* name_;
};

std::optional<DnsName> name_of(const ldns_rdf* name) {
  if (name == nullptr) return std::nullopt;
  // ldns keeps names in wire form.
  return DnsName::from_wire({reinterpret_cast<const char*>(ldns_rdf_data(name)), ldns_rdf_size(name)});
}

Result<void> add_record(ZoneBuilder& builder, const ldns_rr& rr, ldns_buffer& buffer) {
  if (ldns_rr_get_class(&rr) != LDNS_RR_CLASS_IN) return fail(ErrorKind::Invalid, "a class other than IN");
  const auto owner = name_of(ldns_rr_owner(&rr));
  if (!owner) return fail(ErrorKind::Invalid, "the owner is not a DNS name");
  ldns_buffer_clear(&buffer);
  if (ldns_rr_rdata2buffer_wire(&buffer, &rr) != LDNS_STATUS_OK) {
    return fail(ErrorKind::Invalid, "the record's data has no wire form");
  }
  const std::string_view rdata(reinterpret_cast<const char*>(ldns_buffer_begin(&buffer)),
                               ldns_buffer_position(&buffer));
  return builder.add(*owner, static_cast<RecordType>(ldns_rr_get_type(&rr)), ldns_rr_ttl(&rr),
                     std::string(rdata));
}

std::unexpected<Error> fail_at(int line, std::string_view why) {
  return fail(ErrorKind::Invalid, "line " + std::to_string(line) + ": " + std::string(why));
}

}  // namespace

Result<Zone> zone_from_master(std::string_view text, const DnsName& origin) {
  ZoneBuilder builder;
  builder.use_wildcards();
  if (text.empty()) return builder.finish();
  std::string copy(text);  // fmemopen wants it writable
  const std::unique_ptr<FILE, CloseFile> file(fmemopen(copy.data(), copy.size(), "r"));
  const std::unique_ptr<ldns_buffer, FreeBuffer> buffer(ldns_buffer_new(LDNS_MAX_PACKETLEN));
  if (!file || !buffer) return fail(ErrorKind::System, "zone: out of memory");
  HeldName current_origin(
      ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin.wire_size(), origin.wire().data()));
  HeldName previous(nullptr);
  uint32_t ttl = ZoneBuilder::kDefaultTtl;
  int line = 1;
  while (std::feof(file.get()) == 0) {
    ldns_rr* read = nullptr;
    const int first_line = line;
    const ldns_status status =
        ldns_rr_new_frm_fp_l(&read, file.get(), &ttl, current_origin.slot(), previous.slot(), &line);
    const std::unique_ptr<ldns_rr, FreeRecord> rr(read);
    if (status == LDNS_STATUS_SYNTAX_EMPTY || status == LDNS_STATUS_SYNTAX_TTL ||
        status == LDNS_STATUS_SYNTAX_ORIGIN) {
      continue;  // not errors: a blank line, $TTL, $ORIGIN
    }
    // The reader stands behind the record; blank lines before it count from the last one.
    const int record_line = std::max(first_line, line - 1);
    if (status != LDNS_STATUS_OK) return fail_at(record_line, ldns_get_errorstr_by_id(status));
    if (auto added = add_record(builder, *rr, *buffer); !added) {
      return fail_at(record_line, added.error().message);
    }
  }
  return builder.finish();
}

ZoneFormat zone_format_of(std::string_view file_name) {
  if (ends_with_ignore_case(file_name, ".yml") || ends_with_ignore_case(file_name, ".yaml")) {
    return ZoneFormat::Yaml;
  }
  return ends_with_ignore_case(file_name, ".json") ? ZoneFormat::Json : ZoneFormat::Master;
}

Result<Zone> zone_from_text(ZoneFormat format, std::string_view text) {
  switch (format) {
    case ZoneFormat::Yaml:
      return zone_from_yaml(text);
    case ZoneFormat::Json:
      return zone_from_json(text);
    case ZoneFormat::Master:
      break;
  }
  return zone_from_master(text);
}

}  // namespace sluice::dns
