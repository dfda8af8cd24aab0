# The few commands of this repository; each first installs what it needs.

# Rust's installer puts its programs here; the shell may be older, and a
# distribution's Rust too.
export PATH := $(if $(CARGO_HOME),$(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

.PHONY: demo demo-two demo-blue-green test test-all histories torture backfill-model bench lint lint-release lint-pipelines docs fuzz package setup

setup:
	@scripts/setup

## The story of a deployment that is ready before its index is built.
demo:
	@scripts/setup --runtime
	@examples/concurrent-index/demo

## The story of two pull requests that meet while an index is building.
demo-two:
	@scripts/setup --runtime
	@examples/two-pull-requests/demo

## Old and new code behind HAProxy: when the new one is sent its customers.
demo-blue-green:
	@scripts/setup
	@examples/blue-green/demo

## All tests, on one server for the whole run (SEGUE_TEST_PG_BIN chooses it).
test: setup
	@cargo build --quiet --package migrate-at-start
	@cargo test --doc --quiet --workspace
# A third of their time they wait for something: one more than there are processors.
	@scripts/with-server --in-memory cargo nextest run --workspace --no-fail-fast --test-threads "$$(($$(nproc) + 1))"

## The tests on PostgreSQL 14 to 18, more generated files, and some fuzzing.
test-all: setup
	@scripts/test-all

## Kills segue and its server in the middle of everything; POINTS=all, SEED=7.
torture: setup
	@scripts/torture $(POINTS) $(SEED)

## A million writes beside backfills that are killed, paused and taken up; OPERATIONS=…, SEED=7.
backfill-model: setup
	@SEGUE_MODEL_OPERATIONS=$(or $(OPERATIONS),1000000) $(if $(SEED),SEGUE_MODEL_SEED=$(SEED)) \
		cargo test --quiet --test database model::after_any_course -- --nocapture

## Migrations of well-known programs, applied by segue and by psql.
histories: setup
	@scripts/histories

## The figures, beside psql in the same run.
bench: setup
	@scripts/bench

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --no-default-features -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck -x $(filter-out %.py,$(wildcard scripts/*)) .ci/run examples/*/demo examples/*/apps/*/* \
		examples/pipelines/*/deploy examples/pipelines/github-actions/install-segue examples/pipelines/psql/wait-ready; fi

## What cannot run here: workflows, Dockerfile, SBOM, licences.
lint-release: setup
	@scripts/lint-release

## The pipelines of examples/, by the published schemas and the programs they are for.
lint-pipelines: setup
	@scripts/lint-pipelines

## What a release gives away, for this machine or TARGET, in target/dist.
package: setup
	@scripts/package $(TARGET)

docs: setup
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace

## Looks for inputs that break the statement splitter; FUZZ_SECONDS=60.
fuzz: setup
	@scripts/fuzz
