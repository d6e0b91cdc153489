// libopendkim as a peer of signatures.py: lines on standard input, an answer for each on standard output.
//
//   verify ID FILE                                  ID ok | ID bad WHY
//   sign ID FILE OUT CANONICALIZATION ALGORITHM     ID ok | ID bad WHY
//
// Arguments: a file of keys ("selector._domainkey.domain record" a line), the PEM files for rsa-sha256 and
// ed25519-sha256, the domain, and the selectors of both.
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <sys/types.h>

using _Bool = bool;  // the header is for C

#include <opendkim/dkim.h>

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

struct Peer {
  DKIM_LIB* library = nullptr;
  std::string rsa, ed25519, domain, rsa_selector, ed25519_selector;

  // What libopendkim said of the message: empty for a signature that is right.
  std::string feed(DKIM* message, std::string& text) const {
    DKIM_STAT status = DKIM_STAT_OK;
    size_t at = 0;
    while (status == DKIM_STAT_OK && text.compare(at, 2, "\r\n") != 0) {
      size_t end = text.find("\r\n", at);
      while (text[end + 2] == ' ' || text[end + 2] == '\t') end = text.find("\r\n", end + 2);
      status = dkim_header(message, octets(text) + at, end - at);
      at = end + 2;
    }
    if (status == DKIM_STAT_OK) status = dkim_eoh(message);
    if (status == DKIM_STAT_OK) status = dkim_body(message, octets(text) + at + 2, text.size() - at - 2);
    bool test_key = false;
    if (status == DKIM_STAT_OK) status = dkim_eom(message, &test_key);
    return status == DKIM_STAT_OK ? "" : dkim_getresultstr(status);
  }

  std::string verify(const std::string& path) const {
    std::string text = read_file(path);
    std::string id = "x";
    DKIM_STAT status = DKIM_STAT_OK;
    DKIM* const message = dkim_verify(library, octets(id), nullptr, &status);
    std::string why = feed(message, text);
    DKIM_SIGINFO* const signature = dkim_getsignature(message);
    if (why.empty() && (signature == nullptr || dkim_sig_getbh(signature) != DKIM_SIGBH_MATCH))
      why = "body hash";
    dkim_free(message);
    return why;
  }

  std::string sign(const std::string& path, const std::string& out, const std::string& canonicalization,
                   const std::string& algorithm) const {
    std::string text = read_file(path);
    std::string id = "x";
    std::string name = domain;
    const bool is_rsa = algorithm == "rsa-sha256";
    std::string key = is_rsa ? rsa : ed25519;
    std::string selector = is_rsa ? rsa_selector : ed25519_selector;
    const auto canon = [](const std::string& word) {
      return word == "simple" ? DKIM_CANON_SIMPLE : DKIM_CANON_RELAXED;
    };
    const size_t slash = canonicalization.find('/');
    DKIM_STAT status = DKIM_STAT_OK;
    DKIM* const message =
        dkim_sign(library, octets(id), nullptr, octets(key), octets(selector), octets(name),
                  canon(canonicalization.substr(0, slash)), canon(canonicalization.substr(slash + 1)),
                  is_rsa ? DKIM_SIGN_RSASHA256 : DKIM_SIGN_ED25519SHA256, -1, &status);
    if (message == nullptr) return "no handle";
    // It folds the field after it was hashed: harmless in the relaxed form only.
    if (canonicalization.starts_with("simple")) (void)dkim_set_margin(message, 0);
    std::string why = feed(message, text);
    unsigned char* field = nullptr;
    size_t size = 0;
    if (why.empty() && dkim_getsighdr_d(message, 0, &field, &size) != DKIM_STAT_OK) why = "no field";
    if (why.empty()) {
      std::ofstream(out, std::ios::binary)
          << "DKIM-Signature: " << std::string_view(reinterpret_cast<char*>(field), size) << "\r\n"
          << text;
    }
    dkim_free(message);
    return why;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  Peer peer;
  peer.library = dkim_init(nullptr, nullptr);
  peer.rsa = read_file(argv[2]);
  peer.ed25519 = read_file(argv[3]);
  peer.domain = argv[4];
  peer.rsa_selector = argv[5];
  peer.ed25519_selector = argv[6];
  int method = DKIM_QUERY_FILE;
  (void)dkim_options(peer.library, DKIM_OP_SETOPT, DKIM_OPTS_QUERYMETHOD, &method, sizeof method);
  std::string keys = argv[1];
  (void)dkim_options(peer.library, DKIM_OP_SETOPT, DKIM_OPTS_QUERYINFO, keys.data(), keys.size() + 1);
  std::cout << "ready " << (dkim_libfeature(peer.library, DKIM_FEATURE_ED25519) ? "ed25519" : "rsa")
            << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string verb, id, file, out, canonicalization, algorithm;
    words >> verb >> id >> file >> out >> canonicalization >> algorithm;
    const std::string why =
        verb == "sign" ? peer.sign(file, out, canonicalization, algorithm) : peer.verify(file);
    std::cout << id << (why.empty() ? " ok" : " bad ") << why << std::endl;
  }
  dkim_close(peer.library);
  return 0;
}
