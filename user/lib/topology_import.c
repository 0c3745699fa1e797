// SPDX-License-Identifier: GPL-2.0-or-later
/* The key "import" of a topology file: clusters that other tools have described. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/topology_build.h"
#include "lib/yaml.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct raw {
	char format[32], file[1024];
	uint64_t gpus, rate, uplink_rate;
};

static const struct yaml_field fields[] = {
	YAML_FIELD("format", YAML_TEXT, struct raw, format, true, 0, 0),
	YAML_FIELD("file", YAML_TEXT, struct raw, file, true, 0, 0),
	YAML_FIELD("gpus", YAML_U64, struct raw, gpus, false, 1, 64),
	YAML_FIELD("rate", YAML_RATE, struct raw, rate, false, 1000000, 10000000000000ULL),
	YAML_FIELD("uplink_rate", YAML_RATE, struct raw, uplink_rate, false, 1000000,
		   10000000000000ULL),
};

static const struct format {
	const char *name;
	bool says_rates; /* and GPUs */
	int (*import)(const char *file, const struct import_options *o, struct topology *t,
		      struct dmsc_error *err);
} formats[] = {
	{ "simai", true, topology_import_simai },
	{ "slurm-conf", false, topology_import_slurm_conf },
	{ "slurm-yaml", false, topology_import_slurm_yaml },
	{ "lingjun", false, topology_import_lingjun },
};

/* A relative name is meant from where the topology file is. */
static void resolve(const char *from, const char *file, char *out, size_t size)
{
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", from);
	if (file[0] == '/')
		snprintf(out, size, "%s", file);
	else
		snprintf(out, size, "%s/%s", dirname(copy), file);
}

int topology_import(struct yaml_file *f, void *node, struct topology *t)
{
	uint32_t line = yaml_line(node);
	struct import_options o;
	struct raw raw = { 0 };
	char file[6000];
	size_t i;
	int ret;

	ret = yaml_mapping(f, node, "import", fields, ARRAY_SIZE(fields), &raw);
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(formats) && strcmp(formats[i].name, raw.format); i++)
		;
	if (i == ARRAY_SIZE(formats))
		return yaml_fail(f, line,
				 "import.format: '%s', expected simai, slurm-conf, slurm-yaml or lingjun",
				 raw.format);
	if (!formats[i].says_rates && (!raw.gpus || !raw.rate))
		return yaml_fail(f, line, "import.%s: missing, expected it here for %s",
				 raw.gpus ? "rate" : "gpus", raw.format);
	if (formats[i].says_rates && (raw.gpus || raw.rate || raw.uplink_rate))
		return yaml_fail(f, line,
				 "import: gpus or a rate is given, expected none: the file of %s says them",
				 raw.format);
	o = (struct import_options){ raw.gpus, raw.rate,
				     raw.uplink_rate ? raw.uplink_rate : raw.rate };
	resolve(f->name, raw.file, file, sizeof(file));
	return formats[i].import(file, &o, t, f->err);
}
