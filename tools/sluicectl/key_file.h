// Private keys in files, for the subcommands that sign or make keys. Permissions of the files that a node
// loads are looked at by the node; a command reads what its user may read.
#pragma once

#include "io/base/result.h"
#include "rules/dkim/signing_key.h"

#include <string>

namespace sluice::ctl {

[[nodiscard]] Result<dkim::SigningKey> read_key(const std::string& path);
// Makes the file, readable by its owner only (mode 0600), and writes the key as PKCS#8 PEM. Refused where a
// file is there already: a key that is in use is not lost by a repeated command.
[[nodiscard]] Result<void> write_key(const std::string& path, const dkim::SigningKey& key);

}  // namespace sluice::ctl
