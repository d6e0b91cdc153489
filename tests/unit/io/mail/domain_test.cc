#include "io/mail/domain.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::mail {
namespace {

TEST(DomainToALabels, FoldsAsciiWithoutAskingWhatItIs) {
  EXPECT_EQ(to_a_labels("Example.COM"), "example.com");
  EXPECT_EQ(to_a_labels("_spf.Example.com."), "_spf.example.com");
  EXPECT_EQ(to_a_labels(""), "");
  EXPECT_EQ(to_a_labels("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
}

TEST(DomainToALabels, ConvertsULabels) {
  EXPECT_EQ(to_a_labels("Bücher.Example"), "xn--bcher-kva.example");
  EXPECT_EQ(to_a_labels("例え.テスト"), "xn--r8jz45g.xn--zckzah");
}

TEST(DomainToALabels, RefusesWhatHasNoALabel) {
  EXPECT_EQ(to_a_labels("\xff\xfe.example"), std::nullopt);
  EXPECT_EQ(to_a_labels(std::string("b\0\xc3\xbc", 4)), std::nullopt);
  std::string long_label;
  for (int i = 0; i < 80; ++i) long_label += "ü";
  EXPECT_EQ(to_a_labels(long_label + ".example"), std::nullopt);
  EXPECT_EQ(to_a_labels(std::string(300, 'a') + "ü"), std::nullopt);
}

}  // namespace
}  // namespace sluice::mail
