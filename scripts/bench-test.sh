#!/usr/bin/env bash
# Tests the benchmark tools themselves: the generator's parts, then the generator against real servers, right and wrong.
#
#   scripts/bench-test.sh [--server-binary PATH]     with a path, also against our own server
# shellcheck source=scripts/bench-common.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench-common.sh"

peers=(redis memcached echo)
if [ "${1:-}" = --server-binary ]; then
    server_binary=$(realpath "${2:?a path}")
    peers+=(ours)
fi
install_missing redis-server:redis-server memcached:memcached
build_tools

core=$root/Benchmarks/Sources/LoadGeneratorCore
cc -std=gnu17 -Wall -Wextra -Werror -g -fsanitize=address,undefined \
    -I"$core/include" -I"$root/Sources/CKeyValueProto/include" \
    "$root/Benchmarks/Tests/load_generator_tests.c" "$core"/*.c "$root/Sources/CKeyValueProto/kv.pb-c.c" \
    -lprotobuf-c -lm -o "$work/tests"
"$work/tests"

failures=0
# expect STATUS WORDS NAME ACTION OPTIONS…: the generator's exit status, and words in what it prints.
expect() {
    local expected=$1 words=$2 status=0 output
    shift 2
    output=$(generate "$@" 2>&1) || status=$?
    if [ "$status" != "$expected" ] || [[ $output != *"$words"* ]]; then
        note "FAILED: generate $*: status $status (expected $expected), printed: $output (expected: $words)"
        failures=$((failures + 1))
    fi
}

for name in "${peers[@]}"; do
    start_server "$name" 1
    expect 0 '"ops":1000,' "$name" load --keys 1000 --value-bytes 0-3000 --depth 16
    expect 0 '"errors":0' "$name" run --keys 1000 --value-bytes 0-3000 --depth 16 --seconds 0.2 --pid "${pid[$name]}"
    expect 0 '"server_cpu_us":' "$name" run --keys 1000 --value-bytes 0-3000 --get-percent 90 --distribution zipf \
        --depth 64 --seconds 0.2 --pid "${pid[$name]}"
    expect 0 '"ops":777,' "$name" run --keys 1000 --value-bytes 0-3000 --depth 7 --requests 777
    expect 0 '"rate":5000' "$name" run --keys 1000 --value-bytes 0-3000 --rate 5000 --seconds 0.2
    expect 0 '"connections":500' "$name" run --keys 1000 --value-bytes 0-3000 --connections 500 --seconds 0.2
    expect 0 '"ops":100,' "$name" load --keys 100 --value-bytes 65536 --depth 16 --ttl-ms 60000
    expect 0 '"errors":0' "$name" run --keys 100 --value-bytes 65536 --depth 16 --seconds 0.2
    if [ "$name" != echo ]; then
        # What is stored differs from what is expected, so every reply is wrong, and the run invalid.
        expect 1 'wrong length' "$name" run --keys 100 --value-bytes 65535 --requests 10
        expect 1 'not found' "$name" run --distribution sequential --first 5000 --requests 10
        expect 0 '"ops":50,' "$name" delete --stride 2 --keys 50
        expect 1 'not found' "$name" run --keys 100 --value-bytes 65536 --requests 100
        expect 0 '"ops":50,' "$name" run --distribution sequential --first 1 --stride 2 --value-bytes 65536 --requests 50
    fi
    kill -STOP "${pid[$name]}"
    expect 3 'time limit' "$name" run --requests 1 --time-limit 1
    kill -CONT "${pid[$name]}"
    stop_server "$name"
    expect 2 'Connection refused' "$name" run --requests 1
done

# The wrong protocol on a port is noticed.
start_server echo 1
protocol[echo]=resp
expect 2 'load-generator:' echo run --requests 1

pair() { printf '%s\t%s\t{"ops":10,"server_cpu_us":%s,"ops_per_second":5,"p99_us":1,"errors":%s}\t{"ops":10,"server_cpu_us":%s,"ops_per_second":5,"p99_us":1,"errors":0}\n' "$@"; }
report() { awk -f "$root/scripts/bench-report.awk"; }
for cell in 'GET 32B' 'SET 32B' 'GET 1KiB' 'SET 1KiB'; do
    for ours in 3 1 2; do pair "$cell P=16 C=16 T=1" redis "$ours" 0 4; done
done >"$work/pairs"
report <"$work/pairs" >"$work/report" || failures=$((failures + 1))
for words in '"ratio":0.5000,' '"ratio_min":0.2500,"ratio_max":0.7500' 'P=16  0.50 \[0.25-0.75\].*must reached'; do
    grep -q -e "$words" "$work/report" || {
        note "FAILED: the report lacks $words"
        failures=$((failures + 1))
    }
done
pair 'GET 32B P=1 C=16 T=1' redis 1 1 1 >>"$work/pairs"
if report <"$work/pairs" >"$work/report" || ! grep -q 'INVALID' "$work/report"; then
    note 'FAILED: an error does not make the report fail'
    failures=$((failures + 1))
fi

[ "$failures" = 0 ] || die "$failures tests failed"
note "generator, servers and report: all tests passed"
