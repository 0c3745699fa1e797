#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# First process of a User Mode Linux guest, as vm/init.sh is of a virtual
# machine: what is written goes to memory, but for /results.
. /dmsc/selftests/vm/system.sh
cd /dmsc || exit
setsid --wait /bin/bash /results/.vm/command < /dev/null > /results/.vm/stdout 2>&1
echo $? > /results/.vm/status.new
dmesg > /results/kernel.log
mv /results/.vm/status.new /results/.vm/status
sync
echo o > /proc/sysrq-trigger
# The first process must not end before that has been done.
sleep infinity
