// A small DNS full of SPF records that refer to each other: what the compiled form is tried on. Trees and
// cycles of include and redirect, nested prefixes of both families, void names, faults, records that are
// wrong, too many MX, explanations, some macros.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/ip.h"
#include "rules/spf/program.h"
#include "rules/spf/selected_record.h"
#include "tests/differential/dice.h"

#include <array>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sluice::differential {

class SpfZone final : public spf::ProgramSource {
 public:
  static SpfZone generate(Dice& dice);

  // What the DNS says; for the evaluator.
  const dns::Answer& lookup(const dns::Question& question) const;
  // The same, as far as it is there to compile from. At the next call the answer is gone: what is left in its
  // place is a fault.
  const dns::Answer* find(const dns::Question& question) override;
  const spf::SelectedRecord* record(const dns::Question& txt) override { return shared_record(txt).get(); }
  const spf::SelectedRecordRef& shared_record(const dns::Question& txt);
  // Questions since the last call.
  size_t take_finds() { return std::exchange(finds_, 0); }

  const dns::DnsName& domain() const { return domain_; }
  // Nothing but the limits may keep a program of it from being whole.
  bool flattens() const { return flattens_; }
  // No client leaves an include early: a program of it is one block, far from every limit.
  bool is_straight() const { return is_straight_; }
  // Clients at and around the edges of every prefix of the zone, and some others, both families.
  std::vector<IpAddress> clients(Dice& dice, size_t count) const;
  std::string to_text() const;  // for a person: a line for each answer

 private:
  friend class SpfZoneWriter;
  struct Entry {
    dns::Answer answer;
    bool is_there = true;
    spf::SelectedRecordRef record;
  };
  static std::string key(const dns::Question& question);

  dns::DnsName domain_;
  std::unordered_map<std::string, Entry> entries_;
  std::vector<Cidr> prefixes_;
  std::array<dns::Answer, 2> given_;  // by find(): the last one, and what the one before has become
  bool flattens_ = true;
  bool is_straight_ = false;
  size_t finds_ = 0;
};

}  // namespace sluice::differential
