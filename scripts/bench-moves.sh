#!/usr/bin/env bash
# Shards that move under load: what clients see, what is lost, how long it takes.
#
#   scripts/bench-moves.sh                     about six minutes, builds excluded
#   scripts/bench-moves.sh --only large        one of: step, flips, large, race, down, markers
#
# Options: --server-binary PATH   --copy-rate SIZE [the server's default]   --large-mebibytes N [1024]
#
# Prints for each what `shardkv stress --check` counted and how long the move took. Fails where an answer was wrong.
# shellcheck source=scripts/bench-common.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench-common.sh"

only=. copy_rate='' mebibytes=1024
arguments=("$@")
while [ $# -gt 0 ]; do
    case $1 in
    --server-binary | --only | --copy-rate | --large-mebibytes)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
        --server-binary) server_binary=$(realpath "$2") ;;
        --only) only=$2 ;;
        --copy-rate) copy_rate=$2 ;;
        --large-mebibytes) mebibytes=$2 ;;
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
build_tools
build_server
shardkv=$server_binary
options=()
[ -z "$copy_rate" ] || options=(--copy-rate "$copy_rate")

# write_map FILE SHARDS…: each shard's owners, separated by commas; all nodes are named.
write_map() {
    local file=$1 name nodes='' shards='' number=0 owners
    shift
    for name in "${names[@]}"; do
        nodes+="${nodes:+, }\"$name\": {\"address\": \"127.0.0.1\", \"port\": ${port[$name]}}"
    done
    for owners in "$@"; do
        number=$((number + 1))
        shards+="${shards:+, }\"$number\": [\"${owners//,/\", \"}\"]"
    done
    printf '{"numShards": %d, "nodes": {%s}, "shards": {%s}}\n' "$number" "$nodes" "$shards" >"$file.new"
    mv "$file.new" "$file"
}

# start_cluster COUNT SHARDS…: nodes n1 … on free ports, which follow $map.
start_cluster() {
    local name count=$1
    shift
    names=()
    for number in $(seq "$count"); do
        names+=("n$number")
        port[n$number]=$("$generator" free-port)
    done
    map=$work/map.json
    write_map "$map" "$@"
    for name in "${names[@]}"; do
        "$shardkv" server --shardmap "$map" --node "$name" "${options[@]}" >"$work/$name.log" 2>&1 &
        pid[$name]=$!
    done
    "$shardkv" status --shardmap "$map" --wait-ready 30 >/dev/null
}

stop_cluster() { for name in "${names[@]}"; do stop_server "$name"; done; }

# report NAME FILE: the counts of a stress run.
report() {
    sed -n 's/^\(Get\|Set\|Correct\)/    \1/p' "$2"
    awk '/^Correct responses:/ { split($3, count, "/"); exit count[1] != count[2] }' "$2" || wrong+=" $1"
}

milliseconds() { date +%s%3N; }

# await_move LIMIT: until every node serves what the map gives it.
await_move() { "$shardkv" status --shardmap "$map" --wait-ready "$1" >/dev/null; }

# fill NODE KEYS BYTES
fill() {
    "$generator" load --protocol kv --port "${port[$1]}" --keys "$2" --value-bytes "$3" --depth 16 --time-limit 120 >"$work/load" ||
        die "loading failed: $(cat "$work/load")"
}

step() {
    note "step: one shard, n1 to n2, 100,000 keys, 2,000 Sets and 1,000 Gets a second, the client's map 200 ms late"
    start_cluster 2 n1
    fill n1 100000 32
    cp "$map" "$work/client.json"
    "$shardkv" stress --shardmap "$work/client.json" --get-qps 1000 --set-qps 2000 --qps-burst 200 --num-keys 2000 --ttl 0s \
        --duration 10s --max-pending 1000 --check >"$work/stress" 2>&1 &
    local stress=$!
    sleep 4
    local begin
    begin=$(milliseconds)
    write_map "$map" n2
    sleep 0.2
    write_map "$work/client.json" n2
    await_move 30
    echo "    moved after $(($(milliseconds) - begin)) ms"
    wait $stress || true
    report step "$work/stress"
    echo "    keys on n2: $("$shardkv" status --shardmap "$map" --json --node n2 | grep -o '"keys": [0-9]*' | head -1)"
    stop_cluster
}

flips() {
    note "flips: initial-4 to migrated-4 and back, ten times, 500 Sets and 1,000 Gets a second"
    local initial=('n1,n2' 'n1,n2' 'n2,n3' 'n2,n3' 'n3,n4' 'n3,n4' 'n4,n1' 'n4,n1')
    local migrated=('n2,n3' 'n2,n3' 'n3,n4' 'n3,n4' 'n4,n1' 'n4,n1' 'n1,n2' 'n1,n2')
    start_cluster 4 "${initial[@]}"
    "$shardkv" stress --shardmap "$map" --get-qps 1000 --set-qps 500 --qps-burst 200 --num-keys 2000 --ttl 0s --duration 22s \
        --max-pending 1000 --check >"$work/stress" 2>&1 &
    local stress=$!
    for _ in 1 2 3 4 5; do
        sleep 2
        write_map "$map" "${migrated[@]}"
        sleep 2
        write_map "$map" "${initial[@]}"
    done
    wait $stress || true
    report flips "$work/stress"
    stop_cluster
}

large() {
    note "large: one shard of $mebibytes MiB in values of 1 KiB, n1 to n2, 1,000 Gets and 500 Sets a second"
    start_cluster 2 n1
    fill n1 $((mebibytes * 1024)) 1024
    local load=(--shardmap "$map" --get-qps 1000 --set-qps 500 --qps-burst 100 --num-keys 1000 --ttl 0s --max-pending 1000 --check)
    "$shardkv" stress "${load[@]}" --duration 15s >"$work/before" 2>&1
    local begin
    begin=$(milliseconds)
    write_map "$map" n2
    "$shardkv" stress "${load[@]}" --duration 300s >"$work/during" 2>&1 &
    local stress=$!
    sleep 3
    "$shardkv" status --shardmap "$map" | sed -n 's/^/    /;/n2/p'
    await_move 300
    local elapsed=$(($(milliseconds) - begin))
    kill -INT $stress
    wait $stress || true
    echo "    moved in $elapsed ms: $((mebibytes * 1048576 / elapsed / 1000)) MB/s"
    echo "  before:" && report large "$work/before"
    echo "  during:" && report large "$work/during"
    stop_cluster
}

# Two clients at once on the same keys; then the replicas are compared.
race() {
    note "race: two clients Set 10,000 keys at once, two replicas"
    start_cluster 2 n1,n2
    local client clients=()
    for client in 1 2; do
        "$shardkv" stress --shardmap "$map" --get-qps 1 --set-qps 3000 --qps-burst 3000 --num-keys 10000 --ttl 0s --duration 6s \
            --max-pending 2000 >"$work/race$client" 2>&1 &
        clients+=($!)
    done
    wait "${clients[@]}" || true
    sleep 10
    compare_replicas
    stop_cluster
}

# A replica that is stopped while keys are set on the other one.
down() {
    note "down: n2 is stopped while 2,000 keys are set on n1 alone; then nobody asks for them"
    start_cluster 2 n1,n2
    kill -STOP "${pid[n2]}"
    seq 2000 | sed 's/.*/set key& value&/' | "$shardkv" shell --shardmap "$map" --node n1 >/dev/null
    kill -CONT "${pid[n2]}"
    sleep 10
    compare_replicas
    stop_cluster
}

# Markers of deleted keys, on both replicas, until they are gone.
markers() {
    note "markers: 10,000 keys are set and deleted, two replicas"
    start_cluster 2 n1,n2
    seq 10000 | sed 's/.*/set key& value&/' | "$shardkv" shell --shardmap "$map" >/dev/null
    seq 10000 | sed 's/.*/delete key&/' | "$shardkv" shell --shardmap "$map" >/dev/null
    local begin count=1
    begin=$(milliseconds)
    count_markers() {
        "$shardkv" status --shardmap "$map" --json | grep -o '"markers": [0-9]*' | awk '{ sum += $2 } END { print sum + 0 }'
    }
    echo "    markers on both nodes: $(count_markers)"
    while [ "$count" -gt 0 ] && [ $(($(milliseconds) - begin)) -lt 300000 ]; do
        sleep 1
        count=$(count_markers)
    done
    echo "    $count are left after $((($(milliseconds) - begin) / 1000)) s"
    stop_cluster
}

compare_replicas() {
    local name
    for name in n1 n2; do
        "$shardkv" contents 1 --shardmap "$map" --node "$name" | sort >"$work/contents-$name"
    done
    echo "    keys: $(wc -l <"$work/contents-n1"), different: $(comm -3 "$work/contents-n1" "$work/contents-n2" | wc -l)"
}

wrong=''
for experiment in step flips large race down markers; do
    [[ $experiment =~ $only ]] || continue
    "$experiment"
done
[ -z "$wrong" ] || die "wrong answers in:$wrong"
