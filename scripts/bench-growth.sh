#!/usr/bin/env bash
# How the cost of a request grows with keys, connections, shards and value sizes, and what a thousand shards that leave
# or come at once do to the others.
#
#   scripts/bench-growth.sh [--quick] [--pictures FOLDER] [--rounds N] [--seconds S] [--server-binary PATH]
#
# Each line is JSON; --pictures also writes the curves as SVG. --quick ends the curves early: a look, not a figure.
# shellcheck source=scripts/bench-common.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench-common.sh"

key_counts='10000 100000 1000000 10000000' connection_counts='16 64 256 1000 4000 10000'
shard_counts='8 64 512 4096' value_sizes='64 1024 16384 262144 1048576 4194304 16777216'
seconds=3 rounds=3 pictures=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) key_counts='10000 100000 1000000' connection_counts='16 256 4000' seconds=1 rounds=1 ;;
    --pictures | --rounds | --seconds | --server-binary)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
        --pictures) pictures=$2 ;;
        --rounds) rounds=$2 ;;
        --seconds) seconds=$2 ;;
        --server-binary) server_binary=$(realpath "$2") ;;
        esac
        shift
        ;;
    -h | --help)
        sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//;p}' "$0"
        exit 0
        ;;
    *) die "unknown option $1; see --help" ;;
    esac
    shift
done
build_tools
build_server
describe_machine
pin 1
# A server and a generator with 10,000 connections each.
ulimit -n "$(ulimit -Hn)"

points=$work/points
: >"$points"
field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }
load() { generate ours load "$@" >"$work/load" || die "loading failed: $(cat "$work/load")"; }

# point CURVE X SERIES GET_PERCENT OPTIONS…: the median of the CPU microseconds per request.
point() {
    local curve=$1 x=$2 series=$3 percent=$4 round
    shift 4
    for ((round = 0; round < rounds; round++)); do
        generate ours run --pid "${pid[ours]}" --get-percent "$percent" --seconds "$seconds" "$@" >"$work/run" ||
            die "$curve at $x: $(cat "$work/run")"
        field server_cpu_us <"$work/run"
    done | sort -n >"$work/values"
    local median
    median=$(sed -n "$((rounds / 2 + 1))p" "$work/values")
    printf '{"curve":"%s","x":%s,"series":"%s","cpu_us":%s,"lowest_us":%s,"highest_us":%s}\n' \
        "$curve" "$x" "$series" "$median" "$(head -n 1 "$work/values")" "$(tail -n 1 "$work/values")"
    printf '%s\t%s\t%s\t%s\n' "$curve" "$series" "$x" "$median" >>"$points"
}

note "keys"
start_server ours 1
loaded=0
for keys in $key_counts; do
    load --first "$loaded" --keys $((keys - loaded)) --depth 64
    loaded=$keys
    point keys "$keys" 'GET, P = 16' 100 --keys "$keys" --depth 16
    point keys "$keys" 'SET, P = 16' 0 --keys "$keys" --depth 16
done
stop_server ours

note "connections"
start_server ours 1
load --keys 100000 --depth 16
for connections in $connection_counts; do
    warmup=$(awk "BEGIN { print 0.2 + $connections / 4000 }")
    point connections "$connections" 'GET, P = 1' 100 --keys 100000 --connections "$connections" --warmup "$warmup"
    point connections "$connections" 'SET, P = 1' 0 --keys 100000 --connections "$connections" --warmup "$warmup"
done
stop_server ours

note "shards"
for shards in $shard_counts; do
    start_server ours 1
    load --keys 1000000 --depth 64
    point shards "$shards" 'GET, P = 16' 100 --keys 1000000 --depth 16
    point shards "$shards" 'SET, P = 16' 0 --keys 1000000 --depth 16
    stop_server ours
done
shards=8

note "value sizes"
start_server ours 1
for bytes in $value_sizes; do
    keys=$(((64 << 20) / bytes))
    if [ "$keys" -gt 10000 ]; then keys=10000; fi
    if [ "$keys" -lt 16 ]; then keys=16; fi
    load --keys "$keys" --value-bytes "$bytes" --depth 1 --connections 4
    point 'value bytes' "$bytes" GET 100 --keys "$keys" --value-bytes "$bytes" --depth 1 --connections 4
    point 'value bytes' "$bytes" SET 0 --keys "$keys" --value-bytes "$bytes" --depth 1 --connections 4
done
stop_server ours

note "a thousand of 4,096 shards leave and come at once"
shards=4096
start_server ours 1
load --keys 1000000 --depth 64
# others: the latencies of requests at a fixed rate. Those for shards that left are refused, which is an answer too.
others() { generate ours run --rate 20000 --get-percent 90 --keys 1000000 --seconds 4 || true; }
others >"$work/before"
for change in drop gain; do
    others >"$work/during" &
    watcher=$!
    sleep 1
    first=1
    if [ "$change" = drop ]; then first=1001; fi
    write_shardmap "$work/shardmap.json" "${port[ours]}" "$shards" "$first" "$shards"
    wait "$watcher"
    printf '{"cell":"%s 1000 of %d shards","p99_us_before":%s,"p99_us_during":%s,"p999_us_before":%s,' \
        "$change" "$shards" "$(field p99_us <"$work/before")" "$(field p99_us <"$work/during")" \
        "$(field p999_us <"$work/before")"
    printf '"p999_us_during":%s,"max_us_before":%s,"max_us_during":%s,"refused":%s}\n' \
        "$(field p999_us <"$work/during")" "$(field max_us <"$work/before")" "$(field max_us <"$work/during")" \
        "$(field errors <"$work/during")"
done
stop_server ours
shards=8

if [ -n "$pictures" ]; then
    mkdir -p "$pictures"
    cut -f1 "$points" | sort -u | while IFS= read -r curve; do
        awk -F'\t' -v curve="$curve" -f "$root/scripts/bench-curve.awk" "$points" >"$pictures/growth-${curve// /-}.svg"
    done
    note "pictures in $pictures"
fi
