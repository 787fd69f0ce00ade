# The only build file. `make help` lists the targets.
#
# BUILD=release|debug|asan|tsan|coverage|fuzz chooses a variant; each has its own tree under build/.
# CXX, CPPFLAGS, CXXFLAGS and LDFLAGS are the user's: a changed flag rebuilds what it touches. V=1 shows the commands.

BUILD ?= release
ifeq ($(origin CXX),default)
CXX := g++
endif
CLANGXX ?= clang++
CLANG_FORMAT ?= clang-format
DOCKER ?= docker
PREFIX ?= /usr/local
STRIP ?= strip
# With the commit where there is one: an image and an archive are built without.
VERSION := $(shell cat VERSION)$(addprefix -g,$(shell git describe --always --dirty --exclude='*' 2>/dev/null))

OUT := build/$(BUILD)
comma := ,
FLAGS.release := -O2 -g -DNDEBUG
FLAGS.debug := -O0 -g
# Not vptr: it opens a pipe to look at memory, and takes a process without free descriptors for a broken one.
FLAGS.asan := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all
FLAGS.tsan := -O1 -g1 -fsanitize=thread
FLAGS.coverage := -O0 -g --coverage -fprofile-update=atomic
FLAGS.fuzz := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
# Tests themselves are compiled quickly; what they test keeps the flags above. Two checks that take the compiler longer
# than all others are left to what they test.
TEST_FLAGS := -O0 $(if $(filter asan,$(BUILD)),-fno-sanitize=null$(comma)alignment)
ifeq ($(FLAGS.$(BUILD)),)
$(error BUILD must be release, debug, asan, tsan, coverage or fuzz, not '$(BUILD)')
endif

WARNINGS := -Wall -Wextra -Wshadow -Wconversion
RP_CXXFLAGS := -std=c++20 -pthread $(WARNINGS) $(FLAGS.$(BUILD))
RP_CPPFLAGS := -Iinclude -MMD -MP
RP_LDLIBS := -lhiredis
COMPILE = $(CXX) $(RP_CPPFLAGS) $(CPPFLAGS) $(RP_CXXFLAGS) $(CXXFLAGS)
LINK = $(CXX) $(RP_CXXFLAGS) $(CXXFLAGS) $(LDFLAGS)

LIB_SOURCES := $(wildcard src/*/*.cc)
UNIT_SOURCES := $(wildcard test/*/*_test.cc test/support/*.cc)
HARNESS_SOURCES := $(wildcard integration/harness/*.cc)
CHECKER_SOURCES := $(filter-out %_test.cc,$(wildcard integration/checker/*.cc)) $(HARNESS_SOURCES)
INTEGRATION_SOURCES := $(wildcard integration/*.cc integration/checker/stale_*.cc) $(HARNESS_SOURCES) \
                       test/support/fake_redis.cc
FUZZ_SOURCES := $(wildcard test/fuzz/*_fuzz.cc)
SOURCES := $(wildcard src/*.cc) $(LIB_SOURCES) $(wildcard integration/*.cc integration/*/*.cc test/*/*.cc)
HEADERS := $(wildcard include/*/*.h)
FORMATTED := $(SOURCES) $(HEADERS) $(wildcard test/*/*.h integration/*/*.h)

LIB_OBJECTS := $(LIB_SOURCES:%.cc=$(OUT)/%.o)
MAIN_OBJECT := $(OUT)/src/main.o
UNIT_OBJECTS := $(UNIT_SOURCES:%.cc=$(OUT)/%.o)
INTEGRATION_OBJECTS := $(INTEGRATION_SOURCES:%.cc=$(OUT)/%.o)
CHECKER_OBJECTS := $(CHECKER_SOURCES:%.cc=$(OUT)/%.o)
FUZZERS := $(FUZZ_SOURCES:%.cc=$(OUT)/%)
MICRO_SOURCES := $(wildcard test/bench/micro*.cc)
MICRO_OBJECTS := $(MICRO_SOURCES:%.cc=$(OUT)/%.o)
# What nearly every test includes is read by the compiler once for all of them.
TEST_OBJECTS := $(sort $(UNIT_OBJECTS) $(INTEGRATION_OBJECTS) $(CHECKER_OBJECTS))
PRECOMPILED := $(OUT)/test/precompiled.h
BENCHES := $(patsubst %.cc,$(OUT)/%,$(filter-out $(MICRO_SOURCES),$(wildcard test/bench/*.cc)))
# The integration tests run the program from outside, so that they themselves are built once, for release.
INTEGRATION := build/release/integration-tests
TESTS := $(OUT)/unit-tests $(INTEGRATION) $(OUT)/redis-proxy

Q := $(if $(V),,@)
T ?= *
FUZZ_SECONDS ?= 20
SECONDS ?= 60

# As many jobs as cores, unless the command line or a calling make says otherwise.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

.PHONY: all run deps deps-dev deps-bench deps-check tests check unit integration test asan tsan coverage fuzz \
        fuzz-here coherence-check coherence-mutants lint lint-layers lint-format lint-length lint-man format build install \
        uninstall bench bench-test bench-micro install-test clean help FORCE
.PRECIOUS: $(OUT)/%.o
.DELETE_ON_ERROR:

ifeq ($(BUILD),release)
all: redis-proxy ## build ./redis-proxy (the default)

# A copy, not a link into build/: it can be moved and packed as it is. `install` replaces the file instead of writing
# into it, so that a server that runs from it goes on.
redis-proxy: $(OUT)/redis-proxy
	$(Q)install -m 755 $< $@
else
all: $(OUT)/redis-proxy
endif

# --- Building -------------------------------------------------------------------------------------------------------

$(OUT)/librp.a: $(LIB_OBJECTS) $(OUT)/sources
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIB_OBJECTS)

$(OUT)/redis-proxy: $(MAIN_OBJECT) $(OUT)/librp.a
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $^ $(RP_LDLIBS)

$(OUT)/unit-tests: $(UNIT_OBJECTS) $(OUT)/librp.a
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $^ -lgtest_main -lgtest $(RP_LDLIBS)

ifeq ($(BUILD),release)
$(INTEGRATION): $(INTEGRATION_OBJECTS) $(OUT)/librp.a
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $^ -lgtest_main -lgtest $(RP_LDLIBS)
else
$(INTEGRATION): FORCE
	@$(MAKE) --no-print-directory BUILD=release $@
endif

$(OUT)/coherence-check: $(CHECKER_OBJECTS) $(OUT)/librp.a
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $^ -lgtest $(RP_LDLIBS)

$(FUZZERS): $(OUT)/%: $(OUT)/%.o $(OUT)/librp.a
	@echo "  LINK  $@"
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(RP_LDLIBS)

$(OUT)/micro: $(MICRO_OBJECTS) $(OUT)/librp.a
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $^ $(RP_LDLIBS)

$(BENCHES): $(OUT)/%: $(OUT)/%.o $(OUT)/librp.a
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $^ $(RP_LDLIBS)

$(OUT)/man: $(OUT)/src/man.o $(OUT)/librp.a
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $^ $(RP_LDLIBS)

docs/redis-proxy.1: VERSION $(OUT)/man
	$(Q)$(OUT)/man "$$(cat VERSION)" >$@

$(OUT)/%.o: %.cc $(OUT)/flags | deps-check
	@echo "  CXX   $<"
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -c -o $@ $<

$(OUT)/test/%.o $(OUT)/integration/%.o: private RP_CPPFLAGS += -I.

$(TEST_OBJECTS): private RP_CXXFLAGS += $(TEST_FLAGS) -include $(PRECOMPILED) -Winvalid-pch
$(TEST_OBJECTS): $(PRECOMPILED).gch

$(PRECOMPILED).gch: test/precompiled.h $(OUT)/flags | deps-check
	@echo "  CXX   $<"
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(TEST_FLAGS) -x c++-header -o $@ $<

$(OUT)/src/config/version.o: $(OUT)/version
$(OUT)/src/config/version.o: private RP_CPPFLAGS += -DRP_VERSION='"$(VERSION)"'

# Stamps are rewritten only when they differ, so that a changed compiler, flag, version or set of files rebuilds and an
# unchanged one does not.
define stamp
@mkdir -p $(@D)
@echo '$(1)' | cmp -s - $@ || echo '$(1)' > $@
endef

$(OUT)/flags: FORCE
	$(call stamp,$(COMPILE) | $(LINK))

$(OUT)/version: FORCE
	$(call stamp,$(VERSION))

$(OUT)/sources: FORCE
	$(call stamp,$(LIB_SOURCES) | $(UNIT_SOURCES) | $(INTEGRATION_SOURCES))

-include $(wildcard $(OUT)/*/*.d $(OUT)/*/*/*.d)

# --- What must be installed -----------------------------------------------------------------------------------------

# $(call install_missing,checks,optional): each check is `need PACKAGE COMMAND...`; the package is missing if the
# command fails. Services that packages bring are not started (policy-rc.d, for as long as this runs), though those that
# are new may be at the next boot. What is optional is installed one by one, and it is no failure if that cannot be done.
define install_missing
@missing=; need() { package=$$1; shift; "$$@" >/dev/null 2>&1 || missing="$$missing $$package"; }; \
header() { [ -e /usr/include/$$1 ] || echo "#include <$$1>" | $(CXX) $(CPPFLAGS) $(CXXFLAGS) -x c++ -E -; }; \
$(1); \
[ -n "$$missing" ] || { echo "$@: all present"; exit 0; }; \
command -v apt-get >/dev/null || { echo "$@: please install (Debian's names):$$missing" >&2; exit 1; }; \
as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
[ -z "$$as_root" ] || command -v sudo >/dev/null || { echo "$@: please install as root:$$missing" >&2; exit 1; }; \
echo "$@: installing$$missing"; \
policy=/usr/sbin/policy-rc.d; \
[ -e $$policy ] || { trap "$$as_root rm -f $$policy" EXIT; trap 'exit 1' INT TERM; \
  printf '#!/bin/sh\nexit 101\n' | $$as_root tee $$policy >/dev/null && $$as_root chmod 755 $$policy; }; \
install() { $$as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get install -qq -y --no-install-recommends "$$@" >/dev/null; }; \
$$as_root apt-get update -qq; \
$(if $(2),for package in $$missing; do install $$package || echo "$@: cannot install $$package" >&2; done, \
  install $$missing)
endef

deps: ## install what building, testing and running need (Debian; asks apt-get only if something is missing)
	$(call install_missing,need g++ command -v g++; need libhiredis-dev header hiredis/hiredis.h; \
	need libgtest-dev header gtest/gtest.h; need redis-server command -v redis-server; need curl command -v curl; \
	need python3-redis env PATH=/usr/bin:"$$PATH" python3 -c "import redis")

deps-dev: deps ## install what lint, fuzz, coverage and format need on top
	$(call install_missing,need clang command -v $(CLANGXX); need clang-format command -v $(CLANG_FORMAT); \
	need libclang-rt-dev sh -c 'ls $$($(CLANGXX) -print-resource-dir)/lib/*/libclang_rt.fuzzer*'; \
	need lcov command -v lcov; need mandoc command -v mandoc)

WITH_SBIN := env PATH="$$PATH:/usr/sbin:/sbin" sh -c
deps-bench: deps ## install what bench needs on top: wrk, python3, ..., and those peers that can be had
	$(call install_missing,need wrk command -v wrk; need redis-tools command -v redis-benchmark; \
	need python3 command -v python3)
	$(call install_missing,need webdis command -v webdis; need nginx $(WITH_SBIN) 'command -v nginx'; \
	need varnish $(WITH_SBIN) 'command -v varnishd'; need haproxy $(WITH_SBIN) 'command -v haproxy',optional)

# Before anything is compiled: the goals that promise a working machine install, the others only say what is missing.
deps-check: $(if $(filter run tests check unit integration coherence-check coherence-mutants bench, \
              $(MAKECMDGOALS)),deps)
	@command -v $(firstword $(CXX)) >/dev/null || { echo 'The compiler $(CXX) is missing: run `make deps`' >&2; exit 1; }
	@echo '#include <hiredis/hiredis.h>' | $(CXX) $(CPPFLAGS) $(CXXFLAGS) -x c++ -E -o /dev/null - 2>/dev/null || \
	  { echo 'hiredis is missing: run `make deps`' >&2; exit 1; }

# --- Running --------------------------------------------------------------------------------------------------------

HTTP ?= :8080
run: deps all ## serve on HTTP=:8080 in front of REDIS=host:port, or of a throw-away redis-server; ARGS=more flags
	@sh scripts/run_demo.sh $(OUT)/redis-proxy '$(HTTP)' '$(REDIS)' $(ARGS)

# --- Testing --------------------------------------------------------------------------------------------------------

# Sanitizers that were built with today's compilers cannot place their shadow memory where newer kernels randomise more
# bits of addresses; without randomisation they can. Not every container allows that, and most do not need it.
SANITIZED := $(filter asan tsan,$(BUILD))
RUNNER := $(if $(SANITIZED),$(shell setarch -R true 2>/dev/null && echo setarch -R))
export ASAN_OPTIONS ?= detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1 second_deadlock_stack=1
# $(call run_tests,name,program): in parallel parts, of which only those that fail are heard; with V=1 plainly.
run_tests = $(if $(V),,sh scripts/run_tests.sh $(1)) $(RUNNER) $(2) --gtest_filter='$(T)'
RUN_UNIT = $(call run_tests,unit,$(OUT)/unit-tests)
RUN_INTEGRATION = REDIS_PROXY_BINARY='$(CURDIR)/$(OUT)/redis-proxy' $(call run_tests,integration,$(INTEGRATION))

tests: $(TESTS) ## build the tests, run nothing

check: deps tests ## run unit and integration tests right here; T='CacheTest.*' chooses, V=1 shows everything
	@status=0; $(RUN_UNIT) || status=1; $(RUN_INTEGRATION) || status=1; exit $$status

unit: deps $(OUT)/unit-tests ## run the unit tests; T= chooses
	@$(RUN_UNIT)

integration: deps $(INTEGRATION) $(OUT)/redis-proxy ## run the integration tests; T= chooses
	@$(RUN_INTEGRATION)

coherence-check: $(OUT)/coherence-check $(OUT)/redis-proxy
coherence-check: deps ## look for stale reads for SECONDS=60 while everything breaks
	@$(RUNNER) $(OUT)/coherence-check -seconds $(SECONDS) $(if $(SEED),-seed $(SEED))

coherence-mutants: deps $(OUT)/coherence-check ## show that coherence-check finds stale reads where there are some
	@sh integration/checker/coherence_mutants.sh $(OUT)/coherence-check

# A project name of its own: a service that `docker compose up` started stays up.
test: ## run the tests in docker-compose when a Docker engine answers, otherwise right here (as check)
	@compose=; if timeout 20 $(DOCKER) info >/dev/null 2>&1; then \
	  if $(DOCKER) compose version >/dev/null 2>&1; then compose='$(DOCKER) compose'; \
	  elif command -v docker-compose >/dev/null; then compose=docker-compose; fi; \
	fi; \
	if [ -z "$$compose" ]; then \
	  echo 'test: no Docker engine with compose answers, so right here'; exec $(MAKE) --no-print-directory check; \
	fi; \
	echo "test: in containers, with $$compose"; status=0; compose="$$compose -p redis-proxy-test"; \
	$$compose build test && $$compose run --rm -e T='$(T)' test || status=$$?; \
	$$compose down --volumes >/dev/null 2>&1; exit $$status

asan: ## check under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory BUILD=asan check

tsan: ## check under ThreadSanitizer
	@$(MAKE) --no-print-directory BUILD=tsan check

coverage: deps-dev ## check with coverage counted: summary, and pages in build/coverage/html
	@rm -rf build/coverage/html; find build/coverage -name '*.gcda' -delete 2>/dev/null; status=0; \
	$(MAKE) --no-print-directory BUILD=coverage check || status=$$?; \
	cd build/coverage && lcov -q --capture -d . --base-directory '$(CURDIR)' --no-external -o all.info 2>lcov.log && \
	lcov -q --extract all.info '$(CURDIR)/src/*' '$(CURDIR)/include/*' -o lcov.info && \
	genhtml -q -o html lcov.info && lcov --list lcov.info || \
	echo 'coverage: lcov could not read the counts: see build/coverage/lcov.log'; exit $$status

fuzz: deps-dev ## run each fuzzer of test/fuzz for FUZZ_SECONDS=20
	@$(MAKE) --no-print-directory BUILD=fuzz CXX=$(CLANGXX) fuzz-here

fuzz-here: $(FUZZERS)
	@for fuzzer in $^; do \
	  name=$$(basename $$fuzzer); mkdir -p $(OUT)/corpus/$$name; echo "  FUZZ  $$name, $(FUZZ_SECONDS) s"; \
	  $$fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=5 -artifact_prefix=$(OUT)/$$name- $(OUT)/corpus/$$name \
	    $$(ls -d test/fuzz/corpus/$$name 2>/dev/null) >$(OUT)/$$name.log 2>&1 || { cat $(OUT)/$$name.log; exit 1; }; \
	  tail -n 1 $(OUT)/$$name.log; \
	done

# SECONDS is also coherence-check's, with another default.
BENCH_SECONDS := $(if $(filter file,$(origin SECONDS)),2,$(SECONDS))
ROUNDS ?= 3
ONLY ?= *
bench: deps-bench $(OUT)/redis-proxy $(OUT)/test/bench/floor
bench: ## measure beside the peers, 13 minutes; ROUNDS=3 SECONDS=2; ONLY='hit-*,miss' chooses, ONLY=? lists
	@python3 -B test/bench/bench.py --proxy $(OUT)/redis-proxy --floor $(OUT)/test/bench/floor --out build/bench \
	  --rounds '$(ROUNDS)' --seconds '$(BENCH_SECONDS)' --only '$(ONLY)'

bench-micro: $(OUT)/micro ## time queue, parsers and cache beside plain ones, 4 minutes; GROUP=cache-1k chooses
	@$(OUT)/micro $(GROUP)

install-test: all ## install into a temporary folder, look at what is there, uninstall
	@sh scripts/test_install.sh '$(MAKE)'

bench-test: ## test what reads the tools' output and writes the report
	@python3 -B test/bench/bench_test.py -q

# --- Style ----------------------------------------------------------------------------------------------------------

LINT := build/lint
LINT_FLAGS = -std=c++20 -pthread $(WARNINGS) -Werror -Iinclude -DRP_VERSION='"lint"' \
             -MMD -MP -MF $(@:.ok=.d) -MT $@

# A header with a source of its own stands alone because that source includes it first (lint-layers).
LINTED := $(SOURCES:%=$(LINT)/%.ok) \
          $(patsubst %,$(LINT)/%.ok,$(filter-out $(LIB_SOURCES:src/%.cc=include/%.h),$(HEADERS)))

lint: lint-layers lint-format lint-length lint-man $(LINTED) ## layers, headers alone, clang's warnings and thread safety, format
	@echo "lint: clean"

lint-layers:
	@awk -f test/layers.awk $(HEADERS) $(filter src/%,$(SOURCES))
	@! grep -L '^#pragma once' $(HEADERS) | sed 's/$$/: no #pragma once/' | grep .

lint-format: | deps-dev
	@$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)

lint-length:
	@wc -l $(FORMATTED) | awk '$$2 != "total" && $$1 > 450 { print "lint: " $$2 " has grown to " $$1 " lines" }'

lint-man:
	@! command -v mandoc >/dev/null || mandoc -Tlint docs/redis-proxy.1

$(LINT)/%.h.ok: %.h Makefile | deps-dev
	@mkdir -p $(@D)
	$(Q)echo '#include "$(<:include/%=%)"' | $(CXX) $(LINT_FLAGS) -fsyntax-only -x c++ - && touch $@

$(LINT)/%.cc.ok: %.cc Makefile | deps-dev
	@mkdir -p $(@D)
	$(Q)$(CLANGXX) $(LINT_FLAGS) -fsyntax-only -Wthread-safety $< && touch $@

$(patsubst %,$(LINT)/%.ok,$(filter test/% integration/%,$(SOURCES))): $(LINT)/precompiled.pch
$(patsubst %,$(LINT)/%.ok,$(filter test/% integration/%,$(SOURCES))): private LINT_FLAGS += \
  -I. -include-pch $(LINT)/precompiled.pch

$(LINT)/precompiled.pch: test/precompiled.h Makefile | deps-dev
	@mkdir -p $(@D)
	$(Q)$(CLANGXX) $(LINT_FLAGS) -Wthread-safety -x c++-header -o $@ $<

-include $(wildcard $(LINT)/*/*.d $(LINT)/*/*/*.d)

format: | deps-dev ## clang-format all files
	@$(CLANG_FORMAT) -i $(FORMATTED)

# --- Delivery -------------------------------------------------------------------------------------------------------

build: ## build the Docker image redis-proxy
	$(DOCKER) build --build-arg VERSION=$(VERSION) -t redis-proxy .

DOCUMENTS := $(wildcard README.md LICENSE)
install: all ## install under DESTDIR and PREFIX=/usr/local
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/doc/redis-proxy $(DESTDIR)$(PREFIX)/share/man/man1
	install -s --strip-program='$(STRIP)' -m 755 $(OUT)/redis-proxy $(DESTDIR)$(PREFIX)/bin/redis-proxy
	install -m 644 $(DOCUMENTS) $(DESTDIR)$(PREFIX)/share/doc/redis-proxy
	install -m 644 docs/redis-proxy.1 $(DESTDIR)$(PREFIX)/share/man/man1

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/redis-proxy $(DESTDIR)$(PREFIX)/share/man/man1/redis-proxy.1
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/redis-proxy

clean: ## remove everything that was built
	rm -rf build redis-proxy

help: ## list these targets
	@awk -F ' *## *' '/^[a-z-]+:.*##/ { split($$1, name, ":"); printf "  make %-17s %s\n", name[1], $$2 }' Makefile
