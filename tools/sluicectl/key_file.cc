#include "tools/sluicectl/key_file.h"

#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <openssl/crypto.h>
#include <unistd.h>

namespace sluice::ctl {
namespace {

constexpr size_t kKeyFileOctets = 65536;  // far more than a key of any size has

void wipe(std::string& secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

bool write_all(int descriptor, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = ::write(descriptor, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    octets.remove_prefix(static_cast<size_t>(written));
  }
  return ::fsync(descriptor) == 0;
}

// Into one buffer, wiped by who gets it: streams would keep what went through them.
Result<std::string> read_secret(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail_system(errno, "cannot read " + path);
  std::string text(kKeyFileOctets, '\0');
  size_t taken = 0;
  ssize_t count = 0;
  while (taken < text.size()) {
    count = ::read(descriptor, text.data() + taken, text.size() - taken);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    taken += static_cast<size_t>(count);
  }
  const int error = errno;
  ::close(descriptor);
  if (count < 0 || taken == text.size()) {
    wipe(text);
    if (count < 0) return fail_system(error, "cannot read " + path);
    return fail(ErrorKind::Invalid, path + " is too large for a key");
  }
  text.resize(taken);
  return text;
}

}  // namespace

Result<dkim::SigningKey> read_key(const std::string& path) {
  Result<std::string> pem = read_secret(path);
  if (!pem) return std::unexpected(pem.error());
  Result<dkim::SigningKey> key = dkim::SigningKey::from_pem(*pem);
  wipe(*pem);
  if (!key) return fail(ErrorKind::Invalid, path + ": " + key.error().message);
  return key;
}

Result<void> write_key(const std::string& path, const dkim::SigningKey& key) {
  Result<std::string> pem = key.private_pem();
  if (!pem) return std::unexpected(pem.error());
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    const int error = errno;
    wipe(*pem);
    return fail_system(error, "cannot make " + path);
  }
  const bool written = write_all(descriptor, *pem);
  const int error = errno;
  ::close(descriptor);
  wipe(*pem);
  if (written) return {};
  ::unlink(path.c_str());
  return fail_system(error, "cannot write " + path);
}

}  // namespace sluice::ctl
