#!/bin/sh
# Runs every fuzz target of the module, one after the other, for the time given,
# and stops at the first that fails. What it found is then in the package's
# testdata/fuzz, where `go test` runs it from now on: commit it with the mend.
#
#	bench/fuzz.sh 10s [package...]
set -eu

if [ $# -lt 1 ]; then
	echo "usage: bench/fuzz.sh DURATION [package...], such as: bench/fuzz.sh 10s ./internal/wire/..." >&2
	exit 2
fi
duration=$1
shift
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- ./...
go=${GO:-go}

# go test -list prints the names of a package's targets and then "ok <package> …".
if ! listed=$($go test -list '^Fuzz' "$@" 2>&1); then
	echo "$listed" >&2
	echo "bench/fuzz.sh: the targets cannot be listed; mend what does not build first" >&2
	exit 1
fi
targets=$(echo "$listed" | awk '/^Fuzz/ { names[n++] = $1 } $1 == "ok" { for (i = 0; i < n; i++) print names[i], $2; n = 0 }')
if [ -z "$targets" ]; then
	echo "bench/fuzz.sh: there is no fuzz target in $*" >&2
	exit 1
fi

count=$(echo "$targets" | wc -l)
i=0
echo "$targets" | while read -r name package; do
	i=$((i + 1))
	echo "[$i/$count] $package $name"
	$go test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" -fuzzminimizetime 10x "$package" </dev/null || {
		echo "bench/fuzz.sh: $name in $package failed" >&2
		exit 1
	}
done
