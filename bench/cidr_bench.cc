// The search for the first prefix that holds an address (rules/net/cidr_set.h): nanoseconds per lookup of
// every kernel in both forms, and of what seal() chooses, hot, over 2,048 addresses that do not depend on
// one another. Where rows and intervals cost the same is where kV4RowsMost and kV6RowsMost come from.
//
//   build/release/bin/cidr-bench [--benchmark_filter=v4/]
//
// Names: family/form/kernel/prefixes/near. rows and intervals are the search alone, set/chosen is
// first_match() of a sealed set. Of a hundred addresses, `near` are inside a prefix or one beside its ends,
// the others anywhere in the family. Every table is checked against the definition before it is timed.
#include "io/base/check.h"
#include "io/base/random.h"
#include "rules/net/cidr_set.h"

#include <array>
#include <functional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

namespace sluice::cidr {
namespace {

constexpr size_t kAddresses = 2048;

IpAddress v6_of(uint64_t high, uint64_t low) {
  std::array<uint8_t, 16> octets{};
  for (unsigned i = 0; i < 8; ++i) {
    octets[i] = static_cast<uint8_t>(high >> (56 - 8 * i));
    octets[8 + i] = static_cast<uint8_t>(low >> (56 - 8 * i));
  }
  return IpAddress::v6(octets);
}

// As in SPF records: single addresses to /20, and /32 to /64 with some single addresses; apart from each
// other for the most part.
Cidr random_prefix(Random& random, IpFamily family) {
  if (family == IpFamily::V4)
    return Cidr::of(IpAddress::v4(static_cast<uint32_t>(random())),
                    static_cast<uint8_t>(20 + random.below(13)));
  const uint64_t high = (random() >> 3) | uint64_t{1} << 61;
  if (random.one_in(5)) return Cidr::of(v6_of(high, random()), 128);
  return Cidr::of(v6_of(high, 0), static_cast<uint8_t>(32 + 8 * random.below(5)));
}

IpAddress random_address(Random& random, IpFamily family) {
  if (family == IpFamily::V4) return IpAddress::v4(static_cast<uint32_t>(random()));
  return v6_of((random() >> 3) | uint64_t{1} << 61, random());
}

// Inside of the prefix; with a prefix of one address often just beside it.
IpAddress near(Random& random, const Cidr& prefix) {
  const unsigned host_bits = prefix.network.bits() - prefix.length;
  if (prefix.network.is_v4()) {
    const uint32_t size = host_bits >= 32 ? UINT32_MAX : (uint32_t{1} << host_bits) - 1;
    return IpAddress::v4(prefix.network.v4_value() + (size == 0 ? random.below(2) : random.below(size)));
  }
  std::array<uint8_t, 16> octets{};
  for (size_t i = 0; i < 16; ++i) octets[i] = prefix.network.bytes()[i];
  if (host_bits == 0) {
    octets[15] = static_cast<uint8_t>(octets[15] ^ random.below(2));
  } else {
    for (size_t i = prefix.length / 8; i < 16; ++i) octets[i] = static_cast<uint8_t>(random.below(256));
  }
  return IpAddress::v6(octets);
}

struct Load {
  std::vector<Cidr> prefixes;
  std::vector<IpAddress> addresses;
};

Load load_of(IpFamily family, size_t prefixes, uint32_t near_percent) {
  Random random(1);
  Load load;
  for (size_t i = 0; i < prefixes; ++i) load.prefixes.push_back(random_prefix(random, family));
  for (size_t i = 0; i < kAddresses; ++i) {
    const Cidr& prefix = load.prefixes[random.below(static_cast<uint32_t>(prefixes))];
    const bool is_near = random.below(100) < near_percent;
    load.addresses.push_back(is_near ? near(random, prefix) : random_address(random, family));
  }
  return load;
}

std::optional<uint32_t> first_by_definition(const Load& load, const IpAddress& address) {
  for (uint32_t i = 0; i < load.prefixes.size(); ++i) {
    if (load.prefixes[i].contains(address)) return i;
  }
  return std::nullopt;
}

// The rows and the addresses as the kernels take them.
uint64_t half(const IpAddress& address, size_t from) {
  uint64_t value = 0;
  for (size_t i = from; i < from + 8; ++i) value = value << 8 | address.bytes()[i];
  return value;
}

struct V4Raw {
  V4Family table{search_nothing_v4};
  std::vector<uint32_t> addresses;

  V4Raw(const Load& load, Form form, const Kernel& kernel) {
    for (uint32_t i = 0; i < load.prefixes.size(); ++i) {
      const Cidr& prefix = load.prefixes[i];
      const uint32_t mask = ~uint32_t{0} << (32 - prefix.length);
      table.add({prefix.network.v4_value(), mask}, i, kernel.rows_v4(0));
    }
    table.seal(form, kernel.rows_v4, kernel.intervals_v4);
    for (const IpAddress& address : load.addresses) addresses.push_back(address.v4_value());
  }
  uint32_t find(uint32_t address) const { return table.search()(table.table(), address); }
};

struct V6Raw {
  struct Address {
    uint64_t high, low;
  };
  V6Family table{search_nothing_v6};
  std::vector<Address> addresses;

  V6Raw(const Load& load, Form form, const Kernel& kernel) {
    for (uint32_t i = 0; i < load.prefixes.size(); ++i) {
      const Cidr& prefix = load.prefixes[i];
      const uint64_t high_mask = prefix.length >= 64 ? ~uint64_t{0} : ~uint64_t{0} << (64 - prefix.length);
      const uint64_t low_mask = prefix.length == 128 ? ~uint64_t{0} : 0;  // see random_prefix
      table.add({half(prefix.network, 0), half(prefix.network, 8), high_mask, low_mask}, i,
                kernel.rows_v6(0));
    }
    table.seal(form, kernel.rows_v6, kernel.intervals_v6);
    for (const IpAddress& address : load.addresses) addresses.push_back({half(address, 0), half(address, 8)});
  }
  uint32_t find(const Address& address) const {
    return table.search()(table.table(), address.high, address.low);
  }
};

// One kernel in one form: the search alone.
template <class Raw>
void search(benchmark::State& state, IpFamily family, Form form, const Kernel& kernel) {
  const Load load =
      load_of(family, static_cast<size_t>(state.range(0)), static_cast<uint32_t>(state.range(1)));
  const Raw raw(load, form, kernel);
  for (size_t at = 0; at < kAddresses; at += 7) {
    const uint32_t expected = first_by_definition(load, load.addresses[at]).value_or(kNoAnswer);
    SLUICE_CHECK(raw.find(raw.addresses[at]) == expected);
  }
  while (state.KeepRunningBatch(kAddresses)) {
    uint64_t digest = 0;
    for (const auto& address : raw.addresses) digest += raw.find(address);
    benchmark::DoNotOptimize(digest);
  }
  state.counters["bytes"] = static_cast<double>(raw.table.bytes());
}

// What a user of CidrSet gets.
void lookup(benchmark::State& state, IpFamily family) {
  const Load load =
      load_of(family, static_cast<size_t>(state.range(0)), static_cast<uint32_t>(state.range(1)));
  CidrSet set;
  for (const Cidr& prefix : load.prefixes) set.add(prefix);
  set.seal();
  for (const IpAddress& address : load.addresses)
    SLUICE_CHECK(set.first_match(address) == first_by_definition(load, address));
  while (state.KeepRunningBatch(kAddresses)) {
    uint64_t digest = 0;
    for (const IpAddress& address : load.addresses) digest += set.first_match(address).value_or(kNoAnswer);
    benchmark::DoNotOptimize(digest);
  }
  state.counters["bytes"] = static_cast<double>(set.bytes());
}

void build(benchmark::State& state, IpFamily family) {
  const Load load = load_of(family, static_cast<size_t>(state.range(0)), 0);
  for ([[maybe_unused]] auto round : state) {
    CidrSet set;
    for (const Cidr& prefix : load.prefixes) set.add(prefix);
    set.seal();
    benchmark::DoNotOptimize(set);
  }
}

// Names: family/form/kernel/prefixes/near; form and kernel are "set" and "chosen" for the whole way.
void add(const std::string& name, const std::function<void(benchmark::State&)>& function) {
  auto* bench = benchmark::RegisterBenchmark(name.c_str(), function);
  for (const int64_t near_percent : {10, 100}) {
    for (const int64_t prefixes : {8, 16, 32, 64, 128, 512, 4096}) bench->Args({prefixes, near_percent});
  }
}

void add_family(IpFamily family) {
  const std::string prefix = family == IpFamily::V4 ? "v4/" : "v6/";
  for (const Kernel& kernel : kernels()) {
    for (const Form form : {Form::Rows, Form::Intervals}) {
      const std::string name =
          prefix + (form == Form::Rows ? "rows/" : "intervals/") + std::string(kernel.name);
      add(name, [=, &kernel](benchmark::State& state) {
        (family == IpFamily::V4 ? search<V4Raw> : search<V6Raw>)(state, family, form, kernel);
      });
    }
  }
  add(prefix + "set/chosen", [=](benchmark::State& state) { lookup(state, family); });
  benchmark::RegisterBenchmark(("build/" + prefix).c_str(),
                               [=](benchmark::State& state) { build(state, family); })
      ->Arg(8)
      ->Arg(64)
      ->Arg(512)
      ->Arg(4096);
}

}  // namespace
}  // namespace sluice::cidr

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  sluice::cidr::add_family(sluice::IpFamily::V4);
  sluice::cidr::add_family(sluice::IpFamily::V6);
  benchmark::RunSpecifiedBenchmarks();
}
