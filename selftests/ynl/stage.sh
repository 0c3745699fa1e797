#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# stage.sh: puts the kernel's own tools for netlink specifications, our
# specification and Debian's YAML for Python into build/ynl/, where a guest
# finds them, too. The generator looks for the schema above specs/, and for a
# file MAINTAINERS above that.
set -euo pipefail
cd "$(dirname "$0")/../.."
source=$(selftests/vm/root.sh --source)
out=build/ynl
rm -rf $out.new
mkdir -p $out.new/specs
cp -a "$source/tools/net/ynl/pyynl" "$source/Documentation/netlink/genetlink-legacy.yaml" $out.new/
cp -a /usr/lib/python3/dist-packages/yaml $out.new/
cp include/netlink/specs/dmsc.yaml $out.new/specs/
touch $out.new/MAINTAINERS
# A guest may be reading what is there.
if diff -rq -x __pycache__ $out.new $out > /dev/null 2>&1; then
	rm -rf $out.new
	exit 0
fi
rm -rf $out
mv $out.new $out
