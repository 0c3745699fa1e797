// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The router's maps, which are the data path's: take them up, and let them go.
 * Whoever changes them holds a lock on the pin directory, which the kernel gives
 * back for those who die.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/router_priv.h"

uint32_t router_side(const struct router *r)
{
	return __atomic_load_n(&r->ctl->generation, __ATOMIC_ACQUIRE) & 1;
}

uint64_t router_open_sockets(const struct router *r, uint32_t number)
{
	return __atomic_load_n(&r->loads[number].open, __ATOMIC_ACQUIRE);
}

/* ---- maps ---- */

static const struct {
	const char *name;
	size_t member; /* of struct router */
	size_t bytes;
} memory[] = {
	{ "dmsc_rt_ctl", offsetof(struct router, ctl), sizeof(struct dmsc_rt_ctl) },
	{ "dmsc_rt_members", offsetof(struct router, members),
	  2UL * DMSC_RT_MAX_MEMBERS * sizeof(uint64_t) },
	{ "dmsc_rt_rings", offsetof(struct router, rings),
	  2UL * DMSC_RT_RING_BLOCKS * sizeof(struct dmsc_rt_ring) },
	{ "dmsc_rt_instances", offsetof(struct router, instances),
	  DMSC_RT_MAX_INSTANCES * sizeof(struct dmsc_rt_instance) },
	{ "dmsc_rt_loads", offsetof(struct router, loads),
	  DMSC_RT_MAX_INSTANCES * sizeof(struct dmsc_rt_load) },
	{ "dmsc_rt_counts", offsetof(struct router, counts),
	  DMSC_RT_MAX_SERVICES * sizeof(struct dmsc_rt_counts) },
};

#define NR_MEMORY (sizeof(memory) / sizeof(memory[0]))

static int pinned_map(const struct router *r, const char *name)
{
	char path[PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", r->pin_dir, name);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

static int map_memory(struct router *r, size_t i, struct dmsc_error *err)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = pinned_map(r, memory[i].name), ret = 0;
	void *p = MAP_FAILED;

	if (fd < 0)
		return dmsc_fail(err, fd, "%s/%s: %s", r->pin_dir, memory[i].name, strerror(-fd));
	if (bpf_obj_get_info_by_fd(fd, &info, &len) ||
	    (size_t)info.max_entries * info.value_size != memory[i].bytes)
		ret = dmsc_fail(err, -EPROTO,
				"%s/%s: not of this release; 'dmscctl route off' first", r->pin_dir,
				memory[i].name);
	else
		p = mmap(NULL, memory[i].bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!ret && p == MAP_FAILED)
		ret = dmsc_fail(err, -errno, "%s: mmap: %s", memory[i].name, strerror(errno));
	close(fd);
	if (!ret)
		*(void **)((char *)r + memory[i].member) = p;
	return ret;
}

static int map_all(struct router *r, struct dmsc_error *err)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < NR_MEMORY && !ret; i++)
		ret = map_memory(r, i, err);
	if (ret)
		return ret;
	r->services = pinned_map(r, "dmsc_rt_services");
	r->flows = pinned_map(r, "dmsc_rt_flows");
	if (r->services < 0 || r->flows < 0)
		return dmsc_fail(err, -EPROTO, "%s: maps of the service router are missing",
				 r->pin_dir);
	return 0;
}

int router_services(const struct router *r, uint32_t side, struct dmsc_rt_service_key **keys,
		    struct dmsc_rt_service **values, size_t *n, struct dmsc_error *err)
{
	struct dmsc_rt_service_key key, *prev = NULL;

	*n = 0;
	*keys = calloc(DMSC_RT_MAX_SERVICES, sizeof(**keys));
	*values = calloc(DMSC_RT_MAX_SERVICES, sizeof(**values));
	if (!*keys || !*values) {
		free(*keys);
		free(*values);
		return dmsc_fail(err, -ENOMEM, "out of memory");
	}
	while (!bpf_map_get_next_key(r->services, prev, &key) && *n < DMSC_RT_MAX_SERVICES) {
		prev = &key;
		if (key.side != side || bpf_map_lookup_elem(r->services, &key, &(*values)[*n]))
			continue;
		(*keys)[(*n)++] = key;
	}
	return 0;
}

/* ---- open ---- */

static int lock_pins(const char *pin_dir, struct dmsc_error *err)
{
	int fd = open(pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || flock(fd, LOCK_EX)) {
		dmsc_fail(err, -errno, "%s: %s", pin_dir, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -EACCES;
	}
	return fd;
}

/* What a router that was not there before starts with. */
static int first_words(struct router *r, struct dmsc_error *err)
{
	uint64_t secret;

	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		return dmsc_fail(err, -EIO, "no random numbers");
	r->ctl->secret = secret;
	r->ctl->abi = DMSC_RT_ABI;
	return 0;
}

static int none_at_work(struct dmsc_error *err)
{
	return dmsc_fail(err, -ENOENT,
			 "no service router is at work here ('dmscctl route set FILE')");
}

/* The data path with this release's programs, attached where it was, if it was. */
static int open_dataplane(struct router *r, const struct router_config *cfg, struct dmsc_error *err)
{
	struct dataplane_config dp_cfg = { .pin_dir = r->pin_dir, .cgroup = cfg->cgroup };
	int ret;

	if (mkdir(cfg->cgroup, 0755) && errno != EEXIST)
		return dmsc_fail(err, -errno, "%s: %s", cfg->cgroup, strerror(errno));
	ret = dataplane_cgroup_is(r->pin_dir, cfg->cgroup, err);
	if (!ret)
		return dmsc_fail(err, -EBUSY,
				 "%s: the data path serves another cgroup than %s; give --cgroup-root as dmscd has it",
				 r->pin_dir, cfg->cgroup);
	return ret < 0 ? ret : dataplane_open(&r->dp, &dp_cfg, err);
}

int router_open(struct router **out, const struct router_config *cfg, bool create,
		struct dmsc_error *err)
{
	struct dataplane_config dp_cfg = { .pin_dir = cfg->pin_dir };
	struct router *r = calloc(1, sizeof(*r));
	int ret;

	*out = NULL;
	if (!r)
		return dmsc_fail(err, -ENOMEM, "out of memory");
	r->lock = r->services = r->flows = -1;
	if (create)
		snprintf(r->cgroup, sizeof(r->cgroup), "%s", cfg->cgroup);
	ret = dataplane_pin_dir(r->pin_dir, sizeof(r->pin_dir), &dp_cfg, err);
	if (!ret && create)
		ret = open_dataplane(r, cfg, err);
	if (!ret) {
		ret = r->lock = lock_pins(r->pin_dir, err);
		if (ret == -ENOENT)
			none_at_work(err);
	}
	if (ret >= 0) {
		ret = map_all(r, err);
		if (ret == -ENOENT)
			none_at_work(err);
	}
	if (!ret && r->ctl->abi && r->ctl->abi != DMSC_RT_ABI)
		ret = dmsc_fail(err, -EPROTO,
				"%s: a service router of ABI %u is at work, this program needs %u; 'dmscctl route off' first",
				r->pin_dir, r->ctl->abi, DMSC_RT_ABI);
	if (!ret && create && !r->ctl->abi)
		ret = first_words(r, err);
	if (!ret && !create && !r->ctl->generation)
		ret = none_at_work(err);
	if (ret) {
		router_close(r);
		return ret;
	}
	*out = r;
	return 0;
}

void router_close(struct router *r)
{
	size_t i;

	if (!r)
		return;
	for (i = 0; i < NR_MEMORY; i++) {
		void **p = (void **)((char *)r + memory[i].member);

		if (*p)
			munmap(*p, memory[i].bytes);
	}
	if (r->services >= 0)
		close(r->services);
	if (r->flows >= 0)
		close(r->flows);
	dataplane_close(r->dp);
	if (r->lock >= 0)
		close(r->lock);
	free(r);
}

/* ---- off ---- */

/*
 * The maps go, too: sockets that are open now would not be counted down any more.
 * Programs that still run use the old maps, which say generation 0.
 */
static void unpin_maps(const char *pin_dir)
{
	static const char *const others[] = { "dmsc_rt_services", "dmsc_rt_sockets",
					      "dmsc_rt_flows" };
	char path[PATH_MAX + 32];
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", pin_dir, others[i]);
		unlink(path);
	}
	/* ctl last: as long as it is there, off can be said again. */
	for (i = NR_MEMORY; i-- > 0;) {
		snprintf(path, sizeof(path), "%s/%s", pin_dir, memory[i].name);
		unlink(path);
	}
}

int router_off(const struct router_config *cfg, struct dmsc_error *err)
{
	struct dataplane_config dp_cfg = { .pin_dir = cfg->pin_dir };
	struct router r = { .services = -1, .flows = -1 };
	int ret = dataplane_pin_dir(r.pin_dir, sizeof(r.pin_dir), &dp_cfg, err);
	uint32_t generation = 0;

	if (ret)
		return ret;
	r.lock = lock_pins(r.pin_dir, err);
	if (r.lock < 0)
		return r.lock == -ENOENT ? 0 : r.lock;
	/* Also a router of another release, as far as its first word goes. */
	ret = map_memory(&r, 0, err);
	if (!ret) {
		generation = r.ctl->generation;
		__atomic_store_n((uint64_t *)r.ctl, 0, __ATOMIC_RELEASE);
		munmap(r.ctl, sizeof(*r.ctl));
	}
	if (ret == -EPROTO || generation) {
		dataplane_detach_router(r.pin_dir);
		unpin_maps(r.pin_dir);
		ret = 0;
	}
	close(r.lock);
	return ret == -ENOENT ? 0 : ret;
}
