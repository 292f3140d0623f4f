# The commands of the project. `make` alone lists them; each installs what it needs into .venv.
#
#   PYTHON=python3.12   another interpreter (3.11 or newer)
#   DEVICE=cuda         the build of PyTorch with CUDA, and compute there; also cpu, mps
#   SERVE=no            `make demo` ends without serving the page; without a terminal it serves it
#                       until nobody has asked for a minute
#   TORCH_INDEX=URL     another place for the CPU build of PyTorch

PYTHON ?= python3
DEVICE ?=
BENCH ?=
SERVE ?=
export TORCH_INDEX

# Here and not in the script, which older Pythons cannot even read.
check := import sys; v = sys.version.split()[0]; sys.version_info >= (3, 11) or sys.exit( \
  "latlas needs Python 3.11 or newer; got " + v + " from " + sys.executable + ". " \
  "Name another one, for instance: make PYTHON=python3.12")
setup = @$(PYTHON) -c '$(check)' && $(PYTHON) scripts/bootstrap.py --device $(or $(DEVICE),any)
bin := .venv/bin
on_device = $(if $(DEVICE),--device $(DEVICE))

.DEFAULT_GOAL := help
.PHONY: help venv web demo mnist test lint types format page-test docs-test install-test bench clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

venv: ## make or mend .venv with the pinned packages
	$(setup)

web: venv ## build the page of `latlas serve` when something in web/ has changed
	@$(bin)/python scripts/web.py

# Until Ctrl-C; where nobody sits to press it, until nobody has asked for a minute.
define explore
@$(bin)/latlas classify $(1) -q >/dev/null
@if [ "$(SERVE)" != no ]; then \
  if [ -t 0 ] && [ -t 1 ]; then $(bin)/latlas serve $(1); \
  else $(bin)/latlas serve $(1) --stop-after 60s; fi; \
fi
endef

demo: web ## train on scikit-learn's handwritten digits and open the map of their latents
	@$(bin)/latlas fit digits -o digits.latlas --overwrite $(on_device)
	$(call explore,digits.latlas)

mnist: web ## the same for the 70,000 images of MNIST
	@$(bin)/latlas fit mnist -o mnist.latlas --overwrite $(on_device)
	$(call explore,mnist.latlas)

test: venv ## every check: style, types, layers, the page, tests, a browser, a clean install
	@$(bin)/python scripts/checks.py

lint: venv ## ruff, the import layers and the declared dependencies
	@$(bin)/python scripts/checks.py style format layers dependencies

types: venv ## mypy, strict
	@$(bin)/python scripts/checks.py types

format: venv ## put the code into shape
	@$(bin)/python -m ruff check --fix-only .
	@$(bin)/python -m ruff format .

page-test: venv ## the page: its types, the tests of its functions, and it in a real Chromium
	@$(bin)/python scripts/checks.py page page-types page-units browser

docs-test: venv ## run the examples of README.md and docs/
	@$(bin)/python -m pytest tests/test_docs.py

install-test: venv ## build the wheel, install it in a clean environment and use it
	@$(bin)/python scripts/checks.py install

bench: ## measure speed and memory against the peers (BENCH="encode --quick" for a part)
	$(setup) --folder .venv-bench --extra maps --requirements benchmarks/constraints.txt
	@.venv-bench/bin/python -m compileall -q -j 0 .venv-bench/lib >/dev/null || true
	@.venv-bench/bin/python benchmarks $(BENCH)

clean: ## remove the environments and what tools left behind
	rm -rf .venv .venv-bench dist build web/node_modules src/latlas/page .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
