#!/usr/bin/env bash
# What expiry costs, on the real server: a Set with a TTL beside one without; other requests while a million keys expire
# at once, and when their memory is back; an idle server whose keys expire all the time.
#
#   scripts/bench-expiry.sh [--quick] [--server-binary PATH]
#
# Each line is JSON. --quick takes fewer keys and less time: a look, not a figure.
# shellcheck source=scripts/bench-common.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench-common.sh"

rounds=5 seconds=3 burst_keys=1000000 spread_keys=10000000 idle_seconds=40
while [ $# -gt 0 ]; do
    case $1 in
    --quick) rounds=3 seconds=1 burst_keys=1000000 spread_keys=2000000 idle_seconds=16 ;;
    --server-binary)
        [ $# -ge 2 ] || die "$1 needs a value"
        server_binary=$(realpath "$2")
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

field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }
median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }
resident_bytes() { awk '/^VmRSS:/ { printf "%.0f", $2 * 1024 }' "/proc/${pid[ours]}/status"; }
cpu_nanoseconds() { awk '{ sum += $1 } END { printf "%.0f", sum }' /proc/"${pid[ours]}"/task/*/schedstat; }
milliseconds() { date +%s%3N; }
load() { generate ours load --depth 64 "$@" >"$work/load" || die "loading failed: $(cat "$work/load")"; }

# set_cost TTL_MS: CPU microseconds per Set.
set_cost() {
    generate ours run --pid "${pid[ours]}" --get-percent 0 --keys 100000 --depth 16 --seconds "$seconds" --ttl-ms "$1" |
        field server_cpu_us
}

note "a Set with a TTL"
start_server ours 1
load --keys 100000
set_cost 0 >"$work/warm"
for ttl in 600000 2000; do
    : >"$work/without" && : >"$work/with" && : >"$work/ratios"
    for ((round = 0; round < rounds; round++)); do
        without=$(set_cost 0)
        with=$(set_cost "$ttl")
        echo "$without" >>"$work/without"
        echo "$with" >>"$work/with"
        awk "BEGIN { print $with / $without }" >>"$work/ratios"
    done
    printf '{"cell":"Set with a TTL of %d ms","cpu_us":%.3f,"without_cpu_us":%.3f,"ratio":%.3f}\n' \
        "$ttl" "$(median <"$work/with")" "$(median <"$work/without")" "$(median <"$work/ratios")"
done
stop_server ours

# others SECONDS: the latencies of other requests at a fixed rate.
others() {
    generate ours run --rate 20000 --get-percent 90 --keys 100000 --warmup 0.5 --seconds "$1" ||
        die "other requests failed"
}

note "$burst_keys keys expire at once"
start_server ours 1
load --keys 100000
ttl=16000
began=$(milliseconds)
load --first 1000000 --keys "$burst_keys" --value-bytes 256 --ttl-ms "$ttl"
loaded=$(milliseconds)
full=$(resident_bytes)
others 5 >"$work/before"
sleep "$(awk "BEGIN { wait = ($began + $ttl - $(milliseconds)) / 1000 - 1; print (wait > 0 ? wait : 0) }")"
others $((9 + (loaded - began) / 1000)) >"$work/during" &
watcher=$!
# The memory of the values: a marker of each key stays for a minute.
back=$((full - burst_keys * 256 * 8 / 10))
returned=
while kill -0 "$watcher" 2>/dev/null; do
    if [ -z "$returned" ] && [ "$(resident_bytes)" -le "$back" ]; then returned=$(($(milliseconds) - loaded - ttl)); fi
    sleep 0.1
done
wait "$watcher" || die "other requests failed while keys expired"
printf '{"cell":"%d keys expire within %d ms","p999_us_before":%s,"p999_us_during":%s,' \
    "$burst_keys" $((loaded - began)) "$(field p999_us <"$work/before")" "$(field p999_us <"$work/during")"
printf '"max_us_before":%s,"max_us_during":%s,"seed_stall_us":1269000,"memory_back_after_ms":%s,' \
    "$(field max_us <"$work/before")" "$(field max_us <"$work/during")" "${returned:-null}"
printf '"resident_bytes_full":%s,"resident_bytes_after":%s}\n' "$full" "$(resident_bytes)"
stop_server ours

note "$spread_keys keys with deadlines over the next hour"
start_server ours 1
load --keys "$spread_keys" --ttl-ms 1000 --ttl-spread-ms 3600000
sleep 8
from=$(cpu_nanoseconds) since=$(milliseconds)
sleep "$idle_seconds"
to=$(cpu_nanoseconds) until=$(milliseconds)
awk "BEGIN { printf \"{\\\"cell\\\":\\\"idle, %d keys expire within an hour\\\",\\\"core_percent\\\":%.2f}\\n\", \
    $spread_keys, ($to - $from) / 1e4 / ($until - $since) }"
stop_server ours
