/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a path puts around packets: headers made once, for the BPF programs to copy. */
#ifndef DMSC_LIB_ENCAP_H
#define DMSC_LIB_ENCAP_H

#include "lib/model.h"

#define ENCAP_TEXT_LEN 512

/**
 * encap_build - the header of @e, as the data path wants it
 * @src, @dst: the hosts' own addresses, for where @e names none
 *
 * SRv6 is H.Encaps of RFC 8986, section 5.1: the whole list of segments is in the
 * routing header, the last one first.
 */
void encap_build(const struct plan_encap *e, const struct dmsc_addr *src,
		 const struct dmsc_addr *dst, struct dmsc_encap *out);

/** encap_text - for people: "srv6 fd00::5 fd00::6"; "" for NULL. Returns @out */
const char *encap_text(const struct plan_encap *e, char out[ENCAP_TEXT_LEN]);

#endif /* DMSC_LIB_ENCAP_H */
