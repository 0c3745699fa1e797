// SPDX-License-Identifier: GPL-2.0-or-later
/* YAML as such: any text is a document within the bounds, or refused (fuzz-seconds: 10). */
#include <errno.h>

#include "lib/yaml.h"
#include "selftests/fuzz/file.h"

struct all {
	char name[MODEL_NAME_LEN], hosts[MODEL_NAME_LEN], text[32];
	uint64_t u64, size, rate, time;
	uint32_t u32;
	double number;
	bool flag;
	yaml_node_t *list;
};

static const struct yaml_field fields[] = {
	YAML_FIELD("name", YAML_NAME, struct all, name, true, 0, 0),
	YAML_FIELD("hosts", YAML_HOSTS, struct all, hosts, false, 0, 0),
	YAML_FIELD("text", YAML_TEXT, struct all, text, false, 0, 0),
	YAML_FIELD("u64", YAML_U64, struct all, u64, false, 3, 1000),
	YAML_FIELD("u32", YAML_U32, struct all, u32, false, 0, UINT32_MAX),
	YAML_FIELD("size", YAML_SIZE, struct all, size, false, 1, 1ULL << 40),
	YAML_FIELD("rate", YAML_RATE, struct all, rate, false, 1, 1ULL << 60),
	YAML_FIELD("time", YAML_TIME, struct all, time, false, 0, 1ULL << 60),
	YAML_FIELD("number", YAML_NUMBER, struct all, number, false, 1, 1000),
	YAML_FIELD("flag", YAML_BOOL, struct all, flag, false, 0, 0),
	YAML_FIELD("list", YAML_SUBTREE, struct all, list, false, 0, 0),
};

static int read_all(struct yaml_file *f, yaml_node_t *node, const char *where, int depth)
{
	struct all a = { .u64 = 3, .size = 1, .rate = 1, .number = 1 };
	size_t n, i;
	int ret = yaml_mapping(f, node, where, fields, sizeof(fields) / sizeof(fields[0]), &a);

	if (ret)
		return ret;
	FUZZ_CHECK(a.u64 >= 3 && a.u64 <= 1000 && a.size && a.rate && a.number >= 1, "ranges");
	FUZZ_CHECK(*a.name && strlen(a.text) < 32 && !strchr(a.name, '/'), "names");
	if (!a.list || depth > 3)
		return 0;
	ret = yaml_sequence(f, a.list, "list", 100, &n);
	for (i = 0; !ret && i < n; i++)
		ret = read_all(f, yaml_item(f, a.list, i), "list", depth + 1);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *file = fuzz_file(data, size);
	struct dmsc_error err = { 0 };
	struct yaml_file f;
	int ret;

	ret = yaml_open(&f, file, &err);
	if (!ret) {
		ret = read_all(&f, yaml_root(&f), "", 0);
		yaml_close(&f);
	}
	if (ret)
		fuzz_refused(ret, &err, file);
	return 0;
}
