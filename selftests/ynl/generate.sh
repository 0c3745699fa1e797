#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# generate.sh [DIR]: makes the C sources that follow from the family's
# specification, in this tree or in another folder. They are committed;
# test_spec.sh makes them again and compares.
set -euo pipefail
cd "$(dirname "$0")/../.."
selftests/ynl/stage.sh
/usr/bin/python3 selftests/ynl/generate.py "${1:-.}"
