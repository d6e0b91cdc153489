// Aggregate reports on a simulated disk: what is written when, to whom, and what happens where it cannot be.
#include "engine/delivery/dmarc_reports.h"

#include "engine/delivery/dmarc_report_row.h"
#include "io/reactor/sim_world.h"
#include "tests/unit/rules/dmarc/unzipped.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sluice::delivery {
namespace {

using reactor::Shard;
using runtime::Task;
using testing::unzipped;
using namespace std::chrono_literals;

dmarc::RecordRef record_of(const std::string& text) {
  dns::Answer answer;
  answer.status = dns::AnswerStatus::Records;
  answer.records.emplace_back(text);
  return dmarc::SelectedRecord::select(answer);
}

evidence::Evidence failed(const std::string& domain = "example.com") {
  evidence::Evidence evidence;
  evidence.client.address = *IpAddress::parse("192.0.2.1");
  evidence.sender = {"bounce", "mail.example.net"};
  evidence.spf.mail_from.emplace();
  evidence.spf.mail_from->result = auth::SpfResult::Fail;
  evidence.spf.mail_from->domain = "mail.example.net";
  evidence.dmarc.emplace();
  evidence.dmarc->result = dmarc::Result::Fail;
  evidence.dmarc->author_domain = evidence.dmarc->org_domain = evidence.dmarc->policy_domain = domain;
  evidence.dmarc->published = evidence.dmarc->policy = dmarc::Policy::Reject;
  return evidence;
}

const std::string kRecord = "v=DMARC1; p=reject; rua=mailto:reports@example.com";

// One shard, or two that share their reports.
class ReportsOnDisk : public ::testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kWork{200};  // how long a document takes

  void start(uint16_t shards, bool enabled = true) {
    for (uint16_t i = 0; i < shards; ++i) {
      owned_.push_back(std::make_unique<Shard>(ShardId{i}, world_.make_reactor("node")));
      shards_.push_back(owned_.back().get());
    }
    pass(1s);
    if (shards > 1) mail_.emplace(shards_, 16);
    for (Shard* shard : shards_) {
      dns::DnsClientSettings settings;
      settings.servers = {*Endpoint::parse("192.0.2.53:53")};
      dns_.push_back(std::make_unique<dns::DnsClient>(*shard, settings));
      reports_.push_back(std::make_unique<DmarcReports>(*shard, *dns_.back(), worker_, options(enabled),
                                                        mail_ ? &*mail_ : nullptr));
    }
  }
  DmarcReportOptions options(bool enabled) {
    DmarcReportOptions made;
    made.settings.enabled = enabled;
    made.settings.directory = "/reports";
    made.settings.organization = "Example";
    made.settings.contact = "postmaster@mx.example.org";
    made.settings.submitter = "mx.example.org";
    made.settings.interval = 1h;
    made.generator = "Sluice test";
    made.on_refused = [this](const std::string& path, int) { refused_.push_back(path); };
    made.on_lost = [this](size_t reports, uint64_t messages) {
      lost_reports_ += reports;
      lost_messages_ += messages;
    };
    return made;
  }
  // Of a domain that gets its reports itself: nobody is asked.
  void add_own(const std::string& domain) {
    reports_[0]->add(failed(domain), record_of("v=DMARC1; p=reject; rua=mailto:r@" + domain), {});
  }
  void slow_disk(std::chrono::microseconds latency) {
    reactor::SimDiskFaults faults;
    faults.latency_min = faults.latency_max = latency;
    world_.set_disk_faults("node", faults);
  }
  void pass(MonoClock::duration time) {
    (void)world_.run_until(shards_, [] { return false; }, world_.now() + time);
  }
  void stop() {
    for (size_t i = 0; i < reports_.size(); ++i) {
      bool done = false;
      EXPECT_TRUE(group_.spawn(*shards_[i], stopped(*shards_[i], *reports_[i], *dns_[i], done)));
      EXPECT_TRUE(world_.run_until(shards_, [&] { return done; }, world_.now() + 60s));
    }
  }
  void TearDown() override {
    if (!stopped_) stop();
    pass(1s);  // sockets close at the next turns
  }
  static Task<void> stopped(Shard& shard, DmarcReports& reports, dns::DnsClient& dns, bool& done) {
    co_await reports.stop(shard);
    co_await dns.stop(shard);
    done = true;
  }
  void grants(const std::string& name) {
    dns::Question question{*dns::DnsName::from_text(name), dns::RecordType::Txt};
    dns::Answer answer;
    answer.status = dns::AnswerStatus::Records;
    answer.records.emplace_back(std::string("v=DMARC1"));
    answer.ttl = 86400;
    (void)dns_[0]->cache().put(question, std::move(answer), shards_[0]->now());
  }
  std::vector<std::string> files(const std::string& ending) {
    std::vector<std::string> found;
    for (const std::string& name : world_.file_names("node")) {
      if (name.ends_with(ending)) found.push_back(name);
    }
    return found;
  }
  std::string content(const std::string& path) { return world_.file_content("node", path).value_or(""); }
  nlohmann::json about(size_t index = 0) { return nlohmann::json::parse(content(files(".json").at(index))); }

  reactor::SimWorld world_{7};
  std::vector<std::unique_ptr<Shard>> owned_;
  std::vector<Shard*> shards_;
  std::optional<reactor::Mail<DmarcPeriod>> mail_;
  std::vector<std::unique_ptr<dns::DnsClient>> dns_;
  std::vector<std::unique_ptr<DmarcReports>> reports_;
  runtime::SimulatedWorker worker_{kWork};
  runtime::TaskGroup group_;
  std::vector<std::string> refused_;
  size_t lost_reports_ = 0;
  uint64_t lost_messages_ = 0;
  bool stopped_ = false;
};

// Shows: TM-11
TEST_F(ReportsOnDisk, AreWrittenWhenThePeriodEnds) {
  start(1);
  for (int i = 0; i < 3; ++i) reports_[0]->add(failed(), record_of(kRecord), {dmarc::Policy::Reject, false});
  EXPECT_TRUE(files(".gz").empty());
  pass(1h + 1min);
  ASSERT_EQ(files(".xml.gz").size(), 1U);
  const std::string path = files(".xml.gz")[0];
  EXPECT_TRUE(path.starts_with("/reports/mx.example.org!example.com!")) << path;
  const std::string xml = unzipped(content(path));
  EXPECT_NE(xml.find("<count>3</count>"), std::string::npos);
  EXPECT_NE(xml.find("<generator>Sluice test</generator>"), std::string::npos);
  EXPECT_EQ(about()["to"], nlohmann::json({"reports@example.com"}));
  EXPECT_EQ("/reports/" + about()["attachment"].get<std::string>(), path);
  EXPECT_NE(xml.find("<report_id>" + about()["report_id"].get<std::string>()), std::string::npos);
  EXPECT_TRUE(files(".new").empty());
  // And not again.
  pass(3h);
  EXPECT_EQ(files(".xml.gz").size(), 1U);
  EXPECT_EQ(reports_[0]->counters().written, 1U);
  EXPECT_EQ(reports_[0]->counters().messages, 3U);
}

// Shows: P-20
TEST_F(ReportsOnDisk, AreOffUnlessTheSwitchIsOn) {
  EXPECT_FALSE(policy::DmarcReportSettings{}.enabled);
  start(1, false);
  reports_[0]->add(failed(), record_of(kRecord), {});
  pass(2h);
  EXPECT_EQ(reports_[0]->octets_held(), 0U);
  EXPECT_FALSE(reports_[0]->enabled());
  reports_[0]->set_options(options(true));
  EXPECT_TRUE(reports_[0]->enabled());
  reports_[0]->add(failed(), record_of(kRecord), {});
  reports_[0]->set_options(options(false));
  EXPECT_FALSE(reports_[0]->enabled());
  reports_[0]->add(failed(), record_of(kRecord), {});
  EXPECT_EQ(reports_[0]->counters().messages, 1U);
}

// Shows: P-17
TEST_F(ReportsOnDisk, AreNeverAboutReports) {
  start(1);
  reports_[0]->add(failed(), record_of(kRecord), {dmarc::Policy::None, true});
  pass(2h);
  EXPECT_TRUE(files(".gz").empty());
}

TEST_F(ReportsOnDisk, TakeNothingWithoutARecord) {
  start(1);
  reports_[0]->add(failed(), {}, {});
  evidence::Evidence without = failed();
  without.dmarc.reset();
  reports_[0]->add(without, record_of(kRecord), {});
  EXPECT_EQ(reports_[0]->counters().messages, 0U);
}

// Shows: P-19
TEST_F(ReportsOnDisk, GoOnlyWhereTheyAreWanted) {
  start(1);
  const std::string text =
      "v=DMARC1; p=reject; rua=mailto:a@wants.example,mailto:b@silent.example,mailto:c@example.com!10";
  grants("example.com._report._dmarc.wants.example");
  reports_[0]->add(failed(), record_of(text), {});
  reports_[0]->add(failed("other.example"), record_of("v=DMARC1; p=none; rua=mailto:x@wants.example"), {});
  pass(1h + 5min);
  ASSERT_EQ(files(".xml.gz").size(), 1U);
  EXPECT_EQ(about()["to"], nlohmann::json({"a@wants.example"}));
  EXPECT_EQ(about()["undecided"], nlohmann::json({"b@silent.example"}));
  EXPECT_EQ(about()["too_large"], nlohmann::json({"c@example.com"}));
  // Nobody said no: the other is kept for the next period, and then for no other.
  EXPECT_EQ(reports_[0]->counters().postponed, 1U);
  pass(4h);
  EXPECT_EQ(reports_[0]->octets_held(), 0U);
  EXPECT_EQ(reports_[0]->counters().unlisted, 1U);
}

TEST_F(ReportsOnDisk, ArePartOfTheNextPeriodWhereTheDiskRefuses) {
  start(1);
  reactor::SimDiskFaults faults;
  faults.capacity = 1;
  world_.set_disk_faults("node", faults);
  reports_[0]->add(failed(), record_of(kRecord), {});
  pass(1h + 1min);
  EXPECT_TRUE(files(".xml.gz").empty());
  EXPECT_EQ(refused_.size(), 1U);
  EXPECT_EQ(reports_[0]->counters().refused, 1U);
  world_.set_disk_faults("node", {});
  reports_[0]->add(failed(), record_of(kRecord), {});
  pass(1h);
  ASSERT_EQ(files(".xml.gz").size(), 1U);
  EXPECT_NE(unzipped(content(files(".xml.gz")[0])).find("<count>2</count>"), std::string::npos);
}

// A report is a pair: the description that was there first goes again.
TEST_F(ReportsOnDisk, LeaveNoDescriptionOfWhatCannotBeWritten) {
  start(1);
  reports_[0]->add(failed(), record_of(kRecord), {});
  reactor::SimDiskFaults faults;
  faults.capacity = 400;  // one of the two
  world_.set_disk_faults("node", faults);
  pass(1h + 1min);
  ASSERT_EQ(refused_.size(), 1U);
  EXPECT_TRUE(refused_[0].ends_with(".xml.gz")) << refused_[0];
  EXPECT_TRUE(files("").empty()) << files("")[0];
  world_.set_disk_faults("node", {});
  pass(1h);
  EXPECT_EQ(files(".json").size(), 1U);
  EXPECT_EQ(files(".xml.gz").size(), 1U);
}

TEST_F(ReportsOnDisk, AreMadeByTheWorkerAndCountedMeanwhile) {
  start(1);
  for (int i = 0; i < 10; ++i) add_own("d" + std::to_string(i) + ".example");
  const size_t held = reports_[0]->octets_held();
  EXPECT_GT(held, 0U);
  // While a document is made there are several forms of it.
  EXPECT_TRUE(
      world_.run_until(shards_, [&] { return reports_[0]->octets_held() > held; }, world_.now() + 2h));
  const MonoTime begun = world_.now();
  EXPECT_TRUE(world_.run_until(shards_, [&] { return !files(".json").empty(); }, world_.now() + 2h));
  EXPECT_GE(world_.now() - begun, kWork);
  EXPECT_GE(reports_[0]->octets_held(), held * 9 / 10);
  pass(1min);
  EXPECT_EQ(files(".xml.gz").size(), 10U);
  EXPECT_EQ(reports_[0]->octets_held(), 0U);
}

TEST_F(ReportsOnDisk, OfTheNextPeriodWaitUntilTheseAreWritten) {
  start(1);
  slow_disk(5min);  // an open, a write, a sync, a close, a rename: some 50 min for a report
  add_own("a.example");
  add_own("b.example");
  pass(1h + 1min);
  add_own("c.example");
  pass(1h);
  // The second period has ended, the first one's second report is under way.
  size_t under_way = files(".new").size();
  EXPECT_EQ(under_way, 1U);
  pass(3h);
  EXPECT_EQ(files(".xml.gz").size(), 3U);
}

TEST_F(ReportsOnDisk, EndInTimeHoweverSlowTheDisk) {
  start(1);
  for (int i = 0; i < 1000; ++i) add_own("d" + std::to_string(i) + ".example");
  slow_disk(100ms);
  const MonoTime began = world_.now();
  stop();
  stopped_ = true;
  EXPECT_LE(world_.now() - began, DmarcReports::kStopWait + 2s);
  const size_t written = files(".xml.gz").size();
  EXPECT_GT(written, 2U);
  EXPECT_EQ(files(".json").size(), written);
  EXPECT_EQ(reports_[0]->counters().unlisted, 1000 - written);
  EXPECT_EQ(lost_reports_, 1000 - written);
  EXPECT_EQ(lost_messages_, 1000 - written);
  EXPECT_EQ(reports_[0]->octets_held(), 0U);
}

TEST_F(ReportsOnDisk, OfAllShardsAreOne) {
  start(2);
  reports_[0]->add(failed(), record_of(kRecord), {});
  reports_[1]->add(failed(), record_of(kRecord), {});
  pass(1h + 1min);
  ASSERT_EQ(files(".xml.gz").size(), 1U);
  EXPECT_NE(unzipped(content(files(".xml.gz")[0])).find("<count>2</count>"), std::string::npos);
}

TEST_F(ReportsOnDisk, AreWrittenByEachShardAtTheEnd) {
  start(2);
  reports_[0]->add(failed(), record_of(kRecord), {});
  reports_[1]->add(failed(), record_of(kRecord), {});
  stop();
  stopped_ = true;
  EXPECT_EQ(files(".xml.gz").size(), 2U);
  EXPECT_EQ(files(".json").size(), 2U);
}

TEST_F(ReportsOnDisk, OfALongOrStrangeDomainHaveAHarmlessName) {
  start(1);
  const std::string label(60, 'x');
  reports_[0]->add(failed("../../etc/x"), record_of(kRecord), {});
  reports_[0]->add(failed(label + "." + label + "." + label + "." + label), record_of(kRecord), {});
  grants("../../etc/x._report._dmarc.example.com");
  evidence::Evidence longer = failed(label + "." + label + "." + label + "." + label);
  longer.dmarc->org_domain = longer.dmarc->policy_domain;
  reports_[0]->add(longer, record_of("v=DMARC1; p=none; rua=mailto:a@" + longer.dmarc->policy_domain), {});
  pass(1h + 5min);
  for (const std::string& path : files(".xml.gz")) {
    EXPECT_EQ(path.rfind('/'), std::string("/reports").size()) << path;
    EXPECT_LE(path.size(), 255U);
  }
  EXPECT_EQ(about()["to"].size(), 1U);
}

// --- rows ---

std::string row_of(const evidence::Evidence& evidence, dmarc::Policy applied,
                   const std::string& record = kRecord) {
  const dmarc::Record parsed = *dmarc::parse_record(record);
  const DmarcReportRow row(evidence, parsed, dmarc::Mode::Rfc9989, applied);
  return dmarc::report_row(row.message());
}

TEST(DmarcReportRow, HasNoReasonWhereThePolicyWasApplied) {
  const std::string row = row_of(failed(), dmarc::Policy::Reject);
  EXPECT_NE(row.find("<disposition>reject</disposition>"), std::string::npos);
  EXPECT_EQ(row.find("<reason>"), std::string::npos);
  EXPECT_NE(row.find("<envelope_from>mail.example.net<"), std::string::npos);
  EXPECT_NE(row.find("<scope>mfrom</scope>\n        <result>fail</result>"), std::string::npos);
}

TEST(DmarcReportRow, SaysPassOnlyOfAPolicyToEnforce) {
  evidence::Evidence evidence = failed();
  evidence.dmarc->result = dmarc::Result::Pass;
  EXPECT_NE(row_of(evidence, dmarc::Policy::None).find("<disposition>pass<"), std::string::npos);
  evidence.dmarc->policy = dmarc::Policy::None;
  EXPECT_NE(row_of(evidence, dmarc::Policy::None).find("<disposition>none<"), std::string::npos);
}

// Shows: P-21
TEST(DmarcReportRow, GivesTheReasonOfAnOverride) {
  evidence::Evidence evidence = failed();
  EXPECT_NE(row_of(evidence, dmarc::Policy::None).find("<type>local_policy</type>"), std::string::npos);

  evidence::Evidence testing = failed();
  testing.dmarc->testing = true;
  testing.dmarc->policy = dmarc::Policy::Quarantine;
  const std::string test_row = row_of(testing, dmarc::Policy::Quarantine);
  EXPECT_NE(test_row.find("<type>policy_test_mode</type>"), std::string::npos);
  EXPECT_NE(test_row.find("<disposition>quarantine<"), std::string::npos);

  evidence.arc.emplace();
  evidence.arc->result = arc::Result::Pass;
  evidence.arc->sets.resize(2);
  evidence.arc->sets[0].instance = 1;
  evidence.arc->sets[0].domain = "origin.example";
  evidence.arc->sets[0].selector = "k1";
  evidence.arc->sets[1].instance = 2;
  evidence.arc->sets[1].domain = "list.example";
  evidence.arc->sets[1].selector = "k2";
  EXPECT_NE(row_of(evidence, dmarc::Policy::None).find("arc=pass as[2].d=list.example"), std::string::npos);
  evidence.arc_override.applied = true;
  EXPECT_NE(
      row_of(evidence, dmarc::Policy::None)
          .find("<type>local_policy</type>\n          <comment>arc=pass as[2].d=list.example as[2].s=k2 "
                "as[1].d=origin.example as[1].s=k1</comment>"),
      std::string::npos);
}

TEST(DmarcReportRow, ReportsTheHeloOfTheNullSenderWithoutAScope) {
  evidence::Evidence evidence = failed();
  evidence.sender = {};
  evidence.spf.mail_from.reset();
  evidence.spf.helo.emplace();
  evidence.spf.helo->identity = auth::Identity::Helo;
  evidence.spf.helo->domain = "helo.example.net";
  evidence.spf.helo->result = auth::SpfResult::Pass;
  const std::string row = row_of(evidence, dmarc::Policy::Reject);
  EXPECT_NE(row.find("<envelope_from></envelope_from>"), std::string::npos);
  EXPECT_NE(row.find("<domain>helo.example.net</domain>\n        <result>pass</result>"), std::string::npos);
}

TEST(DmarcReportRow, SaysWhyASignatureDidNotPass) {
  evidence::Evidence evidence = failed();
  evidence.dkim.signatures.resize(1);
  evidence.dkim.signatures[0].result = dkim::Result::Fail;
  evidence.dkim.signatures[0].reason = dkim::Reason::BodyHashMismatch;
  evidence.dkim.signatures[0].domain = "example.com";
  evidence.dkim.signatures[0].selector = "k";
  EXPECT_NE(row_of(evidence, dmarc::Policy::Reject).find("<human_result>body-hash-mismatch<"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::delivery
