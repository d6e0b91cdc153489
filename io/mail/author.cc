#include "io/mail/author.h"

#include "io/base/ascii.h"

#include <algorithm>
#include <string>
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

// dot-atom-text (RFC 5322 section 3.2.3), whose dots parse_mailbox() looks at, with the lexer on
// its first token. False where white space or a comment stands inside: two words ("victim.example
// evil.example"), or the obsolete form of section 4.4 ("example . com").
bool read_dot_atom(Lexer& lexer, std::string& text) {
  for (bool first = true; lexer.token() == Token::Atom || lexer.is('.'); first = false) {
    if (!first && lexer.spaced()) return false;
    text.append(lexer.text());
    lexer.advance();
  }
  return true;
}

// Some readers decode it wherever it stands. A backslash in a quoted string means nothing to them.
bool may_be_encoded_word(std::string_view text) {
  if (!text.contains('\\')) return text.contains("=?");
  std::string plain(text);
  std::erase(plain, '\\');
  return plain.contains("=?");
}

// dot-atom or quoted-string. Lenient: of its dots only the first octet's is looked at here.
bool read_local_part(Lexer& lexer, AuthorForms forms, std::string& text) {
  if (lexer.token() == Token::Quoted) {
    text = unfold(lexer.text());
    lexer.advance();
  } else if ((forms == AuthorForms::Lenient && lexer.is('.')) || !read_dot_atom(lexer, text)) {
    return false;
  }
  return !may_be_encoded_word(text);
}

// local-part "@" domain (RFC 5322 section 3.4.1), with the lexer on its first word; on return it is behind
// the domain. Comments and white space are dropped from around the parts.
Found read_addr_spec(Lexer& lexer, AuthorForms forms) {
  std::string text;
  if (!read_local_part(lexer, forms, text)) return malformed();
  if (!lexer.is('@') || text.empty()) return malformed();
  text.push_back('@');
  lexer.advance();
  if (!read_dot_atom(lexer, text)) return malformed();
  const DotRule dots = forms == AuthorForms::Strict ? DotRule::Strict : DotRule::Loose;
  auto address = parse_mailbox(text, {.dots = dots});
  if (!address) return malformed();
  return std::move(*address);
}

// Behind "<": [route] addr-spec ">".
Found read_angle_address(Lexer& lexer, AuthorForms forms) {
  if (lexer.is('@')) return malformed();  // an obsolete route: readers differ about it
  auto address = read_addr_spec(lexer, forms);
  if (!address) return address;
  if (!lexer.is('>')) return malformed();
  lexer.advance();
  return address;
}

// One element of the list: [display-name] "<" ... ">", or addr-spec alone. A display name may hold dots,
// which is obsolete (obs-phrase) and usual: it has no part in the address.
Found read_element(Lexer& lexer, AuthorForms forms) {
  Lexer ahead = lexer;
  bool words = false;
  while (ahead.token() == Token::Atom || ahead.token() == Token::Quoted || ahead.is('.')) {
    words = true;
    ahead.advance();
  }
  if (ahead.is('<')) {
    lexer = ahead;
    lexer.advance();
    return read_angle_address(lexer, forms);
  }
  if (ahead.is(':') && words) return std::unexpected(AuthorError::Group);
  return read_addr_spec(lexer, forms);
}

// The whole list, of which one member is the author. Lenient (obs-mbox-list): others may be empty.
Found read_list(std::string_view value, AuthorForms forms) {
  const auto skip_empty_members = [forms](Lexer& lexer) {
    while (forms == AuthorForms::Lenient && lexer.is(',')) lexer.advance();
  };
  Lexer lexer(value);
  lexer.advance();
  if (lexer.token() == Token::End) return std::unexpected(AuthorError::Missing);
  skip_empty_members(lexer);
  auto author = read_element(lexer, forms);
  if (!author || lexer.token() == Token::End) return author;
  // What follows a comma is another author, or an empty member or junk.
  if (!lexer.is(',')) return malformed();
  lexer.advance();
  skip_empty_members(lexer);
  if (forms == AuthorForms::Lenient && lexer.token() == Token::End) return author;
  const auto another = read_element(lexer, forms);
  if (!another || (lexer.token() != Token::End && !lexer.is(','))) return malformed();
  return std::unexpected(AuthorError::Several);
}

// False for what no current form has, wherever it stands in the value: control characters, and a CR or LF
// that folds nothing (obs-NO-WS-CTL, obs-qp); octets that are not UTF-8, since a reader who guesses the
// character set may see quotes elsewhere; and a line of folding without text (obs-FWS), where some readers
// end the header.
bool is_well_formed_text(std::string_view value) {
  for (bool folded = false;; folded = true) {
    const size_t end = value.find('\n');
    std::string_view line = value.substr(0, end);
    if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
    const bool is_line =
        end != std::string_view::npos || !line.empty();  // not what the last LF has behind it
    if (folded && is_line && trim(line).empty()) return false;
    while (!line.empty()) {
      const std::string_view part = line.substr(0, line.find('\t'));
      if (!is_clean_utf8(part)) return false;
      line.remove_prefix(std::min(part.size() + 1, line.size()));
    }
    if (end == std::string_view::npos) return true;
    value.remove_prefix(end + 1);
  }
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

std::expected<Address, AuthorError> parse_author(std::string_view value, AuthorForms forms) {
  if (!is_well_formed_text(value)) return malformed();
  return read_list(value, forms);
}

std::expected<Address, AuthorError> find_author(const HeaderBlock& block, AuthorForms forms) {
  if (block.has_junk()) {
    for (size_t i = 0; i < block.size(); ++i) {
      if (block[i].kind == FieldKind::Junk && may_read_as_from(block[i].raw)) return malformed();
    }
  }
  const auto first = block.find(kFrom);
  if (!first) return std::unexpected(AuthorError::Missing);
  if (block.find(kFrom, *first + 1)) return std::unexpected(AuthorError::Several);
  return parse_author(block[*first].value, forms);
}

}  // namespace sluice::mail
