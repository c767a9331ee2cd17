package integration

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestRabbitMQ(t *testing.T) {
	testService(t, service{
		pack:      "rabbitmq",
		secret:    "RABBITMQ_PASSWORD",
		url:       "AMQP_URL",
		uninvited: []string{"amqp://app:@%s:5672/app", "amqp://guest:guest@%s:5672/", "amqp://guest:guest@%s:5672/app"},
		processes: []string{"beam.smp"},
		client: clientUse{
			program: "client.escript",
			args:    []string{"count", kept}, wantArgs: "1\n",
			stdin: "declare piped\npublish piped from a pipe\nget piped\ndelete piped\n", wantStdin: "from a pipe",
			failing: []string{"count", "no-such-queue"}, wantStatus: 1,
		},
		extra: map[string]extraUse{
			"status":      {want: "RabbitMQ version"},
			"queues":      {want: kept},
			"connections": {},
			"definitions": {want: `"` + kept + `"`},
			"plugins":     {want: "rabbitmq_management"},
			"sample":      {},
			"purge":       {test: testPurge},
			"ctl":         {args: []string{"list_vhosts"}, want: "app"},
		},
		connect: connectRabbitMQ,
		refused: refusedByRabbitMQ,
	})
}

// rabbitmqSession keeps each value as a message in a queue of its own.
type rabbitmqSession struct {
	conn    *amqp.Connection
	channel *amqp.Channel
}

func connectRabbitMQ(ctx context.Context, env map[string]string) (session, error) {
	config := amqp.Config{Locale: "en_US"}
	if deadline, ok := ctx.Deadline(); ok {
		config.Dial = amqp.DefaultDial(time.Until(deadline))
	}
	conn, err := amqp.DialConfig(env["AMQP_URL"], config)
	if err != nil {
		return nil, err
	}
	channel, err := conn.Channel()
	if err == nil {
		err = channel.Confirm(false)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return rabbitmqSession{conn, channel}, nil
}

func refusedByRabbitMQ(err error) bool {
	return oneOf(err, func(e *amqp.Error) bool { return e.Code == amqp.AccessRefused })
}

func (s rabbitmqSession) write(ctx context.Context, key, value string) error {
	if _, err := s.channel.QueueDeclare(key, true, false, false, false, nil); err != nil {
		return err
	}
	if _, err := s.channel.QueuePurge(key, false); err != nil {
		return err
	}
	confirmation, err := s.channel.PublishWithDeferredConfirmWithContext(ctx, "", key, true, false,
		amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(value)})
	if err != nil {
		return err
	}
	confirmed, err := confirmation.WaitContext(ctx)
	if err == nil && !confirmed {
		err = errors.New("the broker did not take the message")
	}
	return err
}

func (s rabbitmqSession) read(_ context.Context, key string) (value string, found bool, err error) {
	message, found, err := s.channel.Get(key, false)
	if oneOf(err, func(e *amqp.Error) bool { return e.Code == amqp.NotFound }) {
		return "", false, nil
	}
	if err != nil || !found {
		return "", false, err
	}
	return string(message.Body), true, message.Nack(false, true)
}

func (s rabbitmqSession) wipe(_ context.Context, keys ...string) error {
	for _, key := range keys {
		if _, err := s.channel.QueueDelete(key, false, false, false); err != nil {
			return err
		}
	}
	return nil
}

func (s rabbitmqSession) close() {
	_ = s.conn.Close() // what was to be done is done
}

// testPurge deletes the messages of a queue.
func testPurge(t *testing.T, i *serviceInstance) {
	i.write(t, later, "to be deleted")
	svp(t, "extra", i.name, "purge").Require(t, 2)
	i.requireValue(t, later, "to be deleted")
	svp(t, "extra", i.name, "purge", later).Require(t, 0)
	i.requireNothing(t, later)
	result := svp(t, "client", i.name, "--", "count", later).Require(t, 0)
	if count, err := strconv.Atoi(result.Stdout[:len(result.Stdout)-1]); err != nil || count != 0 {
		t.Errorf("messages after the purge: %s", result)
	}
}
