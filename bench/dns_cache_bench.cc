// The answer cache (dnscache/cache/answer_cache.h) as the DNS client uses it: hits with records and without,
// misses, hits with what is attached, puts in room and puts that evict; and what a name costs before it is
// looked up. Names are asked in an order drawn from a seed. Every hit is checked before timing.
//
//   build/release/bin/dns-cache-bench
#include "dnscache/cache/answer_cache.h"
#include "io/base/random.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

namespace sluice::dns {
namespace {

constexpr MonoTime kNow{std::chrono::seconds(1000)};

// Of the lengths of sender domains: 12 to 27 octets of text.
std::string name_text(size_t number) {
  static constexpr std::string_view kWords[] = {"mail", "example", "newsletter", "shop-online", "a"};
  std::string text(kWords[number % std::size(kWords)]);
  text += std::to_string(number * 2654435761U % 100000000U);
  text += number % 3 == 0 ? ".co.uk" : ".com";
  return text;
}

Question question(size_t number) {
  const auto name = DnsName::from_text(name_text(number));
  if (!name) std::abort();
  return {*name, RecordType::Txt};
}

Answer answer(size_t number, AnswerStatus status) {
  Answer made{status, {}, 3600, false};
  if (status == AnswerStatus::Records)
    made.records.emplace_back("v=spf1 ip4:192.0.2." + std::to_string(number % 256) + " -all");
  return made;
}

std::vector<Question> questions(size_t count, size_t from = 0) {
  std::vector<Question> all;
  all.reserve(count);
  for (size_t i = 0; i < count; ++i) all.push_back(question(from + i));
  Random random(7);
  for (size_t i = count; i > 1; --i) std::swap(all[i - 1], all[random.below(static_cast<uint32_t>(i))]);
  return all;
}

std::unique_ptr<AnswerCache> filled(size_t count, AnswerStatus status) {
  auto cache = std::make_unique<AnswerCache>(
      CacheSettings{.bytes_max = size_t{4} << 30U, .pages = PageKind::Large}, 42);
  for (size_t i = 0; i < count; ++i) {
    const auto kept = cache->put(question(i), answer(i, status), kNow);
    if (!kept) std::abort();
  }
  return cache;
}

void find(benchmark::State& state, AnswerStatus status) {
  const auto count = static_cast<size_t>(state.range(0));
  const auto cache = filled(count, status);
  const auto asked = questions(count);
  for (const Question& each : asked) {
    if (!cache->find(each, kNow)) std::abort();
  }
  size_t next = 0;
  for ([[maybe_unused]] auto round : state) {
    benchmark::DoNotOptimize(cache->find(asked[next], kNow)->answer);
    if (++next == count) next = 0;
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["octets/entry"] =
      static_cast<double>(cache->statistics().bytes) / static_cast<double>(count);
}

void hit(benchmark::State& state) { find(state, AnswerStatus::Records); }
void negative_hit(benchmark::State& state) { find(state, AnswerStatus::NxDomain); }

void hit_from_text(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const auto cache = filled(count, AnswerStatus::Records);
  std::vector<std::string> texts;
  for (const Question& each : questions(count)) texts.push_back(each.name.to_text());
  size_t next = 0;
  for ([[maybe_unused]] auto round : state) {
    const auto name = DnsName::from_text(texts[next]);
    benchmark::DoNotOptimize(cache->find({*name, RecordType::Txt}, kNow)->answer);
    if (++next == count) next = 0;
  }
}

void hit_with_attachment(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const auto cache = filled(count, AnswerStatus::Records);
  const auto asked = questions(count);
  for (const Question& each : asked) {
    const AnswerCache::EntryId used[] = {cache->find(asked[0], kNow)->id};
    if (!cache->attach(cache->find(each, kNow)->id, std::make_unique<int>(1), 100, used)) std::abort();
  }
  size_t next = 0;
  for ([[maybe_unused]] auto round : state) {
    const auto found = cache->find(asked[next], kNow);
    benchmark::DoNotOptimize(cache->attached<int>(found->id, kNow));
    if (++next == count) next = 0;
  }
}

void miss(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const auto cache = filled(count, AnswerStatus::Records);
  const auto asked = questions(count, count);
  size_t next = 0;
  for ([[maybe_unused]] auto round : state) {
    benchmark::DoNotOptimize(cache->find(asked[next], kNow));
    if (++next == count) next = 0;
  }
  if (cache->statistics().hits != 0) std::abort();
}

// Of new names into a cache that is full, as in a flood.
void put_and_evict(benchmark::State& state) {
  constexpr size_t kKinds = 1 << 16;
  AnswerCache cache({.bytes_max = size_t{4} << 20U}, 42);
  const auto asked = questions(kKinds);
  const Answer made = answer(1, AnswerStatus::Records);
  size_t next = 0;
  for ([[maybe_unused]] auto round : state) {
    benchmark::DoNotOptimize(cache.put(asked[next % kKinds], made, kNow));
    ++next;
  }
  state.counters["evictions/put"] =
      static_cast<double>(cache.statistics().evictions) / static_cast<double>(next);
}

void put_negative(benchmark::State& state) {
  constexpr size_t kKinds = 1 << 14;
  AnswerCache cache({.bytes_max = size_t{64} << 20U}, 42);
  const auto asked = questions(kKinds);
  size_t next = 0;
  for ([[maybe_unused]] auto round : state) {
    benchmark::DoNotOptimize(cache.put(asked[next % kKinds], answer(0, AnswerStatus::NxDomain), kNow));
    ++next;
  }
}

void name_from_text(benchmark::State& state) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < 1024; ++i) texts.push_back(name_text(i));
  size_t next = 0;
  for ([[maybe_unused]] auto round : state) {
    benchmark::DoNotOptimize(DnsName::from_text(texts[next % 1024]));
    ++next;
  }
}

void name_copy(benchmark::State& state) {
  const auto asked = questions(1024);
  size_t next = 0;
  for ([[maybe_unused]] auto round : state) {
    const DnsName copy(asked[next % 1024].name);
    benchmark::DoNotOptimize(copy);
    ++next;
  }
}

void name_hash(benchmark::State& state) {
  const auto asked = questions(1024);
  size_t next = 0;
  uint64_t sum = 0;
  for ([[maybe_unused]] auto round : state) {
    sum += asked[next % 1024].name.hash(7);
    ++next;
  }
  benchmark::DoNotOptimize(sum);
}

BENCHMARK(hit)->Arg(2000)->Arg(1000000);
BENCHMARK(negative_hit)->Arg(2000)->Arg(1000000);
BENCHMARK(hit_from_text)->Arg(2000);
BENCHMARK(hit_with_attachment)->Arg(2000)->Arg(1000000);
BENCHMARK(miss)->Arg(2000)->Arg(1000000);
BENCHMARK(put_and_evict);
BENCHMARK(put_negative);
BENCHMARK(name_from_text);
BENCHMARK(name_copy);
BENCHMARK(name_hash);

}  // namespace
}  // namespace sluice::dns

BENCHMARK_MAIN();
