// What the server session says by itself. Internal to io/smtp.
#pragma once

#include "io/smtp/reply.h"

namespace sluice::smtp::replies {

inline constexpr EnhancedStatus kNoStatus{};

// Behind these the session is over (RFC 5321 section 4.2.4, RFC 7504).
inline bool ends_session(uint16_t code) { return code == 421 || code == 521; }

inline constexpr FixedReply kBye{221, {2, 0, 0}, "Bye"};
inline constexpr FixedReply kOk{250, {2, 0, 0}, "Ok"};
inline constexpr FixedReply kSenderOk{250, {2, 1, 0}, "Sender ok"};
inline constexpr FixedReply kRecipientOk{250, {2, 1, 5}, "Recipient ok"};
inline constexpr FixedReply kCannotVerify{252, {2, 0, 0}, "Cannot verify; send some mail"};
inline constexpr FixedReply kHelp{214, {2, 0, 0}, "See RFC 5321"};
inline constexpr FixedReply kStartMail{354, kNoStatus, "End data with <CR><LF>.<CR><LF>"};

inline constexpr FixedReply kChunkOk{250, {2, 0, 0}, "Chunk ok"};

inline constexpr FixedReply kTooManyErrors{421, {4, 7, 0}, "Too many errors"};
inline constexpr FixedReply kTooManyRefused{421, {4, 7, 0}, "Too many refused recipients"};
inline constexpr FixedReply kTooManyRcpts{421, {4, 7, 0}, "Too many RCPT commands"};
inline constexpr FixedReply kTooIdle{421, {4, 7, 0}, "Too many commands without mail"};

inline constexpr FixedReply kLineTooLong{500, {5, 5, 2}, "Line too long"};
inline constexpr FixedReply kBadLine{
    500, {5, 5, 2}, "Lines end in CRLF; bare CR, bare LF or NUL is not allowed"};
inline constexpr FixedReply kUnknown{500, {5, 5, 1}, "Command not recognized"};
inline constexpr FixedReply kNotOffered{502, {5, 5, 1}, "Command not implemented"};
inline constexpr FixedReply kBadHelloName{501, kNoStatus, "A host name is needed"};
inline constexpr FixedReply kBadArgument{501, {5, 5, 4}, "Bad argument"};
inline constexpr FixedReply kBadParameter{501, {5, 5, 4}, "Bad parameter value"};
inline constexpr FixedReply kTooManyParameters{501, {5, 5, 4}, "Too many parameters"};
inline constexpr FixedReply kMailSyntax{501, {5, 5, 4}, "Syntax: MAIL FROM:<address>"};
inline constexpr FixedReply kRcptSyntax{501, {5, 5, 4}, "Syntax: RCPT TO:<address>"};
inline constexpr FixedReply kUnknownParameter{555, {5, 5, 4}, "Parameter not recognized"};

inline constexpr FixedReply kHelloFirst{503, {5, 5, 1}, "Send EHLO first"};
inline constexpr FixedReply kNested{503, {5, 5, 1}, "A transaction is open"};
inline constexpr FixedReply kMailFirst{503, {5, 5, 1}, "Send MAIL first"};
inline constexpr FixedReply kChunksBegun{503, {5, 5, 1}, "BDAT has begun the message"};
inline constexpr FixedReply kNoRecipients{554, {5, 5, 1}, "No valid recipients"};
inline constexpr FixedReply kXclientDenied{550, {5, 7, 0}, "Not authorized"};

inline constexpr FixedReply kTooLarge{552, {5, 3, 4}, "Message too large"};
inline constexpr FixedReply kTooManyRecipients{452, {4, 5, 3}, "Too many recipients"};
inline constexpr FixedReply kSenderNeedsUtf8{553, {5, 6, 7}, "Non-ASCII sender needs SMTPUTF8"};
inline constexpr FixedReply kRecipientNeedsUtf8{553, {5, 6, 7}, "Non-ASCII recipient needs SMTPUTF8"};
inline constexpr FixedReply kBareCr{554, {5, 6, 0}, "Bare CR in the message"};
inline constexpr FixedReply kBareLf{554, {5, 6, 0}, "Bare LF in the message"};
inline constexpr FixedReply kNul{554, {5, 6, 0}, "NUL in the message"};

}  // namespace sluice::smtp::replies
