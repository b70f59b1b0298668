#!/usr/bin/env bash
# Remakes src/shardkv/kv_pb2.py of proto/kv.proto with protoc.
#
#   tools/generate-proto.sh           writes it
#   tools/generate-proto.sh --check   changes nothing; fails if what is committed differs
set -euo pipefail
cd "$(dirname "$0")/.."

command -v protoc >/dev/null || {
    echo "error: protoc is missing; install it with: apt-get install protobuf-compiler" >&2
    exit 1
}
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
# Under the package's own name: one process may hold only one file that is called kv.proto.
protoc --proto_path=shardkv=../../proto --python_out="$output" --pyi_out="$output" shardkv/kv.proto

if [ "${1:-}" = "--check" ]; then
    diff -u src/shardkv/kv_pb2.py "$output/shardkv/kv_pb2.py" && diff -u src/shardkv/kv_pb2.pyi "$output/shardkv/kv_pb2.pyi" && exit 0
    echo "error: kv_pb2 is not what proto/kv.proto generates; run clients/python/tools/generate-proto.sh" >&2
    exit 1
fi
mv "$output"/shardkv/kv_pb2.py* src/shardkv/
