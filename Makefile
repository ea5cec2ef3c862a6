# Everything works with Go alone, except where a line says otherwise.
# The first time, `make check` builds its linter: about two minutes.

GO      ?= go
FUZZTIME ?= 20s
LINT     = $(GO) tool -modfile=tools/go.mod golangci-lint
# Packages whose tests hold golden files: they know the flag -update.
GOLDEN   = $(shell grep -rlE --include='*_test.go' 'x/exp/golden|flag.Bool..update' . | xargs -n1 dirname | sort -u)

.PHONY: help demo run build test race check lint fuzz golden cover deps clean

help:    ## this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo:    ## try the phone with no server and no sound card
	$(GO) run . demo

run:     ## the phone
	$(GO) run .

build:   ## ./ramble, static, stripped
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o ramble .

test:    ## every test, with the race detector where there is a C compiler
	@if scripts/can-race; then echo '$(GO) test -race ./...'; $(GO) test -race ./...; \
	else echo 'note: no C compiler here, so the race detector is left out (make deps installs one)'; $(GO) test ./...; fi

race:    ## every test with the race detector; fails without a C compiler
	CGO_ENABLED=1 $(GO) test -race ./...

check:   ## format, vet for three systems, a build without cgo, lint
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	GOOS=linux $(GO) vet ./...
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...
	CGO_ENABLED=0 $(GO) build ./...
	$(LINT) run ./...

lint:    ## the linter alone, see .golangci.yml
	$(LINT) run ./...

fuzz:    ## every fuzz target for FUZZTIME each
	scripts/fuzz $(FUZZTIME)

golden:  ## write golden files and generated documents anew; read the diff before you commit
	$(GO) test $(GOLDEN) -update

cover:   ## statement coverage by package
	$(GO) test -cover ./...

deps:    ## a C compiler for the race detector (apt, dnf, pacman or brew)
	scripts/deps

clean:   ## remove what was built
	rm -f ramble *.out *.test
