#include "engine/node/policy_files.h"

#include "engine/node/system_file.h"

#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sluice::node {
namespace {

struct Reading {
  pipeline::PolicyFiles files;
  std::vector<std::string> errors;
};

dkim::SignSpec spec_of(const policy::DkimSigning& signing, const std::string& selector) {
  dkim::SignSpec spec;
  spec.domain = signing.signing_domain;
  spec.selector = selector;
  if (!signing.headers.empty()) spec.headers = signing.headers;
  if (signing.oversign_given) spec.oversigned = signing.oversign;
  const auto form = [](bool relaxed) {
    return relaxed ? dkim::Canonicalization::Relaxed : dkim::Canonicalization::Simple;
  };
  spec.header = form(signing.relaxed_header);
  spec.body = form(signing.relaxed_body);
  spec.lifetime = signing.expire;
  return spec;
}

void read_signing(const policy::DkimSigning& signing, Reading& read) {
  std::vector<dkim::SigningIdentity> identities;
  for (const policy::SigningKeyFile& file : signing.keys) {
    Result<dkim::SigningKey> key = read_key_file(file.file);
    if (!key) {
      read.errors.push_back(key.error().to_string());
      continue;
    }
    identities.push_back({spec_of(signing, file.selector), std::move(*key)});
  }
  if (identities.size() != signing.keys.size()) return;
  const Result<void> added = read.files.signing.add(signing.domain, std::move(identities));
  if (!added)
    read.errors.push_back(fmt::format("dkim.sign for {}: {}", signing.domain, added.error().to_string()));
}

void read_suffixes(const std::string& path, Reading& read) {
  const Result<std::string> octets = read_system_file(path);
  if (!octets) {
    read.errors.push_back(octets.error().to_string());
    return;
  }
  Result<dmarc::PublicSuffixes> suffixes = dmarc::PublicSuffixes::from_octets(*octets);
  if (!suffixes) {
    read.errors.push_back(fmt::format("{}: {}", path, suffixes.error().to_string()));
    return;
  }
  read.files.suffixes = std::move(*suffixes);
}

}  // namespace

Result<dkim::SigningKey> read_key_file(const std::string& path) {
  Result<std::string> pem = read_secret_file(path);
  if (!pem) return std::unexpected(std::move(pem.error()));
  Result<dkim::SigningKey> key = dkim::SigningKey::from_pem(*pem);
  explicit_bzero(pem->data(), pem->size());
  if (!key) return fail(ErrorKind::Invalid, fmt::format("the key {}: {}", path, key.error().to_string()));
  return key;
}

Result<pipeline::PolicyFiles> read_policy_files(const policy::Policy& policy) {
  Reading read;
  for (const policy::DkimSigning& signing : policy.dkim().sign) read_signing(signing, read);
  if (policy.arc().seal) {
    Result<dkim::SigningKey> key = read_key_file(policy.arc().seal->file);
    if (!key) {
      read.errors.push_back(key.error().to_string());
    } else if (key->algorithm() != dkim::Algorithm::RsaSha256) {
      // RFC 8617 4.1.3 takes the algorithms of RFC 6376, and validators know no others: the seal would fail.
      read.errors.push_back(
          fmt::format("arc.seal: the key {} is no RSA key; ARC validators know rsa-sha256 alone",
                      policy.arc().seal->file));
    } else {
      read.files.seal = std::move(*key);
    }
  }
  if (policy.dmarc().mode != dmarc::Mode::Rfc9989) read_suffixes(policy.dmarc().public_suffix_list, read);
  if (!read.errors.empty()) return fail(ErrorKind::Invalid, fmt::format("{}", fmt::join(read.errors, "; ")));
  return std::move(read.files);
}

}  // namespace sluice::node
