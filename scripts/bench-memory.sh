#!/usr/bin/env bash
# Resident memory per key, beside Redis and memcached: loaded, after deleting every second key, after a churn of value
# sizes, and for larger values.
#
#   scripts/bench-memory.sh [--keys "1000000 10000000"] [--ttl-ms N] [--server-binary PATH]
#
# Our records always hold a version and a deadline; the peers get a deadline only with --ttl-ms. Each line is JSON.
# shellcheck source=scripts/bench-common.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench-common.sh"

key_counts='1000000 10000000' ttl=0
while [ $# -gt 0 ]; do
    case $1 in
    --keys | --ttl-ms | --server-binary)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
        --keys) key_counts=$2 ;;
        --ttl-ms) ttl=$2 ;;
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
install_missing redis-server:redis-server memcached:memcached
build_tools
build_server
describe_machine
pin 1
# Enough that memcached evicts nothing.
memcached_megabytes=$(awk '/^MemTotal:/ { printf "%d", $2 / 1024 * 3 / 4 }' /proc/meminfo)
key_bytes=16

resident_bytes() { awk '/^VmRSS:/ { printf "%.0f", $2 * 1024 }' "/proc/${pid[$1]}/status"; }

# Waits until a server's memory has not changed for a second, 15 s at the most: purging is lazy everywhere.
settled_bytes() {
    local before after still=0
    before=$(resident_bytes "$1")
    for _ in $(seq 60); do
        sleep 0.25
        after=$(resident_bytes "$1")
        if [ "$after" = "$before" ]; then still=$((still + 1)); else still=0; fi
        [ "$still" -lt 4 ] || break
        before=$after
    done
    printf '%s' "$after"
}

# change NAME ACTION OPTIONS…
change() {
    local name=$1
    generate "$@" --depth 16 --ttl-ms "$ttl" >"$work/change" || die "$name: $(cat "$work/change")"
}

# report NAME WHAT KEYS PAYLOAD_BYTES EMPTY_BYTES: PAYLOAD is what the keys and values alone take.
report() {
    local resident
    resident=$(settled_bytes "$1")
    awk -v name="$1" -v what="$2" -v keys="$3" -v payload="$4" -v empty="$5" -v resident="$resident" 'BEGIN {
        used = resident - empty
        printf "{\"server\":\"%s\",\"state\":\"%s\",\"keys\":%d,\"payload_bytes\":%.0f,\"resident_bytes\":%.0f,", \
            name, what, keys, payload, used
        printf "\"bytes_per_key\":%.1f,\"overhead_percent\":%.1f}\n", used / keys, 100 * (used / payload - 1)
    }'
}

# A key's value size in the churn is uniform in this range; another salt gives each key another size.
churn_min=16 churn_max=496
churn_mean=$(((churn_min + churn_max) / 2))

for keys in $key_counts; do
    for name in ours redis memcached; do
        start_server "$name" 1
        empty=$(settled_bytes "$name")
        change "$name" load --keys "$keys"
        report "$name" 'loaded, 32 B values' "$keys" $((keys * (key_bytes + 32))) "$empty"
        half=$((keys / 2))
        change "$name" delete --keys "$half" --stride 2
        report "$name" 'every second key deleted' "$half" $((half * (key_bytes + 32))) "$empty"
        stop_server "$name"
    done
done

# Three passes in random order over keys of changing sizes; then each key once, so that what is stored is known.
churned=${key_counts%% *}
churned=$((churned < 1000000 ? churned : 1000000))
for name in ours redis memcached; do
    start_server "$name" 1
    empty=$(settled_bytes "$name")
    change "$name" load --keys "$churned" --value-bytes "$churn_min-$churn_max"
    report "$name" 'loaded, 16-496 B values' "$churned" $((churned * (key_bytes + churn_mean))) "$empty"
    for salt in 1 2 3; do
        change "$name" run --get-percent 0 --keys "$churned" --value-bytes "$churn_min-$churn_max" --size-salt "$salt" \
            --requests "$churned" --seed "$salt"
    done
    change "$name" load --keys "$churned" --value-bytes "$churn_min-$churn_max" --size-salt 4
    report "$name" 'after a churn of 16-496 B values' "$churned" $((churned * (key_bytes + churn_mean))) "$empty"
    change "$name" load --keys "$churned" --value-bytes 32
    report "$name" 'churned, then all 32 B values' "$churned" $((churned * (key_bytes + 32))) "$empty"
    stop_server "$name"
done

# The same payload, 256 MiB, in larger and larger values.
for bytes in 100 1000 10000 102400; do
    count=$(((256 << 20) / bytes))
    for name in ours redis memcached; do
        start_server "$name" 1
        empty=$(settled_bytes "$name")
        change "$name" load --keys "$count" --value-bytes "$bytes"
        report "$name" "loaded, $bytes B values" "$count" $((count * (key_bytes + bytes))) "$empty"
        stop_server "$name"
    done
done
