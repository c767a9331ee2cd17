# The file that bin/backup writes: a first line, the items, and a last line that
# shows that nothing is missing.
package Memcached::Dump;

use strict;
use warnings;

my $FIRST = "memcached-items 1\n";

sub new {
    my ($class, $file) = @_;
    binmode $file;
    print {$file} $FIRST or die "cannot write: $!\n";
    return bless { file => $file, count => 0, sum => 0 }, $class;
}

sub add {
    my ($self, $key, $flags, $expires, $value) = @_;
    my $item = sprintf("%d %d %d %d\n", length $key, $flags, $expires, length $value) . "$key$value\n";
    $self->{count}++;
    $self->{sum} = ($self->{sum} + checksum($item)) % 2**32;
    print { $self->{file} } $item or die "cannot write: $!\n";
    return;
}

sub finish {
    my ($self) = @_;
    print { $self->{file} } "end $self->{count} $self->{sum}\n" or die "cannot write: $!\n";
    close $self->{file} or die "cannot write: $!\n";
    return;
}

sub checksum {
    return unpack '%32C*', $_[0];
}

# parse returns the items of a file, as [key, flags, expires, value]; it dies
# unless the file is complete.
sub parse {
    my ($bytes) = @_;
    die "it is not a backup of memcached\n" if substr($bytes, 0, length $FIRST) ne $FIRST;
    pos($bytes) = length $FIRST;
    my ($sum, @items) = (0);
    while ($bytes =~ /\G(\d+) (\d+) (\d+) (\d+)\n/gc) {
        my ($start, $end) = ($-[0], pos($bytes) + $1 + $4 + 1);
        last if $end > length $bytes;
        push @items, [substr($bytes, $+[0], $1), $2, $3, substr($bytes, $+[0] + $1, $4)];
        $sum = ($sum + checksum(substr $bytes, $start, $end - $start)) % 2**32;
        pos($bytes) = $end;
    }
    $bytes =~ /\Gend (\d+) (\d+)\n\z/gc && $1 == @items && $2 == $sum
        or die "the backup is incomplete or damaged\n";
    return \@items;
}

1;
