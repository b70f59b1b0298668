#!/usr/bin/env bash
# Runs the model of the protocol (docs/model/): directed schedules with and without each rule, random histories,
# small scenarios exhaustively. Exits non-zero when a rule does not hold, or when a schedule no longer shows its rule.
#
# usage: check-model.sh [--quick]     --quick: a short part of each, for continuous integration
set -euo pipefail
cd "$(dirname "$0")/../docs/model"

runs=2500 marker_runs=3000 histories=60000
if [[ ${1:-} == --quick ]]; then
    runs=40 marker_runs=60 histories=2000
elif [[ $# -gt 0 ]]; then
    echo "usage: $0 [--quick]" >&2
    exit 2
fi

export PYTHONDONTWRITEBYTECODE=1
python3 histories.py "$histories"
python3 schedules.py
python3 marker_schedules.py
python3 swarm.py "$runs" 10000
python3 markers.py "$marker_runs" 10000
if [[ $runs -gt 1000 ]]; then
    python3 waiver.py
    python3 exhaustive.py
fi
