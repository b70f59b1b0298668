# shellcheck shell=bash
# For other scripts to source: what has to be on the machine before ShardKV can be built.

fail() {
    echo "error: $*" >&2
    exit 1
}

# install_missing COMMAND:PACKAGE… installs the Debian packages whose command is missing, and what every build needs.
install_missing() {
    command -v swift >/dev/null || fail "Swift is missing; get 6.3 or later from https://www.swift.org/install/linux/"
    local requirement missing=()
    for requirement in pkg-config:pkg-config "$@"; do
        command -v "${requirement%%:*}" >/dev/null || missing+=("${requirement#*:}")
    done
    pkg-config --exists libprotobuf-c 2>/dev/null || missing+=(libprotobuf-c-dev)
    [ ${#missing[@]} -gt 0 ] || return 0

    command -v apt-get >/dev/null || fail "missing: ${missing[*]}; install what your system calls them"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "missing; install them as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    echo "installing ${missing[*]}" >&2
    "${as_root[@]}" apt-get update -q >&2
    "${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
}
