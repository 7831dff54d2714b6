# make lab    set everything up, bring the lab up and test its mail
# make test   install what the tests need, run the unit tests and the lab tests
# make test-corpus   of these, every known breakage, each found by check and mended by up
# make test-faults   faults on the real lab: labctl killed 66 times, full disk, bad mirror, spoilt image
# make test-faults-short  every kind of fault, labctl killed 6 times: a quarter of an hour, for CI
# make fuzz-check  random changes to a lab: does labctl check find what does not work?
# make test-vagrant  real Vagrant and its VirtualBox provider, over a stand-in for VBoxManage
# make test-vagrant-short  the same with containers as guests, a quarter of an hour, for CI
# make test-libvirt  real Vagrant on real libvirt, with software emulation
# make test-incus  a real Incus of the tests' own: contract, story, isolation, a client over HTTPS
# make test-incus-short  of these, the contract and the isolation of two labs, for CI
# make test-incus-cluster  three members of a cluster on this machine
# make check  the fast ones: ruff, mypy, import contracts, shellcheck, licences, unit tests
# make mutants-known   the wrong programs of tests/mutants/known.toml, each noticed by the unit tests
# make mutants  mutants of the core by mutmut, an hour and more; goes on where it was interrupted
# make audit  known vulnerabilities of the pinned Python packages, asked of PyPI
# make bench  how long labctl takes, beside the bare work, Ansible and a shell script
# make messages  bring the Japanese catalog in line with the sources, for translating
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# What the embedded provider runs: one Debian package each.
LAB_PACKAGES := systemd-container mmdebstrap nftables iproute2 openssh-client
# Free licences, in part of a name: of what labctl stands on and of what its tests use.
LICENCES := MIT;BSD;Apache;ISC;MPL;PSF;LGPL
CATALOGS := $(wildcard labctl/locale/*/LC_MESSAGES/labctl.po)
# What the tests of the VirtualBox path run: real Vagrant, and QEMU in VirtualBox's place.
VAGRANT_PACKAGES := vagrant qemu-system-x86 qemu-utils mmdebstrap e2fsprogs iproute2 openssh-client

LIBVIRT_PACKAGES := vagrant-libvirt libvirt-daemon-system libvirt-daemon-driver-qemu \
  libvirt-daemon-config-network libvirt-clients dnsmasq-base

# What the tests run besides: tcpdump, a browser with Japanese letters for the report, and
# Thunderbird with a screen and a hand.
TEST_PACKAGES := $(LAB_PACKAGES) chromium fonts-noto-cjk tcpdump thunderbird xauth xdotool xvfb \
  swaks bind9-dnsutils

# The lab's addresses are fixed: whatever brings one up waits for its turn, with -j too.
.NOTPARALLEL:
.PHONY: lab test check test-lab test-corpus test-faults test-faults-short test-vagrant test-vagrant-short test-libvirt test-incus test-incus-short test-incus-cluster incus-packages fuzz-check bench audit mutants mutants-known messages packages test-packages vagrant-packages libvirt-packages clean

lab: $(BIN)/labctl packages
	$(SUDO) $(BIN)/labctl up --test-mail

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	git ls-files '*.sh' | xargs --no-run-if-empty $(BIN)/shellcheck --shell=sh --external-sources --source-path=SCRIPTDIR
	$(BIN)/pip-licenses --from=mixed --partial-match --allow-only='$(LICENCES)' >/dev/null
	$(BIN)/pytest tests/unit

mutants-known: $(VENV)/.dev
	$(BIN)/python -m tests.mutants.known

# MUTANTS="labctl.engine*" takes some of them, MUTANTS=--report only counts.
mutants: build/mutants/venv/bin/mutmut
	build/mutants/venv/bin/python -m tests.mutants $(MUTANTS)

build/mutants/venv/bin/mutmut: pyproject.toml constraints.txt
	$(PYTHON) -m venv build/mutants/venv
	build/mutants/venv/bin/pip install --quiet --constraint constraints.txt --editable '.[dev]' 'mutmut>=3.8,<4'
	@touch $@

# With PyPI alone: a package mirror has no vulnerability database, and then this fails.
audit: build/audit/bin/pip-audit
	$< --strict --no-deps --disable-pip --requirement constraints.txt

build/audit/bin/pip-audit:
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --quiet 'pip-audit>=2.9,<3'

# The packages first: some unit tests ask nft itself.
test: test-packages check test-lab

# Real hosts, a browser and Thunderbird: two labs side by side, each with a machine of its own.
# Nothing is tried twice: a test that fails now and then has a cause.
test-lab: $(VENV)/.dev test-packages
	$(SUDO) $(BIN)/pytest tests/lab -n 2 --dist loadfile

test-corpus: $(VENV)/.dev packages
	$(SUDO) $(BIN)/pytest tests/lab/test_steps.py

# In namespaces of their own: the lab's addresses are fixed, and nothing must outlive the tests.
# The shell is there to reap, as the first process must.
VAGRANT_TESTS = $(SUDO) unshare --net --pid --fork --kill-child --mount-proc \
  sh -c '"$$@"; exit $$?' sh $(BIN)/pytest tests/vagrant $(PYTEST_OPTIONS)

test-vagrant: $(VENV)/.dev vagrant-packages
	$(SUDO) $(BIN)/python -m tests.vagrant.box
	$(VAGRANT_TESTS)

# Everything that containers can be the guests of; emulated machines boot in minutes.
test-vagrant-short:
	$(MAKE) test-vagrant PYTEST_OPTIONS="-m 'not long'"

# Real libvirt with software emulation, in namespaces of its own: half an hour on two cores.
test-libvirt: $(VENV)/.dev libvirt-packages
	$(SUDO) $(BIN)/python -m tests.vagrant.box libvirt
	$(SUDO) unshare --net --mount --pid --fork --kill-child --mount-proc \
	  sh tests/libvirt/isolated.sh $(BIN)/pytest tests/libvirt $(PYTEST_OPTIONS)

# Real hosts as above, on an Incus that the tests start in namespaces of their own.
test-incus: $(VENV)/.dev packages incus-packages
	$(SUDO) $(BIN)/pytest tests/incus --ignore=tests/incus/test_cluster.py $(PYTEST_OPTIONS)

test-incus-short: $(VENV)/.dev packages incus-packages
	$(SUDO) $(BIN)/pytest tests/incus/test_contract.py tests/incus/test_isolation.py $(PYTEST_OPTIONS)

test-incus-cluster: $(VENV)/.dev packages incus-packages
	$(SUDO) $(BIN)/pytest tests/incus/test_cluster.py $(PYTEST_OPTIONS)

# Half an hour and more. PYTEST_OPTIONS="--seed N", as a run says at its beginning, repeats
# the moments of its kills, "--kills N" is how many over up, reset and destroy.
test-faults: $(VENV)/.dev packages
	$(SUDO) $(BIN)/pytest tests/faults $(PYTEST_OPTIONS)

test-faults-short:
	$(MAKE) test-faults PYTEST_OPTIONS="--kills=6 -m 'not long'"

# Random changes to ready labs, graded by `labctl check` and judged by other means. By default ten
# minutes; FUZZ_OPTIONS="--cases 1000 --minutes 600 --seed 7" does as many as it says.
fuzz-check: $(VENV)/.dev test-packages
	$(SUDO) $(BIN)/python -m tests.fuzz $(FUZZ_OPTIONS)

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

# Debian splits the venv module off into a package of its own.
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
