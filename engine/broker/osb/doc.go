// Package osb holds the messages of the Open Service Broker API, version 2.17,
// as they go over the wire: what a platform sends is read strictly, what a broker
// answers is written with the names of the specification. It decides nothing.
package osb

// The headers of the specification.
const (
	HeaderVersion             = "X-Broker-API-Version"
	HeaderRequestIdentity     = "X-Broker-API-Request-Identity"
	HeaderOriginatingIdentity = "X-Broker-API-Originating-Identity"
)

// What a service needs the platform's permission for.
const (
	RequiresSyslogDrain     = "syslog_drain"
	RequiresRouteForwarding = "route_forwarding"
	RequiresVolumeMount     = "volume_mount"
)
