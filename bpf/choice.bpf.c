// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * An application chooses a class for a socket, among those of its instance: by
 * SO_PRIORITY, or by an option of our own that answers with errors. The choice
 * lies beside the stamp; forgetting the stamp's generation makes the next packet
 * look at it.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

#include "process.h"
#include "tables.h"

#define SOL_SOCKET	1
#define SO_PRIORITY	12

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int choose(struct bpf_sock *sk, __u8 chosen)
{
	struct dmsc_choice *choice;
	struct dmsc_stamp *s;

	choice = bpf_sk_storage_get(&dmsc_choices, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!choice)
		return -ENOMEM;
	choice->chosen = chosen;
	/* Only now: who resolves it from here on sees the choice. */
	s = bpf_sk_storage_get(&dmsc_sockets, sk, NULL, 0);
	if (s)
		*(volatile __u32 *)&s->generation = 0;
	return 0;
}

SEC("cgroup/setsockopt")
int dmsc_setsockopt(struct bpf_sockopt *ctx)
{
	bool own = ctx->level == DMSC_SOL && ctx->optname == DMSC_SO_CLASS;
	__s32 *value = ctx->optval;
	struct dmsc_instance *inst;
	struct control c;
	__s32 class;
	int ret;

	if ((!own && (ctx->level != SOL_SOCKET || ctx->optname != SO_PRIORITY)) ||
	    ctx->optlen < (__s32)sizeof(*value) ||
	    (void *)(value + 1) > ctx->optval_end || !ctx->sk || !control_read(&c)) {
		ctx->optlen = 0;	/* the caller's own buffer, whatever its size */
		return ALLOW;
	}
	class = *value;
	if (!own && !class)
		class = -1;
	inst = current_instance(side_of(c.generation), bpf_get_current_cgroup_id());
	if (class < -1 || class >= DMSC_NR_CLASSES)
		ret = -EINVAL;
	else if (!inst)
		ret = -ESRCH;
	else if (class >= 0 && !(inst->class_mask & (1U << class)))
		ret = -EPERM;
	else
		ret = choose(ctx->sk, class + 1);

	/*
	 * Of SO_PRIORITY the kernel makes what it always does, except where it would
	 * ask for CAP_NET_ADMIN: for 7, which is the control class here.
	 */
	if (!own && (ret || class < DMSC_CLASS_CONTROL)) {
		ctx->optlen = 0;
		return ALLOW;
	}
	if (ret) {
		bpf_set_retval(ret);
		return REFUSE;
	}
	ctx->optlen = -1;	/* done: not the kernel's business */
	return ALLOW;
}
