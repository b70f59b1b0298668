#!/usr/bin/env bash
# Everything that has to pass before a change lands: lint, generated sources, a build without warnings, all tests, and
# no request that needs more instructions than recorded.
#
# SHARDKV_FUZZ_ITERATIONS=N makes the fuzz tests longer.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/requirements.sh
source scripts/requirements.sh
install_missing protoc-c:protobuf-c-compiler protoc:protobuf-compiler shellcheck:shellcheck make:make cc:gcc \
    valgrind:valgrind

echo "== lint" >&2
swift format lint --strict -r --configuration .swift-format Package.swift Sources Tests
shellcheck -x scripts/*.sh scripts/experiments/*.sh clients/python/tools/*.sh .ci/run

echo "== generated sources" >&2
scripts/generate-proto.sh --check
clients/python/tools/generate-proto.sh --check
python3 proto/conformance/generator --check

echo "== build" >&2
# The same options for building and testing, or the tests would build everything anew.
checks=(-Xswiftc -warnings-as-errors --explicit-target-dependency-import-check error)
swift build --build-tests "${checks[@]}"
# The tests of processes run the program that users run.
swift build -c release --product shardkv
SHARDKV_BINARY=$(swift build -c release --product shardkv --show-bin-path)/shardkv
export SHARDKV_BINARY

echo "== model" >&2
scripts/check-model.sh --quick

echo "== instructions per request" >&2
# A change that is meant to cost more records so: scripts/bench-instructions.sh --update
scripts/bench-instructions.sh --server-binary "$SHARDKV_BINARY"

echo "== Python client" >&2
scripts/test-python.sh

echo "== C client" >&2
make -C clients/c --silent check check-sanitizers
# valgrind takes some thirty times as long for the same.
SHARDKV_FUZZ_ITERATIONS=300 make -C clients/c --silent check-valgrind

echo "== simulation" >&2
scripts/simulate.sh --histories "${SHARDKV_SIMULATIONS:-300}" --seed 1

echo "== test" >&2
# Short chaos runs among them, and the rules left out that they have to notice.
export SHARDKV_CHAOS=1
export SHARDKV_FUZZ_ITERATIONS=${SHARDKV_FUZZ_ITERATIONS:-2000}
swift test "${checks[@]}"
