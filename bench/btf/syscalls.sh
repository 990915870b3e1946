#!/bin/sh
# Prints the system calls with the types and names of their arguments, as the
# running kernel's tracepoints have them: bench/btf/syscalls.sh > ir/kernel/syscalls.txt
# The argument is where tracefs is mounted.
events=${1:-/sys/kernel/tracing}/events/syscalls
for dir in "$events"/sys_enter_*; do
	printf '%s' "${dir##*/sys_enter_}"
	sed -n 's/^\tfield:\(.*\);\toffset:\([0-9]*\);.*/\2 \1/p' "$dir/format" |
		awk '$1 >= 16 { sub(/^[0-9]+ /, ""); sub(/__user /, ""); gsub(/[ \t]+/, " "); printf "; %s", $0 }'
	printf '\n'
done
