#!/usr/bin/env bash
# Fuzzes one target after the other, each for a number of seconds on one core, beginning with the checked vectors, the
# fixtures, the seeds and what earlier runs kept. Goes on after a finding; the end says what each target had, and the
# exit code is 1 if something was found.
#
#   tests/fuzz/run.sh [SECONDS [TARGET...]]        60 seconds and every target unless told otherwise
#
# Needs a nightly compiler, cargo-fuzz and xxd: rustup toolchain install nightly, cargo install cargo-fuzz --locked.
set -euo pipefail
cd "$(dirname "$0")"

# Bytes of an input, and seconds that one may take: what is slower than one second is told, what hangs is a finding.
# Address sanitizer and coverage make everything some ten times as slow as it is in service.
length=65536
slow=1
hang=10

seconds=${1:-60}
shift || true
if [ $# -eq 0 ]; then
    set -- wbxml_decode xml_read request_line nouns mail calendar contact merge plugin_answers plugin_edits lmtp proxy
fi

mkdir -p corpus/{wbxml_decode,xml_read,request_line,nouns,mail,calendar,contact}
for vector in ../fixtures/spec/vectors/*.hex; do
    name=$(basename "$vector" .hex)
    xxd -r -p "$vector" >"corpus/wbxml_decode/$name"
    cp "${vector%.hex}.xml" "corpus/xml_read/$name"
done
tail -n +2 ../fixtures/spec/vectors/decoder-edge-cases.tsv | while IFS=$'\t' read -r name hex _; do
    xxd -r -p <<<"$hex" >"corpus/wbxml_decode/edge-$name"
done
printf 'jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l' >corpus/request_line/base64
printf 'Cmd=Sync&User=a%%40b&DeviceId=d1&DeviceType=t&SaveInSent=T\n14.1\n7\nT' >corpus/request_line/plain
for noun in a1f c1f-2 e1f b0a1b2c3d1 2000-12-25T08:35:00.000Z 20001225T083500Z 16.1 6E696E6530313233414243444546; do
    printf '%s' "$noun" >"corpus/nouns/$noun"
done

cp ../fixtures/mail/*.eml corpus/mail
cp ../fixtures/calendar/*.ics ../fixtures/tasks/*.ics ../fixtures/notes/*.ics corpus/calendar
cp ../fixtures/contacts/*.vcf corpus/contact
cp -r seeds/* corpus
if [ -d kept ]; then
    cp -r kept/* corpus
fi

found=0
summary=""
log=$(mktemp)
trap 'rm -f "$log" "$log.time"' EXIT
TIMEFORMAT='%U'
for target in "$@"; do
    echo "== $target for $seconds seconds"
    cargo +nightly fuzz build --fuzz-dir . "$target"
    outcome="nothing found"
    {
        time cargo +nightly fuzz run --fuzz-dir . "$target" -- -max_total_time="$seconds" -max_len="$length" \
            -timeout="$hang" -report_slow_units="$slow" -rss_limit_mb=1024 -print_final_stats=1 2>&1 | tee "$log"
    } 2>"$log.time" || {
        outcome="FOUND something: see artifacts/$target"
        found=1
    }
    stat() { sed -n "s/^stat::$1: *//p" "$log"; }
    covered=$(grep -o 'cov: .* exec' "$log" | tail -1 || true)
    summary+="$target: $(cat "$log.time") s of processor time, $(stat number_of_executed_units) inputs, "
    summary+="${covered% exec}, at most $(stat peak_rss_mb) MB, $(grep -c 'Slowest unit' "$log" || true) slow, $outcome"$'\n'
done
echo "== what each target had"
printf '%s' "$summary"
exit "$found"
