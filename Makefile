# Every stage by name; `make` lists them. Anything longer than a line or two lives in tools/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Debian's own interpreter; another one: make PYTHON=/path/to/python3.11 deps
PYTHON ?= /usr/bin/python3
VENV := .venv
# Which twin, of which inventory: make TWIN=rehearsal INVENTORY=inventories/mine demo; `make` says so, too.
export TWIN ?= default
export INVENTORY ?= inventories/twin
# ansible refuses to run where the locale named is not installed; this one always is.
export LC_ALL := C.UTF-8
# Some tools call others by name.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

STAGE := tools/stage.sh
# Two lanes beside each other, since the twin's tests wait for timers much of their time; the long ones first.
LANES := 2
STAGES := molecule test-converged test-rotation test-identity test-twin unit lint sanity proof

##@ Start here
.PHONY: demo
demo: need-root deps ## Build the twin, converge it, try every login (root)
	@tools/demo.sh

.PHONY: test
test: need-root deps-test ## Everything that proves this repository (root): the stages below
	@tools/stages.sh $(LANES) $(STAGES)

##@ Stages of make test
.PHONY: lint
lint: deps-test ## Read the sources: ruff, mypy, yamllint, shellcheck, ansible-lint, argument specs
	@$(STAGE) $@ tools/lint.sh

.PHONY: unit
unit: deps-test ## Unit and property tests, with branch coverage of module_utils
	@$(STAGE) $@ pytest --numprocesses 2 --cov --durations 10

.PHONY: sanity
sanity: deps-test ## ansible-test sanity over the assembled collection
	@$(STAGE) $@ python -m tools.sanity

.PHONY: test-converged
test-converged: need-root deps-test ## Tests on a twin after site.yml: changes, accounts, audit, validation (root)
	@$(STAGE) $@ pytest -m "converged and not slow" --durations 20

.PHONY: test-twin
test-twin: need-root deps-test ## Tests of the twin itself, of surveys and of observing (root)
	@$(STAGE) $@ pytest -m "twin and not slow and not identity and not converged" --durations 20

.PHONY: test-identity
test-identity: need-root deps-test ## Tests of certificates and codes on twins of their own (root)
	@$(STAGE) $@ pytest -m "identity and not rotating and not slow" --durations 20

.PHONY: test-rotation
test-rotation: need-root deps-test ## Tests of keys that are replaced and login servers that are lost (root)
	@$(STAGE) $@ pytest -m "rotating and not slow" --durations 20

.PHONY: molecule
molecule: need-root deps-test ## Molecule scenarios on a twin of their own (root)
	@$(STAGE) $@ tools/molecule.sh --short

.PHONY: molecule-whole
molecule-whole: need-root deps-test ## The same, each role alone also in check mode and once more (root)
	@$(STAGE) $@ tools/molecule.sh

.PHONY: soak
soak: need-root deps-test molecule-whole ## Sweeps too long for every run (root)
	@$(STAGE) $@ pytest -m slow

.PHONY: upgrade-test
upgrade-test: need-root deps-test ## From the last release to this tree, on the same nodes (root)
	@$(STAGE) $@ tools/upgrade_test.sh

##@ The twin (root)
.PHONY: twin-up
twin-up: need-root deps ## Build the twin and boot it
	@$(STAGE) $@ python -m twin --name "$(TWIN)" up -i "$(INVENTORY)"

.PHONY: site
site: need-root deps ## Run playbooks/site.yml on the twin
	@$(STAGE) $@ tools/playbook.sh playbooks/site.yml

.PHONY: validate
validate: need-root deps ## Try every login on the twin: playbooks/validate.yml
	@$(STAGE) $@ tools/playbook.sh playbooks/validate.yml

.PHONY: attack
attack: need-root deps ## Try every way past the rules on the twin, with counter-tests: docs/attacks.md
	@$(STAGE) $@ tools/attack.sh

.PHONY: check
check: need-root deps ## Show what playbooks/site.yml would change on the twin, and change nothing
	@$(STAGE) $@ tools/playbook.sh playbooks/site.yml --check --diff

NODE ?= mdx1
.PHONY: ssh
ssh: need-root deps ## Log in to a node of the twin as an operator: make ssh NODE=mdx1
	@python -m twin --name "$(TWIN)" ssh "$(NODE)"

ACCOUNT ?= sato
.PHONY: login
login: need-root deps ## Log in to a login server of the twin as an account does: make login ACCOUNT=sato
	@python -m twin --name "$(TWIN)" login "$(ACCOUNT)"

.PHONY: judges
judges: need-root deps ## Have ssh-audit, OpenSCAP and Lynis judge the twin: playbooks/judges.yml
	@$(STAGE) "$@: pack the judges" python -m plugin_utils.judges_pack build/judges
	@$(STAGE) $@ tools/playbook.sh playbooks/judges.yml

.PHONY: twin-down
twin-down: need-root deps ## Take the twin down and leave nothing behind but cached images
	@$(STAGE) $@ python -m twin --name "$(TWIN)" down

##@ See and describe
.PHONY: show
show: deps ## Print the fabric: hosts, segments, flows, who may log in where; draw it (build/show/)
	@python -m plugin_utils.check_run "$(INVENTORY)"
	@ansible-playbook -i "$(INVENTORY)" playbooks/show.yml

.PHONY: known-hosts
known-hosts: deps ## Write by what operators know every host: build/known_hosts/
	@ansible-playbook -i "$(INVENTORY)" playbooks/known_hosts.yml

.PHONY: proof
proof: deps ## Prove on paper who can log in where, from what the roles would write: no host is asked
	@$(STAGE) $@ python -m plugin_utils.proof_run "$(INVENTORY)" --json evidence/proof.json

.PHONY: standards
standards: deps ## Show what is enforced and tried by statements of SATRE and Japanese guidelines, with the last results
	@python -m plugin_utils.standards_run "$(INVENTORY)"

.PHONY: docs
docs: deps ## Write docs/reference/ from the sources: inventory, roles, modules
	@python -m tools.generate_docs
	@python -m tools.attacks_page
	@python -m tools.standards_page

.PHONY: bench
bench: need-root deps-test ## Measure, and write the figures to benchmarks/ (root)
	@$(STAGE) $@ python -m benchmarks

##@ Set up
.PHONY: deps
deps: $(VENV)/.run ## Install what playbooks and twin need (root once, for Debian packages)

.PHONY: deps-test
deps-test: $(VENV)/.test ## Install what the tests need on top

$(VENV)/.run: requirements/run.txt requirements/apt.txt tools/apt_install.sh tools/make_venv.sh
	@tools/apt_install.sh requirements/apt.txt
	@tools/make_venv.sh $(PYTHON) $(VENV) requirements/run.txt
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.txt requirements/apt-test.txt
	@tools/apt_install.sh requirements/apt-test.txt
	@tools/make_venv.sh $(PYTHON) $(VENV) requirements/test.txt
	@touch $@

.PHONY: lock
lock: deps-test ## Pin the newest versions that requirements/*.in allow
	@for name in run test; do uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 \
		--custom-compile-command 'make lock' requirements/$$name.in --output-file requirements/$$name.txt; done

.PHONY: need-root
need-root:
	@[[ $$(id -u) -eq 0 ]] || { echo "This needs root, because a twin makes containers, mounts and network namespaces: run it with sudo." >&2; exit 1; }

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nEach on another twin, of another inventory: make TWIN=rehearsal INVENTORY=inventories/mine demo\n'
