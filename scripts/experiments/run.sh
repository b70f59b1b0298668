#!/usr/bin/env bash
# Runs the experiments of docs/experiments and writes its tables and pictures: expiry, a migration under load, reads and
# writes in two mixes, and a replica that hangs; at the rates they are known by, and at 100 times those.
#
#   scripts/experiments/run.sh [--only NAME]… [--scale N]… [--seconds N] [--data DIR] [--output DIR]
#
#   --only NAME     ttl, move, mix or hang; without it, all
#   --scale N       1 and 100 without it: how many times the rates and the keys
#   --seconds N     of load in each run, 20 without it; 5 gives a look, not a figure
#   --data DIR      where measured data is kept, .build/experiments without it; runs of an earlier time that are not
#                   repeated are taken from there
#   --output DIR    docs/experiments without it
#
# Servers listen on free ports of 127.0.0.1; it takes less than 10 minutes, and is ended if it does not.
# SHARDKV_BINARY=PROGRAM runs that program instead of building one.
set -euo pipefail

root=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.." && pwd)
# shellcheck source=scripts/requirements.sh
source "$root/scripts/requirements.sh"
case " $* " in *" -h "* | *" --help "*)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac
if [ -z "${SHARDKV_BINARY:-}" ]; then
    install_missing python3:python3
    build=(swift build --package-path "$root" -c release --product shardkv)
    "${build[@]}" >&2
    SHARDKV_BINARY=$("${build[@]}" --show-bin-path)/shardkv
    export SHARDKV_BINARY
fi
# On SIGTERM the program stops its servers.
exec timeout --kill-after=30 600 python3 "$root/scripts/experiments/main.py" "$@"
