#include "engine/node/policy_files.h"
#include "io/mail/domain.h"
#include "rules/dkim/signer.h"
#include "rules/policy/reader.h"
#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/dkim_record.h"
#include "tools/sluicectl/key_file.h"
#include "tools/sluicectl/message_file.h"
#include "tools/sluicectl/source_options.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace sluice::ctl {
namespace {

struct Options {
  std::string type = "rsa";
  unsigned bits = 2048;
  std::string out, selector, domain, key_file, address, policy_file;
  SourceOptions source;
};

int complain(std::string_view command, const Error& error, int status) {
  fmt::print(stderr, "sluicectl dkim {}: {}\n", command, error.to_string());
  return status;
}

Result<std::string> record_name(const Options& options) {
  dkim::SignSpec spec;
  spec.selector = options.selector;
  spec.domain = options.domain;
  if (auto usable = dkim::check(spec); !usable) return std::unexpected(usable.error());
  return options.selector + "._domainkey." + options.domain;
}

// The file first: a record whose key was not kept would be of no use.
int keygen(const Options& options) {
  std::string name;
  if (!options.selector.empty() || !options.domain.empty()) {
    Result<std::string> made = record_name(options);
    if (!made) return complain("keygen", made.error(), kExitUsage);
    name = std::move(*made);
  }
  const auto algorithm = options.type == "rsa" ? dkim::Algorithm::RsaSha256 : dkim::Algorithm::Ed25519Sha256;
  const Result<dkim::SigningKey> key = dkim::SigningKey::generate(algorithm, options.bits);
  if (!key) return complain("keygen", key.error(), kExitUsage);
  if (auto written = write_key(options.out, *key); !written) {
    return complain("keygen", written.error(), kExitFailed);
  }
  const std::string record = key->public_record();
  fmt::print("{}\n", name.empty() ? record : zone_line(name, record));
  return kExitDone;
}

int check_dns(const Options& options) {
  const Result<std::string> name = record_name(options);
  if (!name) return complain("check-dns", name.error(), kExitUsage);
  const auto asked = dns::DnsName::from_text(*name);
  if (!asked) return complain("check-dns", {ErrorKind::Invalid, 0, *name + " is no name"}, kExitUsage);
  std::optional<dkim::SigningKey> key;
  if (!options.key_file.empty()) {
    Result<dkim::SigningKey> read = read_key(options.key_file);
    if (!read) return complain("check-dns", read.error(), kExitUsage);
    key = std::move(*read);
  }
  Result<Sources> sources = open_sources(options.source);
  if (!sources) return complain("check-dns", sources.error(), kExitUsage);
  const RecordReport report = judge_record(*name, sources->get().ask({*asked, dns::RecordType::Txt}), key);
  fmt::print("{}", report.text);
  if (!report.usable && key)
    fmt::print("the record that fits the file:\n{}\n", zone_line(*name, key->public_record()));
  return report.usable ? kExitDone : kExitFailed;
}

// As a node with this policy would choose, its key files read and judged as it would.
int which_key(const Options& options) {
  const Result<std::string> text = read_file(options.policy_file);
  if (!text) return complain("which-key", text.error(), kExitUsage);
  const policy::ReadPolicy read = policy::read_policy(*text, 0);
  if (!read.policy) {
    return complain("which-key",
                    {ErrorKind::Invalid, 0, options.policy_file + " is refused: see policy check"},
                    kExitUsage);
  }
  const Result<pipeline::PolicyFiles> files = node::read_policy_files(*read.policy);
  if (!files) return complain("which-key", files.error(), kExitFailed);
  const size_t at = options.address.rfind('@');
  const auto domain =
      mail::to_a_labels(std::string_view(options.address).substr(at == std::string::npos ? 0 : at + 1));
  if (!domain || domain->empty()) {
    return complain("which-key", {ErrorKind::Invalid, 0, options.address + " has no domain"}, kExitUsage);
  }
  const auto identities = files->signing.find(*domain);
  if (identities.empty()) {
    fmt::print("{}: nothing signs\n", *domain);
    return kExitFailed;
  }
  fmt::print("{}: by the entry \"{}\"\n", *domain, files->signing.pattern_for(*domain));
  for (const dkim::SigningIdentity& identity : identities) {
    fmt::print("d={} s={} {} ({} bits) c={}/{}\n", identity.spec.domain, identity.spec.selector,
               dkim::to_word(identity.key.algorithm()), identity.key.bits(),
               dkim::to_word(identity.spec.header), dkim::to_word(identity.spec.body));
  }
  return kExitDone;
}

}  // namespace

void add_dkim(CLI::App& app, int& exit_status) {
  CLI::App* dkim = app.add_subcommand("dkim", "Keys that sign, and their records");
  dkim->require_subcommand(1);
  auto options = std::make_shared<Options>();

  CLI::App* making = dkim->add_subcommand("keygen", "Makes a key and prints its record for the DNS");
  making->add_option("--type", options->type, "rsa or ed25519")->check(CLI::IsMember({"rsa", "ed25519"}));
  making->add_option("--bits", options->bits, "Length of an RSA key: 2048 to 4096");
  making->add_option("--out", options->out, "The file for the private key (PEM, mode 0600); must not exist")
      ->required();
  making->add_option("--selector", options->selector, "With --domain: print the line of a zone file");
  making->add_option("--domain", options->domain, "The domain that signs (d=)");
  making->callback([options, &exit_status] { exit_status = keygen(*options); });

  CLI::App* checking =
      dkim->add_subcommand("check-dns", "Whether a selector's record is there and can be used");
  checking->add_option("SELECTOR", options->selector, "The selector (s=)")->required();
  checking->add_option("DOMAIN", options->domain, "The domain that signs (d=)")->required();
  checking->add_option("--key", options->key_file, "The private key that the record must belong to");
  add_source_options(*checking, options->source);
  checking->callback([options, &exit_status] { exit_status = check_dns(*options); });

  CLI::App* choosing =
      dkim->add_subcommand("which-key", "Which signatures a message of this author would get");
  choosing->add_option("ADDRESS", options->address, "The author's address, or its domain")->required();
  choosing->add_option("--policy", options->policy_file, "The policy document")->required();
  choosing->callback([options, &exit_status] { exit_status = which_key(*options); });
}

}  // namespace sluice::ctl
