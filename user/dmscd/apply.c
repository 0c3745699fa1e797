// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/apply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dmscd/control.h"
#include "dmscd/daemon.h"
#include "dmscd/datapath.h"
#include "dmscd/functional.h"
#include "dmscd/hops.h"
#include "dmscd/queuectl.h"
#include "dmscd/watch.h"
#include "lib/log.h"
#include "lib/neigh.h"

#define HOPS_USEC (5 * 1000 * 1000) /* for all next hops to answer */
#define POLL_USEC (100 * 1000)

struct apply {
	struct hostplan *hp;
	uint64_t client;
	json_t *warnings;
	sd_event_source *timer;
	uint64_t deadline; /* CLOCK_MONOTONIC, µs */
};

static void warn(struct apply *a, json_t *text)
{
	json_array_append_new(a->warnings, text);
}

static void apply_free(struct daemon *d, struct apply *a)
{
	sd_event_source_disable_unref(a->timer);
	hostplan_free(a->hp);
	json_decref(a->warnings);
	free(a);
	d->apply = NULL;
}

static void release_hops(struct daemon *d, struct hostplan *keep)
{
	struct dmsc_error e;

	if (hops_release(d, keep, &e))
		log_warn("%s", e.text);
}

static void warn_paths(struct apply *a, const uint8_t *flags)
{
	struct hostplan *hp = a->hp;

	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++) {
		char text[INET6_ADDRSTRLEN], name[PATH_NAME_LEN];

		if (flags[p] & DMSC_PATH_F_UP)
			continue;
		warn(a,
		     json_sprintf("path %u to %s by %s (next hop %s) is down: %s; its traffic is left to routing",
				  p, hp->plan.hosts[hp->tables.about[p].dst_host].name,
				  hostplan_path_name(hp, p, name),
				  dmsc_addr_format(&hp->tables.paths[p].nexthop, text),
				  watch_why(hp, p)));
	}
}

static json_t *result(struct daemon *d, struct apply *a, bool check, bool changed)
{
	struct hostplan *hp = a->hp;
	int up = 0, down = 0;

	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++) {
		up += hp->paths[p].flags & DMSC_PATH_F_UP;
		down += !(hp->paths[p].flags & DMSC_PATH_F_UP);
	}
	return json_pack("{s:b, s:s, s:s, s:b, s:b, s:I, s:i, s:i, s:{s:i, s:i}, s:i, s:O}", "ok",
			 1, "host", d->conf.host, "job", hp->plan.job, "check", check, "changed",
			 changed, "generation", (json_int_t)hp->generation, "instances",
			 (int)hp->nr_local, "instances_total", (int)hp->plan.nr_instances, "paths",
			 "up", up, "down", down, "queues", (int)hp->tables.nr_queues, "warnings",
			 a->warnings);
}

/*
 * Is what the stored plan made of the tables, and the kernel has, the same as
 * @blob? Then @hp takes its generation, and *same_text tells about the plan itself.
 */
static bool same_as_stored(struct daemon *d, struct hostplan *hp, const void *blob, size_t len,
			   bool *same_text)
{
	struct registry_plan stored;
	bool same, enabled = false;

	if (registry_enabled(d->registry, &enabled, NULL) || !enabled ||
	    registry_current(d->registry, &stored, NULL))
		return false;
	same = stored.tables_len == len && !memcmp(stored.tables, blob, len);
	/* Without BPF there is nothing in the kernel to compare with. */
	if (d->dp && (!stored.generation || datapath_generation(d) != stored.generation))
		same = false;
	if (same) {
		hp->generation = stored.generation;
		hp->applied = stored.applied;
	}
	*same_text = stored.text_len == hp->text_len && !memcmp(stored.text, hp->text, hp->text_len);
	registry_plan_free(&stored);
	return same;
}

/* Same tables, perhaps another text (flow sizes, order): keep the newer one. */
static int store(struct daemon *d, struct apply *a, const void *blob, size_t len,
		 struct dmsc_error *err)
{
	struct registry_plan p = {
		.generation = a->hp->generation,
		.applied = time(NULL),
		.text = a->hp->text,
		.text_len = a->hp->text_len,
		.tables = (void *)blob,
		.tables_len = len,
	};

	memcpy(p.job, a->hp->plan.job, sizeof(p.job));
	a->hp->applied = p.applied;
	return registry_stage(d->registry, &p, err);
}

/* The change itself; everything in it was checked and prepared. */
static int change(struct daemon *d, struct apply *a, const void *blob, size_t len,
		  const uint8_t *flags, struct dmsc_error *err)
{
	struct hostplan *hp = a->hp;
	struct queue_undo undo = { 0 };
	struct dmsc_error e;
	int ret;

	for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++)
		hp->tables.paths[p].flags = hp->paths[p].flags = flags[p];
	ret = queuectl_program(d, hp, a->warnings, &undo, err);
	if (ret)
		return ret;
	ret = store(d, a, blob, len, err);
	if (!ret && d->dp)
		ret = datapath_trust(d, err);
	if (!ret && d->dp) {
		ret = dataplane_program(d->dp, &hp->tables.t, err);
		if (ret > 0) {
			hp->generation = ret;
			ret = 0;
		} else if (!ret) {
			ret = dmsc_fail(err, -EIO, "bpf: the data path named no generation");
		}
	}
	if (ret) {
		queuectl_undo(d, &undo);
		registry_unstage(d->registry, NULL);
	} else if (registry_commit(d->registry, &hp->plan, hp->host, hp->generation, &e)) {
		/* It is in force; the staged plan tells a restart which one it is. */
		log_err("%s", e.text);
		warn(a, json_sprintf("in force, but not stored: %s", e.text));
	}
	queuectl_undo_free(&undo);
	return ret;
}

static void take_over(struct daemon *d, struct apply *a)
{
	struct hostplan *old = d->current, *hp = a->hp;

	hp->in_force = true;
	d->current = hp;
	d->plan_why.text[0] = '\0';
	a->hp = NULL;
	release_hops(d, hp);
	if (old)
		hostplan_retire_cgroups(d, old, hp);
	hostplan_free(old);
}

/* Everything is prepared: decide and change. */
static int apply_finish(struct daemon *d, struct apply *a, json_t **answer, struct dmsc_error *err)
{
	struct hostplan *hp = a->hp;
	bool changed = true, requeued = false, same_text = false;
	size_t len = 0;
	uint8_t *flags = calloc(hp->tables.t.nr_paths + 1, 1);
	void *blob = tables_blob(&hp->tables, &len);
	struct queue_undo undo = { 0 };
	int ret;

	if (!flags || !blob) {
		ret = dmsc_fail(err, -ENOMEM, "apply: no memory");
		goto out;
	}
	ret = watch_paths(d, hp, flags, err);
	if (ret)
		goto out;
	warn_paths(a, flags);
	if (same_as_stored(d, hp, blob, len, &same_text)) {
		changed = false;
		ret = queuectl_program(d, hp, a->warnings, &undo, err);
		/* The tables do not hold ranks and rates. */
		requeued = undo.nr_qdiscs;
		for (uint32_t p = 1; p < hp->tables.t.nr_paths && !ret; p++) {
			hp->paths[p].flags = flags[p];
			if (d->dp)
				ret = dataplane_set_path(d->dp, p, flags[p], err);
		}
		if (!ret && !same_text) {
			ret = store(d, a, blob, len, err);
			if (!ret)
				ret = registry_commit(d->registry, &hp->plan, hp->host,
						      hp->generation, err);
		}
		if (ret)
			queuectl_undo(d, &undo);
	} else {
		ret = change(d, a, blob, len, flags, err);
	}
	if (ret)
		goto out;
	*answer = result(d, a, false, changed || requeued);
	if (changed) {
		log_info("generation %u: job %s, %u instances here, %zu paths", hp->generation,
			 hp->plan.job, hp->nr_local, hp->tables.t.nr_paths - 1);
		daemon_event(d, "generation",
			     json_pack("{s:I, s:s, s:i}", "generation", (json_int_t)hp->generation,
				       "job", hp->plan.job, "instances", (int)hp->nr_local));
	}
	take_over(d, a);
out:
	queuectl_undo_free(&undo);
	free(flags);
	free(blob);
	return ret;
}

static void apply_end(struct daemon *d, struct apply *a, int ret, json_t *answer,
		      const struct dmsc_error *err)
{
	uint64_t client = a->client;

	if (ret) {
		log_err("apply: %s", err->text);
		if (!d->current)
			d->plan_why = *err;
		if (a->hp)
			hostplan_undo_cgroups(a->hp);
		/* What an earlier daemon left at work keeps its next hops. */
		if (d->current || !datapath_generation(d))
			release_hops(d, d->current);
	} else {
		for (size_t i = 0; i < json_array_size(a->warnings); i++)
			log_warn("apply: %s", json_string_value(json_array_get(a->warnings, i)));
	}
	apply_free(d, a);
	if (client && ret)
		control_fail(d, client, ret, err);
	else if (client)
		control_answer(d, client, answer);
	else
		json_decref(answer);
}

static void apply_step(struct daemon *d, bool timed_out)
{
	struct apply *a = d->apply;
	struct dmsc_error err;
	json_t *answer = NULL;
	int ret;

	if (!timed_out && !hops_answered(d, a->hp))
		return;
	ret = apply_finish(d, a, &answer, &err);
	apply_end(d, a, ret, answer, &err);
}

void apply_poll(struct daemon *d)
{
	if (d->apply)
		apply_step(d, false);
}

static int on_hops_timer(sd_event_source *s, uint64_t usec, void *arg)
{
	struct daemon *d = arg;

	if (sd_event_now(d->event, CLOCK_MONOTONIC, &usec) < 0 || usec >= d->apply->deadline) {
		apply_step(d, true);
		return 0;
	}
	/* STALE after NTF_USE, or a lost message: look, too, not only listen. */
	sd_event_source_set_time_relative(s, POLL_USEC);
	sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
	apply_step(d, false);
	return 0;
}

static int wait_for_hops(struct daemon *d, struct apply *a, struct dmsc_error *err)
{
	uint64_t now;

	if (sd_event_now(d->event, CLOCK_MONOTONIC, &now) < 0 ||
	    sd_event_add_time(d->event, &a->timer, CLOCK_MONOTONIC, now + POLL_USEC, 1,
			      on_hops_timer, d) < 0)
		return dmsc_fail(err, -ENOMEM, "apply: no timer");
	a->deadline = now + HOPS_USEC;
	return 1;
}

static int prepare(struct daemon *d, struct apply *a, struct dmsc_error *err)
{
	bool managed;
	int ret;

	ret = hostplan_cgroups(d, a->hp, false, err);
	if (!ret)
		ret = hostplan_build(d, a->hp, err);
	if (!ret)
		ret = hostplan_check_mtu(d, a->hp, err);
	if (ret)
		return ret;
	if (datapath_open(d)) {
		if (d->conf.bpf)
			warn(a,
			     json_sprintf("bpf: %s; queues and class settings work, classification and steering do not",
					  d->dp_why.text));
	} else {
		ret = datapath_attach(d, a->hp, err);
	}
	if (!ret)
		ret = queuectl_install(d, a->hp, a->warnings, err);
	if (ret)
		return ret;
	ret = hops_ask(d, a->hp, &managed, err);
	if (!ret && !managed)
		warn(a,
		     json_string(
			     "next hops: this kernel knows no managed neighbours (5.16 does); they are resolved once and may expire"));
	return ret;
}

static int check_only(struct daemon *d, struct apply *a, json_t **answer, struct dmsc_error *err)
{
	struct hostplan *hp = a->hp;
	bool changed = true, same_text;
	size_t len = 0;
	uint8_t *flags;
	void *blob;
	int ret;

	ret = hostplan_cgroups(d, hp, true, err);
	if (!ret)
		ret = hostplan_build(d, hp, err);
	if (!ret)
		ret = hostplan_check_mtu(d, hp, err);
	if (ret)
		return ret;
	flags = calloc(hp->tables.t.nr_paths + 1, 1);
	blob = tables_blob(&hp->tables, &len);
	ret = flags && blob ? watch_paths(d, hp, flags, err) :
			      dmsc_fail(err, -ENOMEM, "apply: no memory");
	if (!ret) {
		changed = !same_as_stored(d, hp, blob, len, &same_text);
		/* A next hop that was never asked says nothing: it will be asked. */
		for (uint32_t p = 1; p < hp->tables.t.nr_paths; p++)
			if (hp->paths[p].link_up && !hp->paths[p].admin_down)
				hp->paths[p].flags = DMSC_PATH_F_UP;
		if (queuectl_open(d))
			warn(a, json_sprintf("queues: %s", d->queues_why.text));
		*answer = result(d, a, true, changed);
	}
	free(flags);
	free(blob);
	return ret;
}

int apply_start(struct daemon *d, const char *text, size_t len, uint64_t client, bool check,
		json_t **answer, struct dmsc_error *err)
{
	struct apply *a;
	int ret;

	if (d->apply)
		return dmsc_fail(err, -EBUSY, "another apply is under way");
	a = calloc(1, sizeof(*a));
	if (!a || !(a->warnings = json_array())) {
		free(a);
		return dmsc_fail(err, -ENOMEM, "apply: no memory");
	}
	a->client = client;
	ret = hostplan_new(d, text, len, &a->hp, err);
	if (check) {
		if (!ret)
			ret = functional_review(d, a->hp, a->warnings, err);
		if (!ret)
			ret = check_only(d, a, answer, err);
		apply_free(d, a);
		return ret;
	}
	/* What is stored was reviewed when it came; a module has no say over a restart. */
	if (!ret && client)
		ret = functional_review(d, a->hp, a->warnings, err);
	if (!ret)
		ret = prepare(d, a, err);
	if (!ret && !hops_answered(d, a->hp))
		ret = wait_for_hops(d, a, err);
	else if (!ret)
		ret = apply_finish(d, a, answer, err);
	if (ret == 1) {
		d->apply = a;
		return 1;
	}
	/* Here the caller answers. */
	a->client = 0;
	apply_end(d, a, ret, json_incref(*answer), err);
	return ret;
}

int apply_stored(struct daemon *d)
{
	struct registry_plan stored;
	struct dmsc_error err;
	json_t *answer = NULL;
	bool enabled = false;
	int ret;

	if (d->apply)
		return -EBUSY;
	ret = registry_enabled(d->registry, &enabled, &err);
	if (!ret && !enabled) {
		dmsc_fail(&d->plan_why, 0, "no plan was applied, or it was switched off");
		return 0;
	}
	if (!ret)
		ret = registry_current(d->registry, &stored, &err);
	if (ret) {
		d->plan_why = err;
		return ret;
	}
	if (!d->conf.reapply && d->conf.bpf &&
	    (datapath_open(d) || datapath_generation(d) != stored.generation)) {
		dmsc_fail(&d->plan_why, 0,
			  "the stored plan is not in the kernel, and reapply is off");
		registry_plan_free(&stored);
		return 0;
	}
	ret = apply_start(d, stored.text, stored.text_len, 0, false, &answer, &err);
	registry_plan_free(&stored);
	json_decref(answer);
	if (ret < 0 && !d->current)
		d->plan_why = err;
	return ret < 0 ? ret : 0;
}

void apply_recover(struct daemon *d)
{
	struct registry_plan current = { 0 }, staged;
	struct hostplan *hp = NULL;
	struct dmsc_error e;
	uint32_t now;

	if (registry_staged(d->registry, &staged, NULL))
		return;
	if (registry_current(d->registry, &current, NULL))
		memset(&current, 0, sizeof(current));
	now = datapath_is_pinned(d) && !datapath_open(d) ? datapath_generation(d) : 0;
	if (now && now != current.generation &&
	    !hostplan_new(d, staged.text, staged.text_len, &hp, &e)) {
		log_warn("a plan went in force as generation %u just before the last stop", now);
		if (registry_commit(d->registry, &hp->plan, hp->host, now, &e))
			log_err("%s", e.text);
	} else {
		log_warn("a plan was about to go in force at the last stop and did not");
		if (registry_unstage(d->registry, &e))
			log_err("%s", e.text);
	}
	hostplan_free(hp);
	registry_plan_free(&current);
	registry_plan_free(&staged);
}

void apply_cancel(struct daemon *d)
{
	struct dmsc_error e;

	if (!d->apply)
		return;
	dmsc_fail(&e, -EBUSY, "the daemon stops");
	apply_end(d, d->apply, -EBUSY, NULL, &e);
}
