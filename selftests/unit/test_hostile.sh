#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Files with counts that no machine can hold, circles and fabrics in two pieces, by the
# whole program: status 2, nothing but one line on stderr that names file, line and
# field, within a second of processor time and 100 MB of data, which are the
# process's own limits (a signal is the status then, and no line).
set -u
cd "$(dirname "$0")/../.." || exit 1
ctl=$PWD/build/user/dmscctl
[ -x "$ctl" ] || { echo "Bail out! $ctl is not built"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp examples/cluster4.yaml "$work/good.yaml"
cd "$work" || exit 1
tests=0 failed=0

limited() {
	prlimit --data=104857600 --cpu=1 "$ctl" "$@" > out 2> said
}
# refuses NAME SAYS ARGUMENT...: SAYS is what the line begins with, behind "dmscctl: "
refuses() {
	local name=$1 says=$2 status
	shift 2
	tests=$((tests + 1))
	limited "$@"
	status=$?
	if [ $status = 2 ] && [ "$(wc -l < said)" = 1 ] && [ ! -s out ] &&
		[[ $(< said) == "dmscctl: $says"* ]]; then
		echo "ok $tests - $name"
	else
		failed=$((failed + 1))
		echo "not ok $tests - $name"
		echo "# status $status, expected 2 and '$says': $(head -c 300 said)"
	fi
}
job() { # NAME SAYS: the job file on stdin, on a good cluster
	cat > job.yaml
	refuses "$1" "job.yaml:$2" plan --job job.yaml --topology good.yaml
}
small='name: x
preset: gpt-13b
parallel: {tensor: 8, data: 4}
'
topology() { # NAME SAYS: the topology file on stdin, for a good job
	cat > topology.yaml
	printf '%s' "$small" > job.yaml
	refuses "$1" "$2" plan --job job.yaml --topology topology.yaml
}
imported() { # NAME FORMAT SAYS: a file of another program on stdin
	local more=
	[ "$2" = simai ] || more=', gpus: 8, rate: 400Gbit'
	cat > file
	printf 'name: x\nimport: {format: %s, file: file%s}\n' "$2" "$more" > topology.yaml
	printf '%s' "$small" > job.yaml
	refuses "$1" "./file:$3" plan --job job.yaml --topology topology.yaml
}
workload() { # NAME SAYS FILE: a workload file on stdin
	cat > "$3"
	printf '%s' "$small" > job.yaml
	refuses "$1" "$3:$2" plan --job job.yaml --topology good.yaml --workload "$3"
}

# ---- jobs ----
job '10^9 layers' '2: model.layers: 1000000000' <<-'END'
	name: x
	model: {layers: 1000000000, hidden: 1024, heads: 8, sequence: 128, vocabulary: 1000}
	parallel: {tensor: 1}
END
job '10^5 layers, an exchange each, 4096 micro-batches' '3: parallel: more than 4194304 steps' <<-'END'
	name: x
	model: {layers: 100000, hidden: 1024, ffn: 4096, heads: 8, sequence: 128, vocabulary: 1000}
	parallel: {tensor: 1, data: 32, micro_batches: 4096, exchanges: 65536}
END
job '10^12 experts' '2: model.moe.experts: 1000000000000' <<-'END'
	name: x
	model: {layers: 8, hidden: 1024, heads: 8, sequence: 128, vocabulary: 1000, moe: {experts: 1000000000000, topk: 2}}
	parallel: {tensor: 1}
END
job '2^48 ranks' '3: parallel: tensor x pipeline x data x context is' <<-'END'
	name: x
	preset: gpt-13b
	parallel: {tensor: 8, pipeline: 1, data: 65536, context: 2048}
END
job '10^9 hosts placed' '4: placement.hosts: at' <<< "${small}placement: {hosts: \"host[0-1000000000]\"}"
job '10^12 ranks placed' '4: placement.ranks[0].ranks: ' \
	<<< "${small}placement: {ranks: [{ranks: 0-1000000000000, host: host0}]}"
job '10^9 streams' '4: bulk[0].streams: 1000000000' \
	<<< "${small}bulk: [{name: c, from: \"*\", to: store0, bytes: 1GiB, streams: 1000000000}]"
job '9 * 10^8 flows between tasks' '2: flows: more than' <<-'END'
	name: x
	tasks: [{name: a, instances: 30000}, {name: b, instances: 30000}]
	flows: [{from: a, to: b, bytes: 1TB}]
END
job '2 * 10^6 flows between tasks' '2: flows: more than 1048576 flows' <<-'END'
	name: x
	tasks: [{name: a, instances: 2000}, {name: b, instances: 1000}]
	flows: [{from: a, to: b, bytes: 1TB}]
END
job 'tasks in a circle' '3: flows[0]: ' <<-'END'
	name: x
	tasks: [{name: a}, {name: b}, {name: c}]
	flows: [{from: a, to: b, bytes: 1}, {from: b, to: c, bytes: 1}, {from: c, to: a, bytes: 1}]
END
job '100,000 levels of brackets' '1: YAML: nested too deep' < <(head -c 100000 /dev/zero | tr '\0' '[')

# From each of 8,192 hosts to each, 64 streams: 4 * 10^9.
printf '%sbulk: [{name: c, from: "*", to: "*", bytes: 1GiB, streams: 64}]\n' "$small" > job.yaml
printf 'name: x\ngenerate: {fabric: fat-tree, k: 32, gpus: 8, rate: 400Gbit}\n' > topology.yaml
refuses 'bulk of all hosts to all' 'job.yaml:4: bulk: 4294443008 streams' \
	plan --job job.yaml --topology topology.yaml

# ---- topologies ----
topology '10^12 GPUs' 'topology.yaml:2: generate.gpus: 1000000000000' <<-'END'
	name: x
	generate: {fabric: fat-tree, k: 4, gpus: 1000000000000, rate: 1Gbit}
END
topology '4 * 10^9 hosts' 'topology.yaml:2: generate: 4294967296 hosts' <<-'END'
	name: x
	generate: {fabric: rail-optimised, segments: 65536, hosts: 65536, rails: 64, spines: 1024, gpus: 8, rate: 1Gbit}
END
topology '2^27 links' 'topology.yaml:2: generate: 65536 hosts and' <<-'END'
	name: x
	generate: {fabric: dual-plane, segments: 1024, hosts: 64, rails: 64, spines: 1024, gpus: 8, rate: 1Gbit}
END
topology 'a fabric in two pieces' "topology.yaml:4: links: no way from 'a' to 'b'" <<-'END'
	name: x
	hosts:
	  - {name: a, gpus: 16, address: 10.1.0.1}
	  - {name: b, gpus: 16, address: 10.1.0.2}
	switches:
	  - {name: l, tier: leaf, address: 10.1.0.3}
	  - {name: m, tier: leaf, address: 10.1.0.4}
	links:
	  - {a: "a:e0", b: "l:e0", subnet: 10.0.0.0/31, rate: 1Gbit}
	  - {a: "b:e0", b: "m:e0", subnet: 10.0.0.2/31, rate: 1Gbit}
END
imported 'SimAI, 10^12 nodes' simai "1: nodes: '1000000000000'" <<< '1000000000000 8 0 1 1 H100'
imported 'SimAI, 10^9 links' simai '1: links: ' < <(echo '9 2 2 3 1000000000 X'; echo '4 5 6 7 8'; echo '0 6 1Gbps')
imported 'SimAI, a ring of switches' simai '5: destination: 6 and 7 are in the same tier' <<-'END'
	9 2 2 3 3 X
	4 5 6 7 8
	0 6 1Gbps
	2 7 1Gbps
	6 7 1Gbps
END
imported 'Slurm, 10^12 nodes' slurm-conf '1: Nodes: at' <<< 'SwitchName=s1 Nodes=n[1-1000000000000]'
imported 'Slurm, ranges of ranges' slurm-conf '1: Nodes: at' \
	<<< 'SwitchName=s1 Nodes=n[1-60000]x[1-60000]y[1-60000]'
imported 'Slurm, switches in a circle' slurm-conf "1: tiers: 'a' is part of" <<-'END'
	SwitchName=a Switches=b
	SwitchName=b Switches=a
END
imported 'Slurm YAML, 10^12 nodes' slurm-yaml '4: nodes: at' <<-'END'
	- topology: t
	  tree:
	    switches:
	      - switch: a
	        nodes: n[1-1000000000000]
END
imported "Slurm YAML, switches in a circle" slurm-yaml "4: tiers: 'a' is part of" <<-'END'
	- topology: t
	  tree:
	    switches:
	      - switch: a
	        children: b
	      - switch: b
	        children: a
END
imported 'Lingjun, two pieces' lingjun '1: switches: no way' <<-'END'
	ip,DSW,PSW,ASW
	a,G,P1,S1
	b,H,P1,S2
END

# ---- workloads ----
aicb='[rank0 ~ rank127]
comm_type,comm_group,comm_group_size,msg_size,stage,dst,src,additional,_elapsed_time,algbw,busbw,count
'
workload 'AICB, a group of 10^12' "3: comm_group_size: '1000000000000'" w.csv \
	<<< "${aicb}CommType.all_gather,CommGroup.dp_group,1000000000000,1,forward,None,0,,None,None,None,1"
workload 'AICB, 10^20 bytes' "3: msg_size: '99999999999999999999'" w.csv \
	<<< "${aicb}CommType.all_gather,CommGroup.dp_group,128,99999999999999999999,forward,None,0,,None,None,None,1"
workload 'AICB, 10^12 times' "3: count: '1000000000000'" w.csv \
	<<< "${aicb}CommType.all_gather,CommGroup.dp_group,128,1,forward,None,0,,None,None,None,1000000000000"
simai='HYBRID_TRANSFORMER_FWD_IN_BCKWD model_parallel_NPU_group: 8 ep: 1 pp: 1 vpp: 1 ga: 8'
workload 'SimAI, 10^12 GPUs' "1: all_gpus: '1000000000000'" w.txt <<< "$simai all_gpus: 1000000000000"
workload 'SimAI, 10^9 rows' "2: rows: '1000000000'" w.txt <<< "$simai all_gpus: 32
1000000000"
workload 'SimAI, 10^11 stages' "1: pp: '100000000000'" w.txt \
	<<< 'HYBRID_TRANSFORMER model_parallel_NPU_group: 8 pp: 100000000000
1'

# ---- what else is read ----
printf '%s' "$small" > job.yaml
echo '{"job": "x", "scale": {"rate": 1e308, "bytes": 1e-308, "mtu": 1e12}}' > report.json
refuses 'a report with an MTU of 10^12' 'report.json: scale.' \
	simulate --job job.yaml --topology good.yaml --measured report.json
printf '1\n2\n1e999\n' > counts
refuses 'counts that no number holds' "counts:3: '1e999', expected a number" predict counts
printf '1\n2\n' > counts
refuses 'too few counts' 'counts: 2 values, expected 48' predict counts
echo "1..$tests"
[ $failed = 0 ]
