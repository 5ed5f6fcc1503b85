#!/usr/bin/env bash
# Shows every fixture to libwbxml, a decoder that nobody here wrote, and compares what it reads with the XML beside it.
#
#   tests/spec-differential/run.sh [FOLDER...]     all of tests/fixtures unless folders are named
#
# Needs wbxml2xml and xml2wbxml (Debian: libwbxml2-utils); without them it fails, it never passes unseen.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in wbxml2xml xml2wbxml; do
    if ! command -v "$tool" >/dev/null; then
        echo "$tool is not installed: sudo apt install libwbxml2-utils" >&2
        exit 2
    fi
done
if [ $# -eq 0 ]; then
    set -- tests/fixtures
fi
exec cargo run --quiet --package easel-wbxml --example against_libwbxml -- "$@"
