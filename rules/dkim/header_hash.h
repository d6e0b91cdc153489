// The octets of header fields that a signature covers (RFC 6376 sections 3.4.1, 3.4.2, 3.7, 5.4.2): canonical
// forms, the selection by h= from the bottom up, and the signature field with its b= emptied. Verifying,
// signing and ARC use the same. Pure; appends to strings; nothing fails.
//
// Raw fields are as they stand in the message, with their final line end (one without gets a CRLF). A line
// end of folding is CRLF or, in files, LF; a bare CR and NUL are octets like others.
#pragma once

#include "io/mail/header_block.h"
#include "rules/dkim/body_hashes.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dkim {

// The field in its canonical form, CRLF behind it.
void append_canonical_field(std::string& out, Canonicalization canonicalization, std::string_view raw);

// The signature's own field: the octets of `b_whole` (auth::Tag::whole of its b=, a view into `raw`) left
// out, no CRLF behind it.
void append_signature_field(std::string& out, Canonicalization canonicalization, std::string_view raw,
                            std::string_view b_whole);

// Finds fields as h= names them: each name takes the lowest field of that name that was not taken before
// (5.4.2); compared without case. One message, several selections one after the other.
//
// Senders choose the names, so nothing rests on a hash of them: n fields are sorted once, and a name is found
// by binary search, at most log2(n) + 1 comparisons of names whichever they are. Of a few fields all are
// looked at.
class FieldIndex {
 public:
  // All fields of the block, Junk left out; the block outlives the index.
  void build(const mail::HeaderBlock& block);
  // Raw fields, topmost first; a text without a colon is left out. They outlive the index.
  void build(std::span<const std::string_view> fields);

  // A new selection: nothing is taken. `except`: a raw field that is never taken (the signature's own), as
  // the view that was given or that the block has.
  void begin(std::string_view except = {});
  // The raw field; null when there is none (left): then the name covers the absence of a field.
  std::optional<std::string_view> take(std::string_view name);

  // Of names, since build(): what the index has cost.
  uint64_t comparisons() const { return comparisons_; }
  size_t octets_kept() const {
    return entries_.capacity() * sizeof(Entry) + names_.capacity() * sizeof(Name);
  }

 private:
  struct Entry {
    uint64_t key;
    size_t position;  // in the message
    std::string_view name, raw;
    uint32_t selection;  // that took it, where entries are not sorted
  };
  // The fields of one name, the lowest first: entries_ from `begin` to `end`.
  struct Name {
    size_t begin = 0;
    size_t end = 0;
    size_t next = 0;         // in the selection below
    uint32_t selection = 0;  // that last took of it
  };
  void clear();
  void add(std::string_view name, std::string_view raw);
  void sort();
  int compare(uint64_t key, std::string_view name, const Entry& entry);
  std::optional<std::string_view> take_unsorted(uint64_t key, std::string_view name);
  std::optional<std::string_view> take_of(Name& name);

  std::vector<Entry> entries_;  // by name, or in the order of the message
  bool sorted_ = false;
  std::vector<Name> names_;  // in the same order
  const char* except_ = nullptr;
  uint32_t selection_ = 0;
  uint64_t comparisons_ = 0;
};

// What a signature's header hash is over: the fields that `names` (the value of h=) select, in that order,
// then the signature's own field.
struct SignedHeader {
  std::string_view names;
  std::string_view own_field;  // raw
  std::string_view b_whole;    // as for append_signature_field
  Canonicalization canonicalization = Canonicalization::Simple;
};
void append_signed_header(std::string& out, FieldIndex& index, const SignedHeader& header);

}  // namespace sluice::dkim
