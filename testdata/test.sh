#!/bin/sh
# Installs what the tests need where it is missing (Debian: apt-get), then runs
# them all. A skipped kernel or tool is a failure here.
set -eu
cd "$(dirname "$0")/.."

# package:command, or package:file
needs='gcc:gcc libc6-dev:/usr/include/stdio.h libbpf-dev:/usr/include/bpf/libbpf.h libelf-dev:/usr/include/libelf.h
bpftool:bpftool clang:clang lua5.1:luac5.1 lua5.4:luac5.4 iputils-ping:ping git:git
iproute2:tc xdp-tools:xdp-loader xz-utils:xz
qemu-system-x86:qemu-system-x86_64'
missing=
PATH=$PATH:/usr/sbin:/sbin
for n in $needs; do
	case ${n#*:} in
	/*) [ -e "${n#*:}" ] || missing="$missing ${n%%:*}" ;;
	*) command -v "${n#*:}" >/dev/null || missing="$missing ${n%%:*}" ;;
	esac
done
if [ -n "$missing" ]; then
	echo "installing:$missing"
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	# shellcheck disable=SC2086 # a list of words
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

export LUABPFC_REQUIRE_KERNEL=1 LUABPFC_REQUIRE_TOOLS=1
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "not formatted: $unformatted"; exit 1; }
go vet ./...
if [ "$(id -u)" = 0 ]; then
	go test "$@" ./...
else
	# Tests load programs: they run as root, compiling does not.
	go test -exec 'sudo -E' "$@" ./...
fi

# The same cases, and programs for every section, on other kernels.
go run ./bench/matrix -must -run '^(TestRun|TestTools|TestTrace|TestTraceIter|TestStructOps|TestModuleBTF|TestFreplace|TestSections|TestPortable|TestLiveKprobe|TestLiveKill)$' 6.1 6.12
