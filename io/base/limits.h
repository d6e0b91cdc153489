// Every limit that input of others can reach, with its source. "Ours" is a number we chose; a setting may
// change it where one exists. What happens at the limit is said beside it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::limits {

using namespace std::chrono_literals;

// --- SMTP (RFC 5321 section 4.5.3; protocol decision W-8) ---
inline constexpr size_t kSmtpCommandLine =
    4096;  // octets with CRLF; the RFC's floor is 512. 500 5.5.2, then an error
inline constexpr size_t kSmtpPath = 256;       // 4.5.3.1.3, punctuation included. 501 5.1.3 / 5.1.7
inline constexpr size_t kSmtpDomain = 255;     // 4.5.3.1.2
inline constexpr size_t kSmtpReplyLine = 512;  // 4.5.3.1.5, with CRLF
inline constexpr size_t kSmtpTextLineAdvised =
    998;  // RFC 5322 2.1.1; longer lines are flagged and passed unchanged
inline constexpr size_t kSmtpRecipients = 1000;  // ours; the RFC's floor is 100. 452 4.5.3
inline constexpr size_t kSmtpErrors = 10;        // ours: then 421 4.7.0 and close
inline constexpr size_t kSmtpRefusedRecipients =
    200;  // ours: of one connection; who has more is probing for addresses. 421 4.7.0 and close
inline constexpr size_t kSmtpRcptCommands =
    4;  // ours: RCPT commands of one transaction, as a multiple of its recipients. 421 4.7.0 and close
inline constexpr size_t kSmtpRecipientsAtOnce =
    50;  // ours: pipelined RCPTs that are decided on together; further ones are a group of their own
inline constexpr size_t kSmtpIdleCommands = 200;  // ours, guessed: commands in a row without mail. 421 4.7.0
inline constexpr size_t kSmtpReplyBacklog =
    16 * 1024;  // ours: octets of replies that wait; then they are written before more is read
inline constexpr size_t kReplyText = 400;         // ours (W-14): text of a reply that the policy chooses
inline constexpr size_t kSubjectTag = 100;        // ours: octets of a subject tag that the policy chooses
inline constexpr size_t kSmtpParameters = 16;     // ours: ESMTP parameters of one MAIL or RCPT. 501 5.5.4
inline constexpr size_t kXclientAttributes = 16;  // ours: attributes of one XCLIENT. 501 5.5.4
inline constexpr size_t kPeerCommandLine = 512;   // 4.5.3.1.4: what a peer must take, CRLF included
inline constexpr size_t kHopReplyLines = 128;  // ours: lines in one reply of a next hop; more is a broken hop
inline constexpr size_t kHopReplyLine = 2048;  // ours: tolerant beyond the RFC's 512; more is a broken hop
static_assert(kReplyText + 16 <= kSmtpReplyLine);
static_assert(kSmtpPath < kSmtpCommandLine);

// --- Message (W-8, W-11) ---
inline constexpr uint64_t kMessageOctets = 50ULL * 1024 * 1024;  // default of the setting. 552 5.3.4
inline constexpr size_t kHeaderBlock = 1024 * 1024;              // ours. 552 5.3.4
inline constexpr size_t kReceivedFields =
    50;  // ours; RFC 5321 6.3 wants at least 100 hops or local choice. 554 5.4.6
inline constexpr size_t kHeaderFields = 10000;  // ours. 552 5.3.4

// --- Memory of message bodies; capacity of buffers is counted, not octets. All but the last are settings ---
inline constexpr uint64_t kMessageMemory =
    1024ULL * 1024;  // ours: of one message; beyond it, it is written out. 25 times the mean of real mail
inline constexpr uint64_t kShardBodies =
    128ULL * 1024 * 1024;  // ours: of one shard; above it clients are paused. Half of the reactor's pool, so
                           // that dialogues, DNS and next hops always have buffers
inline constexpr uint64_t kNodeBodies = 256ULL * 1024 * 1024;      // ours: of the node. 452 4.3.1
inline constexpr uint64_t kSpillDisk = 4ULL * 1024 * 1024 * 1024;  // ours: of spill files. Then only memory
inline constexpr uint64_t kSpillLeast =
    32ULL * 1024;  // ours: a receive buffer; a message that holds less is never written out
inline constexpr uint32_t kSpillRead =
    128 * 1024;  // guessed: octets read back at once; two of them wait for one next hop
inline constexpr auto kMemoryWait =
    60s;  // ours: of a paused client; within the 180 s in which it awaits progress (RFC 5321 4.5.3.2.5). 452
inline constexpr auto kSpillRoomWait = 5s;  // ours: for the node's word about room on the disk. Then: none
static_assert(kShardBodies <= kNodeBodies && kSpillLeast <= kMessageMemory);

// --- SMTP times (RFC 5321 section 4.5.3.2; W-2, W-7) ---
inline constexpr auto kServerCommandWait = 300s;  // 4.5.3.2.7. 421 4.4.2
inline constexpr auto kServerDataWait = 180s;     // 4.5.3.2.5, between two data blocks. 421 4.4.2
inline constexpr auto kServerBodyGrace = 300s;  // ours: for a message, beside what its octets earn. 421 4.4.2
inline constexpr uint64_t kServerDataRate = 500;   // guessed, a setting: octets that earn a second. 421 4.4.2
inline constexpr auto kServerMessageWait = 3600s;  // guessed, a setting: for one message. 421 4.4.2
inline constexpr auto kServerSessionWait = 3600s;  // guessed, a setting: without a message. 421 4.4.2
static_assert(kServerBodyGrace > kServerDataWait);
inline constexpr auto kServerWriteWait = 60s;    // ours: a client that does not read its replies. Closed
inline constexpr auto kHopConnectWait = 30s;     // ours: connect and greeting
inline constexpr auto kHopCommandWait = 300s;    // 4.5.3.2.2, .3: MAIL, RCPT
inline constexpr auto kHopDataInitWait = 120s;   // 4.5.3.2.4
inline constexpr auto kHopEndOfDataWait = 240s;  // W-7: of the 300 s in which we answer the final dot
inline constexpr auto kHopBodyWait = 10s;  // W-2: then RSET, and the envelope is repeated at end of data
inline constexpr auto kAuthenticationWait = 30s;  // W-7: from the final dot
inline constexpr auto kAnswerWait = 300s;         // W-7: from the final dot to our reply
inline constexpr auto kJournalWait =
    10s;  // ours: for a disk that neither writes nor refuses; then as if it refused
static_assert(kAuthenticationWait + kHopEndOfDataWait + 2 * kJournalWait <= kAnswerWait);

// --- Streams and SMTP sessions of one shard ---
inline constexpr size_t kStreamInput =
    256 * 1024;                               // guessed: capacity received and not yet taken. Reading pauses
inline constexpr size_t kStreamSlices = 512;  // pieces of one send; half of Linux's IOV_MAX
inline constexpr size_t kReplyBacklog =
    64 * 1024;  // guessed: unread replies above which no command is answered
inline constexpr uint32_t kBodyChunk = 16 * 1024;  // guessed: a body's tail chunk for small receives, at most
inline constexpr uint32_t kBodyChunkLeast = 1024;  // ours: and the first of them
inline constexpr size_t kShardSessions = 10000;    // guessed, a setting: connections of one shard. 421 4.3.2
inline constexpr size_t kNodeSessions =
    20000;  // guessed, a setting: of all shards, which share it. 421 4.3.2
inline constexpr size_t kClientSessions = 100;  // guessed, a setting: of one address, per shard. 421 4.7.0
inline constexpr size_t kClientFaults = 3;      // ours: faults of a session before its replies are delayed
inline constexpr size_t kClientRefusalsPerFault = 10;  // ours: refused recipients that weigh as one error
inline constexpr auto kClientDelay = 8s;  // guessed, a setting: longest delay of a reply; 1 s at first
inline constexpr size_t kDelayedSessions =
    1000;  // ours: waiting so on one shard; further ones are not delayed
inline constexpr size_t kClientArrivals = 65536;  // ours: addresses counted in one second; further ones pass
inline constexpr size_t kTurningAway = 200;  // ours: being told 421 at once; further ones are closed without
inline constexpr auto kDrainWait = 60s;      // W-16: running transactions, then they are broken off
inline constexpr auto kCloseLinger = 2s;     // guessed: for the peer to read our last words

// --- Next hop sessions (W-3) ---
inline constexpr unsigned kHopSessionRefusals = 5;
inline constexpr unsigned kHopSessionResets = 50;
inline constexpr auto kHopIdleWait = 45s;   // guessed: an unused session is closed; Postfix drops it at 300 s
inline constexpr size_t kHopSessions = 64;  // guessed, a setting: open sessions to one hop, per shard
inline constexpr uint64_t kHopChunk =
    1024 * 1024;  // guessed: a larger message asks by DATA first whether the hop takes it
inline constexpr size_t kHopEndpoints = 16;     // ours: addresses tried for one hop
inline constexpr auto kHopResetWait = 10s;      // ours: for the reply to RSET of a session that goes back
inline constexpr auto kHopUnhealthyWait = 10s;  // guessed: an address that failed is tried last for so long
inline constexpr auto kHopUnhealthyWaitMax = 300s;  // guessed: ... doubled with each further fault up to this
inline constexpr auto kHopNextAddressWait =
    5s;                                     // ours: TCP connect while other addresses are left; 2 repeats
inline constexpr size_t kHopWaiting = 256;  // guessed, a setting: waiting for a session, per list. 451 4.4.5
inline constexpr auto kHopQueueWait = 30s;  // guessed, a setting: for a session of a busy hop. 451 4.4.5
inline constexpr unsigned kHopSessionTransactions = 1000;  // guessed, a setting: then QUIT
static_assert(kHopNextAddressWait < kHopConnectWait);

// --- DNS ---
inline constexpr size_t kDnsName = 255;  // RFC 1035 2.3.4, octets on the wire
inline constexpr size_t kDnsLabel = 63;  // RFC 1035 2.3.4
inline constexpr size_t kDnsUdpPayload =
    1232;  // EDNS0 size that is not fragmented (RFC 6891; DNS flag day 2020)
inline constexpr size_t kDnsTcpMessage = 65535;    // RFC 1035 4.2.2
inline constexpr size_t kDnsCnameChain = 10;       // ours: CNAMEs followed for one question. ServFail
inline constexpr size_t kDnsAnswerRecords = 2048;  // ours: records kept of one answer. ServFail
inline constexpr auto kDnsQuestionWait = 5s;       // decision D-8: one question over all its retries
inline constexpr auto kDnsNegativeTtlMax = 3600s;  // ours; RFC 2308 section 5 allows up to 3 h
inline constexpr auto kDnsTtlMax = 86400s;         // ours; RFC 8767 section 4 advises a cap in days
inline constexpr auto kDnsServeStale = 3600s;      // W-35; RFC 8767
inline constexpr auto kDnsOutage = 10s;            // W-35: no answer from any server for so long
inline constexpr size_t kDnsServers = 8;           // ours: upstream servers; further ones are ignored
inline constexpr unsigned kDnsRefreshPercent =
    10;                                         // ours: of an answer's time, for asking anew ahead of its end
inline constexpr auto kDnsRefreshTtlMin = 10s;  // ours: shorter times leave no room for that
inline constexpr auto kDnsFailureTtl = 5s;      // ours; RFC 9520 3.2 wants 1 s to 5 min

// --- SPF (RFC 7208 section 4.6.4) ---
inline constexpr unsigned kSpfTerms = 10;        // DNS-querying terms; the 11th is permerror
inline constexpr unsigned kSpfVoid = 2;          // void lookups; the 3rd is permerror
inline constexpr unsigned kSpfMxNames = 10;      // an 11th exchange is permerror
inline constexpr unsigned kSpfPtrNames = 10;     // further names are ignored
inline constexpr auto kSpfDeadline = 20s;        // 4.6.4, decision D-8
inline constexpr size_t kSpfRecord = 16384;      // ours: octets of one record, all strings joined. permerror
inline constexpr size_t kSpfRecordTerms = 1024;  // ours: terms of one record. permerror
inline constexpr size_t kSpfMacroName = 253;     // 7.3: expanded names are cut from the left to fit
inline constexpr size_t kSpfExplanation = 450;   // ours: octets of an explanation that may stand in a reply
// Of the compiled form of one record and all below it; what lies beyond is evaluated step by step.
inline constexpr size_t kSpfProgramRows = 8192;         // ours: prefixes; the largest in use have some 1000
inline constexpr size_t kSpfProgramBlocks = 64;         // ours: ways on behind an include
inline constexpr size_t kSpfProgramTerms = 32768;       // ours: terms looked at, over all blocks
inline constexpr size_t kSpfProgramBytes = 512 * 1024;  // ours: 1024 terms with an outcome each fit

// --- Signing and sealing (RFC 6376, RFC 8617) ---
inline constexpr unsigned kDkimSignRsaBitsMin = 2048;  // RFC 8301 3.2 (SHOULD); shorter keys do not sign
inline constexpr unsigned kDkimSignRsaBitsMax = 4096;  // RFC 8301 3.2: verifiers need not take longer ones
inline constexpr size_t kDkimKeyFile = 64 * 1024;      // ours: octets of a PEM file; RSA-4096 has some 3,300
inline constexpr size_t kSignedFieldInstances = 50;    // ours: of one name that one signature covers
inline constexpr unsigned kArcSets = 50;               // RFC 8617 4.2.1 and 5.2: more, and the chain fails
inline constexpr size_t kAuthResults = 64;  // ours: results of one Authentication-Results that are read
inline constexpr size_t kAuthResultProperties = 32;  // ours: properties of one of them. Then it is left out
inline constexpr size_t kArcOlderOctets =
    4 * 1024 * 1024;  // ours: canonical header octets hashed for older message signatures (oldest_pass)
inline constexpr size_t kArcResults =
    16 * 1024;  // ours: octets of one ARC-Authentication-Results that are read

// --- tag=value lists, DKIM (RFC 6376, RFC 8301) ---
inline constexpr size_t kTagListTags = 32;  // ours: tags of one list; all that are defined are 15. permerror
inline constexpr size_t kDkimSignatures = 10;  // ours, a setting: verified, from the top. Below: policy
inline constexpr size_t kDkimSignatureFields =
    100;  // ours: fields read to find them, from the top. One outcome for all below: policy
inline constexpr size_t kDkimHeaderNames = 256;  // ours: names in h=, repeated ones included. permerror
inline constexpr size_t kDkimBodyHashes = 16;    // ours: different c= and l= of one message. Beyond: policy
inline constexpr size_t kDkimSignatureOctets =
    2048;  // ours: of b=, decoded; RSA with 4096 bits has 512, and 16384 bits are still named as such
inline constexpr size_t kDkimKeyText = 16384;      // ours: octets of one key record. Malformed
inline constexpr unsigned kDkimRsaBitsMin = 1024;  // RFC 8301 3.2: shorter keys never pass
inline constexpr unsigned kDkimRsaBitsMax = 4096;  // RFC 8301 3.2: what a verifier must take; ours: no more
inline constexpr unsigned kDkimRsaExponentBits = 64;  // ours: longer ones cost as much as signing does
inline constexpr auto kDkimClockSkew = 300s;          // ours, a setting: how far ahead of our clock t= may be

// --- DMARC (RFC 9989, RFC 9990) ---
inline constexpr size_t kDmarcWalkNames = 8;    // RFC 9989 4.10: names asked for one domain
inline constexpr size_t kDmarcWalkLabels = 7;   // 4.10 step 4: longer names are cut to so many labels
inline constexpr size_t kDmarcRecord = 16384;   // ours: octets of one record, all strings joined. As none
inline constexpr size_t kDmarcReportUris = 10;  // ours: of rua or ruf of one record; further ones are ignored
inline constexpr size_t kDmarcIdentifiers = 16;  // ours: domains that passed whose organization is looked up;
                                                 // further ones align only if they are equal
inline constexpr size_t kDmarcReportDomains = 10000;  // guessed: policy domains of one shard. Counted only
inline constexpr size_t kDmarcReportRows = 10000;     // guessed: rows of one report. Counted only
inline constexpr size_t kDmarcReportOctets =
    64 * 1024 * 1024;  // ours: of all rows of one shard; some 80000 rows. Counted only
inline constexpr size_t kDmarcReportSignatures = 100;  // RFC 9990 2.2: of one row
inline constexpr size_t kDmarcReportText = 1024;       // ours: octets of one value; cut
inline constexpr auto kDmarcReportDrainWait =
    5s;  // ours: for answers about destinations when the node ends; then they are as not given

// --- Result headers (W-21) ---
inline constexpr size_t kHeaderIdentity = 255;

// --- Operation ---
inline constexpr size_t kUnixSocketPath = 107;  // sockaddr_un (unix(7)), without its last octet
inline constexpr size_t kAdminRequestOctets =
    4096;                                   // ours: body of a request to the admin server; none is needed
inline constexpr size_t kAdminThreads = 4;  // ours: requests at once, for each of the two servers
inline constexpr auto kAdminWait = 5s;      // ours: for a request, and for the control thread's answer
inline constexpr auto kReloadWait = 10s;    // ours: until every shard has taken up a new policy
inline constexpr auto kStopGrace = 15s;     // ours: beyond kDrainWait; then the process ends by force
static_assert(kDmarcReportDrainWait + kDnsQuestionWait < kStopGrace);

// --- Policy document ---
inline constexpr size_t kPolicyDocument = 16 * 1024 * 1024;  // ours: octets of the file
inline constexpr size_t kPolicyErrors = 200;                 // ours: errors reported at once
inline constexpr size_t kPolicyDepth = 32;                   // ours: nesting of tables and arrays

}  // namespace sluice::limits
