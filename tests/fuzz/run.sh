#!/usr/bin/env bash
# Fuzzes one target after the other, each for a number of seconds on one core, beginning with the checked vectors, the
# fixtures, the seeds and what earlier runs kept. Goes on after a finding; the end says what each target had, and the
# exit code is 1 if something was found. What a target had is added to tally.tsv as soon as it ends. Interrupted
# (Ctrl-C, SIGTERM), it ends the target that runs, adds what that had so far, and stops with exit code 130: the next run
# goes on with the inputs that were found until then.
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
tally=tally.tsv

seconds=${1:-60}
shift || true
if [ $# -eq 0 ]; then
    set -- wbxml_decode xml_read request_line nouns mail compose calendar contact merge invitation plugin_answers plugin_edits pack_file pack_answers lmtp proxy
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

# What a target has had in all: processor seconds, inputs, findings. Several runs may do so at once.
add_to_tally() (
    flock 9
    awk -v OFS='\t' -v target="$1" -v seconds="$2" -v inputs="$3" -v findings="$4" '
        NR == 1 { print; next }
        $1 == target { seconds += $2; inputs += $3; findings += $4; next }
        { print }
        END { printf "%s\t%.1f\t%.0f\t%.0f\n", target, seconds, inputs, findings }
    ' "$tally" >"$tally.new"
    { head -n 1 "$tally.new"; tail -n +2 "$tally.new" | LC_ALL=C sort; } >"$tally.sorted"
    rm "$tally.new"
    mv "$tally.sorted" "$tally"
) 9>corpus/.tally.lock

# Sets `processor` to the processor seconds, in user mode, of the programs that have ended. Not for a subshell.
look_at_clock() {
    times >"$clock"
    processor=$(awk 'NR == 2 { split($1, time, /[ms]/); print time[1] * 60 + time[2] }' "$clock")
}

[ -f "$tally" ] || printf 'target\tprocessor seconds\tinputs\tfindings\n' >"$tally"
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
found=0
stopped=0
child=
summary=""
log=$(mktemp)
before=$(mktemp)
clock=$(mktemp)
trap 'rm -f "$log" "$before" "$clock"' EXIT
trap 'stopped=1; [ -z "$child" ] || kill -INT "$child" 2>/dev/null || true' INT TERM
for target in "$@"; do
    if [ "$stopped" -eq 1 ]; then
        break
    fi
    case "$target" in
        pack_*) features=(--features packs) ;;
        *) features=() ;;
    esac
    cargo +nightly fuzz build --fuzz-dir . "${features[@]}" "$target"
    echo "== $target for $seconds seconds"
    mkdir -p "corpus/$target" "artifacts/$target"
    touch "$before"
    : >"$log"
    look_at_clock
    began=$processor
    ASAN_OPTIONS=detect_odr_violation=0 "target/$host/release/$target" "corpus/$target" \
        -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -max_len="$length" \
        -timeout="$hang" -report_slow_units="$slow" -rss_limit_mb=1024 -print_final_stats=1 >>"$log" 2>&1 &
    child=$!
    if [ "$stopped" -eq 1 ]; then
        kill -INT "$child"
    fi
    tail -n +1 -f --pid="$child" "$log" &
    shown=$!
    code=0
    wait "$child" || code=$?
    while kill -0 "$child" 2>/dev/null; do
        code=0
        wait "$child" || code=$?
    done
    child=
    look_at_clock
    spent=$(awk -v before="$began" -v after="$processor" 'BEGIN { printf "%.1f", after - before }')
    wait "$shown" || true
    stat() { sed -n "s/^stat::$1: *//p" "$log"; }
    inputs=$(stat number_of_executed_units)
    # The clock goes on while a busy machine does something else: what took long counts if it does so again.
    while read -r slow_one; do
        if ASAN_OPTIONS=detect_odr_violation=0 "target/$host/release/$target" -timeout="$hang" "$slow_one" >>"$log" 2>&1
        then
            echo "$slow_one was done in time when it was played again"
            rm "$slow_one"
            [ "$code" -ne 70 ] || code=0
        fi
    done < <(find "artifacts/$target" -newer "$before" -name 'timeout-*')
    new=$(find "artifacts/$target" -newer "$before" \( -name 'crash-*' -o -name 'timeout-*' -o -name 'oom-*' \
        -o -name 'leak-*' \) | wc -l)
    outcome="nothing found"
    if [ "$new" -gt 0 ]; then
        outcome="FOUND something: see artifacts/$target"
        found=1
    elif [ "$code" -ne 0 ] && [ "$stopped" -eq 0 ]; then
        outcome="FOUND something, or it did not run: it ended with code $code"
        found=1
    fi
    covered=$(grep -o 'cov: .* exec' "$log" | tail -1 || true)
    summary+="$target: $spent s of processor time, ${inputs:-0} inputs, ${covered% exec}, at most $(stat peak_rss_mb) MB,"
    summary+=" $(grep -c 'Slowest unit' "$log" || true) slow, $outcome"$'\n'
    add_to_tally "$target" "$spent" "${inputs:-0}" "$new"
done
echo "== what each target had"
printf '%s' "$summary"
echo "== what they have had in all ($tally)"
cat "$tally"
if [ "$stopped" -eq 1 ]; then
    exit 130
fi
exit "$found"
