// Policies for tests, from text. A text that is refused fails the test and shows why.
#pragma once

#include "rules/policy/reader.h"

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace sluice::policy {

inline std::string findings(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics.sorted()) text += diagnostic.to_string("p") + '\n';
  return text;
}

inline Policy policy_of(std::string_view text) {
  ReadPolicy read = read_policy(text, 1, "mx.test.example");
  EXPECT_TRUE(read.policy.has_value()) << findings(read.diagnostics);
  if (!read.policy) throw std::runtime_error("the policy of this test is refused");
  return std::move(*read.policy);
}

// One inbound listener, two managed domains with one next hop.
inline constexpr std::string_view kBase =
    "trusted_networks = [\"198.18.0.0/16\"]\n"
    "[outbound]\nnext_hop = \"192.0.2.99:25\"\n"
    "[[listener]]\naddress = \"127.0.0.1:2525\"\n"
    "[[domain]]\nname = \"example.com\"\nnext_hops = [\"127.0.0.1:2526\"]\n"
    "[[domain]]\nname = \"other.example\"\nnext_hops = [\"127.0.0.1:2526\"]\n";

inline std::string with_base(std::string_view rest) { return std::string(kBase) + std::string(rest); }

// A rule for example.com.
inline std::string rule_text(std::string_view settings) {
  return with_base("[[spf.rule]]\nname = \"r\"\ndomains = [\"example.com\"]\nenabled = true\n" +
                   std::string(settings) + "\n");
}

}  // namespace sluice::policy
