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
#include "io/base/large_pages.h"
#include "io/base/limits.h"
#include "rules/net/cidr_set.h"
#include "rules/spf/evaluator.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
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

// What runs: one block of memory, laid out for the cache. A run touches its first pair of lines, which hold
// what is always looked at and the first rows or the highest node, then a pair for each further step.
class alignas(64) ProgramImage {
 public:
  ProgramImage(const ProgramImage&) = delete;
  ProgramImage& operator=(const ProgramImage&) = delete;

  // As Program::run, but for Outcome::domain, which is left as it is: whoever found the program by its domain
  // has that at hand, and here it would be a cache miss.
  const Outcome* run(const IpAddress& client, Explain explain, Outcome& into) const;

 private:
  friend class Program;
  friend class ProgramCompiler;
  static constexpr uint32_t kStepByStep = UINT32_MAX;
  static constexpr size_t kPair = 128;  // cache lines as they are fetched; images begin on one

  // An outcome, written small: there is one for each term. Its mechanism stands behind it.
  struct Final {
    uint8_t result : 4;  // auth::SpfResult
    uint8_t has_mechanism : 1;
    uint8_t has_rest : 1;  // its index into rests stands behind the mechanism
    uint8_t lookups;
    uint8_t void_lookups;
    uint8_t size;  // of the mechanism
  };
  static constexpr size_t kFinalUnit = 4;
  static_assert(sizeof(Final) == kFinalUnit);
  static_assert(limits::kSpfTerms < 255 && limits::kSpfVoid < 255);
  // What few outcomes have.
  struct Rest {
    std::string long_mechanism;  // empty: it stands behind the Final
    std::optional<std::string> explanation;
    std::string problem;
    std::string problem_domain;
    std::string problem_term;
    size_t problem_offset = 0;
    friend bool operator==(const Rest&, const Rest&) = default;
  };

  // What happens to a client is a code: an outcome (where it is written, in units), or with kIndirect an
  // action (index into actions): outcomes that differ by Explain, or a block in which the search goes on.
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
  // What most runs do not look at.
  struct Rare {
    std::vector<Action> actions;
    std::vector<Block> others;  // behind the first block
    std::vector<Rest> rests;
  };
  // What is compiled, before it is laid out.
  struct Draft {
    Block first;
    std::string finals;
  };
  struct Free {
    void operator()(ProgramImage* image) const;
  };
  using Owner = std::unique_ptr<ProgramImage, Free>;

  ProgramImage() = default;
  ~ProgramImage() = default;
  static Owner make(IpFamily family, const Draft& draft, const Rare& rare, const LargePages& memory);

  Code find(const IpAddress& client, Explain explain) const;  // of an outcome, or kStepByStep
  const std::byte* at(Code code) const {
    return reinterpret_cast<const std::byte*>(this) + finals_at_ + size_t{code} * kFinalUnit;
  }
  auth::SpfResult result_at(Code code) const;
  void add_rest(const Final& found, const std::byte* behind, Outcome& into) const;

  // Where a run starts. The table lies behind this object, and behind that the outcomes.
  union First {
    First() : v4() {}
    cidr::V4Family::Placed v4;
    cidr::V6Family::Placed v6;
  };
  First first_;
  const Rare* rare_ = nullptr;
  uint32_t finals_at_ = 0;
  Code otherwise_ = 0;  // for clients that no prefix of the first block holds
  IpFamily family_ = IpFamily::V4;
  uint8_t shift_ = 0;  // in pairs: how far behind the begin of its memory it lies
};

class Program {
 public:
  // `domain` is the one checked. What source gives need only live as stated there. Compiling costs about as
  // much as the program becomes large, which `bytes_max` bounds; what is beyond it is evaluated step by step
  // (ProgramGaps::limits). `memory` is where what runs is put; it may go before the program.
  static Program compile(const dns::DnsName& domain, IpFamily family, ProgramSource& source,
                         const LargePages& memory, size_t bytes_max = limits::kSpfProgramBytes);

  // The outcome for a client (unmapped, see IpAddress::unmap), written into `into`, which it gives back.
  // Null: it must be evaluated step by step. Allocates nothing that `into` has room for already.
  const Outcome* run(const IpAddress& client, Explain explain, Outcome& into) const;
  // Lives as long as this object or what it is moved to.
  const ProgramImage& image() const { return *image_; }

  IpFamily family() const { return family_; }
  // Every client of the family is covered, explanations included.
  bool whole() const { return !gaps_.any(); }
  const ProgramGaps& gaps() const { return gaps_; }
  // The first kMissingMax answers that were missing: with any of them a program covers more.
  const std::vector<dns::Question>& missing() const { return missing_; }

  const ProgramBreadth& breadth() const { return breadth_; }
  size_t rows() const { return rows_; }  // prefixes
  size_t blocks() const { return 1 + rare_->others.size(); }
  size_t bytes() const { return bytes_; }  // memory, estimated

 private:
  friend class ProgramCompiler;
  static constexpr size_t kMissingMax = 8;

  Program() = default;
  void finish(ProgramImage::Draft& draft, const std::vector<Cidr>& prefixes, const LargePages& memory);
  void measure(const std::vector<Cidr>& prefixes);

  std::unique_ptr<ProgramImage::Rare> rare_ = std::make_unique<ProgramImage::Rare>();
  ProgramImage::Owner image_;
  IpFamily family_ = IpFamily::V4;
  std::string domain_;
  ProgramGaps gaps_;
  std::vector<dns::Question> missing_;
  ProgramBreadth breadth_;
  size_t rows_ = 0;
  size_t bytes_ = 0;
};

}  // namespace sluice::spf
