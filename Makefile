# make lab    install everything, build the lab and test its mail
# make test   install the test packages, run the unit tests and the lab tests
# make test-lab-long   more of the lab tests: the other drills, kills of a class, pages of the board
# make test-releases   every edition on both Debian releases, with every drill
# make test-class   a class of 30 labs: every command, and kills; 4 seats are part of test-lab
# make bench-class  measure a class of 1, 5, 10 and 30 seats against the bare boot
# make bench-board  measure the board of a class that runs: BENCH_OPTIONS="--class NAME"
# make bench-incus  labs on Incus beside the same labs in containers, and what 300 seats need
# make test-machine   README's commands on a new machine with Debian 13: 45 minutes
# make test-machine-short   the first of them, check and reset there: 4 minutes, for CI
# make test-corpus   only the known breakages: check must find each, and up must repair it
# make test-faults   faults on the real lab: 66 kills of labctl, full disk, bad mirror, damaged image
# make test-faults-short  every kind of fault with 4 kills of labctl: 12 minutes, for CI
# make fuzz-check  random changes to a lab, graded by labctl check and by an independent oracle
# make fuzz-check-short  the same with one seed for ten minutes at most, for CI
# make test-vagrant  real Vagrant and its VirtualBox provider with a test double of VBoxManage
# make test-vagrant-short  the same with containers as guests, without the longest faults, for CI
# make test-libvirt  real Vagrant on real libvirt, with software emulation
# make test-windows  unit tests with a Windows Python under Wine: 10 minutes, needs root
# make test-incus  a real Incus started by the tests: contract, story, isolation, HTTPS client
# make test-incus-short  only the contract and the isolation of two labs: 3 minutes, for CI
# make test-incus-cluster  a cluster of three members on this machine
# make check  fast checks: ruff, mypy, import contracts, shellcheck, licences, unit tests
# make mutants-known   wrong programs in tests/mutants/known.toml; the unit tests must find each
# make mutants  mutants of the core with mutmut: over an hour; continues after an interruption
# make audit  look up known vulnerabilities of the pinned Python packages at PyPI
# make bench  measure labctl, and compare it with the bare work, Ansible and a shell script
# make messages  update the Japanese catalog from the sources, for translation
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# The Debian packages that the nspawn provider needs.
LAB_PACKAGES := systemd-container mmdebstrap nftables iproute2 openssh-client
# Parts of the names of free licences: of labctl's dependencies and of the test tools.
LICENCES := MIT;BSD;Apache;ISC;MPL;PSF;LGPL
CATALOGS := $(wildcard labctl/locale/*/LC_MESSAGES/labctl.po)
# The packages for the Vagrant tests: Vagrant, and QEMU instead of VirtualBox.
VAGRANT_PACKAGES := vagrant qemu-system-x86 qemu-utils mmdebstrap e2fsprogs iproute2 openssh-client

LIBVIRT_PACKAGES := vagrant-libvirt libvirt-daemon-system libvirt-daemon-driver-qemu \
  libvirt-daemon-config-network libvirt-clients dnsmasq-base

# More packages for the tests: tcpdump, a browser with Japanese fonts for the report, and
# Thunderbird with a virtual screen and input.
TEST_PACKAGES := $(LAB_PACKAGES) chromium fonts-noto-cjk tcpdump thunderbird xauth xdotool xvfb \
  swaks bind9-dnsutils

# Tests and benchmarks start labctl many times, so Python has to keep its compiled modules.
export PYTHONDONTWRITEBYTECODE :=

# Labs have fixed addresses, so targets never run in parallel, even with -j.
.NOTPARALLEL:
.PHONY: lab test check test-lab test-lab-long test-releases test-machine test-machine-short test-class bench-class bench-board bench-incus test-corpus test-faults test-faults-short test-vagrant test-vagrant-short test-libvirt test-windows test-incus test-incus-short test-incus-cluster incus-packages fuzz-check fuzz-check-short bench audit mutants mutants-known messages packages test-packages vagrant-packages libvirt-packages clean

lab: $(BIN)/labctl packages
	$(SUDO) $(BIN)/labctl up --test-mail

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	git ls-files '*.sh' | xargs --no-run-if-empty $(BIN)/shellcheck --shell=sh --external-sources --source-path=SCRIPTDIR
	$(BIN)/pip-licenses --from=mixed --partial-match --allow-only='$(LICENCES)' >/dev/null
	$(BIN)/pytest tests/unit -n 2

mutants-known: $(VENV)/.dev
	$(BIN)/python -m tests.mutants.known

# MUTANTS="labctl.engine*" takes some of them, MUTANTS="--sample 300 1" so many at random with that
# seed, MUTANTS=--report only counts.
mutants: build/mutants/venv/bin/mutmut
	build/mutants/venv/bin/python -m tests.mutants $(MUTANTS)

build/mutants/venv/bin/mutmut: pyproject.toml constraints.txt
	$(PYTHON) -m venv build/mutants/venv
	build/mutants/venv/bin/pip install --quiet --constraint constraints.txt --editable '.[dev]' 'mutmut>=3.8,<4'
	@touch $@

# Only with PyPI: a package mirror has no vulnerability database, and the command fails.
audit: build/audit/bin/pip-audit
	$< --strict --no-deps --disable-pip --requirement constraints.txt

build/audit/bin/pip-audit:
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --quiet 'pip-audit>=2.9,<3'

# Packages first, because some unit tests run nft.
test: test-packages check test-lab

# Real hosts, a browser and Thunderbird: two labs in parallel, each on its own machine. Failed tests
# are not repeated.
LAB_TESTS = $(SUDO) $(BIN)/pytest tests/lab -n 2 --dist loadfile
test-lab: $(VENV)/.dev test-packages
	$(LAB_TESTS) -m 'not long'

# More of the same kinds: the other drills, kills of a class and pages of the board.
test-lab-long: $(VENV)/.dev test-packages
	$(LAB_TESTS) -m long

# Every edition on both Debian releases, with every drill: an hour on two cores.
test-releases: $(VENV)/.dev packages
	$(SUDO) $(BIN)/pytest tests/releases $(PYTEST_OPTIONS)

# A class of 30; `labctl class doctor` says whether this machine is large enough.
test-class: $(VENV)/.dev packages
	$(SUDO) env LABCTL_TEST_SEATS=30 $(BIN)/pytest tests/lab/test_class.py $(PYTEST_OPTIONS)

bench-class: $(VENV)/.dev packages
	$(SUDO) $(BIN)/python -m tests.bench.classroom $(BENCH_OPTIONS)

bench-board: $(VENV)/.dev packages
	$(SUDO) $(BIN)/python -m tests.bench.board $(BENCH_OPTIONS)

bench-incus: $(VENV)/.dev packages incus-packages
	$(SUDO) $(BIN)/python -m tests.incus.bench $(BENCH_OPTIONS)

# A root file system of its own with this kernel; SUITE=bookworm for Debian 12.
SUITE ?= trixie
MACHINE = $(SUDO) sh tests/releases/machine.sh $(SUITE) build/machines/$(SUITE) sh -euc
ONE_LAB = make lab; $(BIN)/labctl check; $(BIN)/labctl reset --yes; $(BIN)/labctl check; $(BIN)/labctl destroy --yes
test-machine: packages
	$(MACHINE) '$(ONE_LAB)'
	$(MACHINE) 'make test'

test-machine-short: packages
	$(MACHINE) '$(ONE_LAB)'

test-corpus: $(VENV)/.dev packages
	$(SUDO) $(BIN)/pytest tests/lab/test_steps.py

# In separate namespaces, because the lab's addresses are fixed and no process may outlive the
# tests. The shell is PID 1 and reaps processes.
VAGRANT_TESTS = $(SUDO) unshare --net --pid --fork --kill-child --mount-proc \
  sh -c '"$$@"; exit $$?' sh $(BIN)/pytest tests/vagrant $(PYTEST_OPTIONS)

test-vagrant: $(VENV)/.dev vagrant-packages
	$(SUDO) $(BIN)/python -m tests.vagrant.box
	$(VAGRANT_TESTS)

# Everything that containers can be the guests of; emulated machines boot in minutes.
test-vagrant-short:
	$(MAKE) test-vagrant PYTEST_OPTIONS="-m 'not long'"

# Real libvirt with software emulation, in namespaces of its own: 6 to 30 minutes on two cores.
test-libvirt: $(VENV)/.dev libvirt-packages
	$(SUDO) $(BIN)/python -m tests.vagrant.box libvirt
	$(SUDO) unshare --net --mount --pid --fork --kill-child --mount-proc \
	  sh tests/libvirt/isolated.sh $(BIN)/pytest tests/libvirt $(PYTEST_OPTIONS)

# Not the Wine of this machine: see tests/windows. PYTEST_OPTIONS="tests/unit/cli" takes a part.
test-windows: $(VENV)/.dev
	$(call install,mmdebstrap)
	$(SUDO) $(BIN)/python -m tests.windows $(PYTEST_OPTIONS)

# Real hosts as above, on an Incus that the tests start in namespaces of their own.
test-incus: $(VENV)/.dev packages incus-packages
	$(SUDO) $(BIN)/pytest tests/incus --ignore=tests/incus/test_cluster.py $(PYTEST_OPTIONS)

test-incus-short: $(VENV)/.dev packages incus-packages
	$(SUDO) $(BIN)/pytest tests/incus -k 'test_contract or test_isolation' $(PYTEST_OPTIONS)

test-incus-cluster: $(VENV)/.dev packages incus-packages
	$(SUDO) $(BIN)/pytest tests/incus/test_cluster.py $(PYTEST_OPTIONS)

# Over half an hour. A run prints its seed; PYTEST_OPTIONS="--seed N" repeats the same kills, and
# "--kills N" sets their number.
test-faults: $(VENV)/.dev packages
	$(SUDO) $(BIN)/pytest tests/faults $(PYTEST_OPTIONS)

test-faults-short:
	$(MAKE) test-faults PYTEST_OPTIONS="--kills=4 -m 'not long'"

# Random changes to ready labs, graded by `labctl check` and judged by other means. By default ten
# minutes; FUZZ_OPTIONS="--cases 1000 --minutes 600 --seed 7" does as many as it says.
fuzz-check: $(VENV)/.dev test-packages
	$(SUDO) $(BIN)/python -m tests.fuzz $(FUZZ_OPTIONS)

# Always the same cases in the same order, as far as the time goes.
fuzz-check-short:
	$(MAKE) fuzz-check FUZZ_OPTIONS="--seed 2026 --labs 2 --doubles 0 --cases 40 --minutes 10"

bench: $(BIN)/labctl packages
	$(SUDO) $(BIN)/python -m tests.bench $(BENCH_OPTIONS)

messages: $(VENV)/.dev
	mkdir -p build
	$(BIN)/pybabel -q extract --mapping-file=babel.cfg --sort-by-file --add-location=file --project=labctl --version= --msgid-bugs-address= \
	  --output=build/labctl.pot labctl provision
	$(BIN)/pybabel -q update --domain=labctl --input-file=build/labctl.pot --output-dir=labctl/locale \
	  --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width=100
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .

define install
	@missing=$$(for p in $(1); do \
	  dpkg-query -W -f '$${Status}\n' $$p 2>/dev/null | grep -q '^install ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  $(SUDO) apt-get update && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; fi
endef

packages:
	$(call install,$(LAB_PACKAGES))

test-packages:
	$(call install,$(TEST_PACKAGES))

libvirt-packages: vagrant-packages
	$(call install,$(LIBVIRT_PACKAGES))
incus-packages:
	$(SUDO) sh tests/incus/scripts/install.sh

vagrant-packages:
	$(call install,$(VAGRANT_PACKAGES))

# On Debian the venv module is a separate package.
$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  $(SUDO) apt-get update && $(SUDO) apt-get install -y --no-install-recommends python3-venv; }
	$(PYTHON) -m venv $(VENV)

$(BIN)/labctl: $(BIN)/python pyproject.toml constraints.txt hatch_build.py $(CATALOGS)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/labctl
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache dist build
