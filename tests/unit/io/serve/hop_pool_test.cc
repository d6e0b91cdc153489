#include "io/serve/hop_pool.h"

#include "tests/unit/io/serve/hop_fixture.h"

#include <map>

namespace sluice::serve {
namespace {

using namespace std::chrono_literals;
using namespace sluice::test;

class HopPoolTest : public HopFixture {
 protected:
  // Ends the pool before what it counts in goes.
  void metrics_in_use() {
    hop_.reset();
    rest(1s);
    pool_.reset();
    destinations_.reset();
  }
  void send_one() {
    begin();
    EXPECT_TRUE(rcpt("b@example.org").accepted());
    EXPECT_TRUE(deliver().accepted());
  }
};

const Script kMessage = take_mail() + take_rcpt("b@example.org") + take_body();

TEST_F(HopPoolTest, ASessionServesManyTransactions) {
  hop_plays({greet() + kMessage + kMessage + kMessage + take_quit()});
  send_one();
  send_one();
  send_one();
  EXPECT_EQ(pool_->counters().connects, 1U);
  EXPECT_EQ(pool_->counters().sessions_reused, 2U);
}

// Shows: W-3
TEST_F(HopPoolTest, ASessionIsRetiredAfterFiveRefusedRecipients) {
  Script refusals;
  for (int i = 0; i < 5; ++i) refusals = refusals + take_rcpt("no@example.org", "550 5.1.1 no");
  hop_plays({greet() + take_mail() + refusals + take_quit(), greet() + kMessage + kMessage + take_quit()});
  begin();
  (void)rcpt_all({"no@example.org", "no@example.org", "no@example.org", "no@example.org", "no@example.org",
                  "b@example.org"});
  EXPECT_TRUE(deliver().accepted());
  EXPECT_EQ(destinations_->sessions_retired(), 1U);
  send_one();
  EXPECT_EQ(pool_->counters().connects, 2U);
}

// Shows: W-3
TEST_F(HopPoolTest, ATransactionGoesOnElsewhereAfterFiveRefusals) {
  Script refusals = take_rcpt("no@example.org", "550 5.1.1 no");
  for (int i = 0; i < 4; ++i) refusals = refusals + take_rcpt("no@example.org", "550 5.1.1 no");
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + refusals + take_quit(),
             greet() + take_mail() + take_rcpt("b@example.org") + take_rcpt("c@example.org") + take_body() +
                 take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(rcpt("no@example.org").accepted());
  EXPECT_TRUE(rcpt("c@example.org").accepted());
  EXPECT_TRUE(deliver().accepted());
}

// Shows: W-3
TEST_F(HopPoolTest, ASessionIsRetiredAfterFiftyResets) {
  Script script = greet();
  for (unsigned i = 0; i < limits::kHopSessionResets; ++i) {
    script = script + take_mail() + take_rcpt("b@example.org") + take_rset();
  }
  hop_plays({script + take_quit(), greet() + kMessage + take_quit()});
  for (unsigned i = 0; i < limits::kHopSessionResets; ++i) {
    begin();
    EXPECT_TRUE(rcpt("b@example.org").accepted());
    hop_.reset();
    rest();
  }
  EXPECT_EQ(destinations_->sessions_retired(), 1U);
  EXPECT_EQ(pool_->open_sessions(), 0U);
  send_one();
}

// Shows: W-3
TEST_F(HopPoolTest, ASessionWithALateReplyIsNotUsedAgain) {
  options_.command_wait = 20s;
  hop_plays({greet() + Script{hear("MAIL"), hear("RCPT"), pause(30s), say("250 2.1.0 late\r\n"), hear_end()},
             greet() + kMessage + take_quit()});
  begin();
  const HopReply said = rcpt("b@example.org");
  EXPECT_EQ(said.result, HopResult::Fault);
  EXPECT_EQ(said.reply.status, (smtp::EnhancedStatus{4, 4, 1}));
  rest(60s);
  send_one();
}

// Shows: W-3
TEST_F(HopPoolTest, ASessionWithAnUnaskedReplyIsNotUsedAgain) {
  hop_plays({greet() + kMessage + Script{pause(1s), say("250 2.0.0 and another thing\r\n"), hear_end()},
             greet() + kMessage + take_quit()});
  send_one();
  rest(5s);
  send_one();
  EXPECT_EQ(pool_->counters().connects, 2U);
}

// Shows: W-3
TEST_F(HopPoolTest, AnUnaskedReplyRightBehindTheOneToTheDotEndsTheSession) {
  for (const std::string unasked : {"250 2.0.0 and another thing\r\n", "250-2.1", "2"}) {
    const Script message =
        take_mail() + take_rcpt("b@example.org") + Script{hear("DATA"), say("354 go\r\n"), hear_body()};
    hop_plays({greet() + message + Script{say("250 2.0.0 Ok\r\n" + unasked), hear_end()},
               greet() + kMessage + take_quit()});
    send_one();
    EXPECT_EQ(pool_->idle_sessions(), 0U);
    send_one();
    rest(options_.idle_wait + 1s);
    for (const auto& peer : peers_) sim_.start(sim_.mx, peer->close(sim_.mx));
    EXPECT_TRUE(sim_.finish());
    peers_.clear();
  }
}

TEST_F(HopPoolTest, AnIdleSessionIsClosedWithQuit) {
  hop_plays({greet() + kMessage + take_quit()});
  send_one();
  rest(limits::kHopIdleWait - 1s);
  EXPECT_EQ(pool_->idle_sessions(), 1U);
  rest(2s);
  EXPECT_EQ(pool_->idle_sessions(), 0U);
  EXPECT_EQ(pool_->open_sessions(), 0U);
}

TEST_F(HopPoolTest, EndpointsAreTriedInOrderAndFailedOnesLast) {
  endpoints_ = {{sim_.world.address_v6("mx"), 26}, sim_.at_mx(27)};  // nobody listens at the first
  hop_plays({greet() + kMessage + take_quit(), greet() + kMessage + take_quit()}, 27);
  send_one();
  EXPECT_EQ(pool_->counters().connect_failures, 1U);
  EXPECT_TRUE(pool_->healthy());
  rest(limits::kHopIdleWait + 1s);
  // The first is tried again only after a while, and no transaction waits for that.
  send_one();
  EXPECT_EQ(pool_->counters().connect_failures, 1U);
  unsigned failures = 0;
  destinations_->for_each([&](const HopDestination& each) { failures += each.health.failures(); });
  EXPECT_EQ(failures, 2U);
}

TEST_F(HopPoolTest, AFailedEndpointIsTriedLastForAWhile) {
  endpoints_ = {{sim_.world.address_v6("mx"), 26}, sim_.at_mx(27)};
  options_.idle_wait = 1s;
  hop_plays({greet() + kMessage + take_quit(), greet() + kMessage + take_quit()}, 27);
  send_one();
  rest(5s);
  send_one();
  EXPECT_EQ(pool_->counters().connects, 3U);
  EXPECT_EQ(pool_->counters().connect_failures, 1U);
}

// Shows: W-6
TEST_F(HopPoolTest, NoEndpointAtAllIsAFault) {
  begin();
  const HopReply said = rcpt("b@example.org");
  EXPECT_EQ(said.result, HopResult::Fault);
  EXPECT_EQ(said.reply.status, (smtp::EnhancedStatus{4, 4, 1}));
  EXPECT_FALSE(pool_->healthy());
  EXPECT_EQ(pool_->open_sessions(), 0U);
}

// Shows: W-8
TEST_F(HopPoolTest, KnowsTheHopsSizeLimit) {
  hop_plays({greet() + kMessage + take_quit()});
  begin();
  EXPECT_EQ(pool_->size_limit(), std::nullopt);
  send_one();
  EXPECT_EQ(pool_->size_limit(), 1'000'000U);
}

// Shows: W-8
TEST_F(HopPoolTest, TheLimitOfOneHopIsNotThatOfAnother) {
  endpoints_ = {sim_.at_mx(25), sim_.at_mx(27)};
  options_.session_transactions = 1;
  const Script small{say("220 small.example ESMTP\r\n"), hear("EHLO"),
                     say("250-small.example\r\n250-PIPELINING\r\n250 SIZE 10\r\n")};
  hop_plays({greet() + kMessage + take_quit(), {say("554 5.7.1 not now\r\n"), hear_end()}});
  hop_plays({small + take_mail() + take_rcpt("b@example.org") + take_quit(),
             small + take_mail() + take_rcpt("b@example.org") + take_body() + take_quit()},
            27);
  send_one();
  rest(1s);
  message_octets_ = 11;
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  const HopReply refused = deliver();
  EXPECT_EQ(refused.result, HopResult::Refused);
  EXPECT_EQ(refused.reply.to_line().substr(0, 9), "552 5.3.4");
  EXPECT_EQ(pool_->size_limit(), 1'000'000U);
  message_octets_ = 10;
  send_one();
}

TEST_F(HopPoolTest, AHostWithManyAddressesLeavesRoomForItsStandby) {
  make_pool();
  std::vector<HopHost> hosts(2);
  hosts[0].name = "many";
  for (uint16_t i = 0; i < 2 * limits::kHopEndpoints; ++i)
    hosts[0].addresses.push_back(sim_.at_mx(static_cast<uint16_t>(100 + i)));
  hosts[1].name = "standby";
  hosts[1].priority = 1;
  hosts[1].addresses = {sim_.at_mx(25)};
  pool_->set_hosts(hosts);
  EXPECT_EQ(destinations_->addresses(), limits::kHopEndpoints);
  hop_plays({greet() + kMessage + take_quit()});
  send_one();
}

// Shows: W-16
TEST_F(HopPoolTest, AProbeThatHasNotBegunWhenTheNodeStopsDoesNotBegin) {
  endpoints_ = {sim_.at_mx(25), sim_.at_mx(27)};
  hop_plays({{say("554 5.7.1 not now\r\n"), hear_end()}});
  hop_plays({greet() + kMessage + take_mail() + take_rcpt("b@example.org") + Script{hear_end()}}, 27);
  send_one();
  rest(limits::kHopUnhealthyWait * 2);
  begin();
  Call call;
  start_rcpt(*hop_, "b@example.org", call);
  sim_.start(sim_.client, stop(sim_.client));
  EXPECT_TRUE(sim_.finish());
  EXPECT_TRUE(call.reply.accepted());
  hop_.reset();
}

TEST_F(HopPoolTest, WaitingForASessionHasADeadline) {
  options_.sessions_max = 1;
  options_.command_wait = 10s;
  hop_plays({greet() + take_mail() +
             Script{hear("RCPT TO:<b@example.org>"), pause(8s), say("250 2.1.5 Ok\r\n")} + take_rset() +
             take_quit()});
  auto first = another();
  Call busy;
  start_rcpt(*first, "b@example.org", busy);
  rest(1s);
  begin();
  Call waiting;
  start_rcpt(*hop_, "b@example.org", waiting);
  rest(6s);
  EXPECT_TRUE(waiting.over);
  EXPECT_EQ(waiting.reply.result, HopResult::Fault);
  EXPECT_FALSE(busy.over);
  EXPECT_TRUE(sim_.finish());
  EXPECT_TRUE(busy.reply.accepted());
  first.reset();
  rest();
}

TEST_F(HopPoolTest, TheQueueForABusyHopIsBoundedInLengthAndTime) {
  options_.sessions_max = 1;
  options_.waiting_max = 1;
  options_.queue_wait = 20s;
  hop_plays({greet() + take_mail() +
             Script{hear("RCPT TO:<b@example.org>"), pause(100s), say("250 2.1.5 Ok\r\n")} + take_rset() +
             take_quit()});
  auto first = another();
  auto second = another();
  Call busy;
  Call waits;
  start_rcpt(*first, "b@example.org", busy);
  rest(1s);
  start_rcpt(*second, "c@example.org", waits);
  rest(1s);
  const MonoTime asked = sim_.world.now();
  begin();
  Call turned_away;
  start_rcpt(*hop_, "d@example.org", turned_away);
  rest(1s);
  ASSERT_TRUE(turned_away.over);
  EXPECT_EQ(turned_away.reply.reply.to_line().substr(0, 9), "451 4.4.5");
  EXPECT_EQ(turned_away.reply.result, HopResult::Fault);
  EXPECT_FALSE(waits.over);
  EXPECT_EQ(pool_->waiting(), 1U);
  EXPECT_TRUE(sim_.finish());
  EXPECT_EQ(waits.reply.reply.to_line().substr(0, 9), "451 4.4.5");
  EXPECT_GE(waits.ended - asked, 18s);
  EXPECT_LE(waits.ended - asked, 20s);
  EXPECT_TRUE(busy.reply.accepted());
  EXPECT_EQ(pool_->counters().congested, 2U);
  EXPECT_TRUE(pool_->healthy());  // busy is not broken
  first.reset();
  second.reset();
  rest();
}

TEST_F(HopPoolTest, AConnectionServesOnlySoManyMessages) {
  options_.session_transactions = 2;
  hop_plays({greet() + kMessage + kMessage + take_quit(), greet() + kMessage + take_quit()});
  for (int i = 0; i < 3; ++i) send_one();
  EXPECT_EQ(pool_->counters().connects, 2U);
  EXPECT_EQ(destinations_->sessions_retired(), 1U);
}

TEST_F(HopPoolTest, TheLimitOfAnAddressHoldsOverAllListsThatNameIt) {
  options_.sessions_max = 1;
  options_.queue_wait = 5s;
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + take_rset() + kMessage + take_quit()});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  HopPool other(*destinations_, hosts({sim_.at_mx(25), sim_.at_mx(99)}));
  {
    HopTransaction through_other(other, envelope_);
    Call call;
    start_rcpt(through_other, "b@example.org", call);
    EXPECT_TRUE(sim_.finish());
    EXPECT_TRUE(call.reply.accepted());  // the holder of the first list gave its session up
    EXPECT_TRUE(hop_->parked());
    EXPECT_EQ(destinations_->open_sessions(), 1U);
    Call done;
    start_deliver(through_other, done);
    EXPECT_TRUE(sim_.finish());
    EXPECT_TRUE(done.reply.accepted());
  }
  hop_.reset();
  rest();
}

// A hop of a higher priority number stands by for faults, not for load.
TEST_F(HopPoolTest, BusyIsNotBroken) {
  options_.sessions_max = 1;
  options_.queue_wait = 5s;
  endpoints_ = {sim_.at_mx(25), sim_.at_mx(26)};
  hop_plays({greet() + take_mail() + Script{hear("RCPT"), pause(60s), say("250 2.1.5 Ok\r\n")} + take_rset() +
             take_quit()});
  hop_plays({}, 26);
  auto first = another();
  Call busy;
  start_rcpt(*first, "b@example.org", busy);
  rest(1s);
  begin();
  Call waits;
  start_rcpt(*hop_, "c@example.org", waits);
  EXPECT_TRUE(sim_.finish());
  EXPECT_EQ(waits.reply.reply.to_line().substr(0, 9), "451 4.4.5");
  first.reset();
  rest();
}

// Shows: W-3
TEST_F(HopPoolTest, A421GreetingIsRetriedOnceUnseen) {
  hop_plays({Script{say("421 4.3.2 too busy\r\n"), hear_end()}, greet() + kMessage + take_quit()});
  send_one();
  EXPECT_EQ(pool_->counters().retries, 1U);
}

TEST_F(HopPoolTest, ASilentAddressHasFiveSecondsWhileAnotherIsLeft) {
  endpoints_ = {sim_.at_mx(25), sim_.at_mx(26)};
  reactor::SimFaults silent;
  silent.latency_min = silent.latency_max = 1h;
  sim_.world.set_faults(sim_.at_mx(25), silent);
  hop_plays({greet() + kMessage + kMessage + take_quit()}, 26);
  const MonoTime begun = sim_.world.now();
  send_one();
  EXPECT_GE(sim_.world.now() - begun, limits::kHopNextAddressWait);
  EXPECT_LT(sim_.world.now() - begun, limits::kHopNextAddressWait + 1s);
  const MonoTime again = sim_.world.now();
  send_one();
  EXPECT_LT(sim_.world.now() - again, 1s);
}

TEST_F(HopPoolTest, CountsWhatItDoesForEachHop) {
  runtime::MetricRegistry registry(1);
  const std::vector<std::string> names{sim_.at_mx(25).to_string()};
  const HopMetricTable table(registry, names);
  registry.freeze();
  options_.metrics = &table;
  options_.cells = &registry.cells(0);
  hop_plays({greet() + kMessage + Script{hang_up()}, {say("554 5.7.1 no\r\n"), hear_end()}});
  send_one();
  rest(1s);
  begin();
  EXPECT_FALSE(rcpt("b@example.org").accepted());
  std::map<std::string, int64_t> seen;
  for (const runtime::MetricSample& sample : registry.read()) {
    if (sample.labels.find("other") != std::string_view::npos) continue;
    const std::string_view labels = sample.labels;
    const size_t second = labels.find("\",");
    const std::string more(second == labels.npos ? "" : labels.substr(second + 2));
    const bool gauge = sample.kind == runtime::MetricKind::Gauge;
    seen[std::string(sample.name) + more] = gauge ? sample.level : static_cast<int64_t>(sample.value);
  }
  EXPECT_EQ(seen["sluice_hop_connects_total"], 2);
  EXPECT_EQ(seen["sluice_hop_faults_totalkind=\"refused\""], 1);
  EXPECT_EQ(seen["sluice_hop_messages_totalresult=\"accepted\""], 1);
  EXPECT_EQ(seen["sluice_hop_recipients_totalresult=\"accepted\""], 1);
  EXPECT_EQ(seen["sluice_hop_addresses_failing"], 1);
  EXPECT_EQ(seen["sluice_hop_connections"], 0);
  EXPECT_EQ(seen["sluice_hop_connections_idle"], 0);
  EXPECT_EQ(seen["sluice_hop_connect_seconds"], 1);
  EXPECT_EQ(seen["sluice_hop_delivery_seconds"], 1);
  metrics_in_use();
}

// Shows: W-2
TEST_F(HopPoolTest, WhoHasWaitedLongestMakesRoomAtOnce) {
  options_.sessions_max = 2;
  const Script held = greet() + take_mail() + take_rcpt("b@example.org");
  hop_plays({held + take_rcpt("c@example.org") + take_rset() + take_quit(),
             held + take_rset() + take_mail() + take_rcpt("d@example.org") + take_rset() + take_quit()});
  auto first = another();
  auto second = another();
  for (const auto& hop : {first.get(), second.get()}) {
    Call call;
    start_rcpt(*hop, "b@example.org", call);
    EXPECT_TRUE(sim_.finish());
    EXPECT_TRUE(call.reply.accepted());
    rest(1s);
  }
  Call again;
  start_rcpt(*first, "c@example.org", again);
  EXPECT_TRUE(sim_.finish());
  begin();
  const MonoTime asked = sim_.world.now();
  EXPECT_TRUE(rcpt("d@example.org").accepted());
  EXPECT_LT(sim_.world.now() - asked, 1s);
  EXPECT_FALSE(first->parked());
  EXPECT_TRUE(second->parked());
  EXPECT_EQ(pool_->counters().parked, 1U);
  first.reset();
  rest();
}

// Shows: W-2
TEST_F(HopPoolTest, WhoIsBusyMakesRoomWhenItsCallIsOver) {
  options_.sessions_max = 1;
  hop_plays({greet() + take_mail() + Script{hear("RCPT"), pause(3s), say("250 2.1.5 Ok\r\n")} + take_rset() +
             take_mail() + take_rcpt("d@example.org") + take_rset() + take_quit()});
  auto first = another();
  Call busy;
  start_rcpt(*first, "b@example.org", busy);
  rest(1s);
  begin();
  const MonoTime asked = sim_.world.now();
  EXPECT_TRUE(rcpt("d@example.org").accepted());
  EXPECT_LT(sim_.world.now() - asked, 3s);
  EXPECT_TRUE(first->parked());
  EXPECT_FALSE(hop_->parked());
}

// Shows: W-16
TEST_F(HopPoolTest, StoppingBreaksOffASilentReset) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org") + Script{hear("RSET"), hear_end()}});
  begin();
  EXPECT_TRUE(rcpt("b@example.org").accepted());
  hop_.reset();
  rest(1s);
  const MonoTime asked = sim_.world.now();
  sim_.start(sim_.client, stop(sim_.client));  // within 5 s
  EXPECT_TRUE(sim_.finish());
  EXPECT_LT(sim_.world.now() - asked, 6s);
  EXPECT_EQ(pool_->open_sessions(), 0U);
}

TEST_F(HopPoolTest, RoomForOneThatHasJustGivenUpGoesToTheNext) {
  options_.sessions_max = 1;
  options_.command_wait = 10s;
  // The answer to MAIL makes the first one's wait the younger, and so the first to end, of two until 10 s.
  hop_plays({greet() + Script{hear("MAIL"), pause(7s), say("250 2.1.0 Ok\r\n"), hear("RCPT"), hear_end()},
             greet() + take_mail() + take_rcpt("d@example.org") + take_rset() + take_quit()});
  auto first = another();
  auto second = another();
  Call busy;
  Call gives_up;
  Call next;
  start_rcpt(*first, "b@example.org", busy);  // until 10 s
  rest(5s);
  start_rcpt(*second, "c@example.org", gives_up);  // waits for room until 10 s
  rest(1s);
  begin();
  start_rcpt(*hop_, "d@example.org", next);  // waits until 11 s
  EXPECT_TRUE(sim_.finish());
  EXPECT_EQ(busy.ended, gives_up.ended);
  EXPECT_EQ(gives_up.reply.result, HopResult::Fault);
  EXPECT_TRUE(next.reply.accepted());
}

// Shows: W-6
TEST_F(HopPoolTest, IsHealthyWhileOneEndpointMayWork) {
  endpoints_ = {sim_.at_mx(26), sim_.at_mx(27)};
  const Script fault =
      greet() + take_mail() + take_rcpt("b@example.org", "503 5.5.1 what?") + Script{hear_end()};
  hop_plays({fault}, 26);
  hop_plays({fault, greet() + kMessage + take_quit()}, 27);
  begin();
  EXPECT_EQ(rcpt("b@example.org").result, HopResult::Fault);
  EXPECT_TRUE(pool_->healthy());
  EXPECT_EQ(rcpt("b@example.org").result, HopResult::Fault);
  EXPECT_FALSE(pool_->healthy());
  rest(limits::kHopUnhealthyWait);
  pool_->set_hosts(hosts({sim_.at_mx(27)}));
  EXPECT_FALSE(pool_->healthy());
  send_one();
  EXPECT_TRUE(pool_->healthy());
}

TEST_F(HopPoolTest, RefusalOfEveryRecipientIsDated) {
  hop_plays({greet() + take_mail() + take_rcpt("b@example.org", "550 5.1.1 no") +
             take_rcpt("c@example.org", "550 5.1.1 no") + take_rcpt("d@example.org") + take_rset() +
             take_quit()});
  begin();
  (void)rcpt("b@example.org");
  const auto since = pool_->refusing_since();
  EXPECT_TRUE(since.has_value());
  (void)rcpt("c@example.org");
  EXPECT_EQ(pool_->refusing_since(), since);
  EXPECT_TRUE(rcpt("d@example.org").accepted());
  EXPECT_FALSE(pool_->refusing_since().has_value());
}

TEST_F(HopPoolTest, SessionsToAbandonedAddressesAreNotUsedAgain) {
  hop_plays({greet() + kMessage + take_quit()});
  hop_plays({greet() + kMessage + take_quit()}, 27);
  send_one();
  pool_->set_hosts(hosts({sim_.at_mx(27)}));
  send_one();
  EXPECT_EQ(pool_->counters().connects, 2U);
}

TEST(HopMetricTable, BeyondTheFirstHundredHopsAreCountedTogether) {
  runtime::MetricRegistry registry(1);
  std::vector<std::string> names;
  for (size_t i = 0; i < HopMetricTable::kHopsMax + 2; ++i) names.push_back(std::to_string(i));
  names.insert(names.begin(), names.front());
  const HopMetricTable table(registry, names);
  EXPECT_NE(&table.of(std::to_string(HopMetricTable::kHopsMax - 1)), &table.of("unknown"));
  EXPECT_EQ(&table.of(std::to_string(HopMetricTable::kHopsMax)), &table.of("unknown"));
}

}  // namespace
}  // namespace sluice::serve
