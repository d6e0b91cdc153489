#include "io/smtp/data_reader.h"

#include "io/base/random.h"
#include "io/smtp/body_scan.h"
#include "io/smtp/dot_stuffing.h"
#include "tests/unit/io/smtp/read_message.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/highway.h>

namespace sluice::smtp {
namespace {

ReadMessage read(std::string_view octets, const Piece& piece, uint64_t octets_max = UINT64_MAX) {
  return read_message(BareLineEnds::Refuse, octets, piece, octets_max);
}

ReadMessage read_normalized(std::string_view octets, const Piece& piece, uint64_t octets_max = UINT64_MAX,
                            size_t dropped_from = SIZE_MAX) {
  return read_message(BareLineEnds::Normalize, octets, piece, octets_max, dropped_from);
}

struct BodyCase {
  std::string name;
  std::string wire;
  std::string body;
};

TEST(DataReader, EndsAtCrlfDotCrlfOnly) {
  const std::vector<BodyCase> cases = {
      {"empty", ".\r\n", ""},
      {"one line", "a\r\n.\r\n", "a\r\n"},
      {"empty line", "\r\n.\r\n", "\r\n"},
      {"stuffed dots", "..\r\n..a\r\n.\r\n", "..\r\n..a\r\n"},
      {"stuffed though no dot follows", ".a\r\n.\r\n", ".a\r\n"},
      {"dot in a line", "a.\r\nb.\r\n.\r\n", "a.\r\nb.\r\n"},
      {"dot and space", ". \r\n.\r\n", ". \r\n"},
  };
  for (const BodyCase& c : cases) {
    SCOPED_TRACE(c.name);
    for (size_t size = 1; size <= c.wire.size(); ++size) {
      const ReadMessage message = read(c.wire + "QUIT\r\n", pieces_of(size));
      EXPECT_EQ(message.wire, c.body);
      EXPECT_EQ(message.end, c.wire.size());
      EXPECT_EQ(message.defect, BodyDefect::None);
    }
  }
}

// What looks like an end of data and is none.
struct LookalikeCase {
  std::string name;
  std::string octets;
  BodyDefect defect;  // where bare line ends are refused
  // Where they are not: a next hop sees no end of data in it either, whichever forms it takes for one.
  std::string normalized{};
  uint64_t bare_line_ends = 0;
};

// CVE-2023-51764, -51765, -51766.
const std::vector<LookalikeCase> kLookalikes = {
    {"LF.LF", "a\n.\n", BodyDefect::BareLf, "a\r\n..\r\n", 2},
    {"LF.CRLF", "a\n.\r\n", BodyDefect::BareLf, "a\r\n..\r\n", 1},
    {"CRLF.LF", "a\r\n.\n", BodyDefect::BareLf, "a\r\n..\r\n", 1},
    {"CR.CR", "a\r.\r", BodyDefect::BareCr, "a\r\n..\r\n", 2},
    {"CR.CRLF", "a\r.\r\n", BodyDefect::BareCr, "a\r\n..\r\n", 1},
    {"CRLF.CR", "a\r\n.\r", BodyDefect::BareCr, "a\r\n..\r\n", 1},
    {"CRLF.CRCRLF", "a\r\n.\r\r\n", BodyDefect::BareCr, "a\r\n..\r\n\r\n", 1},
    {"LF.CR", "a\n.\r", BodyDefect::BareLf, "a\r\n..\r\n", 2},
    {"CR.LF", "a\r.\n", BodyDefect::BareCr, "a\r\n..\r\n", 2},
    {"CRCRLF.CR", "a\r\r\n.\r", BodyDefect::BareCr, "a\r\n\r\n..\r\n", 2},
    {"CRCRLF.CRCRLF", "a\r\r\n.\r\r\n", BodyDefect::BareCr, "a\r\n\r\n..\r\n\r\n", 2},
    {"LFCR.CRLF", "a\n\r.\r\n", BodyDefect::BareLf, "a\r\n\r\n..\r\n", 2},
    {"LF..LF", "a\n..\n", BodyDefect::BareLf, "a\r\n..\r\n", 2},
    {".LF at the start", ".\n", BodyDefect::BareLf, "..\r\n", 1},
    {".CR at the start", ".\r", BodyDefect::BareCr, "..\r\n", 1},
    {"LF.CRLF at the start", "\n.\r\n", BodyDefect::BareLf, "\r\n..\r\n", 1},
    {"CR at the start", "\ra", BodyDefect::BareCr, "\r\na", 1},
};

// Refused whatever is done with bare line ends.
const std::vector<LookalikeCase> kLookalikesWithNul = {
    {"NUL", std::string("a\0b", 3), BodyDefect::Nul},
    {"LF NUL", std::string("a\n\0b", 4), BodyDefect::BareLf},
    {"CRLF.NUL CRLF", std::string("a\r\n.\0\r\n", 7), BodyDefect::Nul},
    {"CRLF.NUL CRLF at the start", std::string("\r\n.\0\r\n", 6), BodyDefect::Nul},
    {"CRLF NUL.CRLF", std::string("a\r\n\0.\r\n", 7), BodyDefect::Nul},
    {"CR NUL LF.CRLF", std::string("a\r\0\n.\r\n", 7), BodyDefect::BareCr},
    {"CRLF.CR NUL LF", std::string("a\r\n.\r\0\n", 7), BodyDefect::BareCr},
    {"LF.NUL LF", std::string("\n.\0\n", 4), BodyDefect::BareLf},
};

// The message goes on to the true end behind it, is refused, and nothing of it becomes a command.
void expect_refused(const std::vector<LookalikeCase>& cases) {
  for (const LookalikeCase& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string wire = c.octets + "MAIL FROM:<x@evil.example>\r\n.\r\n";
    for (size_t size = 1; size <= wire.size(); ++size) {
      const ReadMessage message = read(wire + "QUIT\r\n", pieces_of(size));
      EXPECT_EQ(message.defect, c.defect) << size;
      EXPECT_EQ(message.end, wire.size()) << size;
    }
  }
}

TEST(DataReader, IsNotEndedByLookalikes) {
  expect_refused(kLookalikes);
  expect_refused(kLookalikesWithNul);
}

TEST(DataReader, CountsWithoutStuffingAgainstItsLimit) {
  const std::string wire = "..2345678\r\n.\r\n";  // ten octets as a message
  for (const size_t size : {size_t{1}, size_t{2}, size_t{3}, wire.size()}) {
    EXPECT_EQ(read(wire, pieces_of(size), 10).defect, BodyDefect::None) << size;
    EXPECT_EQ(read(wire, pieces_of(size), 9).defect, BodyDefect::TooLarge) << size;
    EXPECT_EQ(read(wire, pieces_of(size), 9).end, wire.size()) << size;
  }
}

TEST(DataReader, NamesTheFirstReasonInAnyPieces) {
  const std::string wire = "123456789\n\r\n.\r\n";
  for (const size_t size : {size_t{1}, size_t{4}, wire.size()}) {
    EXPECT_EQ(read(wire, pieces_of(size), 8).defect, BodyDefect::TooLarge) << size;
    EXPECT_EQ(read(wire, pieces_of(size), 9).defect, BodyDefect::BareLf) << size;
  }
}

TEST(DataReader, KnowsLongLinesAndHighOctets) {
  const std::string line(998, 'x');
  EXPECT_EQ(read(line + "\r\n.\r\n", pieces_of(7)).longest_line, 998U);
  EXPECT_EQ(read("." + line + "x\r\n.\r\n", pieces_of(4096)).longest_line, 999U);
  EXPECT_FALSE(read(line + "\r\n.\r\n", pieces_of(64)).eight_bit);
  EXPECT_TRUE(read(line + "\xff\r\n.\r\n", pieces_of(64)).eight_bit);
}

TEST(DataReader, DropsTheRestWhenTold) {
  DataReader reader;
  EXPECT_EQ(reader.read("abc\r").step, DataReader::Step::Octets);
  reader.drop_rest();
  const DataReader::Result result = reader.read("\n..\r\nx\n.\r\n.\r\nQUIT");
  EXPECT_EQ(result.step, DataReader::Step::End);
  EXPECT_EQ(result.consumed, 13U);
  EXPECT_EQ(reader.defect(), BodyDefect::None);
}

// The plainest reading of the same rules, as the model.
ReadMessage model(std::string_view wire, uint64_t octets_max) {
  ReadMessage message;
  const std::string padded = "\r\n" + std::string(wire);
  const size_t end = padded.find("\r\n.\r\n");
  if (end != std::string::npos) message.end = end + 3;
  const std::string_view body = wire.substr(0, end == std::string::npos ? wire.size() : end);
  uint64_t octets = 0;
  uint64_t line = 0;
  for (size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    const bool behind_cr = i > 0 && body[i - 1] == '\r';
    const bool line_start = i == 0 || (i > 1 && body.substr(i - 2, 2) == "\r\n");
    BodyDefect defect = BodyDefect::None;
    if (c == '\n' && !behind_cr) defect = BodyDefect::BareLf;
    if (c == '\0') defect = BodyDefect::Nul;
    if (behind_cr && c != '\n') defect = BodyDefect::BareCr;
    if (defect != BodyDefect::None) {
      message.defect = octets > octets_max ? BodyDefect::TooLarge : defect;
      return message;
    }
    if ((c & 0x80) != 0) message.eight_bit = true;
    if (c == '.' && line_start) {
      ++message.stuffed_dots;
      continue;
    }
    ++octets;
    ++line;
    if (c != '\n') continue;
    message.longest_line = std::max(message.longest_line, line - 2);
    line = 0;
  }
  if (octets > octets_max) {
    message = {.wire = {}, .defect = BodyDefect::TooLarge, .end = message.end};
    return message;
  }
  message.wire = body;
  return message;
}

std::string random_wire(Random& random, std::string_view alphabet, uint32_t length) {
  std::string wire;
  for (uint32_t i = random.below(length); i > 0; --i) {
    if (random.one_in(3)) {
      wire += "\r\n";
    } else {
      wire += alphabet[random.below(static_cast<uint32_t>(alphabet.size()))];
    }
  }
  return wire;
}

TEST(DataReader, AgreesWithTheModelInAnyPieces) {
  Random random(11);
  const std::string_view clean("..ab\xe9", 5);
  const std::string_view dirty("..ab\r\n\0", 7);
  for (int round = 0; round < 5000; ++round) {
    const bool defects = random.one_in(4);
    const std::string wire =
        random_wire(random, defects ? dirty : clean, 60) + (random.one_in(9) ? "" : "\r\n.\r\n");
    const uint64_t octets_max = random.one_in(4) ? random.below(40) : UINT64_MAX;
    const ReadMessage expected = model(wire, octets_max);
    if (!expected.end) continue;  // an open end is as good as any
    const std::vector<size_t> sizes = {1 + random.below(9), 1 + random.below(5), 1 + random.below(70)};
    size_t turn = 0;
    const auto piece = [&](size_t) { return sizes[turn++ % sizes.size()]; };
    const ReadMessage found = read(wire, piece, octets_max);
    ASSERT_EQ(found.defect, expected.defect) << testing::PrintToString(wire);
    ASSERT_EQ(found.end, expected.end) << testing::PrintToString(wire);
    if (expected.defect != BodyDefect::None) continue;
    ASSERT_TRUE(found == expected) << testing::PrintToString(wire);
  }
}

struct NormalizedCase {
  std::string name;
  std::string octets;
  std::string wire;
  uint64_t bare_line_ends = 0;
};

void expect_normalized(const std::vector<NormalizedCase>& cases) {
  for (const NormalizedCase& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string octets = c.octets + "\r\n.\r\n";
    for (size_t size = 1; size <= octets.size() + 6; ++size) {
      const ReadMessage message = read_normalized(octets + "QUIT\r\n", pieces_of(size));
      EXPECT_EQ(message.wire, c.wire + "\r\n") << size;
      EXPECT_EQ(danger_of(message.wire), "") << size;
      EXPECT_EQ(message.end, octets.size()) << size;
      EXPECT_EQ(message.bare_line_ends, c.bare_line_ends) << size;
    }
  }
}

TEST(DataReaderNormalizes, EachBareCrAndBareLfToCrlf) {
  expect_normalized({
      {"nothing bare", "a\r\nb", "a\r\nb", 0},
      {"LF", "a\nb", "a\r\nb", 1},
      {"CR", "a\rb", "a\r\nb", 1},
      {"LF LF", "a\n\nb", "a\r\n\r\nb", 2},
      {"CR CR", "a\r\rb", "a\r\n\r\nb", 2},
      {"LF CR", "a\n\rb", "a\r\n\r\nb", 2},
      {"CR CRLF", "a\r\r\nb", "a\r\n\r\nb", 1},
      {"CRLF LF", "a\r\n\nb", "a\r\n\r\nb", 1},
      {"LF at the start", "\na", "\r\na", 1},
      {"CR at the start", "\ra", "\r\na", 1},
      {"LF before the end", "a\n", "a\r\n", 1},
      {"CR before the end", "a\r", "a\r\n", 1},
      {"a line longer than a block", std::string(200, 'x') + "\n" + std::string(200, 'y'),
       std::string(200, 'x') + "\r\n" + std::string(200, 'y'), 1},
  });
}

// RFC 5321 section 4.5.2 where a line begins behind a bare CR or LF, or ends in one.
TEST(DataReaderNormalizes, TakesADotForStuffingOnlyWhereItsSenderStuffs) {
  expect_normalized({
      {"CRLF, one dot", "a\r\n.b", "a\r\n.b", 0},
      {"CRLF, two dots", "a\r\n..b", "a\r\n..b", 0},
      {"LF, one dot", "a\n.b", "a\r\n..b", 1},
      {"LF, two dots", "a\n..b", "a\r\n..b", 1},
      {"LF, three dots", "a\n...b", "a\r\n...b", 1},
      {"CR, one dot", "a\r.b", "a\r\n..b", 1},
      {"CR, two dots", "a\r..b", "a\r\n..b", 1},
      {"dots at the start", "..b\n..c\n.d", "..b\r\n..c\r\n..d", 2},
      {"two dots before LF", "a\r\n..\nb", "a\r\n..\r\nb", 1},
  });
}

TEST(DataReaderNormalizes, LookalikesToStuffedLinesOfOneDot) {
  std::vector<NormalizedCase> cases;
  for (const LookalikeCase& c : kLookalikes)
    cases.push_back({c.name, c.octets + "MAIL", c.normalized + "MAIL", c.bare_line_ends});
  expect_normalized(cases);
}

TEST(DataReaderNormalizes, ButRefusesNul) {
  for (const LookalikeCase& c : kLookalikesWithNul) {
    SCOPED_TRACE(c.name);
    const std::string octets = c.octets + "\r\n.\r\n";
    for (size_t size = 1; size <= octets.size(); ++size) {
      const ReadMessage message = read_normalized(octets, pieces_of(size));
      EXPECT_EQ(message.defect, BodyDefect::Nul) << size;
      EXPECT_EQ(message.end, octets.size()) << size;
    }
  }
}

TEST(DataReaderNormalizes, AndCountsWhatIsKept) {
  const std::string octets = "\n\r\n.\n.\r\n.\r\n";  // kept: CRLF CRLF . CRLF . CRLF
  for (size_t size = 1; size <= octets.size(); ++size) {
    const auto piece = pieces_of(size);
    EXPECT_EQ(read_normalized(octets, piece, 10).defect, BodyDefect::None) << size;
    EXPECT_EQ(read_normalized(octets, piece, 9).defect, BodyDefect::TooLarge) << size;
    EXPECT_EQ(read_normalized(octets, piece, 9).end, octets.size()) << size;
  }
}

// Its limit may be met in the middle of a line end, and the owner may give up anywhere: the end is where it
// is.
TEST(DataReaderNormalizes, AsTheModelDoesInAnyPieces) {
  Random random(12);
  size_t bare = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::string octets =
        random_wire(random, std::string_view("..a\r\n\0", random.one_in(9) ? 6 : 5), 24) + "\r\n.\r\nQUIT\n";
    const uint64_t octets_max = random.one_in(4) ? random.below(30) : UINT64_MAX;
    const ReadMessage expected = model_of_normalized(octets, octets_max);
    const auto piece = [&random](size_t left) { return std::min<size_t>(left, 1 + random.below(6)); };
    const ReadMessage found = read_normalized(octets, piece, octets_max);
    ASSERT_TRUE(found == expected) << testing::PrintToString(octets) << testing::PrintToString(found.wire);
    ASSERT_EQ(danger_of(found.wire), "") << testing::PrintToString(octets);
    const ReadMessage dropped = read_normalized(octets, piece, octets_max, random.below(24));
    ASSERT_EQ(dropped.end, expected.end) << testing::PrintToString(octets);
    bare += found.bare_line_ends;
  }
  EXPECT_GT(bare, 10000U);
}

// Every instruction set that this machine has, each forced by its name.
TEST(BodyScan, AgreesWithItsScalarTwinOnEveryTarget) {
  for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::GetChosenTarget().Update(target);
    Random random(5);
    for (int round = 0; round < 3000; ++round) {
      std::string octets;
      for (uint32_t i = random.below(300); i > 0; --i) {
        const uint32_t pick = random.below(60);
        octets += pick == 0   ? std::string("\r\n")
                  : pick == 1 ? std::string("\r\n.")
                              : std::string(1, "ab.c \xe9xy"[pick % 8]);
      }
      if (random.one_in(3) && !octets.empty()) {
        octets[random.below(static_cast<uint32_t>(octets.size()))] = "\r\n\0"[random.below(3)];
      }
      BodyScan start;
      start.line_start = random.one_in(2);
      start.after_cr = !start.line_start && random.one_in(2);
      start.line_octets = start.after_cr ? 1 + random.below(100) : random.below(100);
      BodyScan fast = start;
      BodyScan slow = start;
      const ScanResult a = scan_body(octets, fast);
      const ScanResult b = scan_body_scalar(octets, slow);
      ASSERT_EQ(a.consumed, b.consumed) << testing::PrintToString(octets);
      ASSERT_EQ(a.stop, b.stop);
      ASSERT_EQ(fast.line_start, slow.line_start);
      ASSERT_EQ(fast.after_cr, slow.after_cr);
      ASSERT_EQ(fast.line_octets, slow.line_octets);
      ASSERT_EQ(fast.longest_line, slow.longest_line);
      ASSERT_EQ(fast.eight_bit, slow.eight_bit);
    }
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace
}  // namespace sluice::smtp
