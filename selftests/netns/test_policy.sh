#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: 7.3
#
# Policy from the configuration to the wire: an application that may not gets
# EPERM, who monitors is told, `policy` counts, `explain` names the rule, and it
# knows the connections that live here.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup
sender=small.pp0.dp0.tp0 receiver=small.pp0.dp1.tp0

cat > "$work/host0.yaml" <<-END
	policy:
	  default: deny
	  rules:
	    - {from: $sender, to: $receiver, classes: [data]}
	    - {from: any, to: outside, action: audit}
	    - {from: small.pp0.dp0.tp1, to: small.pp0.dp1.tp1, rate: 8Mbit}
END
start host0 || exit 1
start host1 || exit 1
ctl host0 apply "$work/plan.json" > /dev/null || { echo 'Bail out! no plan in force'; exit 1; }
ctl host1 apply "$work/plan.json" > /dev/null
(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
	monitor --json) > "$work/events" 2> /dev/null &
pids+=($!)
until_true grep -q '"event":"monitor"' "$work/events"

serve host1 $receiver data
port=$(service host1 $receiver "['ports']['data']")
as() { # INSTANCE: sends as this one
	ctl host0 service exec "$1" -- "$stream" send 10.255.0.1 10.255.0.2 "$port" 10000
}
count() { # HOOK REASON
	ctl host0 policy -j | json "sum([n['count'] for n in j['denials'] if n['hook'] == '$1' and n['reason'] == '$2'])"
}
explain() { # EXPRESSION ARGUMENT...
	local what=$1
	shift
	ctl host0 explain -j "$@" | json "$what"
}

check 'who may, can' as $sender
match 'who may not gets EPERM' "$(as small.pp0.dp0.tp1 2>&1)" 'Operation not permitted'
equal 'it is counted' "$(count connect default)" 1
check 'who monitors is told' until_true grep -q '"hook":"connect".*"event":"denied"' "$work/events"
equal 'policy lists the rules' "$(ctl host0 policy -j | json "j['default'], j['in_use'], [r['action'] for r in j['rules']]")" \
	'["deny", true, ["allow", "audit", "allow"]]'
match 'as a table' "$(ctl host0 policy)" "$sender +$receiver +allow +data"
match 'denials as a table' "$(ctl host0 policy denials)" 'connect +default +1'

# a rate: what is above it is dropped, the connection goes on
match 'the rate is listed' "$(ctl host0 policy)" 'small.pp0.dp1.tp1 +allow +all +8.00 Mbit/s'
serve host1 small.pp0.dp1.tp1 data
slow=$(service host1 small.pp0.dp1.tp1 "['ports']['data']")
check 'a connection above its rate comes through' \
	ctl host0 service exec small.pp0.dp0.tp1 -- "$stream" send 10.255.0.1 10.255.0.2 "$slow" 1000000
check 'with loss' [ "$(count egress rate)" -gt 0 ]

# hypothetical flows
equal 'explain: allowed by rule 1' \
	"$(explain "j['policy']['action'], j['policy']['rule'], j['class'], j['path'] > 0" --service $sender "10.255.0.2:$port")" \
	'["allow", 1, "data", true]'
equal 'explain: denied by the default' \
	"$(explain "j['policy']['action'], j['policy']['rule'], j['policy']['reason']" --service small.pp0.dp0.tp1 "10.255.0.2:$port")" \
	'["deny", 0, "default"]'
equal 'explain: audited by rule 2' \
	"$(explain "j['policy']['action'], j['policy']['rule']" --service $sender 192.0.2.1:80)" '["audit", 2]'
equal 'explain: a process by its cgroup' \
	"$(explain "j['sid'] == $(service host0 $sender "['sid']")" --cgroup "$(service host0 $sender "['cgroup_path']")" "10.255.0.2:$port")" true
equal 'explain: nobody to nobody is not asked' \
	"$(explain "j['policy']['asked'], j['class'], j['path']" --local 192.0.2.1:80)" '[false, "default", 0]'
equal 'explain: from outside, forwarded' \
	"$(explain "j['policy']['action'], j['sid']" --from 192.0.2.1:4000 "10.255.0.2:$port")" '["deny", 0]'
match 'explain, for people' "$(ctl host0 explain --service $sender "10.255.0.2:$port")" \
	"class +data.*policy +allow by rule 1 \($sender to $receiver\).*endpoints +yes +10.255.0.2 port $port"
ctl host0 explain --service nobody 10.0.0.1:1 > "$work/out" 2>&1
match 'explain: an unknown service' "$? $(wc -l < "$work/out") $(cat "$work/out")" "^2 1 .*'nobody' is no instance"
ctl host0 explain 10.0.0.1:99999 > "$work/out" 2>&1
equal 'explain: no port' "$? $(wc -l < "$work/out")" '2 1'

# a live one
cat > "$work/hold.py" <<'END'
import socket, sys, time
s = socket.socket()
s.bind(("10.255.0.1", 0))
s.connect(("10.255.0.2", int(sys.argv[1])))
print(s.getsockname()[1], flush=True)
time.sleep(600)
END
(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
	service exec $sender -- /usr/bin/python3 "$work/hold.py" "$port") > "$work/held" &
pids+=($!)
until_true test -s "$work/held"
equal 'explain: a connection that lives here' \
	"$(explain "j['live']['sid'] == j['sid'], j['live']['class'], j['live']['denied']" --service $sender \
		--from "10.255.0.1:$(cat "$work/held")" "10.255.0.2:$port")" '[true, "data", false]'

# a rule that is about nobody, and one that goes
pid=$(cat "$work/host0/pid")
generation() { ctl host0 status -j | json "j['generation']"; }
printf 'policy: {rules: [{from: nobody, to: any, action: deny}]}\n' > "$work/host0.yaml"
before=$(generation)
kill -HUP "$pid"
check 'a rule about nobody is refused' until_true grep -q "policy: rules\[0\] (line 1): nobody: not in the plan" "$work/host0/log"
equal 'and the old one stays' "$(generation)" "$before"
echo '# none' > "$work/host0.yaml"
kill -HUP "$pid"
changed() { [ "$(generation)" != "$before" ]; }
check 'without a policy' until_true changed
check 'all may' as small.pp0.dp0.tp1
equal 'and policy says so' "$(ctl host0 policy -j | json "j['default'], j['in_use'], j['rules']")" '["allow", false, []]'
finish
