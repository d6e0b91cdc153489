// A disk that neither writes nor refuses: nobody waits for it longer than its time, and the 250 rule holds.
#include "tests/node_sim/fixtures.h"
#include "tests/node_sim/node_world.h"

#include <gtest/gtest.h>

namespace sluice::testing {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

void hang(NodeWorld& world) {
  reactor::SimDiskFaults faults;
  faults.latency_min = faults.latency_max = 1h;
  world.sim().set_disk_faults("node", faults);
}

Mail forged() {
  Mail mail;
  mail.ip = kForger;
  return mail;
}

// Shows: W-17
TEST(NodeOnAHangingDisk, RelaysAreAnsweredAndDeletionsDeferredWithinTheirTime) {
  NodeWorld world(policy_with("tmems"), kZone);
  hang(world);
  const MonoTime before = world.sim().now();
  const Dialogue relayed = world.send({});
  EXPECT_TRUE(relayed.replies[7].starts_with("250 ")) << relayed.replies[7];
  EXPECT_LT(world.sim().now() - before, limits::kJournalWait + 5s);
  const Dialogue deleted = world.send(forged());
  EXPECT_TRUE(deleted.replies[7].starts_with("452 4.3.1 ")) << deleted.replies[7];
  EXPECT_EQ(world.hop().messages().size(), 1U);
  world.sim().set_disk_faults("node", {});
  world.pass(3h);
  const Dialogue again = world.send(forged());
  EXPECT_TRUE(again.replies[7].starts_with("250 ")) << again.replies[7];
  world.stop();
  const std::vector<nlohmann::json> rows = world.rows();
  std::vector<std::string> ends;
  for (const nlohmann::json& row : rows) ends.push_back(row["disposition"]);
  EXPECT_EQ(ends, (std::vector<std::string>{"relayed", "deferred", "deleted"}));
  EXPECT_EQ(world.report().journal.rows_dropped, 0U);
}

}  // namespace
}  // namespace sluice::testing
