package envvar

// Placeholders fills the placeholders of one instance, as one consumer sees it.
type Placeholders struct {
	IP       string // %IP, the instance's address
	Hostname string // %HOSTNAME, its name on the network
	Name     string // %NAME
	// Port says where a container port is reached, for %PORT_<n>. A port that
	// it does not know, and every port when it is nil, is reached at its own
	// number.
	Port func(containerPort int) (int, bool)
}
