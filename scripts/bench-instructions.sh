#!/usr/bin/env bash
# The server's user-space instructions per request, counted by callgrind: exact where times are noise, so CI can hold
# them to Benchmarks/thresholds.json. Requests come over one connection, so that batches are the same in every run.
#
#   scripts/bench-instructions.sh              compares; exits 1 if a cell needs more than the threshold allows
#   scripts/bench-instructions.sh --update     writes the thresholds
#
# Options: --server-binary PATH   --only REGEX   --tolerance PERCENT [5]   --requests N [20000]
# shellcheck source=scripts/bench-common.sh
source "$(dirname "${BASH_SOURCE[0]}")/bench-common.sh"

thresholds=$root/Benchmarks/thresholds.json
update='' only=. tolerance=5 requests=20000
while [ $# -gt 0 ]; do
    case $1 in
    --update) update=1 ;;
    --server-binary | --only | --tolerance | --requests)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
        --server-binary) server_binary=$(realpath "$2") ;;
        --only) only=$2 ;;
        --tolerance) tolerance=$2 ;;
        --requests) requests=$2 ;;
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
[ -z "$update" ] || [ "$only" = . ] || die "--update writes all cells, so it does not go with --only"
install_missing valgrind:valgrind strip:binutils
build_product load-generator
build_server

# Valgrind up to 3.19 cannot read the debug information of this toolchain's binaries.
strip -g -o "$work/server" "$server_binary"
server_binary=$work/server
cc -shared -fPIC -O1 -o "$work/preload.so" "$root/Benchmarks/Preload/sigsuspend.c"
wrapper=(env "LD_PRELOAD=$work/preload.so" valgrind --quiet --tool=callgrind "--callgrind-out-file=$work/callgrind.out")
start_seconds=60 stop_seconds=60
keys=1000

# count_instructions COUNT OPTIONS…: sets `counted` to those of a server's whole life, in which it answers COUNT requests
# on top of the preload. (Not printed: the server is to be known to this shell, which ends it if interrupted.)
count_instructions() {
    local count=$1
    shift
    rm -f "$work/callgrind.out"
    start_server ours 1
    generate ours load --keys "$keys" --connections 1 --depth 64 >"$work/load" || die "loading failed: $(cat "$work/load")"
    generate ours run --keys "$keys" --connections 1 --requests "$count" "$@" >"$work/run" ||
        die "requests failed: $(cat "$work/run")"
    stop_server ours
    [ -s "$work/callgrind.out" ] || die "callgrind wrote nothing; does the server end on SIGTERM? $(tail -n 3 "$work/ours.log")"
    counted=$(awk '/^(totals|summary):/ { total = $2 } END { printf "%.0f", total }' "$work/callgrind.out")
}

# What is recorded for a cell; nothing if nothing is.
threshold() {
    [ ! -e "$thresholds" ] || sed -n "s/^ *\"$1\": *\([0-9]*\),\{0,1\}\$/\1/p" "$thresholds"
}

measured=() regressions=0 unrecorded=0
printf '%-16s %14s %10s %8s\n' cell 'per request' threshold change
for operation in GET SET; do
    for depth in 1 16 64; do
        cell="$operation 32B P=$depth"
        [[ $cell =~ $only ]] || continue
        options=(--depth "$depth" --get-percent "$([ "$operation" = GET ] && echo 100 || echo 0)")
        count_instructions "$requests" "${options[@]}"
        few=$counted
        count_instructions $((3 * requests)) "${options[@]}"
        many=$counted
        [ "$many" -gt "$few" ] || die "callgrind counted $few and $many instructions"
        each=$(awk -v few="$few" -v many="$many" -v requests="$requests" \
            'BEGIN { printf "%.0f", (many - few) / (2 * requests) }')
        measured+=("\"$cell\": $each")
        limit=$(threshold "$cell")
        if [ -n "$limit" ]; then
            change=$(awk -v each="$each" -v limit="$limit" 'BEGIN { printf "%+.1f%%", 100 * (each / limit - 1) }')
            if awk -v change="$change" -v tolerance="$tolerance" 'BEGIN { exit !(change + 0 > tolerance) }'; then
                change="$change  REGRESSION"
                regressions=$((regressions + 1))
            fi
        else
            change='no threshold'
            unrecorded=$((unrecorded + 1))
        fi
        printf '%-16s %14s %10s %8s\n' "$cell" "$each" "${limit:--}" "$change"
    done
done

if [ -n "$update" ]; then
    {
        printf '{\n'
        printf '  %s,\n' "${measured[@]:0:${#measured[@]}-1}"
        printf '  %s\n}\n' "${measured[-1]}"
    } >"$thresholds"
    note "wrote $thresholds"
    exit 0
fi
[ "$unrecorded" = 0 ] || die "$unrecorded cells without a threshold; --update records them"
if [ "$regressions" -gt 0 ]; then
    note "$regressions cells need more than $tolerance % more instructions than recorded; if that is meant: --update"
    exit 1
fi
