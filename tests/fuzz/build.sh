#!/usr/bin/env bash
# Builds every target with the stable compiler: the counters that lead the fuzzer are an LLVM pass, which needs no
# nightly. What nightly adds is the address sanitizer; only `unsafe` code would tell the difference, and there is none.
#
#   tests/fuzz/build.sh && tests/fuzz/target/x86_64-unknown-linux-gnu/debug/mail -max_total_time=60 DIRECTORY
set -euo pipefail
cd "$(dirname "$0")"

export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions"
exec cargo build --target x86_64-unknown-linux-gnu --bins "$@"
