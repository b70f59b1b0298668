#!/usr/bin/env bash
# Server CPU per request, throughput and latency, beside Redis, memcached and a plain echo server.
#
#   scripts/bench.sh --quick      under 3 minutes: GET and SET, 32 B and 1 KiB, 1, 16 and 64 requests in flight
#   scripts/bench.sh              under 20 minutes: also 64 KiB, more connections, Zipf keys, 2 threads, fixed rates
#
# Options: --only REGEX (of cell names)   --server-binary PATH (instead of building one)   --list (print the cells)
#          --rounds N, --seconds S (instead of the mode's)   --raw FILE (keep every single run)
#
# Within a cell, runs alternate ours, peer, ours, peer, …; a ratio is the median of the pairs' ratios. P is the requests
# in flight on each connection, C the connections, T the server's threads, R a fixed rate per second (open loop).
# Installs redis-server and memcached (apt, with sudo where not root) if they are missing; touches no service of theirs.
# Exit status: 0 measured, 1 some cell is invalid (a wrong reply), 2 could not measure.
# shellcheck source=scripts/bench-common.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench-common.sh"

mode=full only=. rounds='' seconds='' raw='' list=
arguments=("$@")
while [ $# -gt 0 ]; do
    case $1 in
    --quick) mode=quick ;;
    --list) list=1 ;;
    --only | --server-binary | --rounds | --seconds | --raw)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
        --only) only=$2 ;;
        --server-binary) server_binary=$(realpath "$2") ;;
        --rounds) rounds=$2 ;;
        --seconds) seconds=$2 ;;
        --raw) raw=$2 ;;
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
raw=${raw:-$work/pairs}

# A cell is one line: threads <tab> value bytes <tab> keys <tab> name <tab> the generator's options.
cell() { printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5"; }

# closed THREADS VALUE_BYTES SIZE_NAME KEYS CONNECTIONS DEPTH…
closed() {
    local threads=$1 bytes=$2 size=$3 keys=$4 connections=$5 depth
    shift 5
    for depth in "$@"; do
        cell "$threads" "$bytes" "$keys" "GET $size P=$depth C=$connections T=$threads" \
            "--get-percent 100 --connections $connections --depth $depth"
        cell "$threads" "$bytes" "$keys" "SET $size P=$depth C=$connections T=$threads" \
            "--get-percent 0 --connections $connections --depth $depth"
    done
}

cells() {
    local depth rate
    closed 1 32 32B 100000 16 1 16 64
    if [ "$mode" = full ]; then
        closed 1 32 32B 100000 64 1 16 64
        closed 1 32 32B 100000 1000 1 16 64
        for depth in 1 16 64; do
            cell 1 32 100000 "MIX90 32B Zipf P=$depth C=16 T=1" \
                "--get-percent 90 --distribution zipf --connections 16 --depth $depth"
        done
        for rate in 20000 50000; do
            cell 1 32 100000 "GET 32B R=$rate C=16 T=1" "--get-percent 100 --connections 16 --rate $rate"
        done
    fi
    closed 1 1024 1KiB 100000 16 1 16 64
    if [ "$mode" = full ]; then
        closed 1 65536 64KiB 2000 16 1 16 64
        closed 2 32 32B 100000 16 1 16 64
    fi
}

mapfile -t selected < <(cells | awk -F '\t' -v only="$only" '$4 ~ only')
[ ${#selected[@]} -gt 0 ] || die "no cell matches $only"
if [ -n "$list" ]; then
    printf '%s\n' "${selected[@]}" | cut -f 4
    exit 0
fi
if [ "$mode" = quick ]; then
    rounds=${rounds:-3} seconds=${seconds:-0.4} warmup=0.08
else
    rounds=${rounds:-5} seconds=${seconds:-0.6} warmup=0.12
fi

raise_priority "${BASH_SOURCE[0]}" "${arguments[@]}"
install_missing redis-server:redis-server memcached:memcached
build_tools
build_server
describe_machine
note "${#selected[@]} cells, $rounds rounds, windows of $seconds s"

servers=(ours redis memcached echo)
# run_once NAME OPTIONS…: one measured window. A run without a result counts as an error.
run_once() {
    local name=$1 line
    shift
    line=$(generate "$name" run --pid "${pid[$name]}" --seconds "$seconds" --warmup "$warmup" "$@" 2>"$work/error") || true
    if [ -z "$line" ]; then
        line="{\"errors\":1,\"first_error\":\"$(head -c 150 "$work/error" | tr -c 'A-Za-z0-9 :,_-' .)\"}"
        kill -0 "${pid[$name]}" 2>/dev/null || die "$name has ended; its last lines: $(tail -n 3 "$work/$name.log")"
    fi
    printf '%s' "$line"
}

started=$SECONDS
threads='' loaded=''
: >"$raw"
for ((number = 0; number < ${#selected[@]}; number++)); do
    IFS=$'\t' read -r cell_threads bytes keys name options <<<"${selected[number]}"
    read -ra options <<<"$options --value-bytes $bytes --keys $keys"
    if [ "$cell_threads" != "$threads" ]; then
        threads=$cell_threads loaded=''
        for server in "${servers[@]}"; do stop_server "$server"; done
        pin "$threads"
        for server in "${servers[@]}"; do start_server "$server" "$threads"; done
    fi
    if [ "$bytes" != "$loaded" ]; then
        loaded=$bytes
        for server in ours redis memcached; do
            generate "$server" load --keys "$keys" --value-bytes "$bytes" --depth 16 --time-limit 60 >"$work/load" ||
                die "loading $server failed: $(cat "$work/load")"
        done
    fi
    note "$((SECONDS - started)) s  $((number + 1))/${#selected[@]}  $name"
    for peer in redis memcached echo; do
        for ((round = 0; round < rounds; round++)); do
            ours=$(run_once ours "${options[@]}")
            theirs=$(run_once "$peer" "${options[@]}")
            printf '%s\t%s\t%s\t%s\n' "$name" "$peer" "$ours" "$theirs" >>"$raw"
        done
    done
done
note "measured in $((SECONDS - started)) s; load average now $(cut -d' ' -f1-3 /proc/loadavg)"
awk -f "$root/scripts/bench-report.awk" "$raw"
