#include "tools/sluicectl/dkim_record.h"

#include "io/base/limits.h"
#include "rules/auth/tag_list.h"
#include "rules/dkim/key_record.h"
#include "tools/sluicectl/printable.h"

#include <algorithm>
#include <array>
#include <variant>

#include <fmt/format.h>

namespace sluice::ctl {
namespace {

constexpr size_t kTxtString = 255;  // RFC 1035 3.3.14

using Kind = dkim::KeyRecord::Kind;
using Type = dkim::KeyRecord::Type;

std::string_view type_word(Type type) {
  constexpr std::array<std::string_view, 3> kWords = {"unknown", "rsa", "ed25519"};
  return kWords[static_cast<size_t>(type)];
}

// p= of the one record that is a key record, without white space.
std::string published_key(const dns::Answer& answer) {
  for (const dns::RecordData& data : answer.records) {
    const auto* text = std::get_if<std::string>(&data);
    if (text == nullptr) continue;
    const auto tags = auth::TagList::parse(*text);
    if (tags && tags->find("p")) return auth::without_white_space(*tags->find("p"));
  }
  return {};
}

std::string_view problem_of_kind(Kind kind) {
  switch (kind) {
    case Kind::None:
      return "there is no key record: no TXT record there is one of DKIM";
    case Kind::Several:
      return "there are several key records; receivers need not choose one, so keep exactly one";
    case Kind::Malformed:
      return "the record cannot be read as a key";
    case Kind::Revoked:
      return "the key is revoked: p= is empty";
    case Kind::One:
      break;
  }
  return {};
}

struct Judge {
  RecordReport report;
  void say(std::string_view text) { report.text += fmt::format("{}\n", text); }
  void refuse(std::string_view text) {
    report.usable = false;
    say(fmt::format("PROBLEM: {}", text));
  }
};

void judge_key(Judge& judge, const dkim::KeyRecord& record) {
  judge.say(fmt::format("key: {}, {} bits", type_word(record.type()), record.bits()));
  if (!record.takes_sha256()) judge.refuse("h= does not allow sha256, the only hash that counts");
  if (!record.serves_email()) judge.refuse("s= does not allow e-mail");
  if (record.type() == Type::Unknown) judge.refuse("k= names a kind of key that receivers do not know");
  if (record.type() == Type::Rsa && record.bits() < limits::kDkimRsaBitsMin) {
    judge.refuse(fmt::format("RSA keys under {} bits never verify (RFC 8301)", limits::kDkimRsaBitsMin));
  } else if (record.type() == Type::Rsa && record.bits() < limits::kDkimSignRsaBitsMin) {
    judge.say(
        fmt::format("note: signers should use {} bits or more (RFC 8301)", limits::kDkimSignRsaBitsMin));
  }
  if (record.testing())
    judge.say("note: t=y says that the domain only tests; some receivers ignore the signature");
}

void judge_pair(Judge& judge, const dns::Answer& answer, const dkim::SigningKey& key) {
  const bool matches = published_key(answer) == key.public_base64();
  if (!matches) return judge.refuse("the record holds another key than the file");
  judge.say("the record holds the public half of the key in the file");
}

}  // namespace

std::string zone_line(std::string_view name, std::string_view record) {
  std::string line = fmt::format("{}. IN TXT (", name);
  for (size_t at = 0; at < record.size(); at += kTxtString) {
    line += fmt::format(" \"{}\"", record.substr(at, kTxtString));
  }
  return line + " )";
}

RecordReport judge_record(std::string_view name, const dns::Answer& answer,
                          const std::optional<dkim::SigningKey>& key) {
  Judge judge;
  judge.report.usable = true;
  judge.say(fmt::format("{} TXT", printable(name)));
  if (dns::is_temporary(answer.status)) {
    judge.refuse("the DNS does not answer");
    return judge.report;
  }
  if (answer.status == dns::AnswerStatus::NxDomain) {
    judge.refuse("the name does not exist");
    return judge.report;
  }
  const dkim::KeyRecordRef record = dkim::KeyRecord::from(answer);
  if (const std::string_view problem = problem_of_kind(record->kind()); !problem.empty()) {
    judge.refuse(problem);
    return judge.report;
  }
  judge_key(judge, *record);
  if (key) judge_pair(judge, answer, *key);
  return judge.report;
}

}  // namespace sluice::ctl
