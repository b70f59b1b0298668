#!/usr/bin/env bash
# Tests the Python client in a virtual environment of its own: lint, types, then all tests.
#
# SHARDKV_BINARY=PROGRAM is the server to test with, and plays the scenarios; without it those tests are skipped.
# SHARDKV_MUTATIONS=1 also puts faults into the client, one after the other, and checks that the scenarios notice.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/requirements.sh
source scripts/requirements.sh
command -v python3 >/dev/null || fail "Python is missing; get 3.11 or later"
python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Python 3.11 or later with its module venv is missing; on Debian: apt-get install python3-venv"
# The tests with servers exchange values with the C client.
[ -z "${SHARDKV_BINARY:-}" ] || install_missing make:make cc:gcc

environment=$PWD/.build/python
[ -x "$environment/bin/python" ] || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check -e 'clients/python[test]'
cd clients/python
generator=../../proto/conformance/generator
"$environment/bin/ruff" check --config pyproject.toml --quiet . "$generator"
"$environment/bin/ruff" format --config pyproject.toml --quiet --check . "$generator"
"$environment/bin/mypy"
"$environment/bin/pytest" --quiet
# Faults put into the client, which the scenarios have to notice: minutes.
if [ -n "${SHARDKV_BINARY:-}" ] && [ "${SHARDKV_MUTATIONS:-}" = 1 ]; then
    "$environment/bin/python" tools/mutations.py >&2
fi
