// Package lint looks for what is wrong with a pack: what breaks the contract, what
// gives a secret away, what serves everybody, what does not end, what cannot be
// packaged. It runs bin/query and nothing else of the pack, and needs no container
// host.
//
// Each finding has a code that stays, a place, a reason and a mend; [Rules] is the
// table, and a comment silences one of them on its line and on the next:
//
//	# svp-lint: ignore SVP021 the server forks by itself
//
//	SVP001  error    a required script is missing
//	SVP002  error    a script is not executable
//	SVP003  error    a script is no program
//	SVP004  error    Windows line ends
//	SVP005  error    an interpreter that is not there
//	SVP006  error    a file that no pack can hold
//	SVP007  error    servicepack.yaml is wrong
//	SVP008  error    an answer of bin/query is wrong
//	SVP009  error    a script that no shell can read
//	SVP010  warning  a file that cannot be packaged
//	SVP011  error    a secret in an argument
//	SVP012  error    a key or token in a file of the pack
//	SVP013  warning  a password in a file of the pack
//	SVP014  warning  a secret without quotes
//	SVP015  error    a secret in a URL that is not percent-encoded
//	SVP016  error    the environment uses a variable that is no secret
//	SVP017  warning  a secret that nothing uses
//	SVP018  warning  a script that traces what it does
//	SVP019  error    a service that listens without a password
//	SVP021  warning  bin/run ends with a child of the shell
//	SVP022  error    a component that bin/run does not know
//	SVP023  warning  ports without bin/health
//	SVP024  warning  a backup that nothing restores
//	SVP025  warning  bind without unbind, or unbind without bind
//	SVP026  warning  a backup without a volume
//	SVP027  warning  a script that nobody calls
//	SVP031  note     no coordinate
//	SVP041  warning  a comment that silences nothing
//	SVP042  note     a script that was not looked into
//	SC1000… as it is what shellcheck finds, where it is installed
//
// Scripts are read with a parser of the shell's own grammar, so that a secret is
// followed through variables, quotes and functions rather than guessed from lines.
package lint
