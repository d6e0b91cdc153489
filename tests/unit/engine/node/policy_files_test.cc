#include "engine/node/policy_files.h"

#include "rules/policy/reader.h"

#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace sluice::node {
namespace {

using testing::HasSubstr;

class PolicyFilesTest : public testing::Test {
 protected:
  std::string write(std::string_view name, std::string_view text, mode_t mode) {
    const std::string path = testing::TempDir() + std::string(name);
    chmod(path.c_str(), 0600);
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  std::string key(mode_t mode) {
    const auto made = dkim::SigningKey::generate(dkim::Algorithm::Ed25519Sha256);
    return write("policy_files_key.pem", *made->private_pem(), mode);
  }
  static policy::Policy policy(std::string_view more) {
    const std::string text = fmt::format(
        "[node]\nhostname = \"mx.example.com\"\n[journal]\npath = \"/j\"\n[[listener]]\n"
        "address = \"127.0.0.1:25\"\n[[domain]]\nname = \"a.example\"\nnext_hops = [\"127.0.0.1:26\"]\n{}",
        more);
    policy::ReadPolicy read = policy::read_policy(text, 1);
    EXPECT_TRUE(read.policy.has_value());
    return std::move(*read.policy);
  }
  static policy::Policy signing_with(const std::string& path) {
    return policy(fmt::format(
        "[[dkim.sign]]\ndomain = \"a.example\"\nkeys = [{{ selector = \"s\", file = \"{}\" }}]\n", path));
  }
};

// Shows: P-11
TEST_F(PolicyFilesTest, ReadsTheKeysThatThePolicyNames) {
  const auto files = read_policy_files(signing_with(key(0640)));
  ASSERT_TRUE(files.has_value()) << files.error().to_string();
  ASSERT_EQ(files->signing.find("a.example").size(), 1U);
  EXPECT_EQ(files->signing.find("a.example")[0].spec.selector, "s");
  EXPECT_TRUE(files->signing.find("b.example").empty());
}

TEST_F(PolicyFilesTest, RefusesAKeyThatOthersMayReadOrChange) {
  for (const mode_t mode : {0644, 0604, 0620, 0666}) {
    const auto files = read_policy_files(signing_with(key(mode)));
    ASSERT_FALSE(files.has_value()) << fmt::format("{:o}", mode);
    EXPECT_THAT(files.error().to_string(), HasSubstr("chmod 0640"));
    EXPECT_THAT(files.error().to_string(), HasSubstr("policy_files_key.pem"));
  }
  EXPECT_TRUE(read_policy_files(signing_with(key(0600))).has_value());
}

TEST_F(PolicyFilesTest, SealsWithRsaAlone) {
  const auto sealing_with = [&](dkim::Algorithm algorithm) {
    const auto made = dkim::SigningKey::generate(algorithm);
    const std::string path = write("policy_files_seal.pem", *made->private_pem(), 0600);
    return read_policy_files(
        policy(fmt::format("[arc.seal]\ndomain = \"a.example\"\nselector = \"t\"\nfile = \"{}\"\n", path)));
  };
  const auto refused = sealing_with(dkim::Algorithm::Ed25519Sha256);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().to_string(), HasSubstr("policy_files_seal.pem is no RSA key"));
  EXPECT_TRUE(sealing_with(dkim::Algorithm::RsaSha256)->seal.has_value());
}

TEST_F(PolicyFilesTest, NamesEveryFileThatIsWrong) {
  const std::string broken = write("policy_files_broken.pem", "no key\n", 0600);
  const auto files = read_policy_files(policy(
      fmt::format("[[dkim.sign]]\ndomain = \"a.example\"\nkeys = [{{ selector = \"s\", file = \"{}\" }}]\n"
                  "[arc.seal]\ndomain = \"a.example\"\nselector = \"t\"\nfile = \"/nowhere.pem\"\n",
                  broken)));
  ASSERT_FALSE(files.has_value());
  EXPECT_THAT(files.error().to_string(), HasSubstr("policy_files_broken.pem"));
  EXPECT_THAT(files.error().to_string(), HasSubstr("/nowhere.pem"));
}

TEST_F(PolicyFilesTest, ReadsTheSuffixListOnlyForTheStandardThatUsesIt) {
  EXPECT_FALSE(read_policy_files(policy(""))->suffixes.has_value());
  const std::string list = write("policy_files_list.dat", "example\nco.example\n", 0644);
  const auto files =
      read_policy_files(policy(fmt::format("[dmarc]\nmode = \"both\"\npublic_suffix_list = \"{}\"\n", list)));
  ASSERT_TRUE(files.has_value()) << files.error().to_string();
  EXPECT_EQ(files->suffixes->organizational_domain("a.b.co.example"), "b.co.example");
}

}  // namespace
}  // namespace sluice::node
