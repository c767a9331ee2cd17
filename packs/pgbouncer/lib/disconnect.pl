# disconnect.pl USER SOCKET: ends the connections of the user's clients to
# PgBouncer, whose console is the socket.
#
# PgBouncer 1.18 can close all clients of a database, but not those of a user. To
# a successor of its own user, though, it hands over its connections (SHOW FDS). A
# connection that is shut down here has ended for PgBouncer, too, and it tidies up.
use strict;
use warnings;
use POSIX ();
use Socket;

my ($user, $path) = @ARGV;

# Perl itself cannot receive descriptors.
my %recvmsg = (x86_64 => 47, aarch64 => 212, riscv64 => 212, ppc64le => 342, s390x => 372);
my $machine = (POSIX::uname())[4];
my $recvmsg = $recvmsg{$machine} // die "unbind: the number of recvmsg on $machine is unknown\n";

socket(my $console, PF_UNIX, SOCK_STREAM, 0) or die "unbind: $!\n";
connect($console, pack_sockaddr_un($path)) or exit 0;    # it does not run, and so has no clients
my $received = '';

# receive reads on, and returns the descriptor that came along, if one did.
sub receive {
    my ($data, $control) = ('', '');
    vec($data, 65535, 8) = vec($control, 63, 8) = 0;    # makes room
    my $vector  = pack 'P L!', $data, length $data;
    my $message = pack 'L! L! P L! P L! l x4', 0, 0, $vector, 1, $control, length $control, 0;
    my $length  = syscall $recvmsg, fileno $console, $message, 0;
    die "unbind: PgBouncer's console: $!\n" if $length < 0;
    die "unbind: PgBouncer has closed its console\n" if $length == 0;
    $received .= substr $data, 0, $length;
    my $control_length = (unpack 'L! L! L! L! L! L!', $message)[5];
    return $control_length < 20 ? undef : (unpack 'L! l l l', $control)[3];
}

# next_message returns the type and the content of PostgreSQL's next message,
# and the descriptor that came with it.
sub next_message {
    my $descriptor;
    while (length $received < 5 or length $received < 1 + unpack 'x N', $received) {
        $descriptor = receive() // $descriptor;
    }
    my ($type, $length) = unpack 'a N', $received;
    my $content = substr $received, 5, $length - 4;
    substr $received, 0, 1 + $length, '';
    die "unbind: PgBouncer's console: $content\n" if $type eq 'E';
    return $type, $content, $descriptor;
}

sub wait_until_ready {
    my $type;
    do { ($type) = next_message() } until $type eq 'Z';
}

# columns returns the values of a row; one that is NULL has the length -1.
sub columns {
    my ($row) = @_;
    my ($count, $at, @values) = (unpack('n', $row), 2);
    for (1 .. $count) {
        my $length = unpack 'l>', substr $row, $at, 4;
        push @values, $length < 0 ? '' : substr $row, $at + 4, $length;
        $at += 4 + ($length < 0 ? 0 : $length);
    }
    return @values;
}

my $startup = pack 'N (Z*)4 x', 196608, 'user', 'pgbouncer', 'database', 'pgbouncer';
syswrite $console, pack 'N a*', 4 + length $startup, $startup;
wait_until_ready();
syswrite $console, pack 'a N Z*', 'Q', 4 + length "SHOW FDS\0", 'SHOW FDS';

while (my ($type, $content, $descriptor) = next_message()) {
    last if $type eq 'Z';
    next unless $type eq 'D' and defined $descriptor;
    my (undef, $task, $owner) = columns($content);
    open my $connection, '+<&=', $descriptor or die "unbind: $!\n";
    shutdown $connection, 2 if $task eq 'client' and $owner eq $user;
    close $connection;
}
