#!/usr/bin/env bash
# What protects a cluster in trouble, on real servers: three replicas of all shards, one or all of them slow, stopped or asked
# for too much; round robin, and no protection at all, beside it in the same run. Prints a table; about six minutes, builds
# excluded.
#
#   scripts/bench-protection.sh                    all cells
#   scripts/bench-protection.sh --only 'overload'  of slow, stopped, capacity, start, outage, overload, cost those that match
#
# Options: --server-binary PATH   --only REGEX   --seconds S [4]   --rate GETS_PER_SECOND [2000]
# shellcheck source=scripts/bench-common.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench-common.sh"

only=. seconds=4 rate=2000
arguments=("$@")
while [ $# -gt 0 ]; do
    case $1 in
    --server-binary | --only | --seconds | --rate)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
        --server-binary) server_binary=$(realpath "$2") ;;
        --only) only=$2 ;;
        --seconds) seconds=$2 ;;
        --rate) rate=$2 ;;
        esac
        shift 2
        ;;
    *)
        sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//;p}' "$0"
        exit 2
        ;;
    esac
done
raise_priority "${BASH_SOURCE[0]}" "${arguments[@]}"
build_product load-generator
build_server

nodes=(n1 n2 n3)
# The servers' map, and the clients'.
map=$work/map.json
client_map=$map
declare -A proxy_port=()
# write_map FILE: of the ports as they are now.
write_map() {
    local node list=''
    for node in "${nodes[@]}"; do
        list+="${list:+, }\"$node\": {\"address\": \"127.0.0.1\", \"port\": ${proxy_port[$node]:-${port[$node]}}}"
    done
    printf '{"numShards": %d, "nodes": {%s}, "shards": {%s}}\n' "$shards" "$list" \
        "$(seq -f '"%.0f": ["n1", "n2", "n3"]' -s ', ' "$shards")" >"$1"
}

# The keys that have values, of 16 KiB, for runs in which an answer costs something; those of other runs have none.
valued=(--seed 7 --num-keys 200)

# start_nodes [OPTION…]: with these options of the server.
start_nodes() {
    local node
    for node in "${nodes[@]}"; do port[$node]=$("$generator" free-port); done
    write_map "$map"
    for node in "${nodes[@]}"; do
        "$server_binary" server --shardmap "$map" --node "$node" "$@" >"$work/$node.log" 2>&1 &
        pid[$node]=$!
    done
    "$server_binary" status --shardmap "$map" --wait-ready 30 >/dev/null || die "the nodes do not start"
    stress load "${valued[@]}" --get-qps 0 --set-qps 2000 --ttl 0 --value-bytes 16KiB --duration 1s
}

stop_nodes() {
    local node
    for node in "${nodes[@]}"; do stop_server "$node"; done
}

# stress NAME [OPTION…]: leaves what it says in a file of that name. Of two options the last counts.
stress() {
    local name=$1
    shift
    "$server_binary" stress --shardmap "$client_map" --no-check --qps-burst 100 --max-pending 30000 \
        --set-qps 0 --latency-log "$work/$name.log" "$@" >"$work/$name" 2>"$work/$name.err" || true
}

# value NAME KEY: of what a stress of that name said; KEY is one of succeeded, total, p50, p99, max, attempts, shares.
value() {
    awk -v key="$2" '
        /^Get requests:/ { split($3, count, "/"); found["succeeded"] = count[1]; found["total"] = count[2] }
        /^Get latency us:/ { for (i = 4; i <= NF; i++) { split($i, pair, "="); found[pair[1]] = pair[2] } }
        /^Gets by node:/ { split($NF, pair, "="); found["attempts"] = pair[2]; $1 = $2 = $3 = $NF = ""; found["shares"] = $0 }
        END { gsub(/^ +| +$/, "", found[key]); print (key in found) ? found[key] : 0 }' "$work/$1"
}

# share NAME NODE: percent of the requests.
share() { value "$1" shares | tr ' ' '\n' | sed -n "s/^$2=\([0-9.]*\)%/\1/p"; }

# row TROUBLE CLIENT RESULT
row() { printf '%-30s | %-34s | %s\n' "$@"; }
calculate() { awk "BEGIN { printf \"$1\", $2 }"; }

# describe NAME: the failed ones and the latencies.
describe() {
    printf '%d of %d failed; ms: p50 %s, p99 %s, longest %s;  %s' $(($(value "$1" total) - $(value "$1" succeeded))) \
        "$(value "$1" total)" "$(calculate %.2f "$(value "$1" p50) / 1000")" "$(calculate %.2f "$(value "$1" p99) / 1000")" \
        "$(calculate %.1f "$(value "$1" max) / 1000")" "$(value "$1" shares)"
}

# throttle PERIOD_MS NODE=RUN_MS…
throttle() {
    local period=$1 arguments=() node
    shift
    for node in "$@"; do arguments+=("${pid[${node%=*}]}=${node#*=}"); done
    python3 "$root/scripts/protection/throttle.py" "$period" "${arguments[@]}" &
    pid[throttle]=$!
    sleep 0.3
}

# start_proxy NODE OPTION…: from now on clients reach the node through a proxy with these options.
start_proxy() {
    local node=$1
    shift
    proxy_port[$node]=$("$generator" free-port)
    python3 "$root/scripts/protection/proxy.py" "${proxy_port[$node]}" "${port[$node]}" "$@" &
    pid[proxy-$node]=$!
    until (: <>"/dev/tcp/127.0.0.1/${proxy_port[$node]}") 2>/dev/null; do
        kill -0 "${pid[proxy-$node]}" || die "the proxy does not start"
        sleep 0.02
    done
    client_map=$work/proxied.json
    write_map "$client_map"
}

stop_proxies() {
    local node
    for node in "${!proxy_port[@]}"; do stop_server "proxy-$node"; done
    proxy_port=()
    client_map=$map
}

clients=('round-robin' 'random' 'least-cost' 'least-cost --hedge')
cost_clients=('round-robin' 'random' 'least-cost' 'least-cost --hedging true')

# n3 answers through a proxy, which delays it or does not.
measure_slow() {
    local client delay
    for delay in 0 slow; do
        [ "$delay" = 0 ] || delay=$(calculate %.1f "$(value least-cost p50) / 10")
        start_proxy n3 delay "$delay"
        for client in "${clients[@]}"; do
            # shellcheck disable=SC2086  # an option may follow
            stress "${client%% *}" --get-qps "$rate" --duration "${seconds}s" --balancing $client
            row "$([ "$delay" = 0 ] && echo 'all are well' || echo "n3 takes $delay ms more (100 x)")" "$client" \
                "$(describe "${client%% *}")"
        done
        stop_proxies
    done
}

# n3 stops a second after the reads began.
measure_stopped() {
    local client running
    for client in "${clients[@]}"; do
        # shellcheck disable=SC2086  # an option may follow
        stress stopped --get-qps "$rate" --duration "${seconds}s" --balancing $client &
        running=$!
        sleep 1
        kill -STOP "${pid[n3]}"
        wait "$running"
        kill -CONT "${pid[n3]}"
        sleep 1
        row 'n3 stops' "$client" "$(describe stopped)"
    done
}

# start_proxies: nodes of different speed, whose requests take turns; nothing waits in them from an earlier run.
start_proxies() {
    local node
    for node in "${nodes[@]}"; do start_proxy "$node" rate "${speed[$node]}"; done
}

# compare_capacity TROUBLE OPTION…: how far each node's part of the reads is from its part of the capacity.
compare_capacity() {
    local trouble=$1 client node text
    shift
    for client in round-robin least-cost; do
        start_proxies
        stress capacity --duration "${seconds}s" --timeout 10s "$@" --balancing "$client"
        stop_proxies
        text=
        for node in "${nodes[@]}"; do
            text+="$node $(share capacity "$node") % ($(
                calculate %+.1f "100 * ($(share capacity "$node") * ${capacity_of[all]} / 100 / ${capacity_of[$node]} - 1)"
            )), "
        done
        row "$trouble" "$client" "reads (beyond its part): $text$(
            calculate %d "$(value capacity succeeded) / $seconds"
        )/s, ms: p50 $(calculate %.1f "$(value capacity p50) / 1000"), p99 $(calculate %.1f "$(value capacity p99) / 1000")"
    done
}

# One node is slower than the others: callers who always wait for something, and some who ask for less than the nodes could answer.
# What waits in a proxy is not in the load that a server tells.
measure_capacity() {
    local node callers slowest running capacities
    local -A speed=([n1]=2000 [n2]=2000) capacity_of=()
    for slowest in 500 200; do
        speed[n3]=$slowest
        start_proxies
        running=()
        # At once, as they are in the runs below; by few callers, since what waits at the end is answered later and counts too.
        for node in "${nodes[@]}"; do
            stress "alone-$node" --get-qps 200000 --max-pending 8 --timeout 10s --duration "${seconds}s" --node "$node" &
            running+=($!)
        done
        wait "${running[@]}"
        stop_proxies
        capacity_of[all]=0
        for node in "${nodes[@]}"; do
            capacity_of[$node]=$(($(value "alone-$node" succeeded) / seconds))
            capacity_of[all]=$((capacity_of[all] + capacity_of[$node]))
        done
        capacities="${capacity_of[n1]}:${capacity_of[n2]}:${capacity_of[n3]}/s"
        for callers in 32 64 256; do
            compare_capacity "$capacities, $callers callers" --get-qps 200000 --max-pending "$callers"
        done
        compare_capacity "$capacities, 60 % of it" --get-qps $((capacity_of[all] * 6 / 10))
    done
}

# Ten clients begin at the same moment, ten times; each reads once.
measure_start() {
    local client number node count most running
    for client in round-robin least-cost; do
        local -A total=([n1]=0 [n2]=0 [n3]=0)
        most=0
        for _ in $(seq 10); do
            running=()
            for number in $(seq 10); do
                stress "start-$number" --get-qps 1 --duration 50ms --balancing "$client" &
                running+=($!)
            done
            wait "${running[@]}"
            for node in "${nodes[@]}"; do
                count=$(for number in $(seq 10); do share "start-$number" "$node"; done | grep -c '^100' || true)
                total[$node]=$((total[$node] + count))
                [ "$count" -le "$most" ] || most=$count
            done
        done
        row '10 clients begin at once' "$client" \
            "first reads of 100 clients: n1 ${total[n1]}, n2 ${total[n2]}, n3 ${total[n3]}; of ten at most $most at one node"
    done
}

# log_sum NAME FROM_MS TO_MS COLUMN: over the lines of a latency log.
log_sum() { awk -v from="$2" -v to="$3" -v column="$4" '$1 >= from && $1 < to { sum += $column } END { print sum + 0 }' "$work/$1.log"; }

# log_median NAME FROM_MS TO_MS: of the tenths of a second's p99, in ms; a tenth in which nothing succeeded counts as a second.
log_median() {
    awk -v from="$2" -v to="$3" '$1 >= from && $1 < to { print ($6 == "-" ? 1000000 : $6) / 1000 }' "$work/$1.log" |
        sort -n | awk '{ values[NR] = $1 } END { print NR ? values[int((NR + 1) / 2)] : "nothing" }'
}

# Half the capacity all the time, and for some seconds three times the capacity. Servers and client are as they are by default; or the
# servers let everything wait, and the client has no protection.
measure_overload() {
    local protection calls attempts goodput capacity=0 node began options=() server=() base more
    for protection in with without; do
        server=() options=("${valued[@]}" --timeout 200ms)
        if [ "$protection" = without ]; then
            server=(--max-wait 0s)
            options+=(--balancing round-robin --unlimited-repetitions)
        fi
        stop_nodes
        start_nodes "${server[@]}"
        throttle 10 n1=0.3 n2=0.3 n3=0.3
        if [ "$capacity" = 0 ]; then
            stress closed "${valued[@]}" --get-qps 200000 --max-pending 512 --duration 3s
            capacity=$(($(value closed succeeded) / 3))
        fi
        began=$(date +%s%3N)
        stress base --get-qps $((capacity / 2)) --duration 13s "${options[@]}" &
        base=$!
        sleep 3
        stress more --get-qps $((capacity * 5 / 2)) --duration 5s "${options[@]}" &
        more=$!
        wait "$base" "$more"
        calls=$(($(value base total) + $(value more total)))
        attempts=$(($(value base attempts) + $(value more attempts)))
        goodput=$(($(log_sum base $((began + 4000)) $((began + 8000)) 3) + $(log_sum more $((began + 4000)) $((began + 8000)) 3)))
        row "3 x the capacity of $capacity/s" "$protection the protections" \
            "$(calculate 'goodput %.0f %%' "100 * $goodput / 4 / $capacity"), $(calculate 'attempts %.2f' "$attempts / $calls") of calls;$(
            ) p99 ms: $(log_median base $((began + 1000)) $((began + 3000))) before, $(
            )$(log_median base $((began + 10200)) $((began + 12000))) from 2 s after the end on"
        stop_server throttle
    done
}

# All replicas stop.
measure_outage() {
    local protection node running calls attempts options=()
    for protection in with without; do
        options=(--get-qps "$rate" --duration "${seconds}s")
        [ "$protection" = with ] || options+=(--balancing round-robin --unlimited-repetitions)
        stress outage "${options[@]}" &
        running=$!
        sleep 1
        for node in "${nodes[@]}"; do kill -STOP "${pid[$node]}"; done
        wait "$running"
        for node in "${nodes[@]}"; do kill -CONT "${pid[$node]}"; done
        sleep 1
        # Those of before have succeeded, at once.
        calls=$(($(value outage total) - $(value outage succeeded)))
        attempts=$(($(value outage attempts) - $(value outage succeeded)))
        row 'all replicas stop' "$protection the protections" \
            "$attempts attempts for $calls calls: $(calculate %.3f "$attempts / $calls")"
    done
}

# The client's own user-space instructions for a Get, and its CPU time at full speed: valgrind slows all but the clock down, so that
# what a timer does counts for more.
measure_cost() {
    local client count round counted=() plain=0 each
    install_missing valgrind:valgrind strip:binutils
    build_product client-benchmark
    # Valgrind up to 3.19 cannot read the debug information of this toolchain's binaries.
    strip -g -o "$work/client" "$root/Benchmarks/.build/release/client-benchmark"
    cc -shared -fPIC -O1 -o "$work/preload.so" "$root/Benchmarks/Preload/sigsuspend.c"
    for client in "${cost_clients[@]}"; do
        counted=()
        for count in 6400 25600; do
            # shellcheck disable=SC2086  # an option may follow
            LD_PRELOAD=$work/preload.so valgrind --quiet --tool=callgrind "--callgrind-out-file=$work/callgrind.out" \
                "$work/client" --shardmap "$map" --keys 64 --requests "$count" --balancing $client >"$work/client.json" ||
                die "the client fails: $(cat "$work/client.json")"
            counted+=("$(awk '/^(totals|summary):/ { total = $2 } END { printf "%.0f", total }' "$work/callgrind.out")")
        done
        each=$(((counted[1] - counted[0]) / (25600 - 6400)))
        [ "$plain" != 0 ] || plain=$each
        row 'instructions of the client' "$client" "$each for a Get: $(calculate %.3f "$each / $plain") of round robin's"
    done
    for round in 1 2 3 4 5 6 7 8 9; do
        for client in "${cost_clients[@]}"; do
            # shellcheck disable=SC2086  # an option may follow
            "$root/Benchmarks/.build/release/client-benchmark" --shardmap "$map" --keys 64 --warmup 0.2 --seconds 0.5 \
                --balancing $client >"$work/client.json"
            sed -n "s/.*\"client_cpu_us\": *\([0-9.]*\).*/$round \1/p" "$work/client.json" >>"$work/cpu $client"
        done
    done
    for client in "${cost_clients[@]}"; do
        row 'CPU of the client, us' "$client" "$(
            join "$work/cpu round-robin" "$work/cpu $client" | awk '{ print $3, $3 / $2 }' | sort -n -k 2 |
                awk '{ cpu[NR] = $1; ratio[NR] = $2 }
                    END { middle = int((NR + 1) / 2)
                        printf "%.2f for a Get: %.3f [%.3f-%.3f] of round robin'"'"'s", cpu[middle], ratio[middle], ratio[1], ratio[NR] }'
        )"
    done
}

note "machine: $(awk -F': *' '/^model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) cores, kernel $(uname -r)"
note "load average: $(cut -d' ' -f1-3 /proc/loadavg)"
start_nodes
for cell in slow stopped capacity start outage cost overload; do
    [[ ! $cell =~ $only ]] || "measure_$cell"
done
