#include "tools/sluice_load/record_service.h"

#include "io/base/json_text.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

namespace sluice::load {
namespace {

using serve::Answer;
using serve::Eventual;
using serve::Shard;

// Header blocks are recorded up to this; a sink's record is for reading, not for keeping mail.
constexpr size_t kHeaderMax = size_t{64} * 1024;

constexpr smtp::FixedReply kNotRecorded{451, {4, 3, 0}, "The record cannot be written"};

}  // namespace

class RecordService::Handler final : public serve::SmtpHandler {
 public:
  Handler(RecordService& service, const serve::SmtpConnection& connection)
      : service_(service), connection_(connection) {
    ++service.counters_.connections;
  }

  Eventual<Answer> on_mail(Shard& /*shard*/, smtp::MailFrom& mail, serve::TraceId /*transaction*/) override {
    clear();
    if (recording()) sender_ = mail.sender.text();
    return Answer();
  }
  Eventual<Answer> on_rcpt(Shard& /*shard*/, smtp::Recipient& recipient) override {
    ++recipient_count_;
    if (recording()) recipients_.push_back(recipient.address.text());
    return Answer();
  }
  Eventual<Answer> on_body(Shard& /*shard*/, Chunk piece) override {
    service_.counters_.octets += piece.size();
    if (recording() && !header_ended_) take_header(piece.view());
    return Answer();
  }
  Eventual<Answer> on_end_of_data(Shard& shard, const smtp::DataReader& message) override {
    if (recording() && !write_record(shard, message)) {
      ++service_.counters_.record_errors;
      return Answer(kNotRecorded.to_reply());
    }
    ++service_.counters_.messages;
    service_.counters_.recipients += recipient_count_;
    return Answer();
  }
  Eventual<serve::Done> on_abort(Shard& /*shard*/, serve::AbortReason /*reason*/,
                                 const smtp::Reply* /*reply*/) override {
    ++service_.counters_.aborted;
    return serve::Done();
  }

 private:
  bool recording() const { return service_.file_ >= 0; }
  void clear() {
    sender_.clear();
    recipients_.clear();
    recipient_count_ = 0;
    header_.clear();
    header_ended_ = false;
  }
  void take_header(std::string_view octets) {
    const size_t searched = header_.size() < 3 ? 0 : header_.size() - 3;
    header_.append(octets.substr(0, kHeaderMax - header_.size()));
    const size_t end = header_.starts_with("\r\n") ? 0 : header_.find("\r\n\r\n", searched);
    if (end != std::string::npos) header_.resize(end == 0 ? 0 : end + 2);
    header_ended_ = end != std::string::npos || header_.size() >= kHeaderMax;
  }
  bool write_record(Shard& shard, const smtp::DataReader& message) {
    std::string line;
    JsonObject json(line);
    json.number("time_us", static_cast<uint64_t>(shard.wall_now().time_since_epoch().count()))
        .text("client", connection_.client.address.to_string())
        .text("peer", connection_.peer.to_string())
        .text("helo", connection_.hello)
        .text("sender", sender_)
        .texts("recipients", recipients_)
        .number("size", message.message_octets())
        .text("header", header_);
    json.end();
    line += '\n';
    return ::write(service_.file_, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  }

  RecordService& service_;
  const serve::SmtpConnection& connection_;
  std::string sender_;
  std::vector<std::string> recipients_;
  size_t recipient_count_ = 0;
  std::string header_;
  bool header_ended_ = false;
};

std::unique_ptr<serve::SmtpHandler> RecordService::make_handler(serve::Shard& /*shard*/,
                                                                const serve::SmtpConnection& connection) {
  return std::make_unique<Handler>(*this, connection);
}

}  // namespace sluice::load
