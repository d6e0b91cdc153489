#!/usr/bin/perl
# Mail::DKIM as a peer of signatures.py: lines on standard input, an answer for each on standard output.
#
#   verify ID FILE                         ID ok | ID bad WHY       the topmost DKIM-Signature
#   sign ID FILE OUT CANONICALIZATION      likewise
#   chain ID FILE                          ID pass|fail|none WHY    the ARC chain
#   seal ID FILE OUT HOST CHAIN            ID ok | ID bad WHY       CHAIN: what an earlier validation said
#
# Arguments: a file of keys ("selector._domainkey.domain record" a line), an RSA PEM file, the domain, the
# selector. It has RSA only: for Ed25519 it needs a module that Debian does not have.
use strict;
use warnings;
use Mail::DKIM::ARC::Signer;
use Mail::DKIM::ARC::Verifier;
use Mail::DKIM::Signer;
use Mail::DKIM::Verifier;

my ($key_file, $pem, $domain, $selector) = @ARGV;
my %keys;
open(my $keys, '<', $key_file) or die "$key_file: $!";
while (<$keys>) { chomp; my ($name, $record) = split / /, $_, 2; $keys{lc $name} = $record; }

{
    package KeyRecord;
    sub new { my ($class, $text) = @_; return bless { text => $text }, $class; }
    sub type { return 'TXT'; }
    sub char_str_list { return ($_[0]{text}); }
    sub txtdata { return $_[0]{text}; }
    sub rdatastr { return $_[0]{text}; }
}
{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query = sub {
        my $record = $keys{ lc $_[0] };
        if (!defined $record) { $@ = 'NXDOMAIN'; return (); }
        return (KeyRecord->new($record));
    };
}

sub slurp { my ($path) = @_; local $/; open(my $file, '<:raw', $path) or die "$path: $!"; return scalar <$file>; }

sub put {
    my ($path, @parts) = @_;
    open(my $file, '>:raw', $path) or die "$path: $!";
    print $file @parts;
    close $file;
}

# Fields that it made: lines end in CRLF on the wire, whatever it writes.
sub wire { my ($text) = @_; $text =~ s/\r?\n/\r\n/g; $text =~ s/(\r\n)*\z/\r\n/; return $text; }

sub verify {
    my ($file) = @_;
    my $verifier = Mail::DKIM::Verifier->new;
    $verifier->PRINT(slurp($file));
    $verifier->CLOSE;
    my ($first) = $verifier->signatures;
    my $result = $first ? $first->result : $verifier->result;
    return $result eq 'pass' ? 'ok' : "bad $result " . ($first ? $first->result_detail : '');
}

sub sign {
    my ($file, $out, $canonicalization) = @_;
    my $text = slurp($file);
    my $signer = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => $canonicalization, Domain => $domain,
        Selector => $selector, KeyFile => $pem);
    $signer->PRINT($text);
    $signer->CLOSE;
    put($out, wire($signer->signature->as_string), $text);
    return 'ok';
}

sub chain {
    my ($file) = @_;
    my $verifier = Mail::DKIM::ARC::Verifier->new(Strict => 1);
    $verifier->PRINT(slurp($file));
    $verifier->CLOSE;
    my $result = $verifier->result;
    return ($result eq 'pass' || $result eq 'none' ? $result : 'fail') . ' ' . ($verifier->{details} || '');
}

sub seal {
    my ($file, $out, $host, $chain) = @_;
    my $text = slurp($file);
    # It builds the set from the Authentication-Results of its own host.
    my $results = "Authentication-Results: $host; arc=$chain; spf=pass smtp.mailfrom=$domain\r\n";
    my $signer = Mail::DKIM::ARC::Signer->new(Algorithm => 'rsa-sha256', Domain => $domain, SrvId => $host,
        Selector => $selector, KeyFile => $pem, Chain => $chain);
    $signer->PRINT($results . $text);
    $signer->CLOSE;
    return 'bad ' . ($signer->{details} || $signer->result || '') if $signer->result ne 'sealed';
    put($out, (map { wire($_) } reverse $signer->as_strings), $results, $text);
    return 'ok';
}

$| = 1;
print "ready rsa\n";
my %verbs = (verify => \&verify, sign => \&sign, chain => \&chain, seal => \&seal);
while (<STDIN>) {
    chomp;
    my ($verb, $id, @arguments) = split / /;
    my $answer = eval { $verbs{$verb}->(@arguments) };
    $answer = 'bad died: ' . $@ if !defined $answer;
    $answer =~ s/[\r\n]+/ /g;
    print "$id $answer\n";
}
