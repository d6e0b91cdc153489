// Program: the record of one domain with all that it includes, flattened for the clients of one address
// family: blocks of prefixes, the first that holds the client decides. It gives what Evaluator gives, field
// by field (Outcome::identity excepted, which is the caller's), without asking anything.
//
// Compiling executes check_host() (RFC 7208 section 4) once for all clients, over answers that are there
// already. Where a client's way depends on more than its address (macros of the sender, ptr), on an answer
// that is not there or failed, or on more than limits::kSpfProgram... allow, it is evaluated step by step:
// run() says so, for exactly these clients. Compiling never fails and never takes more than these limits.
//
// It holds no reference to what it was compiled from, and does not know when that expires: who keeps it lets
// it go when one of the answers used is replaced or past its time. Pure; immutable once compiled; moves.
#pragma once

#include "dnscache/question/question.h"
#include "io/base/ip.h"
#include "io/base/limits.h"
#include "rules/net/cidr_set.h"
#include "rules/spf/evaluator.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::spf {

class SelectedRecord;

// What is there to compile from. The source notes what was asked for: a program lives as long as that.
class ProgramSource {
 public:
  // Null: not there. Never asks anybody. Valid until the next call.
  virtual const dns::Answer* find(const dns::Question& question) = 0;
  // What the TXT answer that find() just gave means. Valid until compile() returns.
  virtual const SelectedRecord* record(const dns::Question& txt) = 0;

 protected:
  ProgramSource() = default;
  ProgramSource(const ProgramSource&) = default;
  ProgramSource& operator=(const ProgramSource&) = default;
  ~ProgramSource() = default;
};

// Why a program does not cover all clients. Several reasons may hold at once.
struct ProgramGaps {
  bool macros = false;     // a term or an explanation whose text depends on more than the domain
  bool names = false;      // ptr
  bool missing = false;    // an answer that was not there: compile again when it is
  bool temporary = false;  // an answer that is a fault, or past its time
  bool limits = false;     // larger than limits::kSpfProgram...
  bool any() const { return macros || names || missing || temporary || limits; }
};

// How much of the address space a record authorises. Each count stops at the largest number it can hold.
struct ProgramBreadth {
  uint64_t addresses = 0;  // IPv4: whose result is Pass
  uint64_t networks = 0;   // IPv6: /64 networks with an address whose result is Pass
  bool complete = false;   // false: at least so many; other clients are evaluated step by step
};

class Program {
 public:
  // `domain` is the one checked. What source gives need only live as stated there. Compiling costs about as
  // much as the program becomes large, which `bytes_max` bounds; what is beyond it is evaluated step by step
  // (ProgramGaps::limits).
  static Program compile(const dns::DnsName& domain, IpFamily family, ProgramSource& source,
                         size_t bytes_max = limits::kSpfProgramBytes);

  // The outcome for a client (unmapped, see IpAddress::unmap), written into `into`, which it gives back.
  // Null: it must be evaluated step by step. Allocates nothing that `into` has room for already.
  const Outcome* run(const IpAddress& client, Explain explain, Outcome& into) const;

  IpFamily family() const { return family_; }
  // Every client of the family is covered, explanations included.
  bool whole() const { return !gaps_.any(); }
  const ProgramGaps& gaps() const { return gaps_; }
  // The first kMissingMax answers that were missing: with any of them a program covers more.
  const std::vector<dns::Question>& missing() const { return missing_; }

  const ProgramBreadth& breadth() const { return breadth_; }
  size_t rows() const { return rows_; }  // prefixes
  size_t blocks() const { return 1 + others_.size(); }
  size_t bytes() const { return bytes_; }  // memory, estimated

 private:
  friend class ProgramCompiler;
  Program() = default;
  static constexpr uint32_t kStepByStep = UINT32_MAX;
  static constexpr size_t kMissingMax = 8;
  static constexpr uint32_t kNone = UINT32_MAX;

  // An outcome, written small: there is one for each term, and thousands of programs are in use at a time, so
  // that each part that lies elsewhere is a cache miss. Hence a short mechanism stands in it.
  struct Final {
    static constexpr size_t kShort = 23;  // "ip4:203.0.113.100/32"
    uint32_t rest = kNone;                // index into rests_
    auth::SpfResult result = auth::SpfResult::None;
    uint8_t lookups = 0;
    uint8_t void_lookups = 0;
    bool has_mechanism = false;
    uint8_t short_size = 0;
    std::array<char, kShort> short_mechanism{};
  };
  static_assert(sizeof(Final) == 32);
  // What few outcomes have.
  struct Rest {
    std::string long_mechanism;  // empty: it is short
    std::optional<std::string> explanation;
    std::string problem;
    std::string problem_domain;
    std::string problem_term;
    size_t problem_offset = 0;
    friend bool operator==(const Rest&, const Rest&) = default;
  };
  static_assert(limits::kSpfTerms < 255 && limits::kSpfVoid < 255);

  // What happens to a client is a code: an outcome (index into finals_), or with kIndirect an action (index
  // into actions_): outcomes that differ by Explain, or a block in which the search goes on.
  using Code = uint32_t;
  static constexpr Code kIndirect = 0x80000000;
  struct Action {
    uint32_t skip = kStepByStep;
    uint32_t fetch = kStepByStep;
    uint32_t block = kStepByStep;  // not kStepByStep: go on there
  };
  struct Block {
    cidr::CidrSet prefixes;  // their index is a code
    Code otherwise = 0;      // for clients that no prefix holds
  };

  static size_t memory_of(const Outcome& outcome);
  uint32_t add(const Outcome& outcome);
  // Index into finals_, or kStepByStep.
  uint32_t find(const IpAddress& client, Explain explain) const;
  std::string_view mechanism(const Final& outcome) const;
  Code code_of(uint32_t action) const;
  const Block& block(uint32_t index) const { return index == 0 ? first_ : others_[index - 1]; }
  void finish(const std::vector<Cidr>& prefixes);
  void measure(const std::vector<Cidr>& prefixes);

  IpFamily family_ = IpFamily::V4;
  Block first_;  // where a run starts; here rather than with the others for fewer cache misses
  std::vector<Final> finals_;
  std::string domain_;
  std::vector<Action> actions_;
  std::vector<Block> others_;
  std::vector<Rest> rests_;
  ProgramGaps gaps_;
  std::vector<dns::Question> missing_;
  ProgramBreadth breadth_;
  size_t rows_ = 0;
  size_t bytes_ = 0;
};

}  // namespace sluice::spf
