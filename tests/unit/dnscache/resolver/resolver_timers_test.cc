#include "io/base/random.h"
#include "tests/unit/dnscache/resolver/replay.h"

#include <map>

namespace sluice::dns {
namespace {

// Many questions that begin, are answered, are forgotten and end at times of their own: each asker hears at
// its deadline, neither before nor after.
TEST(ResolverTimers, EachAskerHearsAtItsDeadline) {
  Random random(9);
  Replay script(ResolverSettings{.server_count = 2, .questions_max = 1000});
  std::map<uint64_t, MonoTime> waiting;
  std::vector<std::pair<uint64_t, Send>> sends;
  const auto take = [&] {
    while (const auto completion = script.resolver.next_completion()) {
      for (const AskerId id : completion->askers) {
        const auto waited = waiting.find(id.value);
        ASSERT_NE(waited, waiting.end());
        if (completion->answer.status == AnswerStatus::Timeout) {
          ASSERT_EQ(waited->second, script.now);
        }
        waiting.erase(waited);
      }
    }
  };
  for (uint64_t id = 1; id <= 3000; ++id) {
    const std::chrono::nanoseconds patience = std::chrono::milliseconds(1 + random.below(4000));
    waiting[id] = script.now + patience;
    script.ask(id, question("n" + std::to_string(id) + ".example"), patience);
    while (const auto send = script.resolver.next_send()) {
      if (random.one_in(4)) sends.emplace_back(id, *send);
    }
    if (!sends.empty() && random.one_in(3)) {
      script.deliver(sends.back().second, Replay::text_reply(sends.back().second));
      sends.pop_back();
    }
    take();
    const MonoTime until = script.now + std::chrono::milliseconds(random.below(10));
    while (script.resolver.next_wakeup() <= until) {
      script.now = std::max(script.now, script.resolver.next_wakeup());
      script.resolver.on_tick(script.now);
      take();
    }
    script.now = until;
    for (const auto& [asker_id, deadline] : waiting) ASSERT_GT(deadline, script.now) << asker_id;
  }
  EXPECT_GT(script.resolver.statistics().answers, 300U);
}

}  // namespace
}  // namespace sluice::dns
