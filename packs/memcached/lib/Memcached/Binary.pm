# The binary protocol, logged in by SASL as any consumer is.
package Memcached::Binary;

use strict;
use warnings;
use IO::Socket::INET;

use constant {
    GET       => 0x00,
    SET       => 0x01,
    FLUSH     => 0x08,
    SASL_AUTH => 0x21,
};
use constant { OK => 0, NOT_FOUND => 1 };

sub new {
    my ($class, $password) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 11211, Timeout => 5)
        or die "cannot connect to memcached: $!\n";
    my $self = bless { socket => $socket }, $class;
    $self->send(SASL_AUTH, 'PLAIN', '', "\0memcached\0$password");
    my ($status, $message) = $self->receive;
    die "memcached refuses to log in: $message\n" if $status != OK;
    return $self;
}

# send queues nothing: many requests may be sent before their replies are read,
# as long as requests or replies are short.
sub send {
    my ($self, $opcode, $key, $extras, $value) = @_;
    print { $self->{socket} } pack('CCnCCnNNNN', 0x80, $opcode, length $key, length $extras, 0, 0,
        length($key) + length($extras) + length($value), 0, 0, 0), $extras, $key, $value
        or die "cannot write to memcached: $!\n";
    return;
}

# receive returns the status, the value and the extras of the next reply.
sub receive {
    my ($self) = @_;
    $self->{socket}->flush;
    my (undef, undef, $key_length, $extras_length, undef, $status, $length) =
        unpack 'CCnCCnN', $self->read_bytes(24);
    my $body = $self->read_bytes($length);
    return ($status, substr($body, $extras_length + $key_length), substr($body, 0, $extras_length));
}

sub read_bytes {
    my ($self, $length) = @_;
    my $bytes = '';
    while (length $bytes < $length) {
        read $self->{socket}, $bytes, $length - length $bytes, length $bytes
            or die "memcached has closed the connection\n";
    }
    return $bytes;
}

1;
