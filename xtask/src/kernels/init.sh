#!/bin/busybox sh
# First process of the test machine, in its initramfs: loads the modules that reach the host's
# directories over 9p, builds a root file system from them, runs the scenario there, powers off.
#
# The host's root is read-only. Writable are /run and /tmp (in memory), and /run/exchange, the
# directory through which the host hands in the agent and gets back what it did.
b=/bin/busybox
root=/root
mounts=trans=virtio,version=9p2000.L,msize=512000

fail() {
	echo "test machine: $1"
	$b poweroff -f
	$b sleep 60
}

$b mkdir -p /proc /sys /dev $root
$b mount -t proc proc /proc
$b mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do
	$b insmod "$module" || fail "cannot load $module"
done

$b mount -t 9p -o $mounts,ro,cache=loose host $root || fail "cannot mount the host's root"
$b mount -t proc proc $root/proc
$b mount -t sysfs sysfs $root/sys
$b mount --move /dev $root/dev
for directory in run tmp; do
	$b mount -t tmpfs tmpfs $root/$directory || fail "cannot mount /$directory"
done
$b mkdir $root/run/exchange
$b mount -t 9p -o $mounts exchange $root/run/exchange || fail "cannot mount the exchange directory"
$b mount -t cgroup2 cgroup2 $root/sys/fs/cgroup || fail "cannot mount cgroup2"
$b mount -t bpf bpf $root/sys/fs/bpf
$b mount -t tracefs tracefs $root/sys/kernel/tracing
$b mount -t securityfs securityfs $root/sys/kernel/security
$b ip link set lo up

PATH=/usr/sbin:/usr/bin:/sbin:/bin $b chroot $root /bin/sh /run/exchange/scenario.sh
echo $? >$root/run/exchange/scenario.status
$b poweroff -f
# Powering off takes a moment; a first process that ends is a panic.
$b sleep 60
