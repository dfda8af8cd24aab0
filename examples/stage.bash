# What the demos share: a database, a folder and people who run commands. Sourced
# by a demo that runs on the server of scripts/with-server; `here` is the
# demo's folder, `root` the repository.
# shellcheck shell=bash

work=$(mktemp -d "${TMPDIR:-/tmp}/segue-demo.XXXXXX")
running=
clean_up() {
    local pid
    rm -rf "$work"
    for pid in $running; do kill "$pid" 2>/dev/null || true; done
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$root/$target ;; esac
bin=$SEGUE_TEST_PG_BIN
export PATH=$target/release:$bin:$PATH
# Only what this script says counts, not what the caller's shell is set up for.
for name in $(compgen -e); do
    case $name in PG* | SEGUE_* | CODD_*) [ "$name" = SEGUE_TEST_URL ] || unset "$name" ;; esac
done
# Throwaway servers are of the same version.
export SEGUE_PG_BIN=$bin
psql -X -q -d "$SEGUE_TEST_URL" -c 'CREATE DATABASE shop'
export DATABASE_URL=${SEGUE_TEST_URL%/*}/shop
unset SEGUE_TEST_URL

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
    # Its output goes through a label, so it cannot see the terminal itself.
    export CLICOLOR_FORCE=1
fi

caption() {
    printf '\n%s== %s%s\n' "$bold" "$1" "$plain"
    shift
    for line in "$@"; do printf '%s   %s%s\n' "$dim" "$line" "$plain"; done
}

# Writes a line as 3,000,000.
thousands() {
    local number=$1 text=
    while [ ${#number} -gt 3 ]; do
        text=,${number: -3}$text
        number=${number%???}
    done
    echo "$number$text"
}

label() {
    local line
    while IFS= read -r line; do printf '%s%9s |%s %s\n' "$dim" "$1" "$plain" "$line"; done
}

say() {
    printf '%s%9s |%s %s$ %s%s\n' "$dim" "$1" "$plain" "$bold" "$2" "$plain"
}

# start WHO COMMAND…: runs it in the background, each of its lines under a
# label, and keeps a copy in $work/WHO.log.
start() {
    local who=$1
    shift
    rm -f "$work/$who"
    mkfifo "$work/$who"
    tee "$work/$who.log" <"$work/$who" | label "$who" &
    eval "label_$who=$!"
    "$@" >"$work/$who" 2>&1 </dev/null &
    eval "pid_$who=$!"
    running="$running $!"
}

# finish WHO: waits for its end; its status.
finish() {
    local pid=pid_$1 label=label_$1 status=0
    wait "${!pid}" || status=$?
    wait "${!label}"
    return $status
}

# show WHO COMMAND…: says the command line, runs it to its end.
show() {
    local who=$1
    shift
    say "$who" "$*"
    start "$who" "$@"
    finish "$who"
}

sql() {
    psql -X -q -At -v ON_ERROR_STOP=1 -d "$DATABASE_URL" "$@"
}

# What a pull request brings to everyone's folder.
merge() {
    local file
    for file in "$@"; do
        cp "$here/migrations/$file" "$work/shop/migrations/"
        printf '%9s + migrations/%s\n' '' "$file"
    done
}

mkdir -p "$work/shop/migrations"
cd "$work/shop"
