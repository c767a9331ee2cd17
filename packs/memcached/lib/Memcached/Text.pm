# The text protocol, which only this container reaches.
package Memcached::Text;

use strict;
use warnings;
use IO::Socket::INET;

# session returns a socket that is logged in.
sub session {
    open my $file, '<', '/run/memcached/users' or die "memcached does not run\n";
    chomp(my $credentials = <$file>);
    $credentials =~ tr/:/ /;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 11212, Timeout => 5)
        or die "cannot connect to memcached: $!\n";
    printf {$socket} "set login 0 0 %d\r\n%s\r\n", length $credentials, $credentials;
    $socket->flush;
    my $reply = <$socket> // 'nothing';
    die "memcached refuses to log in: $reply\n" if $reply !~ /^STORED/;
    return $socket;
}

# items returns the keys with the time at which they expire, 0 for never.
sub items {
    for (1 .. 100) {
        my $items = list_items();
        return $items if $items;
        select undef, undef, undef, 0.1; # somebody else is listing
    }
    die "memcached is busy listing its keys\n";
}

sub list_items {
    my $socket = session();
    print {$socket} "lru_crawler metadump all\r\n";
    $socket->flush;
    my %items;
    while (my $line = <$socket>) {
        return \%items if $line =~ /^END/;
        return if $line =~ /^BUSY/;
        my ($key, $expires) = $line =~ /^key=(\S+) exp=(-?\d+) /
            or die "memcached cannot list its keys: $line";
        $key =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
        $items{$key} = $expires > 0 ? $expires : 0;
    }
    die "memcached has closed the connection while listing its keys\n";
}

1;
