# Everything works with Go alone, except where a line says otherwise.
# The first time, `make check` builds its linter: about two minutes.

GO      ?= go
FUZZTIME ?= 20s
SIMULATE ?= 1h
SEED     ?= $$(date +%s)
LINT     = $(GO) tool -modfile=tools/go.mod golangci-lint
# Sound by PortAudio needs C and its headers; where pkg-config finds them, the
# programs made here have it. The binding's use of an id as a pointer is not to
# the liking of what -race checks besides.
PORTAUDIO = $(shell scripts/can-race && pkg-config --exists portaudio-2.0 2>/dev/null && echo yes)
TAGS      = $(if $(PORTAUDIO),-tags portaudio)
CGO       = $(if $(PORTAUDIO),CGO_ENABLED=1,CGO_ENABLED=0)
NOCHECK   = -gcflags=github.com/gordonklaus/portaudio=-d=checkptr=0
# Packages whose tests hold golden files: they know the flag -update.
GOLDEN   = $(shell grep -rlE --include='*_test.go' 'x/exp/golden|flag.Bool..update' . | xargs -n1 dirname | sort -u)

.PHONY: help demo run build dead house test ci race sound check lint lab lab-shell matrix simulate bench-roam bench-media bench-calls fuzz golden cover pictures deps clean

help:    ## this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo:    ## try the phone with no server and no sound card
	@echo 'building; the first time takes a minute or two'
	$(CGO) $(GO) run $(TAGS) . demo

run:     ## the phone; its first start offers the demo or a set-up
	@echo 'building; the first time takes a minute or two'
	$(CGO) $(GO) run $(TAGS) .

build:   ## ./ramble, stripped; with PortAudio where its headers are (make deps), else static
	$(CGO) $(GO) build $(TAGS) -trimpath -ldflags '-s -w' -o ramble .
	@./ramble version

test:    ## the tests that need Go alone: two or three minutes; a test that is left out says so (-v)
	CI= $(GO) test ./...

ci:      ## all the rest: checks, every test with the race detector, the lab, sound cards (root; half an hour)
	$(MAKE) check
	CI=true $(MAKE) race
	$(MAKE) sound
	$(MAKE) build

race:    ## the same tests with the race detector, and with CI=true every test; fails without a C compiler
	CGO_ENABLED=1 $(GO) test -race -timeout 20m ./...

sound:   ## the tests of sound cards, with PortAudio; fails without it or PulseAudio (make deps)
	CI=true CGO_ENABLED=1 $(GO) vet -tags portaudio ./audio/device ./internal/app/cli
	CI=true CGO_ENABLED=1 $(GO) test -race -tags portaudio $(NOCHECK) ./audio/device

check:   ## format, vet for three systems, a build without cgo, dead code, lint
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	GOOS=linux $(GO) vet ./...
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...
	CGO_ENABLED=0 $(GO) build ./...
	scripts/dead
	$(LINT) run ./...

dead:    ## functions that main cannot reach, against scripts/dead.txt
	scripts/dead

house:   ## how the house stands, in figures: widest structs, locks, arrows, lines, size
	@$(GO) test . -count=1 -run 'TestHouse$$' -v -house -house.build

lint:    ## the linter alone, see .golangci.yml
	$(LINT) run ./...

lab:     ## real servers and phones in network namespaces: calls and moves of every kind (root; installs them)
	scripts/lab-packages.sh
	CI=true $(GO) test -count=1 -timeout 90m -v ./internal/proof/lab -lab.every -lab.far

matrix:  ## a thousand call repairs in the lab: every state, every move, every transport (root; four minutes)
	scripts/lab-packages.sh
	CI=true $(GO) test -count=1 -timeout 30m -v ./internal/proof/lab -run 'TestMatrix$$' -lab.repairs=1000

simulate: ## new random worlds for SIMULATE (1h), seeds from SEED (the clock); a failure is shrunk to a few lines
	$(GO) test -count=1 -timeout 0 -v ./internal/proof/simulate -run 'TestSimulate$$' -simulate.seed $(SEED) -simulate.for $(SIMULATE)

bench-roam: ## what a move costs ramble and other phones, written into docs/benchmarks.md (root; 20 to 40 minutes)
	scripts/lab-packages.sh
	rm -f bench-roam.jsonl
	CI=true $(GO) test -count=1 -timeout 90m ./internal/proof/lab -run 'TestBenchOthers|TestBenchOutage' -parallel 6 -lab.bench=$(CURDIR)/bench-roam.jsonl
	CI=true $(GO) test -count=1 -timeout 90m ./internal/proof/lab -run 'TestBenchRamble' -lab.bench=$(CURDIR)/bench-roam.jsonl
	$(GO) test -count=1 ./internal/proof/lab -run 'TestBenchReport' -lab.bench=$(CURDIR)/bench-roam.jsonl -lab.report=$(CURDIR)/docs/benchmarks.md
	$(GO) test -count=1 ./internal/app/cli -run 'TestReadmeFigures' -update

# In real time, so before everything else on the machine where that is permitted.
RAISED = $(shell [ "$$(nice -n -10 nice 2>/dev/null)" = -10 ] && echo nice -n -10)
bench-media: ## how ramble and baresip sound on bad networks, and many calls at once, written into docs/benchmarks.md (root; 15 minutes)
	scripts/lab-packages.sh
	dir=$$(mktemp -d) && $(GO) test -c -o $$dir/impair.test ./internal/proof/impair && cd internal/proof/impair && \
	$(RAISED) $$dir/impair.test -test.v -test.timeout 60m -test.run 'TestBench$$' -impair.bench=22s -impair.seeds=3 -impair.report=$(CURDIR)/docs/benchmarks.md && \
	$(RAISED) $$dir/impair.test -test.v -test.timeout 60m -test.run 'TestMany$$' -impair.many='50 200 500' -impair.report=$(CURDIR)/docs/benchmarks.md; \
	status=$$?; rm -rf $$dir; exit $$status

bench-calls: ## 200 and 500 calls at once, each with sound of its own, written into docs/benchmarks.md (root; three minutes)
	dir=$$(mktemp -d) && $(GO) test -c -o $$dir/impair.test ./internal/proof/impair && cd internal/proof/impair && \
	$(RAISED) $$dir/impair.test -test.v -test.timeout 20m -test.run 'TestCalls$$' -impair.calls='200 500' -impair.report=$(CURDIR)/docs/benchmarks.md; \
	status=$$?; rm -rf $$dir; exit $$status

lab-shell: ## a shell on the lab's phone, with a proxy and somebody to call (root)
	@scripts/lab-packages.sh
	@dir=$$(mktemp -d) && $(GO) test -c -o $$dir/lab.test ./internal/proof/lab && $$dir/lab.test -test.run '^TestShell$$' -lab.shell; rm -rf $$dir

fuzz:    ## every fuzz target for FUZZTIME each
	scripts/fuzz $(FUZZTIME)

golden:  ## write golden files and generated documents anew; read the diff before you commit
	$(GO) test $(GOLDEN) -update

cover:   ## statement coverage by package
	$(GO) test -cover ./...

pictures: ## docs/pictures anew, from the real demo (scripts/pictures/deps installs what it needs)
	scripts/pictures/shoot

deps:    ## a C compiler, PortAudio, and what the sound tests use (apt, dnf, pacman or brew)
	scripts/deps

clean:   ## remove what was built
	rm -f ramble *.out *.test
