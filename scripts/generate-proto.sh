#!/usr/bin/env bash
# Remakes the C sources of proto/kv.proto with protoc-c.
#
#   scripts/generate-proto.sh           writes Sources/CKeyValueProto/
#   scripts/generate-proto.sh --check   changes nothing; fails if what is committed differs
set -euo pipefail
cd "$(dirname "$0")/.."

command -v protoc-c >/dev/null || {
    echo "error: protoc-c is missing; install it with: apt-get install protobuf-c-compiler" >&2
    exit 1
}
target=Sources/CKeyValueProto
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
protoc-c --proto_path=proto --c_out="$output" kv.proto

if [ "${1:-}" = "--check" ]; then
    if diff -u "$target/include/kv.pb-c.h" "$output/kv.pb-c.h" && diff -u "$target/kv.pb-c.c" "$output/kv.pb-c.c"; then
        exit 0
    fi
    echo "error: $target is not what proto/kv.proto generates; run scripts/generate-proto.sh" >&2
    exit 1
fi
mv "$output/kv.pb-c.h" "$target/include/kv.pb-c.h"
mv "$output/kv.pb-c.c" "$target/kv.pb-c.c"
