#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh: runs one command on a Debian kernel in a virtual machine. See usage().
#
# One mechanism for all kernels: an initramfs with what mounting needs, then
# the shared root below an overlay in memory. The run fails when the command
# fails, when the guest ends without having said how the command ended, when
# it takes too long, and when the kernel's log holds a splat (splat.sh).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<-END
	usage: run.sh KERNEL [OPTION]... -- COMMAND [ARGUMENT]...
	KERNEL is one of: $DMSC_KERNELS debug. The command runs in /dmsc, which is this work
	tree, read-only; what it writes into /results is kept in the --out folder.
	  --timeout S       seconds, boot included (default 300)
	  --mem M           MiB (default 2048)
	  --out DIR         /results of the guest; gets kernel.log as well
	  --share DIR:TAG   DIR, read-only, as /mnt/TAG in the guest; may be repeated
	Exit status: the command's; 124 time-out, 125 splat in the kernel's log,
	126 the guest ended without a result.
	END
}

all=("$@")
kernel='' timeout=300 mem=2048 out='' shares=()
while [ $# -gt 0 ]; do
	case $1 in
	--timeout) timeout=$2; shift 2 ;;
	--mem) mem=$2; shift 2 ;;
	--out) out=$2; shift 2 ;;
	--share) shares+=("$2"); shift 2 ;;
	--help) usage; exit 0 ;;
	--) shift; break ;;
	-*) usage >&2; exit 2 ;;
	*) kernel=$1; shift ;;
	esac
done
if [ -z "$kernel" ] || [ $# = 0 ]; then
	usage >&2
	exit 2
fi
known_kernel "$kernel"
need_root "$0" "${all[@]}"
need_kernel "$kernel"
use_root
version=$(kernel_version "$kernel")

# The modules that mounting the root takes, in the order of their dependencies.
# The result is kept: it changes with the kernel and with initramfs.sh only.
initramfs() {
	local want='virtio_pci 9pnet_virtio 9p overlay' name path tree
	name=$DMSC_CACHE/initramfs-$version-$(sha256sum "$TOP/selftests/vm/initramfs.sh" | cut -c1-16)
	if [ ! -e "$name" ]; then
		tree=$work/initramfs
		mkdir -p "$tree"/{bin,dev,proc,modules}
		cp "$ROOT/usr/bin/busybox" "$tree/bin/"
		cp "$TOP/selftests/vm/initramfs.sh" "$tree/init"
		chmod 755 "$tree/init"
		# A kernel of our own has it all built in.
		! is_own_kernel "$kernel" || want=
		: > "$tree/modules/order"
		# shellcheck disable=SC2086 # a list of modules
		[ -z "$want" ] || chroot "$ROOT" modprobe --set-version "$version" --show-depends --all $want |
			awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
			while read -r path; do
				case $path in
				*.xz) xz -dc "$ROOT$path" ;;
				*.zst) zstd -qdc "$ROOT$path" ;;
				*) cat "$ROOT$path" ;;
				esac > "$tree/modules/$(basename "${path%.ko*}").ko"
				basename "${path%.ko*}".ko
			done > "$tree/modules/order"
		(cd "$tree" && find . | cpio --quiet -o -H newc) > "$work/initramfs.cpio"
		mv "$work/initramfs.cpio" "$name"
	fi
	echo "$name"
}

qemu='' work=$(mktemp -d)
cleanup() {
	[ -z "$qemu" ] || kill "$qemu" 2> /dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

[ -n "$out" ] || out=$work/out
results_folder "$kernel" "$@"

devices=() append=''
share() { # TAG DIR OPTIONS
	devices+=(-fsdev "local,id=$1,path=${2//,/,,},security_model=none,multidevs=remap$3"
		-device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}
share root "$ROOT" ,readonly=on
share dmsc "$TOP" ,readonly=on
share results "$out" ''
for s in "${shares[@]}"; do
	[ -d "${s%:*}" ] || die "run.sh: --share $s: no folder ${s%:*}"
	share "${s##*:}" "${s%:*}" ,readonly=on
	append+=" dmsc.share=${s##*:}"
done

# TCG unless asked otherwise: /dev/kvm may exist and yet not run a kernel.
# Plain "max" has 5-level page tables, which make some kernels print a false splat.
case ${DMSC_ACCEL:-tcg} in
kvm) accel=(-accel kvm -cpu host) ;;
*) accel=(-accel "tcg,thread=multi" -cpu "max,la57=off") ;;
esac
# A loaded machine may stop a guest for a while: its watchdogs are patient, and
# the timer's interrupt is not waited for at boot ("IO-APIC + timer doesn't work!").
append+=' rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60 tsc=reliable no_timer_check'
# Much of an emulated processor's time would go into what no test needs.
append+=' mitigations=off init_on_alloc=0 lsm='
# Code at ever other addresses would be translated anew for each process.
append+=' norandmaps'
# kmemleak: SLUB's sheaves, arrays of free objects, still hold the pointer of an
# object that was taken out of them, and are themselves looked through for
# pointers. Caches with a debug option (red zones) have no sheaves.
[ "$kernel" != debug ] || append+=' slab_debug=Z'

mkfifo "$work/stdout"
cat "$work/stdout" &
reader=$!
timeout -k 10 "$timeout" qemu-system-x86_64 -M q35 "${accel[@]}" -smp 2 -m "$mem" \
	-nodefaults -no-reboot -no-user-config -display none \
	-kernel "$(kernel_image "$kernel")" -initrd "$(initramfs)" \
	-append "console=ttyS0 ignore_loglevel log_buf_len=4M panic=-1$append" \
	-chardev "file,id=log,path=$out/kernel.log" -serial chardev:log \
	-chardev stdio,id=out,signal=off -serial chardev:out \
	"${devices[@]}" < /dev/null > "$work/stdout" 2> "$out/.vm/qemu.log" &
qemu=$!
rc=0
wait $qemu || rc=$?
qemu=
wait $reader
give_back "$out"

splat=0
"$TOP/selftests/vm/splat.sh" "$out/kernel.log" >&2 || splat=1
if [ $rc = 124 ] || [ $rc = 137 ]; then
	say "run.sh: kernel $kernel: nothing after $timeout s, killed; its last lines:"
	tail -n 5 "$out/kernel.log" >&2
	exit 124
fi
if [ ! -e "$out/.vm/status" ]; then
	say "run.sh: kernel $kernel: the guest ended without a result (qemu: status $rc)"
	cat "$out/.vm/qemu.log" >&2
	tail -n 5 "$out/kernel.log" >&2
	exit 126
fi
[ $splat = 0 ] || exit 125
exit "$(cat "$out/.vm/status")"
