// SpfCorpus: sender domains whose SPF records are shaped like real ones, from a seed: providers with nested
// includes, which most domains include, own networks, a and mx, redirects, macros, and the usual mistakes.
// A zone of it all, and who sends: for each domain clients that it lists and some that it does not.
//
// For benchmarks only. All names are below "example", all networks are those set aside for tests.
#pragma once

#include "io/base/ip.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::bench {

struct SpfSender {
  IpAddress client;
  std::string domain;
};

struct SpfCorpus {
  std::string zone;                  // a master file
  std::vector<std::string> domains;  // of senders
  std::vector<SpfSender> senders;    // in random order
};

SpfCorpus make_spf_corpus(size_t domains, uint64_t seed);

}  // namespace sluice::bench
