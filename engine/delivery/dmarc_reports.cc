#include "engine/delivery/dmarc_reports.h"

#include "engine/delivery/dmarc_report_row.h"
#include "io/base/ascii.h"
#include "io/base/check.h"
#include "io/base/json_text.h"
#include "io/reactor/file_operation.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

namespace sluice::delivery {

using reactor::FileOperation;
using reactor::Shard;
using runtime::Task;
using runtime::Wake;

namespace {

constexpr size_t kStemMax = 240;  // of NAME_MAX (255), with room for extensions
constexpr uint32_t kMode = 0640;
// While a document is made there are the rows, the text, what zlib reads, and what it fills.
constexpr size_t kCopies = 4;

static_assert(limits::kDmarcReportDrainWait < DmarcReports::kStopWait);
static_assert(DmarcReports::kStopWait + limits::kDnsQuestionWait < limits::kStopGrace);

// What a file system takes as a name, and nothing that leads elsewhere.
std::string as_file_name(std::string_view text) {
  std::string name(text);
  const auto harmless = [](char c) { return is_ascii_alnum(c) || std::string_view("!.-_").contains(c); };
  std::ranges::replace_if(name, std::not_fn(harmless), '_');
  return name;
}

struct Document {
  std::string packed, file_name, report_id, subject;
};

// Some 0.2 s for a report with all the rows that it may have: nothing for a shard's thread.
Document document_of(const dmarc::ReportIdentity& identity, const dmarc::ReportName& name,
                     const dmarc::DomainReport& report) {
  return {dmarc::gzip(dmarc::report_xml(identity, name, report)), dmarc::report_file_name(identity, name),
          dmarc::report_id(identity, name), dmarc::report_subject(identity, name)};
}

}  // namespace

void DmarcReportCounters::add(const DmarcReportCounters& other) {
  messages += other.messages;
  unlisted += other.unlisted;
  written += other.written;
  unwanted += other.unwanted;
  postponed += other.postponed;
  refused += other.refused;
}

DmarcReports::DmarcReports(Shard& shard, dns::DnsClient& dns, runtime::Worker& worker,
                           DmarcReportOptions options, reactor::Mail<DmarcPeriod>* mail)
    : shard_(shard),
      dns_(dns),
      worker_(worker),
      options_(std::move(options)),
      mail_(mail),
      collection_(shard.wall_now()),
      pending_(shard.wall_now()),
      in_writing_(shard.wall_now()),
      end_(next_end()) {
  if (mail_ != nullptr) mail_->open(shard_, *this);
  arm();
}

DmarcReports::~DmarcReports() {
  if (mail_ != nullptr && !stopping_) mail_->close(shard_);
}

void DmarcReports::add(const evidence::Evidence& evidence, const dmarc::RecordRef& record,
                       const DmarcHandling& handling) {
  const bool applied =
      evidence.dmarc.has_value() && record && record->kind() == dmarc::SelectedRecord::Kind::One;
  if (!enabled() || handling.is_report || !applied) return;
  const DmarcReportRow row(evidence, record->record(), options_.mode, handling.applied);
  const uint64_t unlisted = collection_.unlisted();
  if (!collection_.add(row.message(), shard_.wall_now())) return;
  ++counters_.messages;
  counters_.unlisted += collection_.unlisted() - unlisted;
}

// --- periods ---

WallTime DmarcReports::next_end() const {
  const auto interval = std::max(options_.settings.interval, std::chrono::seconds(1));
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(shard_.wall_now().time_since_epoch());
  return WallTime((now / interval + 1) * interval);
}

void DmarcReports::arm() {
  const auto left = std::max(end_ - shard_.wall_now(), std::chrono::microseconds(0));
  const MonoTime end = shard_.now() + std::min<MonoClock::duration>(left, kLook);
  shard_.timers().arm(*this, std::min(end, write_at_));
}

void DmarcReports::on_timer() {
  if (shard_.wall_now() >= end_) end_period();
  if (shard_.now() >= write_at_) write_pending();
  arm();
}

void DmarcReports::end_period() {
  dmarc::ReportCollection period = collection_.take(shard_.wall_now());
  end_ = next_end();
  if (mail_ != nullptr && shard_.id().value != 0) {
    if (period.empty()) return;
    auto sent = std::make_unique<dmarc::ReportCollection>(std::move(period));
    if (!mail_->post(shard_, ShardId{0}, std::move(sent))) collection_.merge(std::move(*sent));
    return;
  }
  take_in(std::move(period));
  if (pending_.empty()) return;
  write_at_ = shard_.now() + (mail_ == nullptr ? MonoClock::duration(0) : kGather);
}

void DmarcReports::on_mail(ShardId /*from*/, DmarcPeriod period) {
  take_in(std::move(*period));
  if (write_at_ == kNever) write_at_ = shard_.now() + kGather;
  arm();
}

// What finds no room here, where others wait to be written, is counted; what found none before has been.
void DmarcReports::take_in(dmarc::ReportCollection&& period) {
  const uint64_t counted = pending_.unlisted() + period.unlisted();
  pending_.merge(std::move(period));
  counters_.unlisted += pending_.unlisted() - std::min(pending_.unlisted(), counted);
}

// One writes at a time: a slow disk makes the next period wait, and does not pile periods up.
void DmarcReports::write_pending() {
  write_at_ = kNever;
  write_due_ = true;
  if (std::exchange(writing_now_, true)) return;
  (void)writing_.spawn(shard_, write_all(shard_));
}

Task<void> DmarcReports::stop(Shard& shard) {
  stopping_ = true;
  disarm();
  if (mail_ != nullptr) mail_->close(shard);
  questions_until_ = shard.now() + limits::kDmarcReportDrainWait;
  write_until_ = shard.now() + kStopWait;
  take_in(collection_.take(shard.wall_now()));
  if (!pending_.empty()) write_pending();
  writing_.close();
  const Wake ended = co_await writing_.wait_empty(shard, kNever);
  SLUICE_CHECK(ended == Wake::Notified);
  if (lost_reports_ != 0 && options_.on_lost) options_.on_lost(lost_reports_, lost_messages_);
}

// --- reports ---

Task<void> DmarcReports::write_all(Shard& shard) {
  while (std::exchange(write_due_, false)) {
    in_writing_ = pending_.take(shard.wall_now());
    while (auto next = in_writing_.release_one()) {
      Job job;
      job.domain = std::move(next.key());
      job.report = std::move(next.mapped());
      if (out_of_time()) {
        postpone(std::move(job));
        continue;
      }
      job.octets = dmarc::ReportCollection::octets_of(job.domain, job.report);
      co_await write_one(shard, std::move(job));
      job_octets_ = 0;
    }
  }
  writing_now_ = false;
}

Task<void> DmarcReports::write_one(Shard& shard, Job job) {
  job_octets_ = job.octets * kCopies;
  co_await make_document(shard, job);
  job_octets_ = job.octets + job.packed.size();
  co_await find_destinations(shard, job);
  if (job.to.empty() && job.undecided.empty()) {
    ++counters_.unwanted;
    co_return;
  }
  bool written = false;
  if (!job.to.empty() && !out_of_time()) written = co_await write_pair(shard, job);
  if (written) {
    ++counters_.written;
  } else {
    postpone(std::move(job));
  }
}

Task<void> DmarcReports::make_document(Shard& shard, Job& job) {
  dmarc::ReportIdentity identity;
  identity.organization = options_.settings.organization;
  identity.contact = options_.settings.contact;
  identity.extra_contact = options_.settings.extra_contact;
  identity.submitter = options_.settings.submitter;
  identity.generator = options_.generator;
  const std::string id = fmt::format("{:016x}{}", shard.random()(), shard.id().value);
  const dmarc::ReportName name{job.domain, job.report.since, shard.wall_now(), id};
  auto make = [&identity, &name, &job] { return document_of(identity, name, job.report); };
  Document document = co_await runtime::run_on(worker_, shard, std::move(make));
  job.packed = std::move(document.packed);
  job.file_name = std::move(document.file_name);
  job.report_id = std::move(document.report_id);
  job.subject = std::move(document.subject);
  std::string stem = as_file_name(std::string_view(job.file_name).substr(0, job.file_name.rfind(".xml")));
  // A domain's name may be nearly as long as a file's; the whole name stands in the description.
  if (stem.size() > kStemMax) stem = as_file_name(identity.submitter).substr(0, kStemMax - 64) + "!" + id;
  job.stem = options_.settings.directory + "/" + stem;
}

Task<void> DmarcReports::find_destinations(Shard& shard, Job& job) {
  std::vector<dmarc::ReportDestination> all = dmarc::report_destinations(job.domain, job.report);
  std::vector<dmarc::ReportDestination> granted;
  for (dmarc::ReportDestination& destination : all) {
    std::vector<dmarc::ReportDestination> replacements;
    dmarc::Authorization word = dmarc::Authorization::Granted;
    if (destination.unaskable || destination.authorization) {
      dns::Answer answer;
      if (destination.authorization) {
        dns::Question question;
        question.name = *destination.authorization;
        question.type = dns::RecordType::Txt;
        dns::LookupBudget budget;
        budget.deadline = questions_until_;
        answer = co_await dns_.ask(shard, question, dns::LookupKind::Uncounted, budget);
      }
      word = dmarc::authorize(destination, answer, replacements);
    }
    if (word == dmarc::Authorization::Refused) job.refused.push_back(destination.address);
    if (word == dmarc::Authorization::Undecided) job.undecided.push_back(destination.address);
    if (word != dmarc::Authorization::Granted) continue;
    if (replacements.empty()) replacements.push_back(std::move(destination));
    std::ranges::move(replacements, std::back_inserter(granted));
  }
  for (dmarc::ReportDestination& destination : granted) {
    const bool fits = dmarc::fits(destination, job.packed.size());
    std::vector<std::string>& list = fits ? job.to : job.too_large;
    if (std::ranges::find(list, destination.address) == list.end())
      list.push_back(std::move(destination.address));
  }
}

std::string DmarcReports::description(const Job& job) const {
  std::string text;
  JsonObject about(text);
  about.text("policy_domain", job.domain).text("attachment", job.file_name).text("report_id", job.report_id);
  about.text("subject", job.subject)
      .number("messages", job.report.messages)
      .number("octets", job.packed.size());
  about.texts("to", job.to).texts("refused", job.refused).texts("undecided", job.undecided);
  about.texts("too_large", job.too_large);
  about.end();
  text += '\n';
  return text;
}

// The description first; it goes again when there is nothing to describe.
Task<bool> DmarcReports::write_pair(Shard& shard, const Job& job) {
  const std::string about_path = job.stem + ".json";
  const std::string path = job.stem + ".xml.gz";
  const std::string about = description(job);
  const bool described = co_await write_file(shard, about_path, about);
  if (!described) co_return false;
  const bool written = co_await write_file(shard, path, job.packed);
  if (!written) {
    FileOperation removing = unlink_file(shard, about_path);
    (void)co_await removing;
  }
  co_return written;
}

// Under another name first: a file that is there is whole, and on the disk.
Task<bool> DmarcReports::write_file(Shard& shard, std::string path, const std::string& octets) {
  const std::string temporary = path + ".new";
  FileOperation opening = open_file(shard, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  int64_t result = co_await opening;
  if (result >= 0) {
    const reactor::FileId file{static_cast<int32_t>(result)};
    std::string copy = octets;
    const std::array<iovec, 1> slices{iovec{copy.data(), copy.size()}};
    FileOperation writing = reactor::write_file(shard, file, 0, slices);
    result = co_await writing;
    if (result >= 0) {
      FileOperation syncing = sync_file(shard, file, reactor::SyncMode::Data);
      result = co_await syncing;
    }
    FileOperation closing = close_file(shard, file);
    (void)co_await closing;
    if (result >= 0) {
      FileOperation naming = rename_file(shard, temporary, path);
      result = co_await naming;
    } else {
      FileOperation removing = unlink_file(shard, temporary);
      (void)co_await removing;
    }
  }
  if (result >= 0) co_return true;
  ++counters_.refused;
  if (options_.on_refused) options_.on_refused(path, static_cast<int>(-result));
  co_return false;
}

void DmarcReports::postpone(Job job) {
  const bool old = shard_.wall_now() - job.report.since >= 2 * options_.settings.interval + kGather;
  if (stopping_ || old) counters_.unlisted += job.report.messages;
  if (stopping_) {
    ++lost_reports_;
    lost_messages_ += job.report.messages;
  }
  if (stopping_ || old) return;
  ++counters_.postponed;
  const uint64_t unlisted = collection_.unlisted();
  collection_.merge(job.domain, std::move(job.report));
  counters_.unlisted += collection_.unlisted() - unlisted;
}

}  // namespace sluice::delivery
