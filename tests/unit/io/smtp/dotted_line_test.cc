#include "io/smtp/dotted_line.h"

#include "io/base/random.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <hwy/targets.h>

namespace sluice::smtp {
namespace {

constexpr size_t kNowhere = std::string_view::npos;

// On every instruction set of this machine.
void expect_found(std::string_view octets, size_t where) {
  ASSERT_EQ(find_dotted_line_scalar(octets), where);
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    const size_t found = find_dotted_line(octets);
    hwy::SetSupportedTargetsForTest(0);
    ASSERT_EQ(found, where) << hwy::TargetName(target) << ", " << octets.size() << " octets";
  }
}

TEST(DottedLine, IsLineFeedAndDotSideBySide) {
  expect_found("", kNowhere);
  expect_found("\n", kNowhere);
  expect_found(".", kNowhere);
  expect_found("\n.", 0);
  expect_found(".\n", kNowhere);
  expect_found("a\r\n..b", 2);
  expect_found("\n\n.\n.", 1);
}

TEST(DottedLine, IsFoundAtEveryPlaceOfEveryLength) {
  for (size_t size = 2; size < 300; size += 1 + size / 40) {
    for (size_t at = 0; at + 1 < size; ++at) {
      std::string octets(size, at % 2 == 0 ? '\n' : '.');
      octets[at] = '\n';
      octets[at + 1] = '.';
      if (at % 2 != 0) {
        expect_found(octets, at);
      } else {
        for (size_t behind = at + 2; behind < size; ++behind) octets[behind] = '.';
        expect_found(octets, at);
      }
    }
  }
}

TEST(DottedLine, EndsWhereTheOctetsEnd) {
  // The dot behind the view is not part of it.
  for (size_t size = 1; size < 200; ++size) {
    std::string octets(size, 'x');
    octets[size - 1] = '\n';
    const std::string more = octets + ".";
    expect_found(std::string_view(more).substr(0, size), kNowhere);
    expect_found(more, size - 1);
  }
}

TEST(DottedLine, IsTheSameAsTheReferenceOnAnyOctets) {
  Random random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string octets;
    const bool rare = random.one_in(2);
    for (uint32_t i = random.below(400); i > 0; --i)
      octets += rare && !random.one_in(30) ? 'x' : random.one_in(2) ? '\n' : '.';
    if (random.one_in(2)) std::erase(octets, '.');
    expect_found(octets, octets.find("\n."));
  }
}

}  // namespace
}  // namespace sluice::smtp
