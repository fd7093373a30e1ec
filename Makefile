# `make` alone lists what there is.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)
export CGO_ENABLED ?= 0

.PHONY: help build demo test check race lint fuzz sim load update bench bench-gateway clients test-clouds clean

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

build: ## Build bin/skein.
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/skein ./cmd/skein

demo: build ## The guided tour (CLOUD=aws, azure or gcp; REAL=1: real models and, with CLOUD, real services; DRY=1: say what that costs).
	bin/skein demo $(if $(CLOUD),--cloud $(CLOUD)) $(if $(REAL),--real) $(if $(DRY),--dry-run)

test: ## All tests.
	$(GO) test ./...

race: ## All tests under the race detector.
	CGO_ENABLED=1 $(GO) test -race ./...

lint: ## Format, vet, staticcheck, generated files, known vulnerabilities.
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted; run gofmt -w on:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	@$(GO) tool govulncheck ./... || { code=$$?; test $$code -ne 3 || exit 1; echo "govulncheck: its database cannot be reached; skipped"; }

check: lint race ## Everything that must hold before a change lands.

fuzz: ## Fuzz every decoder for FUZZTIME each (10s).
	@./bench/fuzz.sh $(or $(FUZZTIME),10s)

sim: ## The seeded simulation, SEEDS of them (10000).
	SKEIN_SIM_SEEDS=$(or $(SEEDS),10000) $(GO) test ./internal/engine/sim ./internal/dispatch/sim -count=1 -timeout 60m -v

load: ## 1,000 streams for a minute while the two providers behind them are killed in turn; prints the figures.
	SKEIN_LOAD=1 $(GO) test ./internal/load -count=1 -timeout 10m -v

update: ## Write goldens and generated docs anew; review the diff.
	$(GO) test ./... -update

bench: ## Benchmarks of every package, with allocations.
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-gateway: build ## Mock upstream, ReverseProxy and Skein side by side in one run.
	$(GO) run ./bench/gateway

test-clouds: ## Tests against real stand-ins of cloud services (needs python3; more with node, java, gcloud).
	python3 test/clouds/run.py $(CLOUDS)

clients: ## The field's real clients, unmodified, with every kind of provider (needs python3, node, the package index).
	python3 test/clients/run.py $(CLIENTS)

clean: ## Remove what was built, and the demo's folder.
	rm -rf bin demo-data
