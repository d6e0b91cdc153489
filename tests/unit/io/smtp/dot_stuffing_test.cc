#include "io/smtp/dot_stuffing.h"

#include "io/base/random.h"
#include "io/smtp/data_reader.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::smtp {
namespace {

std::string unstuff(std::string_view wire) {
  Unstuffer unstuffer;
  std::string message;
  for (std::string_view span; unstuffer.next(wire, span);) message += span;
  return message;
}

std::string stuff(std::string_view message) {
  Stuffer stuffer;
  std::string wire;
  stuffer.append(wire, message);
  stuffer.end(wire);
  return wire;
}

TEST(Unstuffer, DropsOneDotAtTheStartOfALine) {
  EXPECT_EQ(unstuff("..a\r\nb.\r\n...\r\n"), ".a\r\nb.\r\n..\r\n");
  EXPECT_EQ(unstuff(".a\r\n"), "a\r\n");
  EXPECT_EQ(unstuff(""), "");
  EXPECT_EQ(unstuff("."), "");
}

TEST(Unstuffer, GivesOneSpanWhereNoDotIs) {
  Unstuffer unstuffer;
  std::string_view rest = "a\r\nb\r\n";
  std::string_view span;
  ASSERT_TRUE(unstuffer.next(rest, span));
  EXPECT_EQ(span, "a\r\nb\r\n");
  EXPECT_FALSE(unstuffer.next(rest, span));
}

TEST(Stuffer, EndsWhatDoesNotEndInCrlf) {
  EXPECT_EQ(stuff(""), ".\r\n");
  EXPECT_EQ(stuff("a\r\n"), "a\r\n.\r\n");
  EXPECT_EQ(stuff("a"), "a\r\n.\r\n");
  EXPECT_EQ(stuff("a\r"), "a\r\n.\r\n");
  EXPECT_EQ(stuff("a\n"), "a\n\r\n.\r\n");
  EXPECT_EQ(stuff(".\r\n.a\r\n"), "..\r\n..a\r\n.\r\n");
  EXPECT_EQ(stuff("a\n.b\r\n"), "a\n..b\r\n.\r\n");
}

TEST(Stuffer, IsUndoneByReaderAndUnstufferInAnyPieces) {
  Random random(23);
  for (int round = 0; round < 5000; ++round) {
    std::string message;
    for (uint32_t i = random.below(40); i > 0; --i)
      message += random.one_in(3) ? "\r\n" : random.one_in(2) ? "." : "x";
    message += "\r\n";
    std::string wire;
    Stuffer stuffer;
    for (std::string_view rest = message; !rest.empty();) {
      const std::string_view piece = rest.substr(0, 1 + random.below(5));
      stuffer.append(wire, piece);
      rest.remove_prefix(piece.size());
    }
    stuffer.end(wire);

    DataReader reader;
    Unstuffer unstuffer;
    std::string back;
    bool ended = false;
    for (std::string_view rest = wire; !rest.empty();) {
      std::string_view piece = rest.substr(0, 1 + random.below(7));
      rest.remove_prefix(piece.size());
      while (!piece.empty()) {
        const DataReader::Result result = reader.read(piece);
        ASSERT_NE(result.step, DataReader::Step::Defect);
        std::string_view octets = result.octets;
        for (std::string_view span; unstuffer.next(octets, span);) back += span;
        piece.remove_prefix(result.consumed);
        ended = ended || result.step == DataReader::Step::End;
      }
    }
    EXPECT_TRUE(ended);
    ASSERT_EQ(back, message);
  }
}

}  // namespace
}  // namespace sluice::smtp
