#!/usr/bin/env bash
# Builds ShardKV and runs a cluster on this machine: one server for every node of a shard map.
#
#   scripts/run-cluster.sh SHARDMAP [-- SERVER-OPTION…]
#
# Prints "ready" once every node serves all its shards. Ctrl-C or SIGTERM stops the servers, each after its drain, and
# exits 0. If a server does not start, says why, stops the others and exits 1. A server that ends later is reported
# and the others go on: a cluster outlives a node.
#
# SHARDKV_BINARY=PROGRAM runs that program instead of building one.
set -euo pipefail

root=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.." && pwd)
# shellcheck source=scripts/requirements.sh
source "$root/scripts/requirements.sh"

case ${1:-} in
"" | -*) fail "usage: scripts/run-cluster.sh SHARDMAP [-- SERVER-OPTION…]" ;;
esac
map=$1
shift
if [ $# -gt 0 ]; then
    [ "$1" = -- ] || fail "unexpected argument $1; options for the servers go after --"
    shift
fi

if [ -n "${SHARDKV_BINARY:-}" ]; then
    shardkv=$SHARDKV_BINARY
else
    # shellcheck disable=SC2119
    install_missing
    build=(swift build --package-path "$root" -c release --product shardkv)
    "${build[@]}" >&2
    shardkv=$("${build[@]}" --show-bin-path)/shardkv
fi

names=$("$shardkv" shardmap show --nodes "$map")
[ -n "$names" ] || fail "$map has no nodes"
logs=$(mktemp -d "${TMPDIR:-/tmp}/shardkv-cluster.XXXXXX")

# Signals only set this; the loops below look at it.
stopping=
trap 'stopping=1' INT TERM HUP

# The servers that run: process id → node.
declare -A servers=()

log_of() { echo "$logs/${1//\//_}.log"; }

# Standard error for what the script itself reports. While servers run, bash's own is shut: it would tell there of each
# process that a signal ended.
exec 3>&2

# Why a server ended with CODE: the signal that killed it (code 128 + signal), or what its log says: the last error in it,
# after which a usage may follow, else its last line.
last_words() { # NODE CODE
    local log
    log=$(log_of "$1")
    if [ "$2" -gt 128 ] && kill -l "$2" >/dev/null 2>&1; then
        echo "killed by SIG$(kill -l "$2")"
    else
        grep -i '^error:' "$log" | tail -n 1 | grep . || tail -n 1 "$log"
    fi
}

# A pause that a signal ends.
pause() {
    sleep "$1" &
    wait $! || true
}

# Reports the servers that ended, and forgets them; fails if there are any.
check_servers() {
    local process code status=0
    for process in "${!servers[@]}"; do
        if ! kill -0 "$process" 2>/dev/null; then
            code=0
            wait "$process" || code=$?
            echo "${servers[$process]} ended with code $code: $(last_words "${servers[$process]}" "$code")" >&3
            unset "servers[$process]"
            status=1
        fi
    done
    return $status
}

# Waits until all nodes serve; fails, having said why, if a server ends or 30 s pass.
await_ready() {
    local waiter
    "$shardkv" status --shardmap "$map" --wait-ready 30 >"$logs/status" 2>&1 &
    waiter=$!
    while kill -0 $waiter 2>/dev/null; do
        if [ -n "$stopping" ] || ! check_servers; then
            kill $waiter 2>/dev/null || true
            return 1
        fi
        pause 0.1
    done
    if ! wait $waiter; then
        tail -n 1 "$logs/status" >&3
        return 1
    fi
    # A port that another process holds answers too: our own servers must still be there.
    check_servers
}

stop_servers() {
    local process waited=0
    # Another signal must not leave servers behind.
    trap '' INT TERM HUP
    for process in "${!servers[@]}"; do
        # A process that was stopped takes a SIGTERM only when it goes on.
        kill -TERM "$process" 2>/dev/null || true
        kill -CONT "$process" 2>/dev/null || true
    done
    for process in "${!servers[@]}"; do
        while kill -0 "$process" 2>/dev/null; do
            if [ $waited -eq 600 ]; then
                echo "${servers[$process]} does not stop; killing the rest" >&3
                kill -KILL "${!servers[@]}" 2>/dev/null || true
            fi
            pause 0.1
            waited=$((waited + 1))
        done
    done
}

while IFS= read -r name; do
    # In a session of its own, so that Ctrl-C reaches this script alone, which then stops all servers.
    setsid "$shardkv" server --shardmap "$map" --node="$name" "$@" >"$(log_of "$name")" 2>&1 </dev/null &
    servers[$!]=$name
done <<<"$names"

if ! await_ready 2>/dev/null; then
    stop_servers 2>/dev/null
    [ -z "$stopping" ] || exit 0
    fail "the cluster did not start; the servers' logs are in $logs"
fi

cat <<END
ready

The servers' logs are in $logs. Try, in another terminal:

  export SHARDKV_SHARDMAP=$(realpath "$map")
  $shardkv set greeting hello
  $shardkv get greeting
  $shardkv status
  $shardkv stress --duration 10s

Ctrl-C stops the cluster.
END
while [ -z "$stopping" ]; do
    check_servers || true
    pause 1
done 2>/dev/null
stop_servers 2>/dev/null
