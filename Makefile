# Every cargo command covers the whole workspace: a build of one package alone resolves other features of the shared
# dependencies and recompiles dozens of them.
CARGO_FLAGS := --workspace --locked

# Nobody edits and rebuilds in CI, and nobody attaches a debugger there.
ifdef CI
export CARGO_INCREMENTAL := 0
export CARGO_PROFILE_DEV_DEBUG := 0
endif

.DEFAULT_GOAL := help
.PHONY: help build run demo test bench lint fmt lint-format lint-proto lint-chart lint-dependencies lint-house lint-clippy

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build everything
	cargo build $(CARGO_FLAGS)

run: build ## Start the whole mesh in one process, data in ./chappe-data
	target/debug/chappe up

demo: build ## Send real traffic through a temporary mesh and show what came out
	target/debug/chappe demo

test: ## Run all tests against a private PostgreSQL and Redis, and against SQLite
	scripts/backends.sh cargo test $(CARGO_FLAGS) --no-fail-fast

bench: ## Measure a release build beside what the machine can do
	cargo build $(CARGO_FLAGS) --release
	scripts/backends.sh target/release/bench

lint: lint-format lint-proto lint-chart lint-dependencies lint-house lint-clippy ## Run all checks, cheapest first

fmt: ## Format the Rust sources and the contracts
	cargo fmt --all
	scripts/buf.sh format

lint-format: ## Check the formatting of the Rust sources
	cargo fmt --all --check

lint-proto: ## Check the style, documentation and formatting of the contracts
	scripts/buf.sh

lint-chart: ## Check what the Helm chart renders
	scripts/helm.sh

lint-dependencies: ## Check licences, banned and duplicate crates
	scripts/deny.sh

lint-house: ## Check the rules of the house: sizes, layers, naming
	cargo test $(CARGO_FLAGS) --test it -- house::

lint-clippy: ## Check the Rust sources with clippy; warnings are errors
	cargo clippy $(CARGO_FLAGS) --all-targets -- -D warnings
