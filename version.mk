# SPDX-License-Identifier: GPL-2.0-or-later
# The one place that holds the release; Makefile, Kbuild and dkms.conf follow it.
DMSC_VERSION := 0.1.0
