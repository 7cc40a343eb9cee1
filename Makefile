# The doors of the house; `make help` names them.
#
# Everything is built in one profile, release, into one target directory outside the clone, so that nothing is compiled
# twice: not between `make demo` and `make test`, and not between two clones.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/godwit
export CARGO_TARGET_DIR ?= $(CACHE)/target
VENV ?= $(CURDIR)/.venv

BINARY := $(CARGO_TARGET_DIR)/release/godwit
PHASE := tests/phase
CARGO := cargo
GO := go
DBAPI := $(VENV)/flightsql-dbapi
MAVEN := mvn --batch-mode --quiet --file tests/jdbc/pom.xml

# The tests' packages need Python 3.11 or later.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)

.PHONY: help
help: ## name these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 20
	@echo
	@echo "build directory: $(CARGO_TARGET_DIR)"

.PHONY: demo
demo: build ## build the server, make TPC-H data once, serve it on 127.0.0.1:8815
	@exec "$(BINARY)" demo

.PHONY: build
build: ## build the server
	@$(PHASE) "build the server" $(CARGO) build --release --locked --workspace --bins

.PHONY: test
test: tests-ready test-rust test-clients ## every test: Rust's own, then real clients against the real server

.PHONY: test-rust
test-rust: ## Rust's own tests
	@$(PHASE) "Rust tests" $(CARGO) test --release --locked --workspace

# After the Rust tests, because what those compile is most of what the server needs.
.PHONY: test-clients
test-clients: tests-ready $(if $(filter test,$(MAKECMDGOALS)),| test-rust) ## real clients against the real server
	@$(MAKE) --no-print-directory build
	@GODWIT_TEST_BINARY="$${GODWIT_TEST_BINARY:-$(BINARY)}" \
		$(PHASE) "client tests" "$(VENV)/bin/python" -m pytest -p no:cacheprovider tests $(PYTEST_FLAGS)

.PHONY: lint
lint: ## formatting and clippy, warnings are errors
	@$(PHASE) "formatting" $(CARGO) fmt --all --check
	@$(PHASE) "clippy" $(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

.PHONY: check
check: lint ## lint, then test
	@$(MAKE) --no-print-directory test

# Two hundred rounds of kill -9 under writers, and the judge's workload of thousands of statements; `make test` runs a few.
.PHONY: crash
crash: tests-ready build ## many rounds of kill -9 under writers, and a long workload that DuckDB judges
	@GODWIT_TEST_BINARY="$${GODWIT_TEST_BINARY:-$(BINARY)}" GODWIT_CRASH_ROUNDS="$${GODWIT_CRASH_ROUNDS:-200}" \
		GODWIT_JUDGE_STATEMENTS="$${GODWIT_JUDGE_STATEMENTS:-4000}" "$(VENV)/bin/python" -m pytest -p no:cacheprovider \
		tests/test_lake_crash.py tests/test_lake_duckdb.py -o faulthandler_timeout=3600 $(PYTEST_FLAGS)

# Clients of every kind, killed at random, so many seconds; afterwards the server must hold what it held before.
SOAK_SECONDS ?= 600
.PHONY: soak
soak: tests-ready build ## clients of every kind for SOAK_SECONDS=600, some killed; nothing may be left of them
	@GODWIT_TEST_BINARY="$${GODWIT_TEST_BINARY:-$(BINARY)}" "$(VENV)/bin/python" tests/soak/run.py --seconds "$(SOAK_SECONDS)" \
		$(SOAK_FLAGS)

# libFuzzer over the decoders that meet bytes of clients, so many seconds each. It starts from what earlier runs found, the
# corpus, which `make fuzz-corpus` packs again without what adds nothing.
FUZZ_SECONDS ?= 60
FUZZ_TOOLS := $(CARGO_TARGET_DIR)/fuzz-tools
FUZZ := env PATH="$(FUZZ_TOOLS)/bin:$$PATH" CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)/fuzz" $(CARGO) +nightly fuzz
FUZZ_TARGETS := commands sealed authorization uploads
.PHONY: fuzz
fuzz: $(FUZZ_TOOLS)/bin/cargo-fuzz tests/fuzz/corpus/unpacked ## fuzz what decodes bytes of clients, FUZZ_SECONDS=60 each
	@for target in $(FUZZ_TARGETS); do \
		$(PHASE) "fuzz $$target" $(FUZZ) run --fuzz-dir tests/fuzz "$$target" -- \
			-max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 -verbosity=0; done

.PHONY: fuzz-corpus
fuzz-corpus: $(FUZZ_TOOLS)/bin/cargo-fuzz tests/fuzz/corpus/unpacked
	@for target in $(FUZZ_TARGETS); do $(PHASE) "corpus of $$target" $(FUZZ) cmin --fuzz-dir tests/fuzz "$$target"; done
	@tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --exclude=unpacked \
		-C tests/fuzz -cJf tests/fuzz/corpus.tar.xz corpus

tests/fuzz/corpus/unpacked: tests/fuzz/corpus.tar.xz
	@tar -C tests/fuzz -xJf $<
	@touch $@

$(FUZZ_TOOLS)/bin/cargo-fuzz:
	@$(PHASE) "nightly compiler" rustup toolchain install nightly --profile minimal --no-self-update
	@$(PHASE) "cargo-fuzz" $(CARGO) install --locked --root "$(FUZZ_TOOLS)" cargo-fuzz

.PHONY: matrix
matrix: tests-ready ## write the client matrix anew: docs/clients.md and the table of the README
	@GODWIT_TEST_BLESS=1 "$(VENV)/bin/python" -m pytest -q -p no:cacheprovider tests/matrix/test_cells.py

# Godwit and its peers side by side, on the binary that GODWIT_BENCH_BINARY names, else on the one that is built. Measure on
# a machine that does nothing else. BENCH_FLAGS="--only lineitem tpch" measures a part.
BENCH_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/godwit/bench
BENCH_PYTHON = benches/install "$(BENCH_CACHE)" "$(PYTHON)" && "$(BENCH_CACHE)/clients/bin/python"
BENCH_ON = --binary "$${GODWIT_BENCH_BINARY:-$(BINARY)}" --cache "$(BENCH_CACHE)"
BENCH_BUILD := $(if $(GODWIT_BENCH_BINARY),,build)
.PHONY: bench
bench: $(BENCH_BUILD) ## measure Godwit beside its peers, half an hour on 2 cores; writes benches/results
	@$(BENCH_PYTHON) benches/run.py $(BENCH_ON) $(BENCH_FLAGS)
	@$(PYTHON) benches/docs.py

.PHONY: bench-quick
bench-quick: $(BENCH_BUILD) ## the same with little data in five minutes, to see that it works
	@$(BENCH_PYTHON) benches/run.py $(BENCH_ON) --quick $(BENCH_FLAGS)

.PHONY: bench-profile
bench-profile: $(BENCH_BUILD) ## system calls and functions of the server in the weakest measures; writes benches/results/profile.md
	@$(BENCH_PYTHON) benches/profiles.py $(BENCH_ON) $(BENCH_FLAGS)

.PHONY: bench-instructions
bench-instructions: $(BENCH_BUILD) ## record how many instructions the server spends on small queries, which a test compares with
	@$(BENCH_PYTHON) benches/instructions.py --binary "$${GODWIT_BENCH_BINARY:-$(BINARY)}" $(BENCH_FLAGS)

.PHONY: bench-docs
bench-docs: ## put the stored figures into README.md and docs/performance.md
	@$(PYTHON) benches/docs.py

# What the client tests need beside the server: their Python packages, the clients in Java and in Go, a browser and its
# packages, an OpenID provider, what stands in for the public images under the container's.
.PHONY: tests-ready
tests-ready: $(VENV)/installed $(DBAPI)/installed tests/jdbc/target/installed tests/matrix/go/target/installed
tests-ready: tests/browser/node_modules/installed tests/oidc/node_modules/installed
tests-ready: $(CACHE)/debian-bookworm.tar tests/deploy/target/installed
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
		|| { echo "the tests need Chromium and its driver, Debian's packages chromium and chromium-driver" >&2; exit 1; }
	@command -v tmux >/dev/null || { echo "the tests need tmux, Debian's package tmux" >&2; exit 1; }
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
		|| { echo "the tests need PostgreSQL, Debian's package postgresql" >&2; exit 1; }
	@command -v callgrind_control >/dev/null || { echo "the tests need valgrind, Debian's package valgrind" >&2; exit 1; }

	@{ command -v buildah && { command -v runc || test -x /usr/sbin/runc; } && command -v systemd-analyze; } >/dev/null \
		|| { echo "the tests need buildah, runc and systemd-analyze, Debian's packages buildah, runc and systemd" >&2; exit 1; }

# One archive for all clones.
$(CACHE)/debian-%.tar: | tests/tools/debian-base
	@$(PHASE) "Debian for the container" tests/tools/debian-base "$*" "$@"

$(VENV)/installed: tests/requirements.txt
	@test -n "$(PYTHON)" || { echo "the tests need Python 3.11 or later with its venv module" >&2; exit 1; }
	@$(PHASE) "Python packages" bash -c '$(PYTHON) -m venv --clear "$(VENV)" \
		&& "$(VENV)/bin/pip" install --quiet --disable-pip-version-check --requirement tests/requirements.txt \
		&& "$(VENV)/bin/pip" check'
	@touch $@

# Beside the other packages, because it needs another SQLAlchemy than they do.
$(DBAPI)/installed: tests/matrix/requirements.txt $(VENV)/installed
	@$(PHASE) "flightsql-dbapi" bash -c 'rm -rf "$(DBAPI)" && "$(VENV)/bin/pip" install --quiet --disable-pip-version-check \
		--no-deps --target "$(DBAPI)" --requirement tests/matrix/requirements.txt'
	@touch $@

tests/matrix/go/target/installed: $(shell find tests/matrix/go -name '*.go' -o -name 'go.*' 2>/dev/null)
	@$(GO) -C tests/matrix/go version 2>/dev/null | grep -qE 'go1\.(2[5-9]|[3-9][0-9])' \
		|| { echo "the tests need Go 1.25 or later" >&2; exit 1; }
	@$(PHASE) "Go clients" $(GO) -C tests/matrix/go build -o target/ ./clients ./grafana
	@touch $@

# Helm, and the library that `docker compose` reads its files with.
tests/deploy/target/installed: $(shell find tests/deploy -name '*.go' -o -name 'go.*' 2>/dev/null)
	@$(PHASE) "Helm and compose" $(GO) -C tests/deploy build -ldflags='-s -w' -o target/ ./compose helm.sh/helm/v3/cmd/helm
	@touch $@

tests/jdbc/target/installed: tests/jdbc/pom.xml $(shell find tests/jdbc/src -name '*.java' 2>/dev/null)
	@command -v java >/dev/null && command -v mvn >/dev/null || { echo "the tests need a JDK (17 or later) and Maven" >&2; exit 1; }
	@$(PHASE) "Java clients" bash -c '$(MAVEN) --offline process-classes >/dev/null 2>&1 || $(MAVEN) process-classes'
	@touch $@

tests/%/node_modules/installed: tests/%/package.json tests/%/package-lock.json
	@command -v npm >/dev/null || { echo "the tests need Node.js with npm" >&2; exit 1; }
	@$(PHASE) "packages of tests/$*" npm ci --prefix tests/$* --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
