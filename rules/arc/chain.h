// Chain: the ARC fields of a message sorted into sets (RFC 8617 sections 4.1 and 4.2), for the validator and
// the sealer. Only the instance of each field and cv= are read here. Views into the message. Pure.
#pragma once

#include "io/mail/header_block.h"
#include "rules/arc/outcome.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::arc {

// In the order in which a seal covers them (section 5.1.1).
enum class Part : uint8_t { Results, Message, Seal };
inline constexpr size_t kParts = 3;
std::optional<Part> part_of(std::string_view field_name);
std::string_view field_name(Part part);

struct ChainSet {
  struct Field {
    std::string_view raw, value;  // empty: not there
    unsigned count = 0;
  };
  std::array<Field, kParts> fields{};
  ChainValue cv = ChainValue::Absent;

  const Field& part(Part which) const { return fields[static_cast<size_t>(which)]; }
  Field& part(Part which) { return fields[static_cast<size_t>(which)]; }
};

class Chain {
 public:
  static Chain of(const mail::HeaderBlock& block);
  static Chain of(std::span<const std::string_view> raw_fields);

  bool empty() const { return !any_; }
  unsigned newest() const { return static_cast<unsigned>(sets_.size()); }  // the highest instance; 0: none
  const ChainSet& set(unsigned instance) const { return sets_[instance - 1]; }

  // What section 5.2, steps 1 to 3, finds, in its order; Intact where nothing is wrong, NoSets where there is
  // nothing. `instance`: of the set it is about, 0 where that is not known.
  struct Finding {
    Reason reason = Reason::Intact;
    unsigned instance = 0;
  };
  Finding structure() const;

 private:
  void take(Part part, std::string_view raw, std::string_view value);
  Finding first_problem_of_sets() const;

  std::vector<ChainSet> sets_;  // of instance 1 and up
  bool any_ = false;
  bool malformed_ = false;     // a field whose instance cannot be read
  bool out_of_range_ = false;  // an instance outside 1 to 50, or more fields than sets can have
  size_t taken_ = 0;
};

// Sets 1 to `newest` as a seal covers them: canonical, each field with CRLF (section 5.1.1).
void append_sets(std::string& out, const Chain& chain, unsigned newest);

}  // namespace sluice::arc
