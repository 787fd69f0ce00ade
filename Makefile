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
CLANG_TIDY ?= clang-tidy
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
INTEGRATION_SOURCES := $(filter-out integration/checker/coherence_%,$(wildcard integration/*.cc integration/checker/*.cc)) \
                       $(HARNESS_SOURCES) test/support/fake_redis.cc
# Optimised, unlike the tests: it is a program that runs for long.
SIMULATION_SOURCES := $(filter-out %_test.cc %_main.cc,$(wildcard test/simulation/*.cc))
FUZZ_SOURCES := $(wildcard test/fuzz/*_fuzz.cc)
PROGRAM_SOURCES := $(wildcard src/*.cc) $(LIB_SOURCES)
SOURCES := $(PROGRAM_SOURCES) $(wildcard integration/*.cc integration/*/*.cc test/*/*.cc)
HEADERS := $(wildcard include/*/*.h)
FORMATTED := $(SOURCES) $(HEADERS) $(wildcard test/*/*.h integration/*/*.h)

LIB_OBJECTS := $(LIB_SOURCES:%.cc=$(OUT)/%.o)
UNIT_OBJECTS := $(UNIT_SOURCES:%.cc=$(OUT)/%.o)
INTEGRATION_OBJECTS := $(INTEGRATION_SOURCES:%.cc=$(OUT)/%.o)
CHECKER_OBJECTS := $(CHECKER_SOURCES:%.cc=$(OUT)/%.o)
SIMULATION_OBJECTS := $(SIMULATION_SOURCES:%.cc=$(OUT)/%.o)
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

# What the scripts read.
export CXX CPPFLAGS CXXFLAGS CLANGXX CLANG_FORMAT CLANG_TIDY DOCKER

.PHONY: all run require deps deps-dev deps-bench deps-clients clients-test tests check unit integration test asan tsan \
        coverage fuzz fuzz-here coherence-check coherence-mutants model model-mutants simulation simulation-mutants \
        valkey-suite lint lint-test lint-rules lint-format lint-man lint-docs tidy compile_commands format build install \
        uninstall bench bench-test bench-micro install-test scripts-test clean help FORCE
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

PROGRAMS := $(OUT)/redis-proxy $(OUT)/unit-tests $(OUT)/coherence-check $(OUT)/simulation $(OUT)/micro \
            $(OUT)/man \
            $(FUZZERS) $(BENCHES)
$(OUT)/redis-proxy: $(OUT)/src/main.o
$(OUT)/unit-tests: $(UNIT_OBJECTS) $(SIMULATION_OBJECTS)
$(OUT)/coherence-check: $(CHECKER_OBJECTS)
$(OUT)/simulation: $(OUT)/test/simulation/simulation_main.o $(SIMULATION_OBJECTS)
$(OUT)/micro: $(MICRO_OBJECTS)
$(OUT)/man: $(OUT)/src/man.o
$(FUZZERS) $(BENCHES): %: %.o
$(OUT)/unit-tests $(INTEGRATION): private RP_LDLIBS += -lgtest_main -lgtest
$(OUT)/coherence-check: private RP_LDLIBS += -lgtest
$(FUZZERS): private LINK += -fsanitize=fuzzer

ifeq ($(BUILD),release)
PROGRAMS += $(INTEGRATION)
$(INTEGRATION): $(INTEGRATION_OBJECTS)
else
$(INTEGRATION): FORCE | require
	@$(MAKE) --no-print-directory BUILD=release $@
endif

$(PROGRAMS): $(OUT)/librp.a
	@echo "  LINK  $@"
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $< $(RP_LDLIBS)

docs/redis-proxy.1: VERSION $(OUT)/man
	$(Q)$(OUT)/man "$$(cat VERSION)" >$@

$(OUT)/%.o: %.cc $(OUT)/flags | require
	@echo "  CXX   $<"
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -c -o $@ $<

$(OUT)/test/%.o $(OUT)/integration/%.o: private RP_CPPFLAGS += -I.

$(TEST_OBJECTS): private RP_CXXFLAGS += $(TEST_FLAGS) -include $(PRECOMPILED) -Winvalid-pch
$(TEST_OBJECTS): $(PRECOMPILED).gch

$(PRECOMPILED).gch: test/precompiled.h $(OUT)/flags | require
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

# What the goals need beside the compiler and hiredis; scripts/missing.sh has the groups. Before anything is compiled,
# `require` says what is missing, and only `run`, `test` and `deps*` install.
GOALS := $(or $(MAKECMDGOALS),all)
of = $(if $(filter $(1),$(GOALS)),$(2))
NEEDS := build \
         $(call of,tests check unit integration coherence-check coherence-mutants coverage bench clients-test,test) \
         $(call of,lint lint-format format,lint) $(call of,tidy,tidy) $(call of,fuzz fuzz-here,fuzz) \
         $(call of,coverage,coverage) $(call of,model model-mutants,model) $(call of,valkey-suite,suite) \
         $(call of,bench,bench peers)

require: $(filter deps deps-dev deps-bench,$(GOALS)) $(call of,run,deps)
	@sh scripts/require.sh $(NEEDS)

deps: ## install the packages for building, testing and running (Debian; calls apt-get only if one is missing)
	@sh scripts/install_missing.sh $@ build test

deps-dev: deps ## install also the packages for lint, tidy, fuzz, coverage, format, model and valkey-suite
	@sh scripts/install_missing.sh $@ lint tidy fuzz coverage model suite

deps-bench: deps ## install also the packages for bench: wrk, python3, ..., and the peers that are available
	@sh scripts/install_missing.sh $@ bench
	@sh scripts/install_missing.sh $@ -optional peers

NPM_CLIENTS := redis ioredis cache-manager keyv @keyv/redis
deps-clients: deps ## install also the client libraries for clients-test that are available
	@sh scripts/install_missing.sh $@ -optional clients
	@mkdir -p build/clients
	@! command -v npm >/dev/null || \
	  npm install --silent --no-save --no-package-lock --prefix build/clients $(NPM_CLIENTS)

# --- Running --------------------------------------------------------------------------------------------------------

HTTP ?= :8080
run: deps all ## serve on HTTP=:8080 in front of REDIS=host:port, or of a temporary redis-server; ARGS=more flags
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
# INLINE=false runs them with every request through queue and workers.
RUN_INTEGRATION = REDIS_PROXY_INLINE='$(INLINE)' REDIS_PROXY_BINARY='$(CURDIR)/$(OUT)/redis-proxy' $(call run_tests,integration,$(INTEGRATION))

tests: $(TESTS) ## build the tests without running them

check: require tests ## run unit and integration tests on this machine; T='CacheTest.*' chooses, V=1 shows everything
	@status=0; $(RUN_UNIT) || status=1; $(RUN_INTEGRATION) || status=1; exit $$status

unit: require $(OUT)/unit-tests ## run the unit tests; T= chooses
	@$(RUN_UNIT)

integration: require $(INTEGRATION) $(OUT)/redis-proxy ## run the integration tests; T= chooses; INLINE=false: by workers
	@$(RUN_INTEGRATION)

coherence-check: $(OUT)/coherence-check $(OUT)/redis-proxy
coherence-check: require ## search for stale reads for SECONDS=60 while all breaks; HISTORY=file writes what was read
	@$(RUNNER) $(OUT)/coherence-check -seconds $(SECONDS) $(if $(SEED),-seed $(SEED)) \
	  $(if $(HISTORY),-history '$(HISTORY)')

coherence-mutants: require $(OUT)/coherence-check ## check that a build without one of the rules fails; ONLY= chooses
	@sh integration/checker/coherence_mutants.sh $(OUT)/coherence-check $(SECONDS) '$(ONLY)'

model: require ## check in all states of test/model/coherence.pml what -coherent promises, 1 minute
	@sh test/model/check.sh holds build/model

model-mutants: require ## check that a promise fails if a rule is taken out of the model, 1 minute
	@sh test/model/check.sh mutants build/model-mutants

RUNS ?= 10000
simulation: require $(OUT)/simulation
simulation: ## simulate what keeps -coherent's promises RUNS=10000 times, or for SECONDS=N; SEED=N repeats one run
	@$(RUNNER) $(OUT)/simulation $(if $(SEED),-seed $(SEED),$(if \
	  $(filter file,$(origin SECONDS)),-runs $(RUNS),-seconds $(SECONDS)))

simulation-mutants: require ## check that the simulation finds each rule of coherence that is taken out
	@sh test/simulation/simulation_mutants.sh

clients-test: require $(OUT)/redis-proxy ## run client libraries that are installed directly and through redis-proxy
	@NODE_PATH='$(or $(NODE_PATH),$(CURDIR)/build/clients/node_modules)' \
	  python3 -B scripts/test_clients.py --proxy $(OUT)/redis-proxy

valkey-suite: require $(OUT)/redis-proxy ## run the tests of valkey in VALKEY=path directly and through redis-proxy; UNITS= chooses
	@python3 -B scripts/valkey_suite.py --valkey '$(or $(VALKEY),$(error say where valkey is: make $@ VALKEY=path, a \
	  checkout of its tag 7.2.5-rc1))' --proxy $(OUT)/redis-proxy --out build/valkey-suite --units '$(UNITS)'

test: ## run the tests in docker-compose if a Docker engine answers, otherwise on this machine (as check)
	@MAKE='$(MAKE)' sh scripts/test_in_containers.sh '$(T)'

asan: ## run check under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory BUILD=asan check

tsan: ## run check under ThreadSanitizer
	@$(MAKE) --no-print-directory BUILD=tsan check

coverage: require ## run check and measure coverage: a summary, and pages in build/coverage/html
	@MAKE='$(MAKE)' sh scripts/coverage.sh

fuzz: require ## run each fuzzer of test/fuzz for FUZZ_SECONDS=20; 0 runs only the committed inputs
	@$(MAKE) --no-print-directory BUILD=fuzz CXX=$(CLANGXX) fuzz-here

fuzz-here: $(FUZZERS)
	@sh scripts/fuzz.sh $(FUZZ_SECONDS) $^

# SECONDS is also coherence-check's, with another default.
BENCH_SECONDS := $(if $(filter file,$(origin SECONDS)),2,$(SECONDS))
ROUNDS ?= 3
ONLY ?= *
bench: require $(OUT)/redis-proxy $(OUT)/test/bench/floor
bench: ## measure redis-proxy and its peers, 17 minutes; ROUNDS=3 SECONDS=2; ONLY='hit-*,miss' chooses, ONLY=? lists
	@python3 -B test/bench/bench.py --proxy $(OUT)/redis-proxy --floor $(OUT)/test/bench/floor --out build/bench \
	  --rounds '$(ROUNDS)' --seconds '$(BENCH_SECONDS)' --only '$(ONLY)'

bench-micro: $(OUT)/micro ## time queue, parsers and cache, and plain ones, 4 minutes; GROUP=cache-1k chooses
	@$(OUT)/micro $(GROUP)

scripts-test: all ## check which goals install packages, and what valkey-suite and clients-test count
	@MAKE='$(MAKE)' bash scripts/test_no_surprises.sh
	@MAKE='$(MAKE)' sh scripts/test_valkey_suite.sh
	@sh scripts/test_test_clients.sh

install-test: all ## check install and uninstall in a temporary folder
	@sh scripts/test_install.sh '$(MAKE)'

bench-test: ## test the parts of bench that read tools' output and write the report
	@python3 -B test/bench/bench_test.py -q

# --- Style ----------------------------------------------------------------------------------------------------------

LINT := build/lint
LINT_FLAGS = -std=c++20 -pthread $(WARNINGS) -Werror -Iinclude -DRP_VERSION='"lint"' \
             -MMD -MP -MF $(@:.ok=.d) -MT $@

# A header with a source of its own stands alone because that source includes it first (layers.awk).
LINTED := $(SOURCES:%=$(LINT)/%.ok) \
          $(patsubst %,$(LINT)/%.ok,$(filter-out $(LIB_SOURCES:src/%.cc=include/%.h),$(HEADERS)))

lint: lint-rules lint-format lint-man lint-docs $(LINTED)
lint: ## check structure, headers, clang's warnings and thread safety, format, man page, documents
	@echo "lint: clean"

lint-rules: lint-test
	@status=0; for rule in layers sizes headers; do \
	  awk -f test/$$rule.awk $(HEADERS) $(PROGRAM_SOURCES) || status=1; \
	done; exit $$status

# Each rule tells good from bad.
lint-test:
	@bash test/lint_test.sh

lint-format: | require
	@$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)

lint-man: | require
	@mandoc -Tlint docs/redis-proxy.1

lint-docs:
	@sh scripts/check_docs.sh

$(LINT)/%.h.ok: %.h Makefile | require
	@mkdir -p $(@D)
	$(Q)echo '#include "$(<:include/%=%)"' | $(CXX) $(LINT_FLAGS) -fsyntax-only -x c++ - && touch $@

$(LINT)/%.cc.ok: %.cc Makefile | require
	@mkdir -p $(@D)
	$(Q)$(CLANGXX) $(LINT_FLAGS) -fsyntax-only -Wthread-safety $< && touch $@

$(patsubst %,$(LINT)/%.ok,$(filter test/% integration/%,$(SOURCES))): $(LINT)/precompiled.pch
$(patsubst %,$(LINT)/%.ok,$(filter test/% integration/%,$(SOURCES))): private LINT_FLAGS += \
  -I. -include-pch $(LINT)/precompiled.pch

$(LINT)/precompiled.pch: test/precompiled.h Makefile | require
	@mkdir -p $(@D)
	$(Q)$(CLANGXX) $(LINT_FLAGS) -Wthread-safety -x c++-header -o $@ $<

-include $(wildcard $(LINT)/*/*.d $(LINT)/*/*/*.d)

tidy: compile_commands | require ## run clang-tidy with the checks of .clang-tidy
	@sh scripts/tidy.sh $(PROGRAM_SOURCES)
	@echo "tidy: clean"

compile_commands: ## write compile_commands.json, for editors and clang-tidy
	@sh scripts/compile_commands.sh '$(CXX) -Iinclude -I. -DRP_VERSION="\"dev\"" $(CPPFLAGS) $(RP_CXXFLAGS) $(CXXFLAGS)' \
	  $(SOURCES) >compile_commands.json

format: | require ## run clang-format on all files
	@$(CLANG_FORMAT) -i $(FORMATTED)

# --- Delivery -------------------------------------------------------------------------------------------------------

build: ## build the Docker image redis-proxy
	$(DOCKER) build --build-arg VERSION=$(VERSION) -t redis-proxy .

# Their links to each other work where they are installed; those of the contributors' pages to sources do not.
DOCUMENTS := $(wildcard README.md LICENSE CHANGELOG.md CONTRIBUTING.md SECURITY.md docs/*.md docs/*.svg src/README.md)
DOC_FOLDER = $(DESTDIR)$(PREFIX)/share/doc/redis-proxy
install: all ## install under DESTDIR and PREFIX=/usr/local
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -s --strip-program='$(STRIP)' -m 755 $(OUT)/redis-proxy $(DESTDIR)$(PREFIX)/bin/redis-proxy
	for file in $(DOCUMENTS); do install -D -m 644 $$file $(DOC_FOLDER)/$$file || exit; done
	install -m 644 docs/redis-proxy.1 $(DESTDIR)$(PREFIX)/share/man/man1

uninstall: ## remove the installed files
	rm -f $(DESTDIR)$(PREFIX)/bin/redis-proxy $(DESTDIR)$(PREFIX)/share/man/man1/redis-proxy.1
	rm -rf $(DOC_FOLDER)

clean: ## remove all built files
	rm -rf build redis-proxy compile_commands.json

help: ## list these targets
	@awk -F ' *## *' '/^[a-z_-]+:.*##/ { split($$1, name, ":"); printf "  make %-17s %s\n", name[1], $$2 }' Makefile
