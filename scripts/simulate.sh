#!/usr/bin/env bash
# Seeded histories of whole simulated clusters under faults, and a check of them.
#
#   scripts/simulate.sh [--histories N] [--seed S] [--mode promises|crashes] [--jobs J] [--verbose] [--unsafe-off RULE]
#
# Each history runs real nodes and the state machines of the client in one thread, on a simulated network and clock: messages are
# delayed, lost and repeated, links cut, processes stopped, crashed and restarted, maps changed. The seed decides all of it: the
# same one gives the same history, to the last message (docs/consistency.md). One in four is of mode "crashes", where any
# number of processes are down at a time, so that acknowledged writes may be lost, but the cluster has to serve again.
#
# The last line has the seeds and the counts of operations, acknowledged writes, faults and violations. A history with any
# prints what happened and how to run it again, and the exit code is 1.
set -euo pipefail

root=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.." && pwd)
# shellcheck source=scripts/requirements.sh
source "$root/scripts/requirements.sh"
# shellcheck disable=SC2119
install_missing

build=(swift build --package-path "$root" -c release --product Simulate)
"${build[@]}" >&2
exec "$("${build[@]}" --show-bin-path)/Simulate" "$@"
