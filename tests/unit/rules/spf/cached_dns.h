// FakeDns as what is there to compile from: all of it, less what a test takes away. An answer is gone at the
// next question, as ProgramSource allows.
#pragma once

#include "rules/spf/program.h"
#include "rules/spf/selected_record.h"
#include "tests/unit/rules/spf/fake_dns.h"

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::spf {

class CachedDns final : public ProgramSource {
 public:
  explicit CachedDns(FakeDns& dns) : dns_(dns) {}
  CachedDns& without(std::string question) {
    missing_.insert(std::move(question));
    return *this;
  }
  CachedDns& stale(std::string question) {
    stale_.insert(std::move(question));
    return *this;
  }

  const dns::Answer* find(const dns::Question& question) override {
    answer_ = dns_.lookup(question);
    answer_.stale = stale_.contains(dns_.log.back());
    return missing_.contains(dns_.log.back()) ? nullptr : &answer_;
  }
  const SelectedRecord* record(const dns::Question&) override {
    records_.push_back(SelectedRecord::select(answer_));
    return records_.back().get();
  }

  Program compile(std::string_view domain, IpFamily family = IpFamily::V4) {
    return Program::compile(*dns::DnsName::from_text(domain), family, *this, LargePages());
  }

 private:
  FakeDns& dns_;
  dns::Answer answer_;
  std::vector<SelectedRecordRef> records_;
  std::set<std::string> missing_;
  std::set<std::string> stale_;
};

}  // namespace sluice::spf
