// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The scheduler core under sequences of configuration, enqueue, dequeue, peek
 * and time. What the core promises is checked after each step against books
 * of the fuzzer's own (fuzz-seconds: 20):
 *
 *  conservation       what went in came out, was given up, or is queued
 *  work conservation  something queued: something is given
 *  strict order       only what a class is owed passes a class above it
 *  guarantee          a class that is backlogged gets its share of what leaves
 *  fairness           backlogged queues of a class, and weighted classes, get
 *                     service by weight
 *  ceilings           a class or queue with one sends no more than it gives, a
 *                     burst and a packet
 *  flow order         packets of a flow leave in the order they came
 *  limits             what gives way is the longest queue of its class, or one that
 *                     has more than four fifths of its bytes; so is a packet's own
 *                     queue, with it, when the packet is refused
 *  peek               shows what the next dequeue gives, if nothing comes before
 *
 * Overflow, and memory that is not the core's, the sanitizers see.
 */
#include <string.h>

#include "kmod/core/fast.h"
#include "selftests/fuzz/input.h"

#define NR_KEYS	    16 /* flows of a class: 0..7 slots 1..8, the others hashes 8..15 */
#define NR_SLOTS    8
#define NR_QUEUES   (NR_SLOTS + NR_KEYS) /* of a class that flows reach: slots, buckets */
#define ALL_CLASSES ((1U << DMSC_NR_CLASSES) - 1)
#define MAX_PACKETS 3000 /* more only make a run longer */

struct packet {
	struct dmsc_pkt p;
	u32 class, key, epoch, number;
};

/* Service of two that compete, since both are backlogged. */
struct pair {
	bool valid;
	u64 a, b;
};

/* What was sent under a ceiling since it was configured. */
struct book_ceil {
	u64 since; /* ns */
	u64 packets, bytes;
};

struct book_class {
	u32 packets;
	u64 bytes;
	struct book_ceil ceil;
	u64 gone, gone_bytes; /* packets, bytes that were sent, ever */
	/* since the class is backlogged and may go, or anything was configured: */
	u64 total; /* bytes that left the scheduler */
	u64 mine;  /* of these, of the class */
	u64 ahead; /* on the byte clock, of its guarantee, at the beginning of that */
	/* since the class is backlogged, or was configured itself: */
	u64 owed_total;		/* bytes that left the scheduler */
	u64 early;		/* of these, of the class, passing a class above */
	u64 turns;		/* bytes charged in ordinary turns, ever */
	u64 service[NR_QUEUES]; /* bytes charged, ever */
	u32 up;			/* bit n: queue n is backlogged */
	struct pair pairs[NR_QUEUES][NR_QUEUES];
	u32 sent[NR_KEYS];  /* number of the last packet that left */
	u32 epoch[NR_KEYS]; /* its packets may be in two queues once this changes */
	u32 left_epoch[NR_KEYS];
};

static struct book {
	struct dmsc_sched s;
	struct book_class class[DMSC_NR_CLASSES];
	struct pair pairs[DMSC_NR_CLASSES][DMSC_NR_CLASSES];
	struct book_ceil ceil[NR_SLOTS + 1]; /* of slots */
	struct dmsc_pkt *peeked;
	bool passes;	/* the choice that a peek made passes a class above */
	bool short_way; /* whether the next goes in, or out, that way */
	u32 number;
	u32 longest; /* packet so far, bytes charged */
	u64 now;     /* ns */
	u32 up;	     /* bit n: class n is backlogged, weighted, with no guarantee */
	u32 touched; /* bit n: class n, since it was looked at last */
	bool can_mark;
} *b;

static u64 clock_now(void)
{
	return b->now;
}

static bool mark_packet(struct dmsc_pkt *p)
{
	(void)p;
	return b->can_mark;
}

static const struct dmsc_sched_ops ops = { clock_now, mark_packet };

static struct packet *packet_of(struct dmsc_pkt *p)
{
	return container_of(p, struct packet, p);
}

static u32 slot_of(u32 key)
{
	return key < NR_SLOTS ? key + 1 : 0;
}

static struct dmsc_queue *queue_of(u32 id, u32 key)
{
	return dmsc_sched_queue(&b->s, slot_of(key), id, key);
}

/* The queue numbered @i of a class; NULL: a slot that is not the class's. */
static struct dmsc_queue *queue_at(u32 id, u32 i)
{
	struct dmsc_queue *q;

	if (i >= NR_SLOTS)
		return &b->s.class[id].hashed[i - NR_SLOTS];
	q = b->s.slot[i + 1];
	return q && q->class == id ? q : NULL;
}

static u32 index_of(const struct dmsc_queue *q)
{
	return q->slot ? q->slot - 1U : NR_SLOTS + (u32)(q - b->s.class[q->class].hashed);
}

/* Backlogged, and by nothing but its weight before or after another of its rank. */
static bool competes(const struct dmsc_queue *q)
{
	return q && q->n.backlog_packets && !q->rate.bytes && !q->ceil.bytes && !q->remaining;
}

static bool same_rank(u32 id, u32 i, u32 k)
{
	return queue_at(id, i)->rank == queue_at(id, k)->rank;
}

static u32 min_u32(u32 x, u32 y)
{
	return x < y ? x : y;
}

static u32 quantum_of(u32 weight)
{
	u64 base = clamp_t(u64, b->s.mtu, DMSC_BASE_MIN, DMSC_BASE_MAX);

	return clamp_t(u64, base * weight / DMSC_WEIGHT_DEFAULT, DMSC_QUANTUM_MIN, DMSC_QUANTUM_MAX);
}

/* ---- what is checked after each step ---- */

static void balanced(const struct dmsc_counters *n)
{
	FUZZ_CHECK(n->enq_packets >= n->drop_packets + n->backlog_packets, "");
	FUZZ_CHECK(n->enq_bytes >= n->drop_bytes + n->backlog_bytes, "");
}

static void check_conservation(void)
{
	u64 packets = 0, bytes = 0, in_queues, bytes_in_queues;
	const struct dmsc_sched_class *c;
	const struct dmsc_queue *q;
	u32 id, i;

	for (id = 0; id < DMSC_NR_CLASSES; id++) {
		c = &b->s.class[id];
		balanced(&c->n);
		FUZZ_CHECK(dmsc_sent_packets(&c->n) == b->class[id].gone, "class %u", id);
		FUZZ_CHECK(dmsc_sent_bytes(&c->n) == b->class[id].gone_bytes, "class %u", id);
		FUZZ_CHECK(c->n.backlog_packets == b->class[id].packets, "class %u", id);
		FUZZ_CHECK(c->n.backlog_bytes == b->class[id].bytes, "class %u", id);
		packets += c->n.backlog_packets;
		bytes += c->n.backlog_bytes;
		if (!(b->touched & 1U << id))
			continue;
		in_queues = 0;
		bytes_in_queues = 0;
		for (i = 0; i < NR_QUEUES; i++) {
			q = queue_at(id, i);
			if (!q)
				continue;
			balanced(&q->n);
			FUZZ_CHECK(!q->head == !q->n.backlog_packets, "class %u queue %u", id, i);
			in_queues += q->n.backlog_packets;
			bytes_in_queues += q->n.backlog_bytes;
		}
		FUZZ_CHECK(in_queues == c->n.backlog_packets, "class %u", id);
		FUZZ_CHECK(bytes_in_queues == c->n.backlog_bytes, "class %u", id);
	}
	b->touched = 0;
	FUZZ_CHECK(packets == b->s.backlog_packets && bytes == b->s.backlog_bytes, "");
}

/*
 * Deficit round robin: two that are backlogged all the time are at most a round
 * apart, and each may owe for a packet before and after; the one that was idle
 * may have come first.
 */
static void check_apart(const char *what, u64 a, u32 quantum_a, u64 c, u32 quantum_c)
{
	double rounds_a = (double)a / quantum_a, rounds_c = (double)c / quantum_c;
	double bound = 3.0 + (double)b->longest / quantum_a + (double)b->longest / quantum_c;

	FUZZ_CHECK(rounds_a - rounds_c <= bound && rounds_c - rounds_a <= bound,
		   "%s: %f rounds, %f rounds, bound %f", what, rounds_a, rounds_c, bound);
}

static void check_queue_fairness(u32 id, const struct dmsc_queue *q)
{
	struct book_class *books = &b->class[id];
	u32 i = index_of(q), k;
	struct pair *pair;

	for (k = 0; k < NR_QUEUES; k++) {
		pair = &books->pairs[i][k];
		if (k != i && pair->valid)
			check_apart("queues", books->service[i] - pair->a, q->quantum,
				    books->service[k] - pair->b, queue_at(id, k)->quantum);
	}
}

/* Has nothing that could hold its packets back. */
static bool all_ready(u32 id)
{
	u32 i;

	for (i = 1; b->s.nr_shaped && i <= NR_SLOTS; i++) {
		if (b->s.slot[i] && b->s.slot[i]->class == id && b->s.slot[i]->ceil.bytes)
			return false;
	}
	return !b->s.class[id].cfg.ceil;
}

/* Has packets that may go, as far as the books can tell. */
static bool ready(u32 id)
{
	return b->class[id].packets && all_ready(id);
}

static bool plain_weighted(u32 id)
{
	const struct dmsc_class_config *cfg = &b->s.class[id].cfg;

	return cfg->mode == DMSC_MODE_WEIGHTED && !cfg->share && all_ready(id);
}

static void check_class_fairness(u32 id)
{
	u32 k;

	for (k = 0; k < DMSC_NR_CLASSES; k++) {
		struct pair *pair = &b->pairs[id][k];

		if (k != id && pair->valid)
			check_apart("classes", b->class[id].turns - pair->a,
				    quantum_of(b->s.class[id].cfg.weight),
				    b->class[k].turns - pair->b,
				    quantum_of(b->s.class[k].cfg.weight));
	}
}

/*
 * What a class took ahead of its guarantee stays taken when the books begin anew,
 * and is at most what sched.h says: DMSC_AHEAD_BYTES, a quantum and a packet.
 */
static void forget_service(u32 id, bool owed)
{
	const struct dmsc_sched_class *c = &b->s.class[id];
	struct book_class *books = &b->class[id];

	books->total = 0;
	books->mine = 0;
	books->ahead = c->cfg.share && c->due > b->s.sent ? c->due - b->s.sent : 0;
	FUZZ_CHECK(!books->ahead ||
			   books->ahead <= c->ahead + 1000 * (u64)b->longest / c->cfg.share + 1,
		   "class %u is %llu ahead", id, (unsigned long long)books->ahead);
	if (owed) {
		books->owed_total = 0;
		books->early = 0;
		b->passes = false;
	}
}

/* Competition lasts while both are backlogged: begins and ends are noted here. */
static void note_queues(u32 id)
{
	struct book_class *books = &b->class[id];
	u32 up = 0, changed, i, k;

	for (i = 0; i < NR_QUEUES; i++)
		up |= (u32)competes(queue_at(id, i)) << i;
	changed = up ^ books->up;
	books->up = up;
	for (i = 0; changed && i < NR_QUEUES; i++) {
		for (k = 0; k < NR_QUEUES; k++) {
			if ((changed >> i | changed >> k) & 1)
				books->pairs[i][k] =
					(struct pair){ (up >> i & up >> k & 1) && same_rank(id, i, k),
						       books->service[i], books->service[k] };
		}
	}
}

static void note_pairs(u32 touched)
{
	u32 up = 0, changed, i, k;

	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		if (touched >> i & 1)
			note_queues(i);
		up |= (u32)(b->class[i].packets && plain_weighted(i)) << i;
		/* What leaves while its packets may be held back is not what it lags behind. */
		if (!ready(i))
			forget_service(i, !b->class[i].packets);
	}
	changed = up ^ b->up;
	b->up = up;
	for (i = 0; changed && i < DMSC_NR_CLASSES; i++) {
		for (k = 0; k < DMSC_NR_CLASSES; k++) {
			if ((changed >> i | changed >> k) & 1)
				b->pairs[i][k] =
					(struct pair){ up >> i & up >> k & 1, b->class[i].turns,
						       b->class[k].turns };
		}
	}
}

static void forget_pairs(void)
{
	u32 id;

	for (id = 0; id < DMSC_NR_CLASSES; id++) {
		b->class[id].up = 0;
		memset(b->class[id].pairs, 0, sizeof(b->class[id].pairs));
		forget_service(id, false);
	}
	b->up = 0;
	memset(b->pairs, 0, sizeof(b->pairs));
	b->touched = ALL_CLASSES;
}

/* Is a class above it backlogged? */
static bool passes_another(u32 id)
{
	u32 i, other;

	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		other = dmsc_class_order[i];
		if (other == id) {
			if (b->s.class[id].cfg.mode == DMSC_MODE_STRICT)
				return false;
			continue;
		}
		if (ready(other) && b->s.class[other].cfg.mode == DMSC_MODE_STRICT)
			return true;
	}
	return false;
}

/*
 * A class lags behind its guarantee, from when it has made up for what it took
 * ahead of it, by what the others with one are ahead, each by its longest debt: a packet taken when owed, a packet and a turn otherwise.
 */
static void check_guarantees(void)
{
	u64 bound = 2 * (u64)b->longest;
	u32 id;

	for (id = 0; id < DMSC_NR_CLASSES; id++) {
		const struct dmsc_class_config *cfg = &b->s.class[id].cfg;

		if (cfg->share)
			bound += 2 * (u64)b->longest + quantum_of(cfg->weight);
	}
	for (id = 0; id < DMSC_NR_CLASSES; id++) {
		const struct book_class *books = &b->class[id];

		FUZZ_CHECK(!ready(id) || books->total <= books->ahead ||
				   1000 * (books->mine + bound) >=
					   b->s.class[id].cfg.share * (books->total - books->ahead),
			   "class %u has %llu of %llu bytes", id, (unsigned long long)books->mine,
			   (unsigned long long)books->total);
	}
}

/*
 * The last packet may have begun when all before it were paid for, less the
 * burst; the first one may have been promised before there was a ceiling.
 */
static void check_ceil(struct book_ceil *books, u64 ceil, u32 divide, u32 len)
{
	double paid, had;

	if (!ceil)
		return;
	if (books->packets > 1) {
		paid = (double)books->bytes * 1e9 / ceil * divide * (1 - 1e-5);
		had = (double)(b->now - books->since) + DMSC_BURST_NS;
		FUZZ_CHECK(paid <= had + (double)books->packets * divide,
			   "%f ns' worth of bytes in %f ns", paid, had);
	}
	if (books->packets++)
		books->bytes += min_u32(len, DMSC_QUANTUM_MAX);
}

static void restart_ceil(struct book_ceil *books)
{
	*books = (struct book_ceil){ .since = b->now };
}

/* ---- packets that leave ---- */

static void take_off(struct packet *p)
{
	struct book_class *books = &b->class[p->class];

	FUZZ_CHECK(books->packets && books->bytes >= p->p.len, "class %u", p->class);
	books->packets--;
	books->bytes -= p->p.len;
	b->touched |= 1U << p->class;
}

static void give_up(struct dmsc_pkt *chain)
{
	struct dmsc_pkt *next;

	for (; chain; chain = next) {
		next = chain->next;
		take_off(packet_of(chain));
		free(packet_of(chain));
	}
}

static void in_order(struct packet *p)
{
	struct book_class *books = &b->class[p->class];

	if (books->left_epoch[p->key] == p->epoch)
		FUZZ_CHECK(p->number > books->sent[p->key], "class %u flow %u", p->class, p->key);
	books->left_epoch[p->key] = p->epoch;
	books->sent[p->key] = p->number;
}

/* No queue that may go is of a lower rank, or of the same and sooner done. */
static void check_rank(const struct dmsc_queue *chosen)
{
	const struct dmsc_queue *q;
	u32 i;

	for (i = 0; i < NR_QUEUES; i++) {
		q = queue_at(chosen->class, i);
		if (!q || !q->n.backlog_packets || q->rate.bytes || q->ceil.bytes)
			continue;
		FUZZ_CHECK(q->rank >= chosen->rank, "rank %u before rank %u", chosen->rank, q->rank);
		FUZZ_CHECK(q->rank > chosen->rank || !q->remaining ||
				   (chosen->remaining && chosen->remaining <= q->remaining),
			   "not the shortest");
	}
}

/*
 * May a class pass another once more? With w = 2^DMSC_CLOCK_SHIFT, every byte that
 * it sent so moved the time when it is due by p = floor(1000 w / share) parts of
 * 1/w of the byte clock; the sum keeps its fraction, what it sends in ordinary
 * turns never takes any of it back, and it began at the clock's time of then or
 * later. It is owed when the clock, a whole number, is beyond the whole part of
 * when it is due, and so beyond all of it: bytes so sent, times p, are less than
 * bytes that left since, times w. This is exact, and there is no smaller bound: a
 * class may pass with one part to spare (test_clock_fraction in test_core.c).
 */
static bool is_owed(u32 id)
{
	const struct book_class *books = &b->class[id];
	u32 share = b->s.class[id].cfg.share;

	return share && (unsigned __int128)books->early * ((1000U << DMSC_CLOCK_SHIFT) / share) <
				(unsigned __int128)books->owed_total << DMSC_CLOCK_SHIFT;
}

/* @p of @q goes next, or went. */
static void check_choice(const struct dmsc_queue *q, const struct packet *p)
{
	check_rank(q);
	/* It counts when it leaves: what comes before may undo the choice. */
	b->passes = passes_another(p->class);
	FUZZ_CHECK(!b->passes || is_owed(p->class), "class %u passes, not owed", p->class);
}

static struct dmsc_pkt *peek(void)
{
	bool chosen_before = b->s.pending;
	u32 i;
	struct dmsc_pkt *dropped, *p = dmsc_sched_peek(&b->s, &dropped);

	FUZZ_CHECK(!b->peeked || (p == b->peeked && !dropped), "peek changed its mind");
	give_up(dropped);
	if (!p && b->s.backlog_packets) {
		for (i = 0; i < DMSC_NR_CLASSES; i++)
			FUZZ_CHECK(!ready(i), "class %u is ready, and nothing goes", i);
		FUZZ_CHECK(dmsc_sched_next(&b->s) > b->now && dmsc_sched_next(&b->s) != U64_MAX,
			   "held back, and no time when not");
	}
	if (p && !chosen_before)
		check_choice(b->s.pending, packet_of(p));
	b->peeked = p;
	return p;
}

/* The packet that went the short way, and the queue that has one less now. */
static struct dmsc_pkt *dequeue_fast(struct dmsc_queue **from, bool *owed)
{
	u32 before[DMSC_NR_CLASSES][NR_QUEUES] = { 0 }, id, i;
	struct dmsc_pick pick;
	struct dmsc_queue *q;
	struct dmsc_pkt *p;

	for (id = 0; id < DMSC_NR_CLASSES; id++) {
		for (i = 0; i < NR_QUEUES; i++) {
			q = queue_at(id, i);
			before[id][i] = q ? q->n.backlog_packets : 0;
		}
	}
	pick = dmsc_pick_fast(&b->s);
	*owed = pick.owed;
	p = pick.class ? dmsc_take_fast(&b->s, pick, true) : NULL;
	if (!p)
		return NULL;
	*from = NULL;
	for (id = 0; id < DMSC_NR_CLASSES; id++) {
		for (i = 0; i < NR_QUEUES; i++) {
			q = queue_at(id, i);
			if (q && q->n.backlog_packets != before[id][i])
				*from = q;
		}
	}
	FUZZ_CHECK(*from, "of no queue");
	check_choice(*from, packet_of(p));
	return p;
}

/* As the qdisc does, or as it does with one that was peeked at. */
static struct dmsc_pkt *take(struct dmsc_queue **from, bool *owed)
{
	struct dmsc_pkt *p = NULL, *got, *dropped;

	b->short_way = !b->short_way;
	if (b->short_way)
		p = dequeue_fast(from, owed);
	if (p)
		return p;
	p = peek();
	*owed = b->s.owed;
	*from = b->s.pending;
	got = dmsc_sched_dequeue(&b->s, &dropped);
	FUZZ_CHECK(got == p && !dropped, "not what peek showed");
	return p;
}

static void dequeue(void)
{
	struct packet *packet;
	struct dmsc_queue *q;
	struct dmsc_pkt *p;
	bool owed;
	u32 i;

	p = take(&q, &owed);
	b->peeked = NULL;
	if (!p) {
		if (b->s.backlog_packets)
			b->now = dmsc_sched_next(&b->s);
		return;
	}
	packet = packet_of(p);
	in_order(packet);
	take_off(packet);
	for (i = 0; i < DMSC_NR_CLASSES; i++) {
		b->class[i].total += p->len;
		b->class[i].owed_total += p->len;
	}
	if (b->passes)
		b->class[packet->class].early += p->len;
	b->class[packet->class].mine += p->len;
	b->class[packet->class].gone++;
	b->class[packet->class].gone_bytes += p->len;
	b->class[packet->class].service[index_of(q)] += min_u32(p->len, DMSC_QUANTUM_MAX);
	if (!owed)
		b->class[packet->class].turns += min_u32(p->len, DMSC_QUANTUM_MAX);
	check_ceil(&b->class[packet->class].ceil, b->s.class[packet->class].cfg.ceil,
		   b->s.class[packet->class].divide, p->len);
	if (q->slot)
		check_ceil(&b->ceil[q->slot], q->ceil.bytes, b->s.class[q->class].divide, p->len);
	check_queue_fairness(packet->class, q);
	check_class_fairness(packet->class);
	free(packet);
	note_pairs(b->touched);
	check_guarantees();
}

/* ---- what the input says to do ---- */

/* Mostly what a network has; now and then anything. */
static u32 length(struct input *in)
{
	u8 how = input_u8(in);

	if (how < 128)
		return 60 + 12 * how;
	if (how < 250)
		return 1 + (how - 128) * 537; /* up to 64 KB */
	return input_u32(in);
}

static u32 weight(struct input *in)
{
	return 1 + input_u16(in) % DMSC_WEIGHT_MAX;
}

/* Mostly none; else any of the range. */
static u64 rate(struct input *in)
{
	u8 how = input_u8(in);

	return how < 192 ? 0 : min_t(u64, (u64)DMSC_RATE_MIN << (how - 192), DMSC_RATE_MAX);
}

/* Bytes of the longest queue of a class, and its own where @extra says that it had more. */
static u64 longest_queue(u32 id, const u64 extra[NR_QUEUES])
{
	const struct dmsc_queue *q;
	u64 longest = 0;
	u32 i;

	for (i = 0; i < NR_QUEUES; i++) {
		q = queue_at(id, i);
		if (q)
			longest = max_t(u64, longest, q->n.backlog_bytes + extra[i]);
	}
	return longest;
}

static bool nearly(u64 had, u64 longest)
{
	return 5 * had > 4 * longest || !longest;
}

/*
 * What was given up for @arrived, the last first: was each the longest queue's?
 * Time goes back with the chain, and the queues are what they were.
 */
static void check_drops(const struct dmsc_pkt *chain, const struct packet *arrived)
{
	u64 extra[DMSC_NR_CLASSES][NR_QUEUES] = { 0 }, had;
	u32 i = index_of(queue_of(arrived->class, arrived->key));
	bool own = chain == &arrived->p;
	const struct packet *p;

	if (own) {
		had = queue_of(arrived->class, arrived->key)->n.backlog_bytes + (u64)arrived->p.len;
		FUZZ_CHECK(nearly(had, longest_queue(arrived->class, extra[arrived->class])),
			   "class %u queue %u refused", arrived->class, i);
		chain = chain->next;
	} else {
		extra[arrived->class][i] -= arrived->p.len;
	}
	for (; chain; chain = chain->next) {
		p = container_of(chain, const struct packet, p);
		/* It may be in a queue of before, which is not known. */
		if (p->epoch != b->class[p->class].epoch[p->key])
			return;
		i = index_of(queue_of(p->class, p->key));
		extra[p->class][i] += p->p.len;
		had = queue_of(p->class, p->key)->n.backlog_bytes + extra[p->class][i];
		FUZZ_CHECK(nearly(had, longest_queue(p->class, extra[p->class])),
			   "class %u queue %u gave way", p->class, i);
	}
}

static void enqueue(u8 where, u32 len)
{
	u32 id = where & 7, key = where >> 4;
	struct book_class *books = &b->class[id];
	struct packet *p = calloc(1, sizeof(*p));
	struct dmsc_pkt *dropped;
	bool refused;

	if (!p)
		abort();
	p->p.len = len;
	p->class = id;
	p->key = key;
	p->epoch = books->epoch[key];
	p->number = ++b->number;
	b->longest = max_t(u32, b->longest, min_u32(len, DMSC_LIMIT_MAX));
	books->packets++;
	books->bytes += len;
	b->touched |= 1U << id;
	if (b->short_way && dmsc_enqueue_fast(&b->s, queue_of(id, key), &p->p, b->number & 2))
		dropped = NULL;
	else
		dropped = dmsc_sched_enqueue(&b->s, queue_of(id, key), &p->p);
	b->peeked = NULL;
	refused = dropped == &p->p;
	if (dropped)
		check_drops(dropped, p);
	give_up(dropped);
	FUZZ_CHECK(refused || books->bytes <= b->s.class[id].cfg.limit, "class %u", id);
	note_pairs(b->touched);
}

/* Some flows have always something to send, for long. */
static void saturate(struct input *in, u32 nr)
{
	u32 len[4], rounds = 4 * input_u8(in), i;
	u8 where[4];

	nr = 1 + nr % 4;
	for (i = 0; i < nr; i++) {
		where[i] = input_u8(in);
		len[i] = length(in);
	}
	while (rounds-- && b->s.backlog_packets < MAX_PACKETS) {
		for (i = 0; i < nr; i++) {
			if (queue_of(where[i] & 7, where[i] >> 4)->n.backlog_packets < 2)
				enqueue(where[i], len[i]);
		}
		dequeue();
	}
}

static void configure(struct input *in)
{
	u32 id = input_u8(in) % DMSC_NR_CLASSES, c;
	struct dmsc_class_config all[DMSC_NR_CLASSES], *cfg = &all[id];
	bool was_fair = b->s.class[id].cfg.fair;
	u8 extra;

	for (c = 0; c < DMSC_NR_CLASSES; c++)
		all[c] = b->s.class[c].cfg;
	cfg->mode = input_u8(in) & 1;
	cfg->weight = weight(in);
	cfg->share = input_u16(in) % (DMSC_SHARE_SUM_MAX + 1);
	cfg->limit = DMSC_LIMIT_MIN + input_u32(in) % (DMSC_LIMIT_MAX - DMSC_LIMIT_MIN + 1);
	cfg->ecn = input_u8(in) << 9;
	extra = input_u8(in);
	cfg->codel = extra & 1;
	cfg->fair = !(extra & 2);
	cfg->target = extra & 4 ? 1 : DMSC_TARGET_DEFAULT;
	cfg->interval = extra & 8 ? DMSC_INTERVAL_MAX : DMSC_INTERVAL_DEFAULT;
	cfg->ceil = rate(in);
	if (!dmsc_sched_check(all))
		return;
	dmsc_sched_configure(&b->s, id, cfg);
	dmsc_sched_divide(&b->s, id, 1 + (extra >> 6));
	for (c = 0; c < NR_KEYS; c++)
		b->class[id].epoch[c] += was_fair != cfg->fair;
	forget_service(id, true);
	restart_ceil(&b->class[id].ceil);
	for (c = 1; c <= NR_SLOTS; c++)
		restart_ceil(&b->ceil[c]);
	b->peeked = NULL;
	forget_pairs();
	note_pairs(b->touched);
}

static void set_slot(struct input *in, bool remove)
{
	u32 slot = 1 + input_u8(in) % NR_SLOTS, id = input_u8(in) % DMSC_NR_CLASSES;
	struct dmsc_queue *q = NULL, *old = b->s.slot[slot];
	struct dmsc_queue_config cfg = { 0 };
	u8 extra;
	u32 c;

	if (!remove) {
		cfg.weight = weight(in);
		cfg.sid = slot;
		extra = input_u8(in);
		cfg.rank = extra & 3 ? DMSC_RANK_DEFAULT : extra >> 2;
		extra = input_u8(in);
		cfg.remaining = extra < 128 ? 0 : 2000 * (extra - 128);
		if (extra == 127)
			cfg.remaining = DMSC_REMAINING_KEEP;
		cfg.rate = rate(in);
		cfg.ceil = rate(in);
		q = dmsc_queue_alloc(slot, id, &cfg);
		if (!q)
			abort();
		if (!old || old->class != id)
			b->class[id].epoch[slot - 1]++;
	}
	dmsc_queue_free(dmsc_sched_set_slot(&b->s, slot, q));
	restart_ceil(&b->ceil[slot]);
	/* What a queue got before another took its place is not the other's. */
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		b->class[c].up = 0;
		memset(b->class[c].pairs, 0, sizeof(b->class[c].pairs));
	}
	b->touched = ALL_CLASSES;
	b->peeked = NULL;
	note_pairs(b->touched);
}

static void step(struct input *in)
{
	u8 op = input_u8(in), where, n;
	u32 len;

	switch (op % 16) {
	case 0:
		configure(in);
		break;
	case 1:
		set_slot(in, false);
		break;
	case 2:
		set_slot(in, true);
		break;
	case 3:
		peek();
		note_pairs(b->touched);
		break;
	case 4 ... 7:
		if (b->s.backlog_packets < MAX_PACKETS)
			enqueue(input_u8(in), length(in));
		break;
	case 8:
		/* a burst to one flow, or a packet to each flow of a class */
		where = input_u8(in);
		len = length(in);
		for (n = op >> 4; n && b->s.backlog_packets < MAX_PACKETS; n--)
			enqueue(where & 8 ? where : where + (n << 4), len);
		break;
	case 9:
		for (n = op >> 4; n; n--)
			dequeue();
		break;
	case 10:
		b->now += (u64)input_u16(in) << 10;
		b->can_mark = op & 128;
		break;
	case 11:
		if (op >> 4 == 15) {
			give_up(dmsc_sched_purge(&b->s));
			b->peeked = NULL;
			forget_pairs();
			note_pairs(b->touched);
		}
		break;
	case 12:
		saturate(in, op >> 4);
		break;
	default:
		dequeue();
	}
	check_conservation();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	u8 how = input_u8(&in);

	b = calloc(1, sizeof(*b));
	if (!b || dmsc_sched_init(&b->s, 1514 << how % 8, &ops))
		abort();
	/* Limits of the whole that are within reach. */
	if (how & 8)
		dmsc_sched_limit(&b->s, 100, 1 << 20);
	while (in.left)
		step(&in);
	while (b->s.backlog_packets)
		dequeue();
	check_conservation();
	dmsc_sched_destroy(&b->s);
	free(b);
	return 0;
}
