#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# splat.sh LOG: prints the lines of a kernel log which say that the kernel
# found something wrong with itself; exit status 1 when there are any.
# test_splat.sh shows that it sees each kind.
set -euo pipefail

if [ $# != 1 ] || [ ! -r "$1" ]; then
	echo "usage: splat.sh LOG (must be readable)" >&2
	exit 2
fi

bad='WARNING:|BUG:|BUG |Oops|Call Trace|cut here|general protection fault'
bad+='|Kernel panic|Unable to handle kernel|unable to handle|invalid opcode|divide error|stack segment'
bad+='|possible (circular|recursive|irq|deadlock)|inconsistent lock state|suspicious RCU usage|lock held when returning'
bad+='|held lock freed|bad unlock balance|Invalid wait context|sleeping function called|scheduling while atomic'
bad+='|blocked for more than|is blocked on a |NETDEV WATCHDOG|hung_task|soft lockup|hard LOCKUP|rcu.*(detected stall|self-detected stall|stalls on CPU)'
bad+='|refcount_t|UBSAN|KASAN|KFENCE|KCSAN|kmemleak: [0-9]+ new|ODEBUG|list_(add|del) corruption|Bad page'
bad+='|unregister_netdevice: waiting|leaked reference|Out of memory:|page allocation failure'
bad+='|Disabling lock debugging|Segmentation fault|segfault at|double fault|bad frame|stack-protector|usercopy:'
bad+='|disagrees about version of symbol|Unknown symbol|Invalid relocation'

# What an unsigned module from outside the kernel's tree always says, and what
# a virtual machine's firmware does.
good='loading out-of-tree module taints kernel'
good+='|module verification failed: signature and/or required key missing'
good+='|Skipping BTF generation'

if [ ! -s "$1" ]; then
	echo "splat.sh: $1 is empty: no kernel log to judge"
	exit 1
fi
found=$(tr -d '\r' < "$1" | grep -a -n -E -- "$bad" | grep -a -v -E -- "$good" || true)
[ -z "$found" ] && exit 0
# The first splat is the one to look at; later ones often follow from it.
echo "splat.sh: $1:"
head -n 20 <<< "$found"
exit 1
