#include "engine/node/log_catalogue.h"

#include <array>

#include <fmt/format.h>

namespace sluice::node {
namespace {

using enum runtime::LogLevel;

constexpr std::array kMessages{
    LogMessage{"admin.no_control_socket", Warning,
               "At start: the default control socket cannot be made; `reason` says why.",
               "Make its folder, or set `admin.control_socket`.",
               "起動時: 既定の制御ソケットを作成できません。理由は `reason` にあります。",
               "フォルダーを作成するか、`admin.control_socket` を設定してください。"},
    LogMessage{"admin.no_http", Warning,
               "At start: the default address of metrics and health cannot be bound.",
               "Set `admin.listen` to a free address.",
               "起動時: メトリックとヘルスチェック用の既定のアドレスを使用できません。",
               "`admin.listen` に空いているアドレスを設定してください。"},
    LogMessage{"dmarc.report_refused", Error,
               "A file of an aggregate report cannot be written; what it holds waits for the next period.",
               "Look at the folder `dmarc.reports.directory` and its disk.",
               "集約レポートのファイルを書き込めません。内容は次の期間のレポートに含まれます。",
               "フォルダー `dmarc.reports.directory` とディスクを確認してください。"},
    LogMessage{"dmarc.reports_lost", Error,
               "The node ended before these aggregate reports were written; their content is lost.",
               "Look at the disk of `dmarc.reports.directory` and at the DNS servers.",
               "ノードの終了までに集約レポートを書き込めませんでした。その内容は失われました。",
               "`dmarc.reports.directory` のディスクと DNS サーバーを確認してください。"},
    LogMessage{"dns.outage_began", Error,
               "No DNS server has answered for 10 s; `dns.on_outage` says what happens to mail.",
               "Look at the network and the DNS servers.",
               "10 秒間どの DNS サーバーも応答していません。メールの扱いは `dns.on_outage` で決まります。",
               "ネットワークと DNS サーバーを確認してください。"},
    LogMessage{"dns.outage_ended", Info, "A DNS server answers again.", "",
               "DNS サーバーが再び応答しています。", ""},
    LogMessage{"dns.server_back", Info, "A DNS server that was passed over is asked again.", "",
               "除外されていた DNS サーバーへの問い合わせを再開しました。", ""},
    LogMessage{"dns.server_silent", Warning, "A DNS server does not answer and is passed over.",
               "Look at that server.", "DNS サーバーが応答しないため、問い合わせ先から外しました。",
               "そのサーバーを確認してください。"},
    LogMessage{"hop.accepts_again", Info, "A next hop that refused everyone accepts recipients again.", "",
               "すべての受信者を拒否していた配送先が、再び受信者を受け入れています。", ""},
    LogMessage{"hop.leads_away", Info, "A next hop whose name led to this node leads elsewhere again.", "",
               "このノード自身を指していた配送先が、再び別のホストを指しています。", ""},
    LogMessage{"hop.leads_to_us", Error,
               "The name of a next hop has an address of this node; mail would go in circles.",
               "Correct the name in the DNS or in /etc/hosts, or the policy.",
               "配送先の名前がこのノードのアドレスを指しています。メールが循環します。",
               "DNS、/etc/hosts、またはポリシーを修正してください。"},
    LogMessage{"hop.reachable", Info, "A next hop can be talked to again.", "",
               "配送先と再び通信できるようになりました。", ""},
    LogMessage{"hop.refuses_everyone", Error, "A next hop has refused every recipient for 60 s.",
               "Is it the right next hop for this domain?",
               "配送先が 60 秒間すべての受信者を拒否しています。",
               "そのドメインの配送先として正しいか確認してください。"},
    LogMessage{"hop.unreachable", Error, "A next hop cannot be talked to; mail for it is deferred.",
               "Look at the next hop.", "配送先と通信できません。宛先のメールは一時的に拒否されます。",
               "配送先を確認してください。"},
    LogMessage{
        "journal.refused", Error,
        "The disk refuses rows of the journal, or hangs. Relayed mail goes on and its rows wait in memory; "
        "deletions are deferred.",
        "Free or repair the disk.",
        "ディスクがジャーナルの書き込みを拒否しているか、応答しません。中継は続き、行はメモリーで待機します。"
        "削除は一時的に拒否されます。",
        "ディスクの空きを確保するか、修復してください。"},
    LogMessage{"journal.reopen_failed", Error,
               "The journal could not be opened anew; the file before it is still written to.",
               "Look at `reason`, then send SIGHUP again.",
               "ジャーナルを開き直せませんでした。以前のファイルへの書き込みを続けます。",
               "`reason` を確認し、SIGHUP を再送してください。"},
    LogMessage{"journal.takes_again", Info, "The disk takes rows of the journal again.", "",
               "ジャーナルへの書き込みが再び可能になりました。", ""},
    LogMessage{"log.dropped", Warning, "Lines of the log were lost because it could not be written as fast.",
               "Look at the disk of the log.", "書き込みが間に合わず、ログの行が失われました。",
               "ログのディスクを確認してください。"},
    LogMessage{"log.reopen_failed", Error, "The log could not be opened anew; `error` is the errno.",
               "Look at its folder, then send SIGHUP again.",
               "ログを開き直せませんでした。`error` は errno です。",
               "フォルダーを確認し、SIGHUP を再送してください。"},
    LogMessage{"log.suppressed", Warning,
               "So many `lines` of the event `of` were held back, because more than 20 came in one second.",
               "", "イベント `of` が 1 秒に 20 行を超えたため、`lines` 行を省略しました。", ""},
    LogMessage{"node.draining", Info, "The node ends: transactions are finished, 60 s at most.", "",
               "ノードを終了しています。処理中のトランザクションは最大 60 秒で完了します。", ""},
    LogMessage{"node.forced_end", Error,
               "A shard did not end in time, perhaps because its disk hangs; the process ended by force.",
               "Look at the disk of the journal.",
               "シャードが時間内に終了しませんでした。ディスクが応答しない可能性があります。プロセスを強制終"
               "了しました。",
               "ジャーナルのディスクを確認してください。"},
    LogMessage{"node.hurried", Warning, "A second signal: what was still running was broken off.", "",
               "2 回目のシグナルを受け、処理中の接続を切断しました。", ""},
    LogMessage{"policy.error", Error, "A policy that was to be loaded has an error at `line` and `column`.",
               "Correct it and reload.", "読み込もうとしたポリシーの `line` 行 `column` 列に誤りがあります。",
               "修正して再読み込みしてください。"},
    LogMessage{"policy.reload_failed", Error, "The policy was not reloaded; the one before stays in force.",
               "Look at `reason` and reload.",
               "ポリシーを再読み込みできませんでした。以前のポリシーが有効です。",
               "`reason` を確認し、再読み込みしてください。"},
    LogMessage{"policy.reloaded", Info, "The policy `version` is in force on every shard.", "",
               "ポリシー `version` がすべてのシャードで有効になりました。", ""},
    LogMessage{"policy.restart_needed", Warning, "The new value of `setting` waits for a restart.",
               "Restart when it suits.", "`setting` の新しい値は再起動後に有効になります。",
               "都合のよいときに再起動してください。"},
    LogMessage{"policy.warning", Warning,
               "A policy that was loaded has something risky at `line` and `column`.", "Read `problem`.",
               "読み込んだポリシーの `line` 行 `column` 列に注意すべき点があります。",
               "`problem` を確認してください。"},
    LogMessage{"reactor.epoll_chosen", Warning,
               "At start: io_uring was refused, epoll is used; `reason` says why.",
               "Nothing, or allow io_uring.",
               "起動時: io_uring が拒否されたため epoll を使用します。理由は `reason` にあります。",
               "そのままでも動作します。必要なら io_uring を許可してください。"},
};

std::string_view level_name(runtime::LogLevel level) {
  switch (level) {
    case Debug:
      return "debug";
    case Info:
      return "info";
    case Warning:
      return "warning";
    case Error:
      return "error";
  }
  return "error";
}

}  // namespace

std::span<const LogMessage> log_catalogue() { return kMessages; }

std::string log_catalogue_page() {
  std::string page =
      "# Log messages\n\n"
      "<!-- Generated from engine/node/log_catalogue.cc by `sluicectl log-catalogue`; a test fails if they "
      "differ. -->\n\n"
      "Each line of the log is a JSON object with `time`, `level`, `event` and the members that its event "
      "has. The event "
      "is the stable id of the message; the words stand here, in English and Japanese.\n\n"
      "| event | level | when | what to do | 内容 | 対処 |\n|---|---|---|---|---|---|\n";
  for (const LogMessage& message : kMessages) {
    page += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", message.event, level_name(message.level),
                        message.english, message.english_advice.empty() ? "–" : message.english_advice,
                        message.japanese, message.japanese_advice.empty() ? "–" : message.japanese_advice);
  }
  return page;
}

}  // namespace sluice::node
