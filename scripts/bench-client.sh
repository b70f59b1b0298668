#!/usr/bin/env bash
# The Swift client: throughput, latency and its own CPU per operation at 1, 16, 64 and 256 concurrent callers on one
# connection, beside redis-benchmark and, where asked for, unary calls of grpc-swift-2. Prints a table, then one line of
# JSON per cell: medians of the rounds, and the least and the greatest CPU per operation.
#
#   scripts/bench-client.sh                    about two minutes, builds excluded
#   scripts/bench-client.sh --with-grpc        also builds and measures Benchmarks/GRPCPeer (minutes more)
#
# Options: --server-binary PATH   --client-binary PATH   --only REGEX   --rounds N [3]   --seconds S [1]
# shellcheck source=scripts/bench-common.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench-common.sh"

client_binary='' with_grpc='' only=. rounds=3 seconds=1
arguments=("$@")
while [ $# -gt 0 ]; do
    case $1 in
    --with-grpc) with_grpc=1 ;;
    --server-binary | --client-binary | --only | --rounds | --seconds)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
        --server-binary) server_binary=$(realpath "$2") ;;
        --client-binary) client_binary=$(realpath "$2") ;;
        --only) only=$2 ;;
        --rounds) rounds=$2 ;;
        --seconds) seconds=$2 ;;
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
raise_priority "${BASH_SOURCE[0]}" "${arguments[@]}"
install_missing redis-server:redis-server redis-benchmark:redis-tools
build_tools
build_server
if [ -z "$client_binary" ]; then
    build_product client-benchmark
    client_binary=$root/Benchmarks/.build/release/client-benchmark
fi
grpc_peer=$root/Benchmarks/GRPCPeer/.build/release/grpc-peer
if [ -n "$with_grpc" ]; then
    note "building the gRPC peer"
    swift build -c release --package-path "$root/Benchmarks/GRPCPeer" >"$work/build.log" 2>&1 || {
        cat "$work/build.log" >&2
        die "the gRPC peer does not build"
    }
fi
note "machine: $(awk -F': *' '/^model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) cores, kernel $(uname -r)"
note "load average: $(cut -d' ' -f1-3 /proc/loadavg)"
pin 1

# start_nodes COUNT: that many nodes which all host all shards; sets `map`.
start_nodes() {
    local count=$1 number nodes='' names=''
    for number in $(seq "$count"); do
        port[n$number]=$("$generator" free-port)
        nodes+="${nodes:+, }\"n$number\": {\"address\": \"127.0.0.1\", \"port\": ${port[n$number]}}"
        names+="${names:+, }\"n$number\""
    done
    map=$work/shardmap-$count.json
    printf '{"numShards": 8, "nodes": {%s}, "shards": {%s}}\n' \
        "$nodes" "$(seq -f "\"%.0f\": [$names]" -s ', ' 8)" >"$map"
    for number in $(seq "$count"); do
        "${on_server_core[@]}" "$server_binary" server --shardmap "$map" --node "n$number" --threads 1 \
            >"$work/n$number.log" 2>&1 &
        pid[n$number]=$!
    done
    for number in $(seq "$count"); do
        "$generator" wait --protocol kv --port "${port[n$number]}" --seconds 10 ||
            die "n$number does not start: $(tail -n 3 "$work/n$number.log")"
    done
}

raw=$work/raw
: >"$raw"
# record CELL PEER OPERATION REPLICAS CALLERS RUN: a run is a line of the clients' JSON.
record() {
    printf '%s\t%s\n' "$1" "{\"cell\":\"$1\",\"peer\":\"$2\",\"operation\":\"$3\",\"replicas\":$4,\"callers\":$5,${6#*\"callers\":*,}" >>"$raw"
}

measure_ours() {
    local replicas=$1 operation callers name
    shift
    for callers in 1 16 64 256; do
        for operation in "$@"; do
            name="shardkv ${operation^^} replicas=$replicas callers=$callers"
            [[ $name =~ $only ]] || continue
            note "$name"
            for _ in $(seq "$rounds"); do
                record "$name" shardkv "${operation^^}" "$replicas" "$callers" "$("${on_generator_core[@]}" \
                    timeout 60 "$client_binary" --shardmap "$map" --operation "$operation" --callers "$callers" \
                    --warmup 0.3 --seconds "$seconds")"
            done
        done
    done
}

# One connection with P requests in flight; its latencies are those of whole pipelines, its CPU that of the process.
measure_redis() {
    local depth operation name count line
    for depth in 16 64; do
        for operation in get set; do
            name="redis-benchmark ${operation^^} P=$depth"
            [[ $name =~ $only ]] || continue
            note "$name"
            count=$((depth * 16000))
            for _ in $(seq "$rounds"); do
                TIMEFORMAT='%U %S'
                { time "${on_generator_core[@]}" timeout 60 redis-benchmark -p "${port[redis]}" -t "$operation" -d 32 -c 1 \
                    -P "$depth" -r 10000 -n "$count" --csv >"$work/redis.csv" 2>"$work/redis.err"; } 2>"$work/redis.time"
                line=$(tail -n 1 "$work/redis.csv" | tr -d '"' | awk -F, -v count="$count" -v times="$(cat "$work/redis.time")" '{
                    split(times, cpu, " ")
                    printf "{\"callers\":0,\"ops\":%d,\"ops_per_second\":%d,\"p50_us\":%.1f,\"p99_us\":%.1f,", count, $2, $5 * 1000, $7 * 1000
                    printf "\"client_cpu_us\":%.3f,\"errors\":0}", (cpu[1] + cpu[2]) * 1e6 / count
                }')
                record "$name" redis-benchmark "${operation^^}" 1 "$depth" "$line"
            done
        done
    done
}

measure_grpc() {
    local callers name
    port[grpc]=$("$generator" free-port)
    "${on_server_core[@]}" "$grpc_peer" serve --port "${port[grpc]}" >"$work/grpc.log" 2>&1 &
    pid[grpc]=$!
    for callers in 1 16 64 256; do
        name="grpc-swift-2 ECHO callers=$callers"
        [[ $name =~ $only ]] || continue
        note "$name"
        for _ in $(seq "$rounds"); do
            record "$name" grpc-swift-2 ECHO 1 "$callers" "$("${on_generator_core[@]}" timeout 60 "$grpc_peer" call \
                --port "${port[grpc]}" --callers "$callers" --warmup 0.3 --seconds "$seconds")"
        done
    done
    stop_server grpc
}

start_nodes 1
measure_ours 1 get set
stop_server n1
start_nodes 2
measure_ours 2 get set
stop_server n1
stop_server n2
start_server redis 1
measure_redis
stop_server redis
[ -z "$with_grpc" ] || measure_grpc
note "load average now $(cut -d' ' -f1-3 /proc/loadavg)"

# Medians by cell, in the order of the first appearance.
awk -F '\t' '
function field(line, name,    start, rest) {
    start = index(line, "\"" name "\":")
    if (start == 0) return ""
    rest = substr(line, start + length(name) + 3)
    sub(/[,}].*/, "", rest)
    return rest
}
function median(name, cell,    count, sorted, i, j, swap) {
    count = runs[cell]
    for (i = 1; i <= count; i++) sorted[i] = value[cell, name, i] + 0
    for (i = 1; i < count; i++)
        for (j = i + 1; j <= count; j++)
            if (sorted[j] < sorted[i]) { swap = sorted[i]; sorted[i] = sorted[j]; sorted[j] = swap }
    least = sorted[1]
    greatest = sorted[count]
    return sorted[int((count + 1) / 2)]
}
{
    if (!($1 in runs)) { order[++cells] = $1; first[$1] = $2 }
    runs[$1]++
    split("ops_per_second p50_us p99_us client_cpu_us errors", names, " ")
    for (i in names) value[$1, names[i], runs[$1]] = field($2, names[i])
}
END {
    printf "%-42s %10s %9s %9s %12s %17s\n", "cell", "ops/s", "p50 us", "p99 us", "CPU us/op", "least..greatest"
    for (c = 1; c <= cells; c++) {
        cell = order[c]
        ops = median("ops_per_second", cell); p50 = median("p50_us", cell); p99 = median("p99_us", cell)
        cpu = median("client_cpu_us", cell)
        range = sprintf("%.2f..%.2f", least, greatest)
        printf "%-42s %10d %9.1f %9.1f %12.2f %17s\n", cell, ops, p50, p99, cpu, range
        head = first[cell]
        sub(/,"(value_bytes|ops)".*/, "", head)
        json[c] = sprintf("%s,\"ops_per_second\":%d,\"p50_us\":%.1f,\"p99_us\":%.1f,\"client_cpu_us\":%.3f,\"client_cpu_us_least\":%.3f,\"client_cpu_us_greatest\":%.3f,\"rounds\":%d}", head, ops, p50, p99, cpu, least, greatest, runs[cell])
    }
    for (c = 1; c <= cells; c++) print json[c]
}' "$raw"
