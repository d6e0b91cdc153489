// The client session against a next hop that sends any octets: the same events whether they come whole or in
// pieces, no reply to what was not asked, and a session that ended stays ended.

#include "io/base/check.h"
#include "io/base/random.h"
#include "io/smtp/client_session.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

using namespace sluice;
using smtp::ClientCommand;
using smtp::ClientEvent;

namespace {

class Client {
 public:
  std::string run(std::string_view input, const std::function<size_t(size_t)>& piece_size) {
    while (true) {
      const ClientEvent event = session_.next();
      if (event.kind == ClientEvent::Kind::NeedInput) {
        SLUICE_CHECK(!session_.dead());
        take_output();
        if (input.empty()) {
          if (closed_) return log_ + sent_;
          closed_ = true;
          session_.peer_closed();
          continue;
        }
        fed_ = input.substr(0, piece_size(input.size()));
        input.remove_prefix(fed_.size());
        session_.feed(fed_);
      } else if (event.kind == ClientEvent::Kind::Reply) {
        on_reply(event);
      } else {
        SLUICE_CHECK(session_.dead() && session_.next().kind == event.kind);
        SLUICE_CHECK(event.reply == nullptr || event.reply->code == 421);
        take_output();
        return log_ + (event.kind == ClientEvent::Kind::Broken ? "broken" : "closing") + sent_;
      }
    }
  }

 private:
  void take_output() {
    session_.take_output(output_);
    sent_ += output_;
  }

  void on_reply(const ClientEvent& event) {
    SLUICE_CHECK(event.reply->code >= 200 && event.reply->code < 600 && event.reply->code != 421);
    SLUICE_CHECK(!event.reply->status.present() ||
                 event.reply->status.status_class == event.reply->code / 100);
    log_ +=
        std::string(to_string(event.command)) + std::to_string(event.index) + event.reply->to_line() + "\n";
    switch (event.command) {
      case ClientCommand::Greeting:
        session_.hello("me.example");
        break;
      case ClientCommand::Hello:
      case ClientCommand::EndOfData:
        envelope();
        break;
      case ClientCommand::Data:
        event.reply->intermediate() ? session_.end_of_data() : session_.rset();
        break;
      case ClientCommand::Rset:
        session_.noop();
        break;
      case ClientCommand::Noop:
        session_.quit();
        break;
      default:
        break;
    }
  }

  void envelope() {
    session_.mail("a@b.example", {.size = 5, .body = smtp::BodyType::EightBitMime, .smtputf8 = true});
    session_.rcpt("c@d.example");
    session_.rcpt("e@f.example");
    session_.data();
  }

  smtp::ClientSession session_;
  std::string log_;
  std::string sent_;
  std::string output_;
  std::string fed_;
  bool closed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 65536) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string whole = Client().run(input, [](size_t left) { return left; });
  Random random(size);
  const std::string pieces =
      Client().run(input, [&random](size_t left) { return std::min<size_t>(left, 1 + random.below(5)); });
  SLUICE_CHECK(pieces == whole);
  return 0;
}
