package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	brokerUser = "bench"
	// brokerStart is how long a broker may take to read its packs.
	brokerStart = 2 * time.Minute
	// brokerGrace is how long one may take to end.
	brokerGrace = time.Minute
	brokerPoll  = 10 * time.Millisecond
)

// broker is a running svp broker, and a platform that knows it.
type broker struct {
	command  *exec.Cmd
	ended    chan struct{}
	failure  error  // when it has ended
	log      string // a file
	address  string
	password string
	client   *http.Client
	services map[string]service
}

// service is what a platform has to know of one: its id and that of its first
// plan.
type service struct{ id, plan string }

// brokerStore is a new file for what a broker keeps.
func (b *bench) brokerStore() string { return filepath.Join(b.work, b.name("store")+".db") }

// startBroker starts a broker that offers the packs of the folders, and waits
// until it serves.
func (b *bench) startBroker(ctx context.Context, store string, folders []string, flags ...string) (*broker, error) {
	args := []string{"broker", "--packs", strings.Join(folders, ","), "--listen", "127.0.0.1:0", "--store", store}
	s := &broker{
		command: b.svpCommand(ctx, append(args, flags...)...), password: rand.Text(), ended: make(chan struct{}),
		log:    filepath.Join(b.work, b.name("broker")+".log"),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: concurrency}},
	}
	s.command.Env = append(s.command.Env, "SVP_BROKER_USERNAME="+brokerUser, "SVP_BROKER_PASSWORD="+s.password)
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	s.command.Stderr = log
	err = s.command.Start()
	if err = errors.Join(err, log.Close()); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.ended)
		s.failure = s.command.Wait()
	}()
	if err := s.awaitAddress(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.learn(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// listenAddress finds in the log where the broker listens.
var listenAddress = regexp.MustCompile(`\baddr=(\S+)`)

func (s *broker) awaitAddress(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, brokerStart)
	defer cancel()
	again := time.NewTicker(brokerPoll)
	defer again.Stop()
	for {
		text, err := os.ReadFile(s.log)
		if err != nil {
			return err
		}
		if found := listenAddress.FindSubmatch(text); found != nil {
			s.address = string(found[1])
			return nil
		}
		select {
		case <-again.C:
		case <-s.ended:
			return errors.New("the broker has ended before it served")
		case <-ctx.Done():
			return fmt.Errorf("wait for the broker: %w", ctx.Err())
		}
	}
}

// stop ends the broker, and waits until it has ended.
func (s *broker) stop() error {
	s.client.CloseIdleConnections()
	// The context's end has told it already, maybe.
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.AfterFunc(brokerGrace, func() { _ = s.command.Process.Kill() }) // it may have ended
	defer late.Stop()
	<-s.ended
	if s.failure == nil {
		return nil
	}
	text, err := os.ReadFile(s.log)
	return errors.Join(fmt.Errorf("svp broker: %w: %s", s.failure, lastLines(string(text))), err)
}

// learn reads the catalog.
func (s *broker) learn(ctx context.Context) error {
	answer, err := s.do(ctx, http.MethodGet, "/v2/catalog", nil, nil)
	if err != nil {
		return err
	}
	var catalog struct {
		Services []struct {
			ID, Name string
			Plans    []struct{ ID string }
		}
	}
	if err := json.Unmarshal(answer.body, &catalog); err != nil {
		return fmt.Errorf("read the catalog: %w", err)
	}
	s.services = map[string]service{}
	for _, found := range catalog.Services {
		s.services[found.Name] = service{found.ID, found.Plans[0].ID}
	}
	return nil
}

// brokerAnswer is what the broker answered.
type brokerAnswer struct {
	status     int
	retryAfter string
	body       []byte
}

// do sends a request as a platform does. An answer of an error is one here too.
func (s *broker) do(ctx context.Context, method, path string, query url.Values, body any) (brokerAnswer, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return brokerAnswer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path+"?"+query.Encode(), bytes.NewReader(text))
	if err != nil {
		return brokerAnswer{}, err
	}
	request.SetBasicAuth(brokerUser, s.password)
	request.Header.Set("X-Broker-API-Version", "2.17")
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return brokerAnswer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: status %d: %s", method, path, response.StatusCode, content)
	}
	return brokerAnswer{response.StatusCode, response.Header.Get("Retry-After"), content}, err
}
