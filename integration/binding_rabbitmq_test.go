package integration

import (
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestRabbitMQBindings(t *testing.T) {
	testBindings(t, service{
		pack: "rabbitmq", secret: "RABBITMQ_PASSWORD", url: "AMQP_URL", processes: []string{"beam.smp"},
		connect: connectRabbitMQ, refused: refusedByRabbitMQ,
		also: func(t *testing.T, i *serviceInstance) {
			testQueueRights(t, i)
			testQuorumQueueInFingerprint(t, i)
		},
	})
}

// testQueueRights wants a consumer to have the virtual host of the instance and no
// other, and what it made there to stay.
func testQueueRights(t *testing.T, i *serviceInstance) {
	env := svp(t, "bind", i.name, "rights").Env(t)
	conn, err := amqp.Dial(env["AMQP_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := channel.ExchangeDeclare("news", amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
		t.Error(err)
	}
	if _, err := channel.QueueDeclare("readers", true, false, false, false, nil); err != nil {
		t.Error(err)
	}
	if err := channel.QueueBind("readers", "#", "news", false, nil); err != nil {
		t.Error(err)
	}
	svp(t, "extra", i.name, "ctl", "add_vhost", "other").Require(t, 0)
	other := strings.TrimSuffix(env["AMQP_URL"], "/app") + "/other"
	if opened, err := amqp.Dial(other); err == nil {
		_ = opened.Close() // it should not be open
		t.Errorf("a consumer gets into another virtual host")
	}
	// As a command that was killed leaves it.
	svp(t, "extra", i.name, "ctl", "delete_user", "bind_rights").Require(t, 0)
	svp(t, "unbind", i.name, "rights").Require(t, 0)
	definitions := svp(t, "extra", i.name, "definitions").Require(t, 0).Stdout
	if strings.Contains(definitions, "bind_rights") || !strings.Contains(definitions, `"news"`) || !strings.Contains(definitions, `"readers"`) {
		t.Errorf("want what the consumer made to be left, and not its user: %s", definitions)
	}
}

// testQuorumQueueInFingerprint wants each message to be counted at once: the server's
// own figures of quorum queues are some seconds old.
func testQuorumQueueInFingerprint(t *testing.T, i *serviceInstance) {
	fingerprint := func() string { return svp(t, "shell", i.name, "--", "bin/fingerprint").Require(t, 0).Stdout }
	svp(t, "client", i.name, "--", "declare", "elections", "quorum").Require(t, 0)
	before := fingerprint()
	svp(t, "client", i.name, "--", "publish", "elections", "a vote").Require(t, 0)
	published := fingerprint()
	if published == before {
		t.Error("a message in a quorum queue does not change the fingerprint")
	}
	svp(t, "restart", i.name).Require(t, 0)
	if again := fingerprint(); again != published {
		t.Errorf("after a restart the fingerprint is %q in place of %q", again, published)
	}
	svp(t, "client", i.name, "--", "delete", "elections").Require(t, 0)
}
