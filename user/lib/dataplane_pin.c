// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pin directory: maps by their names, links in links/. Only names of ours
 * are ever removed, because the directory may be shared.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/dataplane_priv.h"

#define BPF_FS_MAGIC 0xcafe4a11

int dataplane_pin_dir(char *out, size_t len, const struct dataplane_config *cfg,
		      struct dmsc_error *err)
{
	const char *dir = cfg->pin_dir ?: DMSC_PIN_DIR;
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (dir[0] != '/' || n + 64 > len)
		return dmsc_fail(err, -EINVAL, "%s: not an absolute path to pin BPF objects at",
				 dir);
	memcpy(out, dir, n);
	out[n] = '\0';
	return 0;
}

static int make_dir(const char *path, struct dmsc_error *err)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* The file system is looked at first: nothing is left behind on a wrong one. */
int dataplane_pin_prepare(const char *dir, struct dmsc_error *err)
{
	char path[PATH_MAX], *slash;
	struct statfs fs;
	int ret;

	snprintf(path, sizeof(path), "%s", dir);
	while (statfs(path, &fs)) {
		slash = strrchr(path, '/');
		if (errno != ENOENT || !slash)
			return dmsc_fail(err, -errno, "%s: %s", dir, strerror(errno));
		if (slash == path)
			slash++;
		*slash = '\0';
	}
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		return dmsc_fail(err, -EINVAL,
				 "%s: not on a BPF file system (mount -t bpf bpf /sys/fs/bpf)", dir);

	snprintf(path, sizeof(path), "%s", dir);
	for (slash = path + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		ret = access(path, F_OK) ? make_dir(path, err) : 0;
		if (ret)
			return ret;
	}
	ret = make_dir(path, err);
	if (ret)
		return ret;
	dataplane_pin_link_path(path, sizeof(path), dir, "");
	return make_dir(path, err);
}

int dataplane_pin_link_path(char *out, size_t len, const char *dir, const char *name)
{
	return snprintf(out, len, "%s/links%s%s", dir, *name ? "/" : "", name) < (int)len ?
		       0 :
		       -ENAMETOOLONG;
}

int dataplane_pin_each_link(const char *dir,
			    int (*fn)(const char *path, const char *name, void *arg), void *arg)
{
	char path[PATH_MAX];
	struct dirent **names;
	int i, n, ret = 0;

	dataplane_pin_link_path(path, sizeof(path), dir, "");
	n = scandir(path, &names, NULL, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.' && !ret &&
		    !dataplane_pin_link_path(path, sizeof(path), dir, names[i]->d_name))
			ret = fn(path, names[i]->d_name, arg);
		free(names[i]);
	}
	free(names);
	return ret;
}

/* Detach first: unpinning alone takes effect only some time later. */
static int remove_link(const char *path, const char *name, void *arg)
{
	int fd = bpf_obj_get(path);

	(void)name;
	(void)arg;
	if (fd >= 0) {
		bpf_link_detach(fd);
		close(fd);
	}
	unlink(path);
	return 0;
}

void dataplane_pin_remove(const char *dir)
{
	char path[PATH_MAX];
	struct dirent *d;
	DIR *maps;

	dataplane_pin_each_link(dir, remove_link, NULL);
	dataplane_pin_link_path(path, sizeof(path), dir, "");
	rmdir(path);
	maps = opendir(dir);
	if (!maps)
		return;
	while ((d = readdir(maps))) {
		if (!strncmp(d->d_name, "dmsc_", 5))
			unlinkat(dirfd(maps), d->d_name, 0);
	}
	closedir(maps);
}
