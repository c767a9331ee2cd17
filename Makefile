# svp: targets for building, trying and testing it. Each does one thing; the work is in .ci/.
# `make` alone lists them.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.DEFAULT_GOAL := help

.PHONY: help build prepare demo test unit lint fmt bench soak pack-test test-podman clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: ## build bin/svp
	@CGO_ENABLED=0 .ci/with-go go build -trimpath -tags urfave_cli_no_docs -ldflags '-s -w -X main.version=$(VERSION)' -o bin/svp ./cmd/svp

prepare: build ## make sure that a Docker host and the OS image are there; install them where that is ours to do
	@.ci/docker-host
	@.ci/os-image debian/12

demo: prepare ## start a PostgreSQL and ask it a question
	@.ci/demo

test: prepare ## run every test: unit, contract, command line, and integration on real Docker
	@.ci/with-go .ci/test

unit: ## run the tests that need no Docker
	@.ci/with-go .ci/unit

lint: ## check the Go code, the scripts and go.mod
	@.ci/with-go .ci/lint

fmt: ## format the Go code as `make lint` wants it
	@.ci/with-go .ci/golangci-lint fmt

bench: prepare ## measure svp against its targets
	@.ci/with-go go run ./integration/bench

soak: prepare ## make 500 random requests to two brokers that are killed again and again; SEED=N repeats a run
	@.ci/with-go go test ./integration -run '^TestBrokerSoak$$' -count=1 -timeout=60m -v -args -soak.operations=500 -soak.seed=$(or $(SEED),0)

pack-test: prepare ## live the whole life of every reference pack; the JUnit reports are in .cache/pack-test
	@.ci/pack-test

test-podman: build ## run the integration tests on Podman in place of Docker
	@.ci/with-go .ci/test-podman

clean: ## remove what the targets above made in this folder; images and instances stay
	@rm -rf bin .cache
