#!/usr/bin/env bash
# What reads meet when one of three replicas is in trouble, with each way of balancing in the same run: all are well, one is
# stopped for most of the time, one is stopped for good. Prints a table; about a minute, builds excluded.
#
#   scripts/bench-balancing.sh
#
# Options: --binary PATH   --seconds S [5]   --rate GETS_PER_SECOND [2000]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/shardkv-balancing.XXXXXX")
binary='' seconds=5 rate=2000
while [ $# -gt 0 ]; do
    case $1 in
    --binary) binary=$(realpath "$2") ;;
    --seconds) seconds=$2 ;;
    --rate) rate=$2 ;;
    *)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
        exit 2
        ;;
    esac
    shift 2
done
if [ -z "$binary" ]; then
    swift build -c release --package-path "$root" --product shardkv >&2
    binary=$root/.build/release/shardkv
fi

declare -A pid=()
helper=
clean_up() {
    local name
    [ -z "$helper" ] || kill "$helper" 2>/dev/null || true
    for name in "${!pid[@]}"; do
        kill -CONT "${pid[$name]}" 2>/dev/null || true
        kill -KILL "${pid[$name]}" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

mapfile -t ports < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(3)]
for one in sockets: one.bind(("127.0.0.1", 0))
for one in sockets: print(one.getsockname()[1])')
map=$work/map.json
cat >"$map" <<JSON
{"numShards": 8, "nodes": {
  "n1": {"address": "127.0.0.1", "port": ${ports[0]}},
  "n2": {"address": "127.0.0.1", "port": ${ports[1]}},
  "n3": {"address": "127.0.0.1", "port": ${ports[2]}}},
 "shards": {$(seq -f '"%.0f": ["n1", "n2", "n3"]' -s ', ' 8)}}
JSON
for node in n1 n2 n3; do
    "$binary" server --shardmap "$map" --node "$node" >"$work/$node.log" 2>&1 &
    pid[$node]=$!
done
"$binary" status --shardmap "$map" --wait-ready 30 >/dev/null

# run TROUBLE BALANCING [OPTION…]: a line of the table.
run() {
    local trouble=$1 balancing=$2 text
    shift 2
    text=$("$binary" stress --shardmap "$map" --get-qps "$rate" --set-qps 0 --no-check --qps-burst 200 \
        --max-pending 1000 --duration "${seconds}s" --balancing "$balancing" "$@" 2>/dev/null) || true
    awk -v trouble="$trouble" -v balancing="$balancing${*:+ $*}" '
        /^Get requests:/ { gets = $3 }
        /^Get latency us:/ { latency = $0; sub(/^Get latency us: /, "", latency) }
        /^Gets by node:/ { shares = $0; sub(/^Gets by node: /, "", shares) }
        END { printf "%-22s %-20s %s | %s | %s\n", trouble, balancing, gets, latency, shares }' <<<"$text"
}

# stop_for_most_of_the_time NODE: it runs for 1 of 20 milliseconds.
stop_for_most_of_the_time() {
    python3 - "${pid[$1]}" <<'PYTHON' &
import os, signal, sys, time
process = int(sys.argv[1])
while os.getppid() != 1:
    os.kill(process, signal.SIGSTOP)
    time.sleep(0.019)
    os.kill(process, signal.SIGCONT)
    time.sleep(0.001)
PYTHON
    helper=$!
}

run_all() {
    run "$1" round-robin
    run "$1" random
    run "$1" least-cost
    run "$1" least-cost --hedge
}

run_all 'all are well'
stop_for_most_of_the_time n3
run_all 'n3 runs 1 ms of 20'
kill "$helper"
wait "$helper" 2>/dev/null || true
helper=
kill -STOP "${pid[n3]}"
run_all 'n3 is stopped'
