# shellcheck shell=bash disable=SC2034 # used by the scripts that source it
# What several scripts need.

folder=/var/lib/tinykv

# set_login USER sets the password of a user to what is on stdin. The file holds a
# hash: any byte may be part of a password, and nobody can read it there.
set_login() {
    local new
    new=$(mktemp "$folder/logins/.new.XXXXXX")
    perl -e '
        my $password = do { local $/; <STDIN> };
        open my $random, "<", "/dev/urandom" or die "open /dev/urandom: $!\n";
        read $random, my $bytes, 16;
        my @letters = ("a" .. "z", "A" .. "Z", 0 .. 9, ".", "/");
        my $salt = join "", map { $letters[ord($_) % 64] } split //, $bytes;
        my $hash = crypt $password, "\$6\$$salt\$";
        die "this cannot be a password\n" if !defined $hash || $hash !~ /^\$6\$/;
        print "$hash\n";
    ' > "$new"
    chown service:service "$new"
    sync "$new"
    mv "$new" "$folder/logins/$1"
    sync "$folder/logins"
}
