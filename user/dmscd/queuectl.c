// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscd/queuectl.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "dmscd/daemon.h"
#include "dmscd/override.h"
#include "lib/log.h"

#define MODULE_MISSING \
	"kernel module sch_dmsc is not loaded; using stock qdiscs; classification, DSCP and steering work"

/* What those who monitor are told of an event of the module. */
static void tell(struct daemon *d, const struct queue_event *ev)
{
	const bool of_queue = ev->event == DMSC_EVENT_CONGESTED;
	const struct queue_stats *s = of_queue ? &ev->queue.stats : &ev->class.stats;
	const struct plan_instance *in = NULL;
	char ifname[IF_NAMESIZE];
	json_t *o;

	if (!if_indextoname(ev->ifindex, ifname))
		strcpy(ifname, "?");
	o = json_pack("{s:i, s:s, s:s}", "ifindex", (int)ev->ifindex, "interface", ifname, "class",
		      dmsc_class_name(of_queue ? ev->queue.class : ev->class.id));
	switch (ev->event) {
	case DMSC_EVENT_DROPS:
		json_object_set_new(o, "packets", json_integer(s->drop_packets));
		json_object_set_new(o, "bytes", json_integer(s->drop_bytes));
		daemon_event(d, "drops", o);
		return;
	case DMSC_EVENT_CONGESTED:
		if (d->current && ev->queue.sid)
			in = hostplan_service(d->current, ev->queue.sid);
		json_object_set_new(o, "slot", json_integer(ev->queue.slot));
		json_object_set_new(o, "sid", json_integer(ev->queue.sid));
		json_object_set_new(o, "name", in ? json_string(in->name) : json_null());
		break;
	case DMSC_EVENT_STARVED:
		json_object_set_new(o, "starve", json_integer(ev->class.starve));
		break;
	default:
		json_decref(o);
		return;
	}
	json_object_set_new(o, "backlog_packets", json_integer(s->backlog_packets));
	json_object_set_new(o, "backlog_bytes", json_integer(s->backlog_bytes));
	daemon_event(d, of_queue ? "congested" : "starved", o);
}

static int on_queue_event(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	struct daemon *d = arg;
	struct queue_event ev;
	struct dmsc_error e;

	(void)s, (void)fd, (void)revents;
	/* Bounded: the kernel sends at most one a second and class, but may hold many. */
	for (int i = 0; i < 64; i++) {
		int ret = queues_event_read(d->queues, &ev, &e);

		if (ret == -EAGAIN)
			break;
		if (ret == -ENOBUFS)
			continue;
		if (ret) {
			log_warn("queues: events: %s", e.text);
			sd_event_source_set_enabled(d->queue_events, SD_EVENT_OFF);
			break;
		}
		tell(d, &ev);
	}
	return 0;
}

int queuectl_open(struct daemon *d)
{
	char version[64];
	uint32_t abi;
	int ret, fd;

	if (!d->conf.queues)
		return dmsc_fail(&d->queues_why, -EOPNOTSUPP, "switched off by configuration");
	if (d->queues) {
		/* The module may be gone or another one by now. */
		if (!queues_version(d->queues, &abi, version, sizeof(version), &d->queues_why) &&
		    abi == DMSC_ABI)
			return 0;
		queuectl_close(d);
	}
	ret = queues_open(&d->queues, true, &d->queues_why);
	if (ret) {
		d->queues = NULL;
		if (ret == -ENOENT)
			dmsc_fail(&d->queues_why, ret, MODULE_MISSING);
		return ret;
	}
	ret = queues_version(d->queues, &abi, version, sizeof(version), &d->queues_why);
	if (!ret && abi != DMSC_ABI)
		ret = dmsc_fail(&d->queues_why, -EPROTO,
				"kernel module sch_dmsc %s has ABI %u, this daemon %u: load the module of the same release",
				version, abi, DMSC_ABI);
	if (ret) {
		queuectl_close(d);
		return ret;
	}
	fd = queues_event_fd(d->queues, &d->queues_why);
	if (fd < 0)
		log_warn("queues: no events: %s", d->queues_why.text);
	else if (sd_event_add_io(d->event, &d->queue_events, fd, EPOLLIN, on_queue_event, d) < 0)
		log_warn("queues: no events: cannot watch the socket");
	d->queues_why.text[0] = '\0';
	log_info("queues: module sch_dmsc %s", version);
	return 0;
}

void queuectl_close(struct daemon *d)
{
	d->queue_events = sd_event_source_disable_unref(d->queue_events);
	queues_close(d->queues);
	d->queues = NULL;
}

int queuectl_class(struct daemon *d, uint32_t id, struct queue_class *out, struct dmsc_error *err)
{
	int ret = registry_class_get(d->registry, id, out, err);

	if (ret != -ENOENT)
		return ret;
	*out = d->conf.classes[id];
	return 0;
}

static bool class_same(const struct queue_class *has, const struct queue_class *want)
{
	for (int i = 0; i < QUEUE_CLASS_OPTIONS; i++) {
		uint32_t option = queue_class_options[i].given;

		if ((want->given & option) &&
		    queue_class_option_get(has, option) != queue_class_option_get(want, option))
			return false;
	}
	return has->mode == want->mode && has->weight == want->weight &&
	       has->share == want->share && has->limit == want->limit && has->ecn == want->ecn;
}

static int classes_of(struct daemon *d, struct queue_class *want, struct dmsc_error *err)
{
	for (uint32_t c = 0; c < DMSC_NR_CLASSES; c++) {
		int ret = queuectl_class(d, c, &want[c], err);

		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Default qdiscs under mq all have handle 0 and are set together: @copies of
 * them must hold the same.
 */
static size_t nr_copies(const struct queue_undo *now, uint32_t ifindex, uint32_t handle)
{
	size_t n = 0;

	for (size_t i = 0; i < now->nr_classes; i++)
		n += now->classes[i].ifindex == ifindex && now->classes[i].handle == handle;
	return n / DMSC_NR_CLASSES;
}

static bool has_classes(const struct queue_undo *now, uint32_t ifindex, uint32_t handle,
			const struct queue_class *want)
{
	for (size_t i = 0; i < now->nr_classes; i++) {
		const struct queue_class_entry *e = &now->classes[i];

		if (e->ifindex == ifindex && e->handle == handle &&
		    (e->class.id >= DMSC_NR_CLASSES || !class_same(&e->class, &want[e->class.id])))
			return false;
	}
	return nr_copies(now, ifindex, handle) > 0;
}

/* What a plan or a person sets of a queue; hints come and go. */
static bool queue_same(const struct queue_queue *has, const struct queue_queue *want)
{
	uint32_t rank = want->given & QUEUE_QUEUE_RANK ? want->rank : DMSC_RANK_DEFAULT;
	uint64_t rate = want->given & QUEUE_QUEUE_RATE ? want->rate : 0;
	uint64_t ceil = want->given & QUEUE_QUEUE_CEIL ? want->ceil : 0;

	return has->slot == want->slot && has->class == want->class && has->sid == want->sid &&
	       has->weight == want->weight && has->rank == rank && has->rate == rate &&
	       has->ceil == ceil;
}

/* @want is sorted by slot, and a slot is one queue. */
static bool has_queues(const struct queue_undo *now, uint32_t ifindex, uint32_t handle,
		       const struct queue_queue *want, size_t n)
{
	size_t have = 0;

	for (size_t i = 0; i < now->nr_queues; i++) {
		const struct queue_queue_entry *e = &now->queues[i];
		size_t lo = 0, hi = n;

		if (e->ifindex != ifindex || e->handle != handle)
			continue;
		while (lo < hi) {
			size_t mid = (lo + hi) / 2;

			if (want[mid].slot < e->queue.slot)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo == n || !queue_same(&e->queue, &want[lo]))
			return false;
		have++;
	}
	return have == n * nr_copies(now, ifindex, handle);
}

static int note_change(struct queue_undo *undo, uint32_t ifindex, uint32_t handle)
{
	void *p = reallocarray(undo->qdiscs, undo->nr_qdiscs + 1, sizeof(*undo->qdiscs));

	if (!p)
		return -ENOMEM;
	undo->qdiscs = p;
	undo->qdiscs[undo->nr_qdiscs].ifindex = ifindex;
	undo->qdiscs[undo->nr_qdiscs++].handle = handle;
	return 0;
}

static int program_qdisc(struct daemon *d, const struct queue_qdisc *q,
			 const struct queue_class *classes, const struct queue_queue *queues,
			 size_t n, struct queue_undo *undo, struct dmsc_error *err)
{
	bool set_classes = !has_classes(undo, q->ifindex, q->handle, classes);
	bool set_queues = !has_queues(undo, q->ifindex, q->handle, queues, n);
	int ret = 0;

	if (!set_classes && !set_queues)
		return 0;
	if (note_change(undo, q->ifindex, q->handle))
		return dmsc_fail(err, -ENOMEM, "queues: no memory");
	if (set_classes)
		ret = queues_set_classes(d->queues, q->ifindex, q->handle, classes, DMSC_NR_CLASSES,
					 err);
	if (!ret && set_queues)
		ret = queues_set_queues(d->queues, q->ifindex, q->handle, queues, n, true, err);
	return ret;
}

static int program_rail(struct daemon *d, const struct rail *rail,
			const struct queue_class *classes, const struct queue_queue *queues,
			size_t n, struct queue_undo *undo, json_t *warnings, struct dmsc_error *err)
{
	struct queue_qdisc *qdiscs = NULL;
	size_t nr = 0;
	int ret;

	ret = queues_get_qdiscs(d->queues, rail->info.ifindex, &qdiscs, &nr, err);
	if (ret)
		return ret;
	if (!nr && warnings)
		json_array_append_new(warnings,
				      json_sprintf("queues: %s has no dmsc qdisc (its root is %s): stock scheduling there",
						   rail->info.name,
						   rail->info.qdisc[0] ? rail->info.qdisc :
									 "unknown"));
	for (size_t i = 0; i < nr && !ret; i++)
		ret = program_qdisc(d, &qdiscs[i], classes, queues, n, undo, err);
	free(qdiscs);
	return ret;
}

int queuectl_program(struct daemon *d, struct hostplan *hp, json_t *warnings,
		     struct queue_undo *undo, struct dmsc_error *err)
{
	size_t n = hp ? hp->tables.nr_queues : 0;
	struct queue_class classes[DMSC_NR_CLASSES];
	struct queue_queue *queues = NULL;
	struct queue_undo own = { 0 };
	struct queue_qdisc *all = NULL;
	size_t nr_all = 0;
	int ret;

	if (queuectl_open(d)) {
		if (warnings)
			json_array_append_new(warnings,
					      json_sprintf("queues: %s", d->queues_why.text));
		return 0;
	}
	ret = classes_of(d, classes, err);
	if (!ret && hp)
		ret = override_apply(d, hp, &queues, err);
	if (!ret)
		ret = queues_get_classes(d->queues, 0, &own.classes, &own.nr_classes, err);
	if (!ret)
		ret = queues_get_queues(d->queues, 0, &own.queues, &own.nr_queues, err);
	for (uint32_t i = 0; hp && i < hp->nr_rails && !ret; i++)
		ret = program_rail(d, &hp->rails[i], classes, queues, n, &own, warnings, err);
	if (!ret && !hp) {
		ret = queues_get_qdiscs(d->queues, 0, &all, &nr_all, err);
		for (size_t i = 0; i < nr_all && !ret; i++)
			ret = program_qdisc(d, &all[i], classes, NULL, 0, &own, err);
		free(all);
	}
	free(queues);
	if (ret)
		queuectl_undo(d, &own);
	if (ret || !undo)
		queuectl_undo_free(&own);
	else
		*undo = own;
	return ret;
}

static int undo_qdisc(struct daemon *d, const struct queue_undo *undo, uint32_t ifindex,
		      uint32_t handle, struct dmsc_error *err)
{
	struct queue_class *classes = calloc(undo->nr_classes + 1, sizeof(*classes));
	struct queue_queue *queues = calloc(undo->nr_queues + 1, sizeof(*queues));
	bool seen[DMSC_NR_SLOTS] = { false };
	size_t nc = 0, nq = 0;
	int ret = -ENOMEM;

	if (!classes || !queues)
		goto out;
	for (size_t i = 0; i < undo->nr_classes && nc < DMSC_NR_CLASSES; i++)
		if (undo->classes[i].ifindex == ifindex && undo->classes[i].handle == handle)
			classes[nc++] = undo->classes[i].class;
	for (size_t i = 0; i < undo->nr_queues; i++) {
		const struct queue_queue_entry *e = &undo->queues[i];

		/* Copies under mq (see nr_copies()) name each slot again. */
		if (e->ifindex != ifindex || e->handle != handle ||
		    e->queue.slot >= DMSC_NR_SLOTS || seen[e->queue.slot])
			continue;
		seen[e->queue.slot] = true;
		queues[nq++] = e->queue;
	}
	ret = nc ? queues_set_classes(d->queues, ifindex, handle, classes, nc, err) : 0;
	if (!ret)
		ret = queues_set_queues(d->queues, ifindex, handle, queues, nq, true, err);
out:
	free(classes);
	free(queues);
	return ret;
}

void queuectl_undo(struct daemon *d, const struct queue_undo *undo)
{
	struct dmsc_error e = { "no memory" };

	for (size_t i = undo->nr_qdiscs; i-- > 0 && d->queues;)
		if (undo_qdisc(d, undo, undo->qdiscs[i].ifindex, undo->qdiscs[i].handle, &e))
			log_err("queues: interface %u, qdisc %x: cannot go back: %s",
				undo->qdiscs[i].ifindex, undo->qdiscs[i].handle, e.text);
}

void queuectl_undo_free(struct queue_undo *undo)
{
	free(undo->classes);
	free(undo->queues);
	free(undo->qdiscs);
	memset(undo, 0, sizeof(*undo));
}
