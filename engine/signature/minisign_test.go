package signature_test

// What the minisign command made: minisign -G -W, minisign -S, minisign -S -l.
const (
	minisignMessage   = "signed by minisign"
	minisignKey       = "RWRC2BEiutZBwjzmtzZSE7+FFHmcu0RaP3XHAwiqUKInclJ+nGHEsIGp"
	minisignSignature = `untrusted comment: signature from minisign secret key
RURC2BEiutZBwpaXAW5/Pv3tCb4yQZOfcOAgZSsXfHDVzXig11qoccpp8ZM+dCTJMUhLAyRvT6ckgDgmXCDqloKvp+lMz/yFDwU=
trusted comment: timestamp:1795649732	file:m	hashed
03D/c9E1YZ2A2MJ6HvSC6tsSaDgZ+OjAYSnEv2wYfZDe3QneuxPluLZcfYUy8LpMNlE6mtd79FpV3+tAsUbCDQ==
`
	minisignLegacy = `untrusted comment: signature from minisign secret key
RWRC2BEiutZBwpYN0fuitWicKO/heQdYdUpsS87pWgBpZmPkUKmYXpXRAR3z+Dgw8PJo5zOy/6a5wSCYqqfu98oYjP7urcRN1QM=
trusted comment: timestamp:1795649732	file:m
6Pj99nSp5oLpYt7+IRNHvoOfhfO7Jhzz/exkyPBjyr7Yhf8pFUt2i86JFph1Wl0U0MQ+v4RUjEA7NRFOureXBg==
`
)
