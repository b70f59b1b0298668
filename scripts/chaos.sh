#!/usr/bin/env bash
# Load and faults on a real cluster, and a check of everything that its clients saw.
#
#   scripts/chaos.sh [--seconds N] [--seed S] [--histories K] [--output DIRECTORY] [--unsafe-off RULE]
#
# Starts servers and clients with a proxy between each two of them, and for N seconds kills, stops and restarts servers, cuts and
# slows links, and changes shard maps that each process sees at a time of its own, or never. Then checks the history
# (docs/consistency.md). The seed decides what happens: the same one gives the same schedule.
#
# The last line has the seed and the counts of operations, acknowledged writes, faults and violations. Exits 1 if there are
# any; then history, schedule, logs and maps are in DIRECTORY (chaos-failures) and a line says how to run it again.
#
# --unsafe-off makes the servers break a rule (seal, versions, early-drop, confirm): the check then has to find violations.
# SHARDKV_BINARY=PROGRAM tests that program instead of building one. --help shows more.
set -euo pipefail

root=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.." && pwd)
# shellcheck source=scripts/requirements.sh
source "$root/scripts/requirements.sh"
# shellcheck disable=SC2119
install_missing

build=(swift build --package-path "$root" -c release)
"${build[@]}" --product Chaos >&2
directory=$("${build[@]}" --show-bin-path)
if [ -z "${SHARDKV_BINARY:-}" ]; then
    "${build[@]}" --product shardkv >&2
    SHARDKV_BINARY=$directory/shardkv
fi
exec "$directory/Chaos" --binary "$SHARDKV_BINARY" "$@"
