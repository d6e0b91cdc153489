// Another policy while the node runs: who ends under which version, and what becomes of listeners and
// sessions.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

using std::chrono_literals::operator""s;

std::string with(std::string text, std::string_view word, std::string_view by) {
  const size_t at = text.find(word);
  EXPECT_NE(at, text.npos) << word;
  return text.replace(at, word.size(), by);
}

const std::string kPasses = policy_with("tmems");
const std::string kRejects = policy_with("reject");

TEST(NodeReload, ATransactionEndsUnderTheVersionItBeganWithAndTheNextOneUnderTheNew) {
  // Goal: the rule changes from "reject" to none at all between MAIL and RCPT of one session.
  NodeWorld world(kRejects, kZone);
  std::vector<std::string> lines{"EHLO a.example",
                                 "XCLIENT ADDR=" + std::string(kForger),
                                 "EHLO a.example",
                                 "MAIL FROM:<u@sender.example>",
                                 "RCPT TO:<r@managed.example>",  // 4: refused under the old policy
                                 "RSET",
                                 "MAIL FROM:<u@sender.example>",
                                 "RCPT TO:<r@managed.example>",
                                 "QUIT"};
  const Dialogue dialogue = world.talk_and(lines, 4, [&world] { world.reload(kBase); });
  ASSERT_EQ(dialogue.replies.size(), 10U);
  EXPECT_TRUE(dialogue.replies[5].starts_with("550 ")) << dialogue.replies[5];
  EXPECT_TRUE(dialogue.replies[8].starts_with("250 ")) << dialogue.replies[8];
  EXPECT_EQ(world.policy_versions(), 1U) << "the old version is not let go";
  world.stop();
  const std::vector<nlohmann::json> rows = world.rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_NE(rows[0]["policy_version"], rows[1]["policy_version"]);
  EXPECT_EQ(world.report().policy_number, 2U);
}

TEST(NodeReload, AVersionLivesAsLongAsATransactionThatBeganWithIt) {
  NodeWorld world(kPasses, kZone);
  size_t during = 0;
  std::vector<std::string> lines = NodeWorld::lines_of({});
  const size_t data = 5;
  world.talk_and(lines, data, [&] {
    world.reload(kRejects);
    world.reload(kPasses);
    world.reload(kRejects);
    world.pass(0s);
    during = world.policy_versions();
  });
  EXPECT_GE(during, 2U);
  EXPECT_LE(during, 4U);
  world.pass(1s);
  EXPECT_EQ(world.policy_versions(), 1U);
  world.stop();
}

TEST(NodeReload, AListenerThatAppearsIsOpenedAndOneThatGoesEndsItsTransactionsFirst) {
  const std::string both = std::string(kBase) + "[[listener]]\naddress = \"@second\"\n";
  const std::string moved = with(std::string(kBase), "address = \"@node\"", "address = \"@second\"");
  NodeWorld world(kBase, kZone);
  const std::vector<std::string> probe{"EHLO a.example", "QUIT"};
  EXPECT_TRUE(world.talk_at(26, probe).closed) << "nobody listens there yet";
  world.reload(both);
  EXPECT_TRUE(world.talk_at(26, probe).replies.front().starts_with("220 "));
  // The first listener goes in the middle of a transaction.
  const Dialogue dialogue = world.talk_and(NodeWorld::lines_of({}), 6, [&] { world.reload(moved); });
  ASSERT_GE(dialogue.replies.size(), 8U);
  EXPECT_TRUE(dialogue.replies[7].starts_with("250 ")) << dialogue.replies[7];
  EXPECT_TRUE(dialogue.replies.back().starts_with("421 4.3.2 ")) << dialogue.replies.back();
  EXPECT_TRUE(world.talk(probe).replies.empty());
  EXPECT_TRUE(world.talk_at(26, probe).replies.front().starts_with("220 "));
  EXPECT_EQ(world.policy_versions(), 1U);
  world.stop();
  EXPECT_EQ(world.row()["disposition"], "relayed");
  EXPECT_EQ(world.report().listen_problem, "");
  EXPECT_EQ(world.report().connections, 3U) << "those of the closed listener still count";
}

TEST(NodeReload, AnIdleSessionStaysAndNewOnesSeeTheNewSettings) {
  NodeWorld world(kBase, kZone);
  const std::string other =
      with(std::string(kBase), "direction = \"inbound\"",
           "direction = \"inbound\"\nhostname = \"new.example\"\nmax_message_size = 77777");
  const Dialogue old_session =
      world.talk_and({"EHLO a.example", "EHLO a.example", "QUIT"}, 1, [&] { world.reload(other); });
  ASSERT_EQ(old_session.replies.size(), 4U);
  EXPECT_EQ(old_session.replies[1], old_session.replies[2]) << "what a session was told stays true";
  const Dialogue new_session = world.talk({"EHLO a.example", "QUIT"});
  EXPECT_TRUE(new_session.replies[0].starts_with("220 new.example ")) << new_session.replies[0];
  EXPECT_NE(new_session.replies[1].find("SIZE 77777"), std::string::npos) << new_session.replies[1];
  world.stop();
}

}  // namespace
}  // namespace sluice::testing
