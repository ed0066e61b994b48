# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# make          builds build/poised, build/poise, build/poise-agent
# make demo     shows the whole at work (KEEP=1 leaves it running)
# make test     runs every test
# make bench    measures (QUICK=1, ONLY=key, checks or poised, BASELINE=earlier.json: bench/run)
# make survival what breaks, at which event (EVENT=, KIND=, MODE=: tests/survival/run)
# make lint     checks the style        make install  PREFIX=/usr/local, DESTDIR=
# make fuzz     TIME=60 (seconds), TARGET='packet agent config answer control'
#                                       make kernels  tests other kernels in qemu

CC     = gcc
CLANG  = clang
PREFIX = /usr/local
B      = build
ARCH  := $(shell $(CC) -dumpmachine)

WARN    = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(CI),-Werror)
CFLAGS  = -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
SANITIZE = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CSTD    = -std=c11 -D_GNU_SOURCE
INC     = -Iinclude -Iuserspace/lib -Iuserspace/poised -Iuserspace/poised/checks -Iuserspace/poised/control -I$(B)/bpf -I/usr/include/mariadb
BPFFLAGS = -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-parameter -Wno-unused-function \
	   -Wpadded -Werror -Iinclude -I/usr/include/$(ARCH)

LIB_LIBS    = -lyaml -lm
POISED_LIBS = -lxdp -lbpf -lelf -lz -lcap-ng -levent -ljansson -lcurl -lssl -lcrypto -lmariadb -lmnl $(LIB_LIBS)
POISE_LIBS  = -lxdp -lbpf -lelf -lz -ljansson -lmnl -lncursesw -ltinfo $(LIB_LIBS)
AGENT_LIBS  = -lxdp -lbpf -lelf -lz -lcap-ng -levent_core -ljansson -lmnl -lm

lib_o    = $(patsubst %.c,$(B)/%.o,$(wildcard userspace/lib/*.c))
poised_o = $(patsubst %.c,$(B)/%.o,$(wildcard userspace/poised/*.c userspace/poised/*/*.c))
poise_o  = $(patsubst %.c,$(B)/%.o,$(wildcard userspace/poise/*.c))
fault_o  = $(patsubst %.c,$(B)/faults/%.o,$(shell grep -l '"fault.h"' userspace/lib/*.c userspace/poised/*.c userspace/poised/*/*.c))
agent_o  = $(patsubst %.c,$(B)/%.o,$(wildcard userspace/agent/*.c))
agent_lib_o = $(patsubst %,$(B)/userspace/lib/%.o,address leaked_program load_weight notify segment)
skels    = $(patsubst bpf/%.bpf.c,$(B)/bpf/%.skel.h,$(wildcard bpf/*.bpf.c))
bench_skels = $(patsubst bench/%.bpf.c,$(B)/bpf/%.skel.h,$(wildcard bench/*.bpf.c))

# The unit tests link lib/ alone, built with sanitizers, and what poise top shows; module tests all
# of poised but its main; packet tests the same, for BPF_PROG_TEST_RUN.
san_o    = $(patsubst %.c,$(B)/san/%.o,$(wildcard userspace/lib/*.c))
daemon_o = $(filter-out $(B)/userspace/poised/main.o,$(poised_o))
unit     = $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
modules  = $(patsubst %.c,$(B)/%,$(wildcard tests/modules/test_*.c))
packet   = $(patsubst %.c,$(B)/%,$(wildcard tests/packet/test_*.c))
packet_o = $(patsubst %.c,$(B)/%.o,$(filter-out tests/packet/test_%,$(wildcard tests/packet/*.c)))

all: $(B)/poised $(B)/poise $(B)/poise-agent

$(B)/poised: $(poised_o) $(lib_o)
	$(CC) $(LDFLAGS) -o $@ $^ $(POISED_LIBS)
# The same with the points at which tests/netns/test_crash.sh lets it die (userspace/lib/fault.h).
$(B)/poised-faults: $(fault_o) $(filter-out $(fault_o:$(B)/faults/%=$(B)/%),$(poised_o) $(lib_o))
	$(CC) $(LDFLAGS) -o $@ $^ $(POISED_LIBS)
# attach.c, pins.c, probe_attach.c: `poise detach` works without poised, too
$(B)/poise: $(poise_o) $(B)/userspace/poised/attach.o $(B)/userspace/poised/pins.o \
		$(B)/userspace/poised/probe_attach.o $(lib_o)
	$(CC) $(LDFLAGS) -o $@ $^ $(POISE_LIBS)
$(B)/poise-agent: $(agent_o) $(agent_lib_o)
	$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS)

$(poised_o) $(poise_o) $(agent_o) $(packet_o) $(fault_o): | $(skels)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(WARN) $(CFLAGS) $(INC) -MMD -MP -c -o $@ $<
$(B)/faults/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(WARN) $(CFLAGS) $(INC) -DPOISE_FAULTS -MMD -MP -c -o $@ $<
$(B)/san/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(WARN) $(SANITIZE) $(INC) -MMD -MP -c -o $@ $<

$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPFFLAGS) -MMD -MP -c -o $@ $<
$(B)/bpf/%.bpf.o: bench/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPFFLAGS) -MMD -MP -c -o $@ $<
$(B)/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	bpftool gen skeleton $< name $*_bpf > $@.tmp
	mv $@.tmp $@

$(B)/tests/unit/%: tests/unit/%.c $(san_o)
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(WARN) $(SANITIZE) $(INC) -MMD -MP -o $@ $(filter %.c %.o,$^) -lcmocka $(LIB_LIBS)
# what poise top shows, without a terminal and without poised
top_o = $(patsubst %,$(B)/san/userspace/poise/%.o,top_model top_columns top_state top_keys \
	top_change top_frame format text)
$(B)/tests/unit/test_top_model $(B)/tests/unit/test_top_keys: private INC += -Iuserspace/poise
$(B)/tests/unit/test_top_model $(B)/tests/unit/test_top_keys: $(top_o)
$(B)/tests/unit/test_pcapng: private INC += -Iuserspace/poise
$(B)/tests/unit/test_pcapng: $(B)/san/userspace/poise/pcapng.o
$(B)/tests/modules/%: tests/modules/%.c $(daemon_o) $(lib_o)
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(WARN) $(CFLAGS) $(INC) -MMD -MP -o $@ $< $(daemon_o) $(lib_o) -lcmocka -levent_openssl $(POISED_LIBS)
$(B)/tests/packet/%: tests/packet/%.c $(packet_o) $(daemon_o) $(lib_o) | $(skels)
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(WARN) $(CFLAGS) $(INC) -MMD -MP -o $@ $< $(packet_o) $(daemon_o) $(lib_o) $(POISED_LIBS)

# poise whose doctor looks at a prepared host: tests/cli/test_doctor.sh
$(B)/tests/poise-prepared: $(B)/tests/cli/prepared_host.o $(B)/userspace/poised/attach.o \
		$(B)/userspace/poised/pins.o $(B)/userspace/poised/probe_attach.o $(lib_o) \
		$(filter-out %/doctor_host.o %/doctor_ethtool.o %/doctor_netlink.o,$(poise_o))
	$(CC) $(LDFLAGS) -o $@ $^ $(POISE_LIBS)
$(B)/tests/cli/%.o: INC += -Iuserspace/poise

# Of another ABI version, with a poise-agent: tests/netns/test_upgrade.sh, test_agent_change.sh
$(B)/next/build/poised: $(B)/poised $(B)/poise-agent tests/netns/make_next
	+tests/netns/make_next $(B)/next

survival = $(patsubst %,$(B)/tests/survival/survival_%,client server flood)
$(B)/tests/survival/survival_client: $(B)/tests/survival/connection.o
$(B)/tests/survival/survival_%: $(B)/tests/survival/%.o $(B)/tests/survival/stream.o
	$(CC) $(LDFLAGS) -o $@ $^

$(B)/ring_owners: tests/netns/ring_owners.c
	$(CC) $(CSTD) $(WARN) $(CFLAGS) $(INC) -MMD -MP -o $@ $< -lbpf

# On every CPU, unless the caller says how many jobs there shall be.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

setup:
	@./tests/setup

demo: setup
	@$(MAKE) --no-print-directory $(JOBS) all
	@./tests/netns/demo $(if $(KEEP),--keep)

test: setup
	@$(MAKE) --no-print-directory $(JOBS) all tests
	@./tests/run

tests: $(unit) $(modules) $(packet) $(survival) $(B)/tests/poise-prepared $(B)/fuzz_packet $(B)/fuzz_agent \
       $(B)/fuzz_config $(B)/fuzz_answer $(B)/fuzz_control $(B)/poised-faults $(B)/ring_owners \
       $(B)/next/build/poised

survival: setup
	@$(MAKE) --no-print-directory $(JOBS) all $(survival) $(B)/ring_owners $(B)/next/build/poised
	@./tests/survival/run

bench: setup
	@$(MAKE) --no-print-directory $(JOBS) $(B)/poise-bench all
	@./bench/run

bench_o = $(patsubst %.c,$(B)/%.o,$(filter-out %.bpf.c,$(wildcard bench/*.c)))
$(bench_o): | $(bench_skels) $(skels)
$(B)/poise-bench: $(bench_o) $(daemon_o) $(lib_o)
	$(CC) $(LDFLAGS) -o $@ $^ $(POISED_LIBS)

# Boots other kernels under qemu (slow): make kernels KERNEL='6.1 6.12'
kernels: setup
	@$(MAKE) --no-print-directory $(JOBS) all tests
	@./tests/kernels/run $(KERNEL)
	@./tests/kernels/run -s tests/kernels/guest_systemd.sh $(or $(KERNEL),6.1)

# Feeds packets and configurations that others might write to the code that reads them, each for
# TIME seconds; what is found stays in build/corpus. The programs are built for this host with what
# tests/fuzz/shim has in place of the kernel. BPF may read words at any address: no check for that.
TIME = 60
TARGET = packet agent config answer control
FUZZ = -g -O1 $(CSTD) $(WARN) -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_PROGRAM = -fsanitize=fuzzer-no-link -fno-sanitize=alignment -Wno-unused-parameter \
	       -Wno-unused-function -Wno-sign-compare -Wno-missing-prototypes -Ibpf
fuzz_lib  = $(patsubst %.c,$(B)/fuzz/%.o,$(wildcard userspace/lib/*.c))
fuzz_shim = $(patsubst %.c,$(B)/fuzz/%.o,$(wildcard tests/fuzz/shim/*.c))
fuzz_o    = $(patsubst %,$(B)/fuzz/tests/fuzz/%.o,fuzz_packet program world world_services \
	    input check check_sent check_answer view) \
	    $(patsubst %,$(B)/fuzz/userspace/lib/%.o,address port_lists service_places)

fuzz_control = $(patsubst %,$(B)/fuzz/userspace/poised/%.o,control/control_message control/request \
	       state_file service_backends ring_history_take ring_import)
fuzz_answer = $(patsubst %,$(B)/fuzz/userspace/poised/checks/%.o,check_stream check_expect \
	      check_redis check_postgres secret tls tls_words)

$(patsubst %,$(B)/fuzz/tests/fuzz/%.o,program fuzz_agent): $(B)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ) $(FUZZ_PROGRAM) -Itests/fuzz/shim -Itests/fuzz -Iinclude -MMD -MP -c -o $@ $<
$(B)/fuzz/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ) -Itests/fuzz/shim $(INC) -MMD -MP -c -o $@ $<
$(B)/fuzz/userspace/%.o: userspace/%.c
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ) -fsanitize=fuzzer-no-link $(INC) -MMD -MP -c -o $@ $<
$(B)/fuzz_agent: $(fuzz_shim) $(patsubst %,$(B)/fuzz/tests/fuzz/%.o,fuzz_agent check_chain input view)
	$(CLANG) $(FUZZ) -fsanitize=fuzzer -o $@ $^
$(B)/fuzz_packet: $(fuzz_o) $(fuzz_shim)
	$(CLANG) $(FUZZ) -fsanitize=fuzzer -o $@ $^
$(B)/fuzz_config: $(B)/fuzz/tests/fuzz/fuzz_config.o $(fuzz_lib)
	$(CLANG) $(FUZZ) -fsanitize=fuzzer -o $@ $^ $(LIB_LIBS)
$(B)/fuzz_answer: $(B)/fuzz/tests/fuzz/fuzz_answer.o $(fuzz_answer) $(fuzz_lib)
	$(CLANG) $(FUZZ) -fsanitize=fuzzer -o $@ $^ -levent -lssl -lcrypto $(LIB_LIBS)
$(B)/fuzz_control: $(patsubst %,$(B)/fuzz/tests/fuzz/%.o,fuzz_control fuzz_history) $(fuzz_control) $(fuzz_lib)
	$(CLANG) $(FUZZ) -fsanitize=fuzzer -o $@ $^ -ljansson $(LIB_LIBS)
# Writes the seeds of tests/fuzz/corpus anew: build/fuzz_seeds tests/fuzz/corpus
$(B)/fuzz_seeds: tests/fuzz/seeds.c tests/packet/build.c tests/packet/inspect.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(WARN) -O1 $(INC) -Itests/packet -Itests/fuzz -o $@ $^

fuzz: setup
	@$(MAKE) --no-print-directory $(JOBS) $(TARGET:%=$(B)/fuzz_%)
	@for target in $(TARGET); do tests/fuzz/run $$target $(TIME) || exit; done

$(B):
	mkdir -p $@

lint:
	@clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	@mandoc -T lint -W warning docs/*.[58]

install: all
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin $(B)/poised $(B)/poise $(B)/poise-agent
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 docs/*.8
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 docs/*.5
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/poise README.md docs/*.md examples/*.yaml dist/agent.conf
	install -D -m 644 dist/completion/poise.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/poise
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/zsh/site-functions dist/completion/_poise
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in poised poise-agent; do sed 's|/usr/local/|$(PREFIX)/|' dist/$$unit.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit.service || exit; done

clean:
	rm -rf $(B)

.PHONY: all setup demo test tests survival bench fuzz kernels lint install clean
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
