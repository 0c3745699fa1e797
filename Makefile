# SPDX-License-Identifier: GPL-2.0-or-later
#
# DMSC on Linux. `make help` lists what there is to make.
#
# Everything that is built lies in build/. Sources are found by wildcard, so a
# new file needs no change here:
#   user/lib/*.c, user/planner/*.c, kmod/core/*.c   libraries
#   user/PROGRAM/*.c                                one program a directory
#   bpf/*.bpf.c                                     linked into one object, but for own_bpf
#   selftests/{unit,bpf,netns,kmod,debug}/*.c       one test or helper a file
#   selftests/fuzz/fuzz_*.c                         one fuzzer a file
#   selftests/bench/planner/*.c                     one program, a group of benchmarks a file

include version.mk

# clang's version is in its package's name, so ask for the one that is there.
CLANG	?= $(firstword $(shell command -v clang-19 clang-18 clang-17 clang-16 clang-15 clang-14 clang) clang-19)
BPFTOOL	?= $(firstword $(shell command -v bpftool) $(wildcard /usr/sbin/bpftool) bpftool)
INSTALL	?= install
PREFIX	?= /usr
LIBDIR	?= $(PREFIX)/lib
SYSCONFDIR ?= /etc
KERNELS	?= 6.1 6.12 7.3

B := build
CFLAGS	?= -O2 -g
ALL_CFLAGS = $(CFLAGS) -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE \
	-DDMSC_VERSION=\"$(DMSC_VERSION)\" -I. -Iinclude/uapi -Iuser -I$(B) -MMD -MP
BPF_CFLAGS = -O2 -g -mcpu=v3 -Wall -Wextra -Werror -Iinclude/uapi -Ibpf \
	-idirafter /usr/include/$(shell gcc -dumpmachine) -MMD -MP
# kissfft is asked for only by programs that use it.
LIBS	= -lbpf -lelf -lz -lmnl -lyaml -ljansson -lsqlite3 -lsystemd \
	-Wl,--as-needed -lkissfft-float -Wl,--no-as-needed -lm

ifeq ($(V),1)
Q :=
say := @:
else
Q := @
say := @printf '  %-7s %s\n'
MAKEFLAGS += --no-print-directory
endif

# Objects lie in build/obj/, so that build/user/dmscd can be the program.
objs = $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard $(1))))

PROGRAMS := dmscd dmscctl emulator
program_dirs := $(foreach p,$(PROGRAMS),$(if $(wildcard user/$(p)/*.c),$(p)))
programs := $(addprefix $(B)/user/,$(program_dirs))
libs := $(B)/libplanner.a $(B)/libdmsc.a
# One object for the classifier; the gateway runs on gateways only and is one of its own.
own_bpf := bpf/gateway.bpf.c
bpf_objs := $(patsubst %.bpf.c,$(B)/%.bpf.o,$(filter-out $(own_bpf),$(sort $(wildcard bpf/*.bpf.c))))
skel := $(B)/bpf/dmsc.skel.h $(own_bpf:%.bpf.c=$(B)/%.skel.h)

tests = $(patsubst %.c,$(B)/%,$(filter-out %.bpf.c,$(wildcard selftests/$(1)/*.c)))
unit_tests := $(call tests,unit)
other_tests := $(call tests,bpf) $(call tests,netns) $(call tests,kmod) $(call tests,debug) \
	$(call tests,bench/queues)
fuzzers := $(patsubst %.c,$(B)/%,$(wildcard selftests/fuzz/fuzz_*.c))

.PHONY: all tests fuzzers fuzz bench-bpf bench-planner bench-queues kmod kmod-here check check-debug lint format run install install-src dkms clean help deps
.SECONDARY:
.DELETE_ON_ERROR:

all: $(B)/tools.ok $(programs) $(B)/libdmsc-tag.so.1 $(skel) kmod-here

# A missing tool or library is named with its package before a compiler trips over it.
$(B)/tools.ok: .ci/deps
	$(Q).ci/deps --check
	$(Q)mkdir -p $(B) && touch $@

tests: all $(unit_tests) $(other_tests) fuzzers $(B)/selftests/bench/bpf/bench-bpf

$(B)/obj/%.o: %.c | $(B)/tools.ok
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/%.bpf.o: %.bpf.c | $(B)/tools.ok
	$(say) BPF $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf $(BPF_CFLAGS) -MT $@ -MF $(@:.o=.d) -c -o $@ $<

$(B)/bpf/dmsc.bpf.o: $(bpf_objs)
	$(say) BPFLINK $@
	$(Q)$(BPFTOOL) gen object $@ $^

$(B)/%.skel.h: $(B)/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(notdir $*) > $@

$(B)/libdmsc.a: $(call objs,user/lib/*.c)
$(B)/libplanner.a: $(call objs,user/planner/*.c)
$(B)/libcore.a: $(call objs,kmod/core/*.c)
$(B)/lib%.a:
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The loader and the tests of the BPF programs include the skeletons.
$(call objs,user/lib/*.c) $(call objs,selftests/bpf/*.c): | $(skel)
$(call objs,selftests/kmod/*.c): | $(B)/selftests/kmod/backlog.skel.h
bench_bpf_objs := $(call objs,selftests/bench/bpf/*.c)
$(bench_bpf_objs): | $(skel) $(B)/selftests/bench/bpf/floor.skel.h

define program
$(B)/user/$(1): $(call objs,user/$(1)/*.c) $(libs)
	$$(say) LD $$@
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach p,$(program_dirs),$(eval $(call program,$(p))))

# An oracle, for its test only.
$(B)/selftests/unit/test_paths_bound: LIBS += -ligraph

$(unit_tests): $(B)/%: $(B)/obj/%.o $(filter-out %/emulator/main.o,$(call objs,user/emulator/*.c)) $(libs) $(B)/libcore.a
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(B)/selftests/bench-planner: $(call objs,selftests/bench/planner/*.c) $(libs)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# Measures; needs a quiet machine to say much. BENCH="..." runs only these groups.
bench-planner: $(B)/selftests/bench-planner $(B)/user/dmscctl
	$(Q)mkdir -p $(B)/bench
	$(Q)$< --output $(B)/bench/planner.json $(BENCH)

# What applications link with: no other library of ours, and nothing else but libc.
$(B)/libdmsc-tag.so.1: user/libdmsc-tag/dmsc_tag.c user/libdmsc-tag/dmsc_tag.h | $(B)/tools.ok
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -shared -Wl,-soname,$(@F) $(LDFLAGS) -o $@ $<

$(B)/selftests/bpf/test_choice: $(B)/obj/user/libdmsc-tag/dmsc_tag.o
$(other_tests): $(B)/%: $(B)/obj/%.o $(libs)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# Fuzzers: libFuzzer, and what they reach built once more with the sanitizers.
FUZZ_CC	    ?= clang-19
FUZZ_CFLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
fuzz_objs = $(patsubst %.c,$(B)/fuzz/obj/%.o,$(sort $(wildcard $(1))))
fuzz_libs := $(B)/fuzz/libplanner.a $(B)/fuzz/libdmsc.a $(B)/fuzz/libcore.a

fuzzers: $(fuzzers)

$(B)/fuzz/obj/%.o: %.c | $(B)/tools.ok $(skel)
	$(say) FUZZCC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(ALL_CFLAGS) $(FUZZ_CFLAGS) -c -o $@ $<

$(B)/fuzz/libdmsc.a: $(call fuzz_objs,user/lib/*.c)
$(B)/fuzz/libplanner.a: $(call fuzz_objs,user/planner/*.c)
$(B)/fuzz/libcore.a: $(call fuzz_objs,kmod/core/*.c)
$(B)/fuzz/lib%.a:
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(fuzzers): $(B)/%: $(B)/fuzz/obj/%.o $(fuzz_libs)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $(LDFLAGS) -o $@ $^ $(LIBS)

# FUZZ="core" runs one of them.
FUZZ_SECONDS ?= 600
FUZZ	     ?=
fuzz: fuzzers
	$(Q)FUZZ_SECONDS='$(FUZZ_SECONDS)' selftests/fuzz/test_fuzz.sh $(FUZZ)

# floor.bpf.c is BPF; the other sources of the directory are the program that measures.
$(B)/selftests/bench/bpf/bench-bpf: $(filter-out %.bpf.o,$(bench_bpf_objs)) $(libs)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

bench-bpf: $(B)/selftests/bench/bpf/bench-bpf
	$(Q)$<

# The module for the running kernel, or for KVER=; `make check` builds it for
# every kernel of KERNELS inside the guests' root.
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
kmod-here:
ifneq ($(wildcard $(KDIR)/Makefile),)
	$(Q)$(MAKE) kmod
else
	$(say) SKIP "sch_dmsc.ko: no headers at $(KDIR) (package linux-headers-$(KVER); or KDIR=)"
endif

kmod:
	$(say) KMOD $(KDIR)
	$(Q)rm -rf $(B)/kmod/here && mkdir -p $(B)/kmod/here
	$(Q)cp -a --parents Kbuild version.mk kmod include/uapi $(B)/kmod/here
	$(Q)$(MAKE) -C $(KDIR) M=$(CURDIR)/$(B)/kmod/here modules

check:
	+$(Q)DMSC_KERNELS='$(KERNELS)' selftests/check.sh

# The queueing disciplines in User Mode Linux: latency, shares, completion, cost, two processors.
bench-queues:
	+$(Q)selftests/bench/queues/run.sh

# The module's tests on a kernel with all its detectors (selftests/vm/kernels/).
check-debug:
	+$(Q)selftests/vm/debug.sh

lint:
	$(Q).ci/deps --install
	$(Q)selftests/lint/lint.sh

format:
	clang-format-19 -i $(wildcard user/*/*.[ch] selftests/*/*.[ch] selftests/bench/*/*.[ch])

KERNEL	   ?= 6.12
JOB	   ?= examples/gpt13b.yaml
TOPOLOGY   ?= examples/cluster4.yaml
ITERATIONS ?= 5
WORKLOAD   ?=
run:
	+$(Q)KERNEL='$(KERNEL)' JOB='$(JOB)' TOPOLOGY='$(TOPOLOGY)' WORKLOAD='$(WORKLOAD)' \
		ITERATIONS='$(ITERATIONS)' RUN_OPTIONS='$(RUN_OPTIONS)' selftests/vm/mainjob.sh

deps:
	$(Q).ci/deps --install

srcdir := $(PREFIX)/src/dmsc-$(DMSC_VERSION)
install: all install-src
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/linux \
		$(DESTDIR)$(SYSCONFDIR)/dmsc $(DESTDIR)$(PREFIX)/lib/systemd/system \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/dmsc/examples
	$(INSTALL) -m 755 $(B)/user/dmscd $(B)/user/dmscctl $(DESTDIR)$(PREFIX)/sbin/
	$(INSTALL) -m 755 $(B)/user/emulator $(DESTDIR)$(PREFIX)/bin/dmsc-emulate
	$(INSTALL) -m 644 include/uapi/linux/*.h $(DESTDIR)$(PREFIX)/include/linux/
	$(INSTALL) -D -m 644 user/lib/module_api.h $(DESTDIR)$(PREFIX)/include/dmsc/module_api.h
	$(INSTALL) -D -m 644 user/libdmsc-tag/dmsc_tag.h $(DESTDIR)$(PREFIX)/include/dmsc_tag.h
	$(INSTALL) -D -m 755 $(B)/libdmsc-tag.so.1 $(DESTDIR)$(LIBDIR)/libdmsc-tag.so.1
	ln -sf libdmsc-tag.so.1 $(DESTDIR)$(LIBDIR)/libdmsc-tag.so
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(DMSC_VERSION)|' \
		user/libdmsc-tag/dmsc-tag.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/dmsc-tag.pc
	$(INSTALL) -m 644 examples/*.yaml examples/etc/dmsc.yaml $(DESTDIR)$(PREFIX)/share/dmsc/examples/
	$(INSTALL) -m 644 user/dmscd/dmscd.service $(DESTDIR)$(PREFIX)/lib/systemd/system/
	$(INSTALL) -m 644 user/completion/* $(DESTDIR)$(PREFIX)/share/bash-completion/completions/
	for page in doc/man/*.[13578]; do \
		$(INSTALL) -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; \
	done

# The module's source, where DKMS looks for it.
install-src:
	for f in Kbuild version.mk $$(find kmod include/uapi -name '*.[ch]'); do \
		$(INSTALL) -D -m 644 $$f $(DESTDIR)$(srcdir)/$$f || exit 1; \
	done
	sed 's/@VERSION@/$(DMSC_VERSION)/' dkms.conf > $(DESTDIR)$(srcdir)/dkms.conf

# DKMS builds the module again for every kernel that is installed later.
dkms: install
	@command -v dkms >/dev/null || { echo "dkms: not found (package dkms)" >&2; exit 1; }
	dkms status -m dmsc -v $(DMSC_VERSION) | grep -q . || dkms add -m dmsc -v $(DMSC_VERSION)
	dkms install -m dmsc -v $(DMSC_VERSION) --force

clean:
	rm -rf $(B)

help:
	@echo 'make            programs, BPF object; the module where kernel headers are'
	@echo 'make check      every test, on Debian kernels $(KERNELS) in virtual machines'
	@echo 'make check-debug  the module on a kernel with KASAN, lockdep, kmemleak and the like'
	@echo 'make fuzz       the fuzzers, FUZZ_SECONDS=$(FUZZ_SECONDS) each; FUZZ="NAME..." for some of them'
	@echo 'make run        the main job: an emulated cluster, before and after'
	@echo '                KERNEL=$(KERNEL) JOB=FILE TOPOLOGY=FILE WORKLOAD=AICB-FILE ITERATIONS=$(ITERATIONS)'
	@echo 'make bench-planner  paths, prediction: aims and results, build/bench/planner.json; BENCH="GROUP..."'
	@echo 'make bench-bpf  what a packet costs in the BPF data plane; root; build/bench/bpf.json'
	@echo 'make bench-queues  the qdisc beside others: cost, latency, shares, CPUs; build/bench/queues.json'
	@echo 'make format     clang-format for user/ and selftests/'
	@echo 'make lint       checkpatch, sparse, clang-format, shellcheck'
	@echo 'make install    DESTDIR= PREFIX=$(PREFIX); make dkms: module through DKMS'
	@echo 'make deps       install the Debian packages that are missing'
	@echo 'make clean'
	@echo 'V=1 shows commands. DMSC_CACHE=DIR holds what is downloaded (default ~/.cache/dmsc).'

-include $(shell [ -d $(B) ] && find $(B) -name '*.d' -not -path '$(B)/kmod/*' 2>/dev/null)
