#include "rules/spf/witness.h"

#include "rules/spf/evaluator.h"
#include "tests/unit/rules/spf/fake_dns.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::spf {
namespace {

using testing::ElementsAre;

// Each call as a line, with the counts at its time.
class Notes final : public Witness {
 public:
  explicit Notes(const Evaluator& evaluator) : evaluator_(evaluator) {}

  void record_used(size_t level, std::string_view domain, const Record& record) override {
    records_.resize(level);
    records_.back() = &record;
    lines.push_back(fmt::format("{} {}", level, domain));
  }
  void term_begins(size_t level, size_t directive) override {
    lines.push_back(fmt::format("{} {}?", level, text(level, directive)));
  }
  void term_done(size_t level, size_t directive, bool matches) override {
    const Outcome& now = evaluator_.outcome();
    lines.push_back(fmt::format("{} {} {} {}/{}", level, text(level, directive), matches ? "yes" : "no",
                                now.lookups, now.void_lookups));
  }
  void explanation_begins() override { lines.emplace_back("explanation"); }

  std::vector<std::string> lines;

 private:
  std::string text(size_t level, size_t directive) const {
    const Record& record = *records_.at(level - 1);
    const bool redirect = directive == record.directives().size();
    return std::string(
        record.text_of(redirect ? record.redirect()->term : record.directives()[directive].term));
  }
  const Evaluator& evaluator_;
  std::vector<const Record*> records_;
};

std::vector<std::string> notes_of(FakeDns& dns, const Check& check) {
  Evaluator evaluator;
  Notes notes(evaluator);
  evaluator.watch(&notes);
  run(dns, check, evaluator);
  return notes.lines;
}

TEST(Witness, HearsEachTermInOrderWithTheCountsSoFar) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 ip4:198.51.100.1 a:gone.example include:b.example ~all")
      .txt("b.example", "v=spf1 ip4:198.51.100.2 redirect=c.example")
      .txt("c.example", "v=spf1 ip4:192.0.2.1 -all");
  EXPECT_THAT(
      notes_of(dns, check_of("192.0.2.1", "x@a.example")),
      ElementsAre("1 a.example", "1 ip4:198.51.100.1 no 0/0", "1 a:gone.example?", "1 a:gone.example no 1/1",
                  "1 include:b.example?", "2 b.example", "2 ip4:198.51.100.2 no 2/1", "2 redirect=c.example?",
                  "2 c.example", "2 ip4:192.0.2.1 yes 3/1", "1 include:b.example yes 3/1"));
}

TEST(Witness, HearsTermsThatARunSkipped) {
  FakeDns dns;
  std::string record = "v=spf1";
  for (int i = 0; i < 20; ++i) record += fmt::format(" ip4:10.0.{}.0/24", i);
  dns.txt("a.example", record + " -all exp=e.example").txt("e.example", "no");
  Check check = check_of("10.0.17.1", "x@a.example");
  check.explain = Explain::Fetch;
  EXPECT_EQ(notes_of(dns, check).size(), 1 + 18U);
  check.client = *IpAddress::parse("192.0.2.1");
  const std::vector<std::string> lines = notes_of(dns, check);
  ASSERT_EQ(lines.size(), 1 + 21U + 1);
  EXPECT_EQ(lines[20], "1 ip4:10.0.19.0/24 no 0/0");
  EXPECT_EQ(lines[21], "1 -all yes 0/0");
  EXPECT_EQ(lines[22], "explanation");
}

TEST(Witness, HearsOfTheTermThatBrokeALimitOnlyThatItBegan) {
  FakeDns dns;
  dns.txt("a.example", "v=spf1 a:n1.example a:n2.example a:n3.example -all");
  const std::vector<std::string> lines = notes_of(dns, check_of("192.0.2.1", "x@a.example"));
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back(), "1 a:n3.example?");
}

}  // namespace
}  // namespace sluice::spf
