#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""generate.py DIR [TOOLS]: what include/netlink/specs/dmsc.yaml says, as C, below DIR:

  include/uapi/linux/dmsc_netlink.h   names and numbers, with their documentation
  kmod/netlink_gen.h, netlink_gen.c   policies and the table of operations

The kernel's generator makes them (tools/net/ynl), out of the copies that
stage.sh puts into build/ynl/, or other TOOLS.
What it cannot say is added here: the documentation of attributes, commands and
constants, the parts' licences, and that counters, which are told in the same
nests as settings are given, are refused in requests. Left out is its table of
multicast groups: only the family would use it, which it does not make for
policies that kernels before 6.2 take.
"""
import os
import re
import subprocess
import sys
import textwrap

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = sys.argv[2] if len(sys.argv) > 2 else os.path.join(TOP, "build", "ynl")
SPEC = os.path.join(TOOLS, "specs", "dmsc.yaml")
sys.path.insert(0, TOOLS)
import yaml  # noqa: E402

# path, the generator's options, licence
OUTPUT = (
    ("include/uapi/linux/dmsc_netlink.h", ("--mode", "uapi", "--header"),
     "GPL-2.0 WITH Linux-syscall-note"),
    ("kmod/netlink_gen.h", ("--mode", "kernel", "--header"), "GPL-2.0"),
    ("kmod/netlink_gen.c", ("--mode", "kernel", "--source"), "GPL-2.0"),
)


def c_upper(name):
    return name.upper().replace("-", "_")


def kernel_doc(name, text, members):
    """A comment: enum NAME, paragraphs of text, and (member, text) pairs."""
    first, *rest = [" ".join(p.split()) for p in text.strip().split("\n\n")]
    lines = ["/**"]
    lines += textwrap.wrap("enum %s - %s" % (name, first), 92, initial_indent=" * ",
                           subsequent_indent=" *   ", break_on_hyphens=False)
    for member, what in members:
        lines += textwrap.wrap("@%s: %s" % (member, " ".join(what.split())), 92,
                               initial_indent=" * ", subsequent_indent=" *   ",
                               break_on_hyphens=False)
    for paragraph in rest:
        lines.append(" *")
        lines += textwrap.wrap(paragraph, 92, initial_indent=" * ", subsequent_indent=" * ",
                               break_on_hyphens=False)
    return "\n".join(lines + [" */\n"])


def describe(attr):
    kind = {"string": "NUL-terminated string"}.get(attr["type"], attr["type"])
    if attr["type"] == "nest":
        kind = "nest of DMSC_%s_A_" % c_upper(attr["nested-attributes"])
    if "enum" in attr:
        kind += ", enum dmsc_" + attr["enum"].replace("-", "_")
    return kind + ("; " + attr["doc"] if "doc" in attr else "")


def document(text, spec):
    """The uapi header with the documentation that the generator leaves out."""
    enums = []
    for s in spec["attribute-sets"]:
        enums.append((s["enum-name"], s["doc"], [
            (c_upper(s["name-prefix"] + a["name"]), describe(a)) for a in s["attributes"]
            if a["type"] not in ("unused", "pad")]))
    ops = spec["operations"]
    enums.append((ops["enum-name"], "commands of the family", [
        (c_upper(ops["name-prefix"] + o["name"]), o["doc"]) for o in ops["list"]
        if o["doc"] != "unused"]))
    for name, doc, members in enums:
        name = name.replace("-", "_")
        if text.count("enum %s {" % name) != 1:
            sys.exit("generate.py: no enum %s in the header" % name)
        text = text.replace("enum %s {" % name, kernel_doc(name, doc, members) + "enum %s {" % name)
    for d in spec["definitions"]:
        if d["type"] == "enum":
            text = text.replace(" * dmsc_%s - " % d["name"].replace("-", "_"),
                                " * enum dmsc_%s - " % d["name"].replace("-", "_"))
        if d["type"] == "const" and "doc" in d:
            form = "%s\t/* %s */" if len(d["doc"]) < 50 else "/* %s */\n%s"
            text, found = re.subn(
                r"(?m)^#define DMSC_%s\t+\S+$" % c_upper(d["name"]),
                lambda m: form % ((m[0], d["doc"]) if len(d["doc"]) < 50 else (d["doc"], m[0])),
                text)
            if found != 1:
                sys.exit("generate.py: no constant %s in the header" % d["name"])
    return text


def reject_counters(text):
    """Policies without the one for counters."""
    text = text.replace("NLA_POLICY_NESTED(dmsc_stats_nl_policy)", "{ .type = NLA_REJECT, }")
    text = re.sub(r"extern const struct nla_policy dmsc_stats_nl_policy\[.*\];\n", "", text)
    return re.sub(r"const struct nla_policy dmsc_stats_nl_policy\[.*?\n};\n\n", "", text, flags=re.S)


def generate(options, licence, path, spec):
    subprocess.run([sys.executable, os.path.join(TOOLS, "pyynl", "ynl_gen_c.py"), *options,
                    "--spec", SPEC, "-o", path], check=True)
    text = open(path).read()
    text = re.sub(r"SPDX-License-Identifier: \(\(.*\) OR BSD-3-Clause\)",
                  "SPDX-License-Identifier: " + licence, text, count=1)
    text = text.replace("tools/net/ynl/ynl-regen.sh", "selftests/ynl/generate.sh")
    text = text.replace("/*\tspecs/", "/*\tinclude/netlink/specs/")
    # Out of the kernel's tree: include/uapi is searched, include/ is not.
    text = text.replace("#include <uapi/linux/", "#include <linux/")
    if "uapi" in options:
        text = document(text, spec)
    text = reject_counters(text)
    text = re.sub(r"\nstatic const struct genl_multicast_group .*?\n};\n", "", text, flags=re.S)
    with open(path, "w") as f:
        f.write(text)


def main():
    spec = yaml.safe_load(open(SPEC))
    for path, options, licence in OUTPUT:
        path = os.path.join(sys.argv[1], path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        generate(options, licence, path, spec)


main()
