// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of the control socket, and the client's side of it; the configuration file. */
#include "plan_util.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "lib/hostconf.h"
#include "lib/ipc.h"

static void test_lines(void **state)
{
	static const char text[] = "one\n\ntwo words\nthree\nrest";
	static const char *const want[] = { "one", "", "two words", "three" };

	(void)state;
	/* However the stream is cut, the lines are the same. */
	for (size_t step = 1; step <= sizeof(text); step++) {
		struct ipc_buf b = { 0 };
		size_t n = 0, len;
		char *line;

		for (size_t at = 0; at < sizeof(text) - 1; at += step) {
			size_t left = sizeof(text) - 1 - at;

			assert_int_equal(ipc_buf_add(&b, text + at, left < step ? left : step), 0);
			while ((line = ipc_buf_line(&b, &len))) {
				assert_true(n < 4);
				assert_string_equal(line, want[n]);
				assert_int_equal(len, strlen(want[n]));
				n++;
			}
		}
		assert_int_equal(n, 4);
		assert_int_equal(ipc_buf_add(&b, "\n", 1), 0);
		line = ipc_buf_line(&b, &len);
		assert_non_null(line);
		assert_string_equal(line, "rest");
		assert_null(ipc_buf_line(&b, &len));
		ipc_buf_free(&b);
	}
}

static void test_limit(void **state)
{
	size_t step = 1 << 20, total = 0, len;
	char *chunk = malloc(step), *line;
	struct ipc_buf b = { 0 };
	int ret = 0;

	(void)state;
	assert_non_null(chunk);
	memset(chunk, 'x', step);
	while (!ret && total < 2UL * IPC_MAX_LINE) {
		ret = ipc_buf_add(&b, chunk, step);
		total += step;
	}
	assert_int_equal(ret, -EMSGSIZE);
	assert_true(total <= IPC_MAX_LINE + step);
	ipc_buf_free(&b);
	/* Lines that are taken out as they come are no burden, however many. */
	chunk[step - 1] = '\n';
	for (total = 0; total < 2UL * IPC_MAX_LINE; total += step) {
		assert_int_equal(ipc_buf_add(&b, chunk, step), 0);
		line = ipc_buf_line(&b, &len);
		assert_non_null(line);
		assert_int_equal(len, step - 1);
	}
	assert_true(ipc_buf_size(&b) <= 4 * step);
	ipc_buf_free(&b);
	free(chunk);
}

/* A server that takes one request and sends @reply; NULL: closes at once. */
static pid_t serve(const char *path, const char *reply)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char request[4096];
	pid_t pid;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	if (!pid) {
		int c = accept(fd, NULL, NULL);

		if (c < 0 || (reply && read(c, request, sizeof(request)) < 0))
			_exit(1);
		/* In pieces, as a stream may come. */
		for (size_t i = 0; reply && i < strlen(reply); i++)
			if (send(c, reply + i, 1, MSG_NOSIGNAL) != 1)
				_exit(1);
		_exit(0);
	}
	close(fd);
	return pid;
}

static int call(const char *reply, json_t **answer, struct dmsc_error *err)
{
	char path[] = "/tmp/dmsc-ipc-XXXXXX";
	struct ipc_client c;
	pid_t pid;
	int ret;

	close(mkstemp(path));
	pid = serve(path, reply);
	assert_int_equal(ipc_connect(&c, path, err), 0);
	ret = ipc_call(&c, json_pack("{s:s}", "cmd", "status"), answer, 60000, err);
	ipc_disconnect(&c);
	waitpid(pid, NULL, 0);
	unlink(path);
	return ret;
}

static void test_call(void **state)
{
	struct dmsc_error err = { "" };
	struct ipc_client c;
	json_t *answer = NULL;

	(void)state;
	assert_int_equal(call("{\"ok\": true, \"n\": 5}\n", &answer, &err), 0);
	assert_int_equal(json_integer_value(json_object_get(answer, "n")), 5);
	json_decref(answer);
	assert_int_equal(call("{\"ok\":false,\"error\":\"file:3: x: bad\",\"code\":\"EINVAL\"}\n",
			      &answer, &err),
			 -EINVAL);
	assert_string_equal(err.text, "file:3: x: bad");
	assert_int_equal(call("{\"ok\":false,\"error\":\"no\",\"code\":\"EBUSY\"}\n", &answer, &err),
			 -EBUSY);
	assert_int_equal(call("{\"ok\":false}\n", &answer, &err), -EIO);
	assert_int_equal(call("[1]\n", &answer, &err), -EPROTO);
	assert_int_equal(call("nonsense\n", &answer, &err), -EPROTO);
	assert_int_equal(call("{\"ok\": tru", &answer, &err), -ECONNRESET);
	assert_true(call(NULL, &answer, &err) < 0);
	assert_int_equal(ipc_connect(&c, "/tmp/dmsc-nobody-here", &err), -ENOENT);
	assert_non_null(strstr(err.text, "is dmscd running"));
	for (int e = 1; e < 134; e++)
		if (ipc_code(-e))
			assert_int_equal(ipc_errno(ipc_code(-e)), -e);
}

/* ---- the configuration file ---- */

static int read_conf(const char *text, struct hostconf *c, struct dmsc_error *err)
{
	char *file = temp_file(text, strlen(text));
	int ret;

	hostconf_defaults(c);
	ret = hostconf_read(file, c, err);
	if (!ret)
		ret = hostconf_check(c, err);
	/* The message begins with the file: cut that off. */
	if (ret && !strncmp(err->text, file, strlen(file)))
		memmove(err->text, err->text + strlen(file), strlen(err->text + strlen(file)) + 1);
	unlink(file);
	free(file);
	return ret;
}

static void test_conf(void **state)
{
	struct dmsc_error err = { "" };
	struct hostconf c;
	struct dmsc_rule_rate *rates;
	size_t n;

	(void)state;
	assert_int_equal(read_conf("", &c, &err), 0);
	assert_true(c.queues && c.bpf && c.steer && c.mark && c.reapply && !c.install_qdisc);
	assert_int_equal(read_conf("# nothing\n", &c, &err), 0);
	if (read_conf("host: gpu17\ninterfaces: [rail0, rail1]\ntrust_dscp: [eth0]\nprofile: custom\n"
		      "dscp: {tensor: 44, bulk: 10}\nlossless_dscp: [26]\nallow_lossless: yes\n"
		      "bpf: false\nsocket: /run/x.sock\n"
		      "classes:\n  data: {mode: strict, weight: 7, share: 200, limit: 100000, ecn: 0}\n",
		      &c, &err))
		fail_msg("%s", err.text);
	assert_string_equal(c.host, "gpu17");
	assert_int_equal(c.nr_interfaces, 2);
	assert_string_equal(c.interfaces[1], "rail1");
	assert_int_equal(c.nr_trusted, 1);
	assert_string_equal(c.trusted[0], "eth0");
	assert_int_equal(c.profile.dscp[DMSC_CLASS_TENSOR], 44);
	assert_int_equal(c.profile.dscp[DMSC_CLASS_DATA], 18);
	assert_true(c.profile.lossless == 1ULL << 26);
	assert_false(c.bpf);
	assert_string_equal(c.socket, "/run/x.sock");
	assert_int_equal(c.classes[DMSC_CLASS_DATA].mode, DMSC_MODE_STRICT);
	assert_int_equal(c.classes[DMSC_CLASS_DATA].weight, 7);
	assert_int_equal(c.classes[DMSC_CLASS_DATA].share, 200);
	assert_int_equal(hostconf_read("/nowhere/dmsc.yaml", &c, &err), -ENOENT);
	assert_false(policy_in_use(&c.policy));
	if (read_conf("policy:\n  default: audit\n  rules:\n"
		      "    - {from: a.b, to: outside, action: deny}\n"
		      "    - {from: any, to: m, classes: [data, bulk], rate: 1Gbit}\n",
		      &c, &err))
		fail_msg("%s", err.text);
	assert_true(policy_in_use(&c.policy));
	assert_int_equal(policy_flags(&c.policy), DMSC_CTL_POLICY | DMSC_CTL_AUDIT);
	assert_int_equal(c.policy.nr_rules, 2);
	assert_string_equal(c.policy.rules[0].from, "a.b");
	assert_int_equal(c.policy.rules[0].action, DMSC_ACTION_DENY);
	assert_int_equal(c.policy.rules[1].class_mask, 1 << DMSC_CLASS_DATA | 1 << DMSC_CLASS_BULK);
	assert_int_equal(c.policy.rules[1].line, 5);
	assert_int_equal(c.policy.rules[0].rate, 0);
	assert_int_equal(c.policy.rules[1].rate, 1000000000);
	rates = policy_rates(&c.policy, &n);
	assert_int_equal(n, 3);
	assert_true(!rates[1].cost && rates[2].cost == 8ULL << DMSC_RATE_SHIFT);
	/* 10 ms of it are more than 128 KiB. */
	assert_int_equal(rates[2].burst, POLICY_BURST_MS * 1000000);
	free(rates);
	c.policy.rules[1].rate = 8000;
	rates = policy_rates(&c.policy, &n);
	assert_int_equal(rates[2].burst, POLICY_BURST * 1000000ULL);
	free(rates);
	c.policy.nr_rules = 1;
	assert_null(policy_rates(&c.policy, &n));
	assert_int_equal(n, 0);
}

static void test_conf_refused(void **state)
{
	static const struct {
		const char *text, *begin; /* of the message, after the file's name */
	} bad[] = {
		{ "host: a\nhots: b\n", ":2: hots: unknown key" },
		{ "host: a\nhost: b\n", ":2: host: given twice" },
		{ "host: [a]\n", ":1: host: not a string" },
		{ "host: \"a\\0b\"\n", ":1: host: holds a NUL" },
		{ "\n\nbpf: maybe\n", ":3: bpf: not a truth value" },
		{ "socket: run/x\n", ":1: socket: relative path" },
		{ "profile: cisco\n", ":1: profile: unknown profile" },
		{ "profile: nvidia\ndscp: {tensor: 46}\n",
		  ":2: dscp: given with a vendor's profile" },
		{ "profile: custom\ndscp: {tensor: 64}\n", ":2: tensor: '64', expected a number" },
		{ "profile: custom\ndscp: {tensor: 1x}\n", ":2: tensor: '1x'" },
		{ "profile: custom\ndscp: {tenser: 1}\n", ":2: tenser: unknown class" },
		{ "profile: custom\ndscp: {tensor: 18}\n", ":1: profile custom: classes" },
		{ "profile: custom\nlossless_dscp: [46]\n",
		  ":1: profile custom: class tensor: DSCP 46 is lossless" },
		{ "classes: {data: {share: 901}}\n", ":1: data: share: 901 permille" },
		{ "classes:\n  tensor: {share: 500}\n  data: {share: 500}\n",
		  ":1: classes: shares add up" },
		{ "classes: {data: {weight: 0}}\n", ":1: data: weight: 0, expected 1..1024" },
		{ "classes: {data: {limit: 1}}\n", ":1: data: limit: 1 bytes" },
		{ "classes: {data: {colour: 1}}\n", ":1: colour: unknown key" },
		{ "classes: {data: {mode: fair}}\n", ":1: mode: unknown mode" },
		{ "policy: {default: maybe}\n",
		  ":1: policy: default: 'maybe', expected allow, deny or audit" },
		{ "policy: {rules: {}}\n", ":1: policy: rules" },
		{ "policy:\n  rules:\n    - {from: a}\n", ":3: policy: rules" },
		{ "policy:\n  rules:\n    - {from: any, to: any, action: deny}\n",
		  ":3: policy: rules: from any to any is no rule" },
		{ "policy:\n  rules:\n    - {from: a, to: b}\n    - {from: a, to: b, action: deny}\n",
		  ":4: policy: rules: from a to b given twice, expected once (first in line 3)" },
		{ "policy: {rules: [{from: a, to: b, classes: [fast]}]}\n",
		  ":1: policy: classes: unknown class" },
		{ "policy: {rules: [{from: a, to: b, classes: []}]}\n",
		  ":1: policy: classes: empty" },
		{ "policy: {rules: [{from: a, to: b, action: deny, classes: [data]}]}\n",
		  ":1: policy: classes: given with action: deny" },
		{ "policy: {rules: [{from: a, to: b, action: deny, rate: 1Gbit}]}\n",
		  ":1: policy: rate: given with action: deny" },
		{ "policy: {rules: [{from: a, to: b, rate: 7kbit}]}\n",
		  ":1: policy: rules.rate: 7kbit, expected 8000 to" },
		{ "policy: {rules: [{from: a, to: b, rate: fast}]}\n",
		  ":1: policy: rules.rate: 'fast', expected a rate such as 400Gbit" },
		{ "policy: {colour: red}\n", ":1: policy" },
		{ "classes: [data]\n", ":1: classes: expected a mapping" },
		{ "interfaces: rail0\n", ":1: interfaces: expected a list" },
		{ "interfaces: [interface-name-too-long]\n", ":1: interfaces: too long" },
		{ "trust_dscp: eth0\n", ":1: trust_dscp: expected a list" },
		{ "- a\n", ":1: document: expected a mapping" },
		{ "host: {\n", ":2: YAML:" },
		{ "a: &x {b: *x}\n", ":1: a: unknown key" },
		{ "host: gpu\nclasses: {data: {limit: 99999999999999999999}}\n", ":2: limit:" },
	};
	struct dmsc_error err;
	struct hostconf c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = '\0';
		if (read_conf(bad[i].text, &c, &err) != -EINVAL)
			fail_msg("case %zu was taken: %s", i, bad[i].text);
		if (strncmp(err.text, bad[i].begin, strlen(bad[i].begin)) || strchr(err.text, '\n'))
			fail_msg("case %zu: '%s', expected it to begin '%s'", i, err.text,
				 bad[i].begin);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	     cmocka_unit_test(test_limit),
		cmocka_unit_test(test_call),	     cmocka_unit_test(test_conf),
		cmocka_unit_test(test_conf_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
