# shellcheck shell=bash
# What the benchmark scripts share: peers, builds, servers on free loopback ports, and their end. To be sourced.
#
# A server here is one of: ours, redis, memcached, echo. Only processes that start_server started are ever ended.
# shellcheck disable=SC2034  # the sourcing scripts read these
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/requirements.sh
source "$root/scripts/requirements.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/shardkv-bench.XXXXXX")
generator=$root/Benchmarks/.build/release/load-generator
echo_server=$root/Benchmarks/.build/release/echo-server
server_binary=

declare -A protocol=([ours]=kv [redis]=resp [memcached]=memcached [echo]=echo)
declare -A pid=() port=()
# Put before a command, they pin it; empty = not pinned.
on_server_core=()
on_generator_core=()

note() { printf '%s\n' "$*" >&2; }
die() {
    note "error: $*"
    exit 2
}

stop_server() {
    local process=${pid[$1]:-}
    [ -n "$process" ] || return 0
    unset "pid[$1]"
    kill -TERM "$process" 2>/dev/null || true
    for _ in $(seq $((${stop_seconds:-5} * 20))); do
        kill -0 "$process" 2>/dev/null || break
        sleep 0.05
    done
    kill -KILL "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
}

clean_up() {
    local name
    for name in "${!pid[@]}"; do stop_server "$name"; done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# Runs this script again in a session of its own with the highest scheduling priority, where that is permitted: the
# kernel shares the CPU between sessions before it looks at nice values.
raise_priority() {
    [ -z "${SHARDKV_BENCH_SESSION:-}" ] || return 0
    [ -e /proc/self/autogroup ] && [ "$(id -u)" = 0 ] && command -v setsid >/dev/null || return 0
    trap - EXIT
    rm -rf "$work"
    # The child raises the priority of its own, new session, not of the user's.
    SHARDKV_BENCH_SESSION=1 setsid -w bash -c \
        'echo -19 2>/dev/null >/proc/self/autogroup || true; exec bash "$@"' bash "$@" &
    local child=$!
    trap 'kill -TERM -- "$child" 2>/dev/null' INT TERM HUP
    local status=0
    wait "$child" || status=$?
    # A signal ends the first wait early; the second one waits for the child's own tidying up.
    wait "$child" 2>/dev/null || true
    exit "$status"
}

# Builds one tool of the Benchmarks package.
build_product() {
    note "building $1"
    swift build -c release --package-path "$root/Benchmarks" --product "$1" >"$work/build.log" 2>&1 || {
        cat "$work/build.log" >&2
        die "$1 does not build"
    }
}

build_tools() {
    build_product load-generator
    build_product echo-server
}

# Builds the server, unless the user named one.
build_server() {
    if [ -z "$server_binary" ]; then
        note "building the server"
        swift build -c release --package-path "$root" --product shardkv >"$work/build.log" 2>&1 || {
            cat "$work/build.log" >&2
            die "the server does not build"
        }
        server_binary=$root/.build/release/shardkv
    fi
    [ -x "$server_binary" ] || die "no server at $server_binary"
}

# The cores that this process may use, one a line.
allowed_cores() {
    awk '/^Cpus_allowed_list:/ {
        count = split($2, ranges, ",")
        for (range = 1; range <= count; range++) {
            bounds = split(ranges[range], bound, "-")
            for (core = bound[1]; core <= bound[bounds]; core++) print core
        }
    }' /proc/self/status
}

# The server on one core (or, for two threads, on two), the generator on another.
pin() {
    local threads=$1 cores
    mapfile -t cores < <(allowed_cores)
    on_server_core=()
    on_generator_core=()
    if ! command -v taskset >/dev/null || [ ${#cores[@]} -lt 2 ]; then
        note "note: fewer than two cores (or no taskset): server and generator are not pinned, and share"
    elif [ "$threads" = 1 ]; then
        on_server_core=(taskset -c "${cores[0]}")
        on_generator_core=(taskset -c "${cores[1]}")
    elif [ ${#cores[@]} -gt "$threads" ]; then
        on_server_core=(taskset -c "$(IFS=,; echo "${cores[*]:0:threads}")")
        on_generator_core=(taskset -c "${cores[threads]}")
    fi
}

# How many shards our server has.
shards=8

# write_shardmap FILE PORT SHARDS FIRST LAST: one node that hosts the shards FIRST…LAST. Replaces the file at once.
write_shardmap() {
    printf '{"numShards": %d, "nodes": {"n1": {"address": "127.0.0.1", "port": %d}}, "shards": {%s}}\n' \
        "$3" "$2" "$(seq -f '"%.0f": ["n1"]' -s ', ' "$4" "$5")" >"$1.new"
    mv "$1.new" "$1"
}

# start_server NAME THREADS: sets pid[NAME] and port[NAME]; ready when it returns. $wrapper goes before ours.
wrapper=()
start_server() {
    local name=$1 threads=$2 command=() attempt deadline
    for attempt in 1 2 3; do
        port[$name]=$("$generator" free-port)
        case $name in
        ours)
            local map=$work/shardmap.json
            write_shardmap "$map" "${port[ours]}" "$shards" 1 "$shards"
            command=("${wrapper[@]}" "$server_binary" server --shardmap "$map" --node n1 --threads "$threads")
            ;;
        redis)
            command=(redis-server --port "${port[redis]}" --bind 127.0.0.1 --save '' --appendonly no --dir "$work")
            ;;
        memcached)
            # As root it insists on a user to become.
            command=(memcached -l 127.0.0.1 -p "${port[memcached]}" -t "$threads" -m "${memcached_megabytes:-4096}")
            [ "$(id -u)" != 0 ] || command+=(-u "$(id -un)")
            ;;
        echo) command=("$echo_server" --port "${port[echo]}") ;;
        esac
        # Redis and memcached take no more connections than the descriptors they may have.
        (
            ulimit -n "$(ulimit -Hn)"
            exec "${on_server_core[@]}" "${command[@]}"
        ) >"$work/$name.log" 2>&1 &
        pid[$name]=$!
        deadline=$((SECONDS + ${start_seconds:-10}))
        while kill -0 "${pid[$name]}" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do
            "$generator" wait --protocol "${protocol[$name]}" --port "${port[$name]}" --seconds 0.5 2>/dev/null || continue
            # If it is not ours that answers, ours has ended, or is about to: somebody else took the port meanwhile.
            ! kill -0 "${pid[$name]}" 2>/dev/null || return 0
        done
        stop_server "$name"
        note "$name did not start (attempt $attempt):"
        head -n 20 "$work/$name.log" >&2
    done
    die "$name does not start"
}

# generate NAME COMMAND [OPTIONS]: runs the generator against a server; prints its line of JSON.
generate() {
    local name=$1 action=$2
    shift 2
    "${on_generator_core[@]}" "$generator" "$action" --protocol "${protocol[$name]}" --port "${port[$name]}" "$@"
}

describe_machine() {
    note "machine: $(awk -F': *' '/^model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) cores, kernel $(uname -r)"
    note "peers: $(redis-server --version | awk '{ print $1, $3 }'), $(memcached --version)"
    note "load average: $(cut -d' ' -f1-3 /proc/loadavg); CPU pressure: $(head -n 1 /proc/pressure/cpu 2>/dev/null || echo unknown)"
}
