#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# Command lines and configuration: what is wrong is one line and status 2, and
# nothing happens; what a machine lacks is named, and the rest works.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup

refused() { # NAME WANTED COMMAND...: status 2, one line on stderr that matches, no stdout
	local name=$1 want=$2 out status
	shift 2
	out=$("$@" 2>&1 > "$work/stdout")
	status=$?
	if [ $status = 2 ] && [ "$(wc -l <<< "$out")" = 1 ] && [[ $out =~ $want ]] && [ ! -s "$work/stdout" ]; then
		ok "$name"
	else
		not_ok "$name" "status $status, stdout $(wc -c < "$work/stdout") bytes: $out"
	fi
}

# dmscctl
refused 'no command' 'no command' "$dmscctl"
refused 'unknown command' "unknown command 'fly'" "$dmscctl" fly
refused 'unknown option' "unknown option '--fast'" "$dmscctl" --fast status
refused 'unknown option of a command' "unknown option '--fast'" "$dmscctl" plan --fast
refused 'unknown letter' "unknown option '-x'" "$dmscctl" status -x
refused 'an argument too many' "unexpected argument 'now'" "$dmscctl" status now
refused 'an option without its argument' "'--job' needs an argument" "$dmscctl" plan --job
refused 'plan without files' 'job' "$dmscctl" plan
refused 'plan without a topology' 'topology' "$dmscctl" plan -f "$work/job.yaml"
refused 'a job that is not there' 'nowhere.yaml' "$dmscctl" plan -f nowhere.yaml -t "$work/topology.yaml"
refused 'a folder as a job' "$work" "$dmscctl" plan -f "$work" -t "$work/topology.yaml"
refused 'order without jobs' '--job: missing' "$dmscctl" order -t "$work/topology.yaml"
refused 'levels out of range' "'0', expected 1[.][.]" "$dmscctl" order -l 0 -f "$work/job.yaml" -t "$work/topology.yaml"
refused 'more jobs than GPUs' "job.yaml:[0-9]+: parallel" "$dmscctl" order -f "$work/job.yaml" -f "$work/job.yaml" -f "$work/job.yaml" -f "$work/job.yaml" -t "$work/topology.yaml"
refused 'an unknown set-up' "'tcp', expected" "$dmscctl" simulate -u dmsc,tcp -f "$work/job.yaml" -t "$work/topology.yaml"
refused 'no iterations' "'0', expected 1[.][.]" "$dmscctl" simulate -n 0 -f "$work/job.yaml" -t "$work/topology.yaml"
printf '5\nsix\n' > "$work/counts"
refused 'a count that is no number' "$work/counts:2: 'six', expected" "$dmscctl" predict "$work/counts"
refused 'too few counts' "3 values, expected" "$dmscctl" predict <(printf '1\n2\n3\n')
refused 'a plan and a job' 'both' "$dmscctl" apply "$work/plan.json" -f "$work/job.yaml"
refused 'path down of nothing' 'path' "$dmscctl" path down
refused 'class set without =' "'weight', expected NAME=VALUE" "$dmscctl" class set data weight
refused 'class set of nonsense' "colour" "$dmscctl" class set data colour=1
refused 'env of an unknown class' 'class' "$dmscctl" env -k noise
sed 's/tensor: 2/tensor: 3/' "$work/job.yaml" > "$work/bad.yaml"
refused 'a job that does not fit, with file and line' "^dmscctl: $work/bad.yaml:[0-9]+: " \
	"$dmscctl" plan -f "$work/bad.yaml" -t "$work/topology.yaml"
for command in '' plan order simulate predict apply status service path class queue counters policy explain trace top monitor env doctor gateway route off; do
	# shellcheck disable=SC2086 # the first is no word at all
	"$dmscctl" $command --help > "$work/help" 2>&1
	equal "--help: dmscctl $command" "$? $(head -c 7 "$work/help")" '0 Usage: '
done
"$dmscctl" status --socket "$work/nobody" > "$work/out" 2>&1
match 'no daemon: status 1, one line' "$? $(wc -l < "$work/out") $(cat "$work/out")" '^1 1 .*is dmscd running'
for seconds in 0 3601 -1 1s; do
	refused "DMSC_CALL_TIMEOUT=$seconds" "DMSC_CALL_TIMEOUT: '$seconds', expected seconds, 1 to 3600" \
		env DMSC_CALL_TIMEOUT=$seconds "$dmscctl" --socket "$work/none" status
done
equal 'plan writes what it prints' "$("$dmscctl" plan -j -f "$work/job.yaml" -t "$work/topology.yaml" | json "j['job'], len(j['instances'])")" '["small", 6]'
equal 'a simulation has its set-ups and iterations' "$("$dmscctl" simulate -j -n 2 -f "$work/job.yaml" -t "$work/topology.yaml" --page "$work/page.html" 2> /dev/null | json "[s['name'] for s in j['setups']], len(j['setups'][0]['jobs'][0]['iterations_ns'])")" '[["dmsc", "ecmp", "crux", "sincronia"], 2]'
equal 'its page is whole' "$(head -c 15 "$work/page.html") $(tail -n 1 "$work/page.html") $(grep -c '<svg' "$work/page.html")" '<!doctype html> </html> 8'
"$dmscctl" simulate -f "$work/job.yaml" -t "$work/topology.yaml" --page /proc/nowhere > /dev/null 2>&1
equal 'a page that cannot be written: status 1' $? 1
python3 -c 'for i in range(1000): print(10**6 if i % 125 < 40 else 0)' > "$work/counts"
equal 'a period out of counts' "$("$dmscctl" predict -j "$work/counts" | json "round(j['period_ns'] / 1e6), j['bytes'], round(j['next_ns'] / 1e6)")" '[125, 40000000.0, 1000]'
python3 -c 'for i in range(40): print(100 + i % 2 if i < 30 else 150)' > "$work/counts"
equal 'a change in iteration times' "$("$dmscctl" predict -j --times "$work/counts" | json "[(c['line'], c['what']) for c in j['changes']], 140 < j['next'] < 160")" '[[[32, "slower"]], true]'
refused 'a module that is not there' 'nosuch.so' "$dmscctl" predict -m nosuch --times "$work/counts"
equal 'a simulation asks the built-in module' "$("$dmscctl" simulate -j -u module -m builtin -n 1 -f "$work/job.yaml" -t "$work/topology.yaml" 2> /dev/null | json "j['setups'][0]['name'], j['setups'][0]['utilisation'] > 0")" '["module", true]'
equal 'one job is the first' "$("$dmscctl" order -j -f "$work/job.yaml" -t "$work/topology.yaml" | json "j['jobs'][0]['rank'], j['jobs'][0]['level'], j['utilisation']['order'] > 0")" '[0, 0, true]'
"$dmscctl" plan -f "$work/job.yaml" -t "$work/topology.yaml" -o /proc/nowhere > /dev/null 2>&1
equal 'a plan that cannot be written: status 1' $? 1
"$dmscctl" plan -j -f "$work/job.yaml" -t "$work/topology.yaml" > /dev/full 2> "$work/out"
equal 'a full disk: status 1' "$? $(wc -l < "$work/out")" '1 1'
equal 'DSCP times four for RDMA' "$("$dmscctl" env -j -k tensor -p default | json "j['env']['NCCL_IB_TC']")" 184
match 'doctor names every check' "$("$dmscctl" doctor --socket "$work/nobody")" 'kernel .*BTF .*capabilities .*bpffs .*cgroup2 .*module .*daemon'
equal 'no escape sequences in a pipe' "$("$dmscctl" doctor --socket "$work/nobody" | grep -c $'\033')" 0

# dmscd
daemon_options host0
conf() { # TEXT
	printf '%b' "$1" > "$work/host0.yaml"
}
conf ''
check 'an empty configuration is good' "$dmscd" "${args[@]}" --check
conf 'hots: a\n'
refused 'an unknown key, with file and line' "host0.yaml:1: hots: unknown key" "$dmscd" "${args[@]}" --check
conf 'host: host0\nclasses:\n  data: {share: 901}\n'
refused 'a share too large' "host0.yaml:3: data: share: 901" "$dmscd" "${args[@]}" --foreground
conf ''
refused 'a configuration that is named and not there' 'nowhere.yaml' "$dmscd" "${args[@]}" --config /nowhere.yaml
refused 'an unknown profile' 'cisco' "$dmscd" "${args[@]}" --profile cisco --check
refused 'a relative path' "--state" "$dmscd" --state here --check
"$dmscd" --help > "$work/help"
equal '--help: dmscd' $? 0
"$dmscd" --nonsense > /dev/null 2>&1
equal 'unknown option: dmscd' $? 2

# Into the background and back; the parent returns when the daemon serves.
conf ''
check 'without --foreground it returns when it serves' in_ns host0 "$dmscd" "${args[@]}"
pid=$(ctl host0 status -j | json "j['pid']")
echo "$pid" > "$work/host0/pid"
equal 'another one fails' "$(in_ns host0 "$dmscd" "${args[@]}" > /dev/null 2>&1; echo $?)" 1
ctl host0 apply "$work/plan.json" > /dev/null 2>&1
equal 'a plan is in force' "$(ctl host0 status -j | json "j['generation']")" 1

# SIGHUP
generation() { ctl host0 status -j | json "j['generation']"; }
is_generation() { [ "$(generation)" = "$1" ]; }
conf 'profile: custom\ndscp: {data: 20}\n'
kill -HUP "$pid"
check 'SIGHUP: a new profile is a new generation' until_true is_generation 2
equal 'with its DSCP' "$(ctl host0 status -j | json "j['profile']['name'], j['profile']['dscp']['data']")" '["custom", 20]'
conf 'profile: cusTom\n'
kill -HUP "$pid"
sleep 1
equal 'a configuration with a mistake changes nothing' \
	"$(ctl host0 status -j | json "j['profile']['dscp']['data'], j['generation']")" '[20, 2]'
conf 'steer: false\n'
kill -HUP "$pid"
check 'SIGHUP: no steering' until_true is_generation 3
equal 'the kernel is told' "$(ctl host0 status -j | json "j['bpf']['steer'], j['bpf']['dscp']")" '[false, true]'
check 'off' ctl host0 off
kill "$pid"
until_true gone "$pid"

# What is missing is named; the rest works.
conf ''
start host0 --no-bpf || exit 1
out=$(ctl host0 apply -j "$work/plan.json" 2>&1)
equal 'without BPF: no generation, but services and cgroups' \
	"$(json "j['ok'] if 'ok' in j else True, j['generation'], j['instances']" <<< "$out")" '[true, 0, 3]'
equal 'service exec works' "$(ctl host0 service exec small.pp0.dp0.tp0 -- sh -c "grep -o 'small/small.pp0.dp0.tp0$' /proc/self/cgroup | sort -u")" small/small.pp0.dp0.tp0
ctl host0 counters > "$work/out" 2>&1
match 'counters say why there are none' "$? $(cat "$work/out")" '^1 dmscctl: counters: no BPF data path: switched off'
stop host0
options=(--pin-dir "$work/nobpffs")
start host0 || exit 1
out=$(ctl host0 apply "$work/plan.json" 2>&1)
match 'no bpffs: the answer says what works' "$? $out" '^0 .*warning: bpf: .*nobpffs is not on a bpf file system .*queues and class settings work'
stop host0
options=()
start host0 --interface rail0 || exit 1
refused 'a plan that needs an interface that is not ours' 'rail1, which is not an interface to use here' \
	ctl host0 apply "$work/plan.json"
stop host0
finish
