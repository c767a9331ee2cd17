package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// loaded is what came of many requests.
type loaded struct {
	took    sample // sorted
	elapsed time.Duration
	size    int // of an answer, without its header
}

func (l loaded) rate() float64 { return float64(len(l.took)) / l.elapsed.Seconds() }

// percentile is the time within which so many per cent of the answers came.
func (l loaded) percentile(percent int) time.Duration {
	return l.took[max(0, (len(l.took)*percent+99)/100-1)]
}

// load asks for the catalog over connections that stay open.
func (s *broker) load(ctx context.Context, connections int, duration time.Duration) (loaded, error) {
	basic := base64.StdEncoding.EncodeToString([]byte(brokerUser + ":" + s.password))
	return load(ctx, s.address, "/v2/catalog", "Authorization: Basic "+basic+"\r\nX-Broker-API-Version: 2.17\r\n", connections, duration)
}

// load asks a server for the same over connections that stay open. The requests
// are bytes that are ready, and of the answers no more is read than it takes to
// tell where they end: the clients share the server's processors, and are to be
// no larger a part of what is measured than those of a load tool in C.
func load(ctx context.Context, address, path, header string, connections int, duration time.Duration) (loaded, error) {
	request := "GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\n" + header + "\r\n"
	results := make([]loaded, connections)
	errs := make([]error, connections)
	start := time.Now()
	var group sync.WaitGroup
	for i := range connections {
		group.Go(func() { results[i], errs[i] = loadOne(ctx, address, []byte(request), start.Add(duration)) })
	}
	group.Wait()
	all := loaded{elapsed: time.Since(start), size: results[0].size}
	for _, result := range results {
		all.took = append(all.took, result.took...)
	}
	if err := errors.Join(errs...); err != nil {
		return all, err
	}
	slices.Sort(all.took)
	return all, nil
}

// loadOne is one client.
func loadOne(ctx context.Context, address string, request []byte, end time.Time) (loaded, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return loaded{}, err
	}
	defer connection.Close()
	if err := connection.SetDeadline(end.Add(time.Minute)); err != nil {
		return loaded{}, err
	}
	answers := bufio.NewReaderSize(connection, 64<<10)
	var result loaded
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		if _, err := connection.Write(request); err != nil {
			return result, err
		}
		if result.size, err = skipAnswer(answers); err != nil {
			return result, err
		}
		answered := time.Now()
		result.took = append(result.took, answered.Sub(now))
		now = answered
	}
	return result, ctx.Err()
}

// skipAnswer reads an answer of status 200, and returns its size.
func skipAnswer(answers *bufio.Reader) (size int, err error) {
	size = -1
	for number := 0; ; number++ {
		line, err := answers.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		text := strings.TrimSuffix(string(line), "\r\n")
		if number == 0 && !strings.HasPrefix(text, "HTTP/1.1 200 ") {
			return 0, fmt.Errorf("the server answers %q", text)
		}
		if text == "" {
			break
		}
		if length, found := strings.CutPrefix(text, "Content-Length: "); found {
			if size, err = strconv.Atoi(length); err != nil {
				return 0, err
			}
		}
	}
	if size < 0 {
		return 0, errors.New("the server does not say how long its answer is")
	}
	_, err = answers.Discard(size)
	return size, err
}
