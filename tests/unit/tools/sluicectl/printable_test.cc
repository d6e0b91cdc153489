#include "tools/sluicectl/printable.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

TEST(Printable, LetsNothingActOnATerminal) {
  EXPECT_EQ(printable("a b~"), "a b~");
  EXPECT_EQ(printable("\x1b[2J\r\n\xff"), "\\x1b[2J\\x0d\\x0a\\xff");
}

}  // namespace
}  // namespace sluice::ctl
