// DmarcReports: the node's aggregate reports (RFC 9990), off unless [dmarc.reports] says otherwise. Each
// shard collects what the pipeline hands it. When a period ends (at multiples of the interval, UTC) the
// shards send what they have to the first one, which asks whether destinations outside a domain's
// organization want the reports, and writes for each policy domain that anybody gets one
//
//   DIRECTORY/SUBMITTER!DOMAIN!BEGIN!END!ID.xml.gz     the report
//   DIRECTORY/SUBMITTER!DOMAIN!BEGIN!END!ID.json       to whom it goes, and under which Subject
//
// the .json first, so that a report that is there is complete; it goes again where the report cannot be
// written. Nothing is sent. At the end of the node each shard writes what it has by itself, as far as it gets
// in kStopWait. What cannot be written, or whose destinations the DNS did not tell, is
// part of the next period's report, for at most one interval more. A crash loses the period.
//
// Per shard. add() never waits and never fails; the rest is in the background, one report after the other,
// and documents are made by the worker. stop() is awaited while the DNS client still answers.
#pragma once

#include "dnscache/client/dns_client.h"
#include "engine/delivery/dmarc_collector.h"
#include "io/reactor/mail.h"
#include "io/reactor/shard.h"
#include "io/runtime/task_group.h"
#include "io/runtime/worker.h"
#include "rules/dmarc/aggregate_report.h"
#include "rules/dmarc/report_destinations.h"
#include "rules/dmarc/report_document.h"
#include "rules/policy/authentication_settings.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

template <>
inline constexpr bool sluice::runtime::kSendableByPromise<sluice::dmarc::ReportCollection> = true;

namespace sluice::delivery {

struct DmarcReportCounters {
  uint64_t messages = 0;   // collected
  uint64_t unlisted = 0;   // for which there was no room, or whose report was given up
  uint64_t written = 0;    // reports
  uint64_t unwanted = 0;   // reports that nobody may get
  uint64_t postponed = 0;  // reports that are part of the next period's
  uint64_t refused = 0;    // writes that failed

  void add(const DmarcReportCounters& other);
};

struct DmarcReportOptions {
  policy::DmarcReportSettings settings;
  dmarc::Mode mode = dmarc::Mode::Rfc9989;  // of the outcome that is acted on
  std::string generator;                    // program and version
  // A file could not be written: its path, and the errno. For the log.
  std::function<void(const std::string& path, int os_error)> on_refused;
  // The node ended before these reports, about so many messages, were written. For the log.
  std::function<void(size_t reports, uint64_t messages)> on_lost;
};

// From a shard to the one that writes.
using DmarcPeriod = std::unique_ptr<dmarc::ReportCollection>;

class DmarcReports final : public DmarcCollector,
                           private runtime::Timer,
                           private reactor::MailHandler<DmarcPeriod> {
 public:
  // `worker` outlives the shard. `mail`: to the shard 0; null where that is the only one.
  DmarcReports(reactor::Shard& shard, dns::DnsClient& dns, runtime::Worker& worker,
               DmarcReportOptions options, reactor::Mail<DmarcPeriod>* mail = nullptr);
  ~DmarcReports();

  bool enabled() const override { return options_.settings.enabled && !stopping_; }
  void add(const evidence::Evidence& evidence, const dmarc::RecordRef& record,
           const DmarcHandling& handling) override;
  // From now on; the period that runs keeps its end. Off: what was collected is written at its end.
  void set_options(DmarcReportOptions options) { options_ = std::move(options); }
  // Writes what is left; questions wait for at most limits::kDmarcReportDrainWait. No report is begun after
  // kStopWait: those that are left are counted as unlisted. What is under way then (one
  // document, or one file) is waited for.
  runtime::Task<void> stop(reactor::Shard& shard);

  const DmarcReportCounters& counters() const { return counters_; }
  // Collected, waiting for the disk, and being written.
  size_t octets_held() const {
    return collection_.octets() + pending_.octets() + in_writing_.octets() + job_octets_;
  }

  static constexpr std::chrono::seconds kStopWait{8};  // of limits::kStopGrace

 private:
  // How long the first shard waits for the others' periods.
  static constexpr std::chrono::seconds kGather{10};
  // The clock may be set while a period runs: it is looked at again after so long.
  static constexpr std::chrono::minutes kLook{10};

  void on_timer() override;
  void on_mail(ShardId from, DmarcPeriod period) override;
  void arm();
  WallTime next_end() const;
  void end_period();
  void take_in(dmarc::ReportCollection&& period);
  void write_pending();

  struct Job {
    std::string domain;
    dmarc::DomainReport report;
    size_t octets = 0;   // of the report as it was collected
    std::string packed;  // the document, compressed
    std::string stem;    // its path, without extension
    std::string file_name;
    std::string report_id;
    std::string subject;
    std::vector<std::string> to, refused, undecided, too_large;  // addresses
  };
  runtime::Task<void> write_all(reactor::Shard& shard);
  runtime::Task<void> write_one(reactor::Shard& shard, Job job);
  runtime::Task<void> make_document(reactor::Shard& shard, Job& job);
  runtime::Task<void> find_destinations(reactor::Shard& shard, Job& job);
  std::string description(const Job& job) const;
  runtime::Task<bool> write_pair(reactor::Shard& shard, const Job& job);
  runtime::Task<bool> write_file(reactor::Shard& shard, std::string path, const std::string& octets);
  bool out_of_time() const { return shard_.now() >= write_until_; }
  void postpone(Job job);

  reactor::Shard& shard_;
  dns::DnsClient& dns_;
  runtime::Worker& worker_;
  DmarcReportOptions options_;
  reactor::Mail<DmarcPeriod>* mail_;
  dmarc::ReportCollection collection_;
  dmarc::ReportCollection pending_;     // of ended periods, before they are written
  dmarc::ReportCollection in_writing_;  // of which one report after the other is taken
  size_t job_octets_ = 0;               // of the one that is written now, beside those
  WallTime end_;                        // of the period
  MonoTime write_at_ = kNever;
  MonoTime questions_until_ = kNever;
  MonoTime write_until_ = kNever;
  bool write_due_ = false;  // of what is pending
  bool writing_now_ = false;
  bool stopping_ = false;
  size_t lost_reports_ = 0;  // by stop()
  uint64_t lost_messages_ = 0;
  DmarcReportCounters counters_;
  runtime::TaskGroup writing_;
};

}  // namespace sluice::delivery
