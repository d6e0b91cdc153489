#include "io/mail/author.h"

#include "io/base/ascii.h"

#include <optional>
#include <string_view>

namespace sluice::mail {

namespace {

constexpr size_t kTokensMax = 512;      // ours: of one From value; more is Malformed
constexpr unsigned kCommentDepth = 32;  // ours
constexpr std::string_view kFrom = "From";

enum class Token : uint8_t { Atom, Quoted, Literal, Special, End, Bad };

// RFC 5322 3.2.3, with octets above 127 as RFC 6532 allows.
constexpr bool is_atext(char c) {
  if (is_ascii_alnum(c) || !is_ascii(c)) return true;
  return std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

// Words and specials of a structured field; comments and folding white space fall between them.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Token token() const { return token_; }
  std::string_view text() const { return lexeme_; }
  bool is(char special) const { return token_ == Token::Special && lexeme_.front() == special; }
  // Whether white space or a comment stood in front of the token.
  bool spaced() const { return spaced_; }

  void advance() {
    if (token_ == Token::Bad) return;
    const size_t before = position_;
    if (++tokens_ > kTokensMax || !skip_blanks()) return set(Token::Bad, position_);
    spaced_ = position_ != before;
    const size_t begin = position_;
    if (position_ == text_.size()) return set(Token::End, begin);
    const char c = text_[position_];
    if (c == '"') return enclosed(Token::Quoted, '"');
    if (c == '[') return enclosed(Token::Literal, ']');
    if (is_atext(c)) {
      while (position_ < text_.size() && is_atext(text_[position_])) ++position_;
      return set(Token::Atom, begin);
    }
    if (std::string_view("<>@,:;.").contains(c)) {
      ++position_;
      return set(Token::Special, begin);
    }
    set(Token::Bad, begin);
  }

 private:
  void set(Token token, size_t begin) {
    token_ = token;
    lexeme_ = text_.substr(begin, position_ - begin);
  }

  void enclosed(Token token, char closer) {
    const size_t begin = position_++;
    while (position_ < text_.size()) {
      const char c = text_[position_++];
      if (c == closer) return set(token, begin);
      if (c == '\\') {
        if (position_ == text_.size()) break;
        ++position_;
      }
    }
    set(Token::Bad, begin);
  }

  bool skip_blanks() {
    unsigned depth = 0;
    for (; position_ < text_.size(); ++position_) {
      const char c = text_[position_];
      if (c == '(') {
        if (++depth > kCommentDepth) return false;
      } else if (depth != 0 && c == ')') {
        --depth;
      } else if (depth != 0 && c == '\\') {
        if (++position_ == text_.size()) return false;
      } else if (c == '\0') {
        return false;
      } else if (depth == 0 && !is_space_or_tab(c) && c != '\r' && c != '\n') {
        return true;
      }
    }
    return depth == 0;
  }

  std::string_view text_;
  std::string_view lexeme_;
  size_t position_ = 0;
  size_t tokens_ = 0;
  Token token_ = Token::End;
  bool spaced_ = false;
};

using Found = std::expected<Address, AuthorError>;

Found malformed() { return std::unexpected(AuthorError::Malformed); }

// local-part "@" domain, with the lexer on its first word; on return it is behind the domain. Comments and
// white space are dropped from between the parts.
Found read_addr_spec(Lexer& lexer) {
  std::string text;
  if (lexer.token() == Token::Quoted) {
    text = unfold(lexer.text());
    lexer.advance();
  } else {
    bool after_atom = false;
    while (lexer.token() == Token::Atom || lexer.is('.')) {
      const bool atom = lexer.token() == Token::Atom;
      if (atom && after_atom) return malformed();  // two words in a row
      text.append(lexer.text());
      after_atom = atom;
      lexer.advance();
    }
    if (text.contains("=?")) return malformed();  // an encoded word: some readers decode it here
  }
  if (!lexer.is('@') || text.empty()) return malformed();
  text.push_back('@');
  lexer.advance();
  bool after_dot = true;
  while (lexer.token() == Token::Atom || lexer.is('.')) {
    // "victim.example evil.example": two atoms in a row are two words.
    const bool dot = lexer.is('.');
    if (dot == after_dot) return malformed();
    text.append(lexer.text());
    after_dot = dot;
    lexer.advance();
  }
  auto address = parse_mailbox(text);
  if (!address) return malformed();
  return std::move(*address);
}

// Behind "<": [route] addr-spec ">".
Found read_angle_address(Lexer& lexer) {
  if (lexer.is('@')) return malformed();  // an obsolete route: readers differ about it
  auto address = read_addr_spec(lexer);
  if (!address) return address;
  if (!lexer.is('>')) return malformed();
  lexer.advance();
  return address;
}

// One element of the list: [display-name] "<" ... ">", or addr-spec alone.
Found read_element(Lexer& lexer) {
  Lexer ahead = lexer;
  bool words = false;
  while (ahead.token() == Token::Atom || ahead.token() == Token::Quoted || ahead.is('.')) {
    words = true;
    ahead.advance();
  }
  if (ahead.is('<')) {
    lexer = ahead;
    lexer.advance();
    return read_angle_address(lexer);
  }
  if (ahead.is(':') && words) return std::unexpected(AuthorError::Group);
  return read_addr_spec(lexer);
}

// A line that is no field to us and that a lenient reader may take for a From field: its colon on a folded
// line, octets in front of it or behind its name that some pass over (controls, a byte order mark).
bool may_read_as_from(std::string_view line) {
  const auto passed_over = [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet <= 0x20 || octet >= 0x7F;
  };
  const auto skip = [&] {
    while (!line.empty() && passed_over(line.front())) line.remove_prefix(1);
  };
  skip();
  if (line.size() < kFrom.size() || !equals_ignore_case(line.substr(0, kFrom.size()), kFrom)) return false;
  line.remove_prefix(kFrom.size());
  skip();
  return line.starts_with(':');
}

}  // namespace

std::expected<Address, AuthorError> parse_author(std::string_view value) {
  Lexer lexer(value);
  lexer.advance();
  std::optional<Address> author;
  bool several = false;
  while (true) {
    while (lexer.is(',')) lexer.advance();
    if (lexer.token() == Token::End) break;
    auto element = read_element(lexer);
    if (!element) return element;
    if (lexer.token() != Token::End && !lexer.is(',')) return malformed();
    several = author.has_value();
    if (several) break;
    author = std::move(*element);
  }
  if (several) return std::unexpected(AuthorError::Several);
  if (!author) return std::unexpected(AuthorError::Missing);
  return std::move(*author);
}

std::expected<Address, AuthorError> find_author(const HeaderBlock& block) {
  if (block.has_junk()) {
    for (size_t i = 0; i < block.size(); ++i) {
      if (block[i].kind == FieldKind::Junk && may_read_as_from(block[i].raw)) return malformed();
    }
  }
  const auto first = block.find(kFrom);
  if (!first) return std::unexpected(AuthorError::Missing);
  if (block.find(kFrom, *first + 1)) return std::unexpected(AuthorError::Several);
  return parse_author(block[*first].value);
}

}  // namespace sluice::mail
