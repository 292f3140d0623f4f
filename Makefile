# The commands of the project. `make` alone lists them; each installs what it needs into .venv.
#
#   PYTHON=python3.12   another interpreter (3.11 or newer)
#   DEVICE=cuda         the build of PyTorch with CUDA, and compute there; also cpu, mps
#   TORCH_INDEX=URL     another place for the CPU build of PyTorch

PYTHON ?= python3
DEVICE ?=
BENCH ?=
export TORCH_INDEX

# Here and not in the script, which older Pythons cannot even read.
check := import sys; v = sys.version.split()[0]; sys.version_info >= (3, 11) or sys.exit( \
  "latlas needs Python 3.11 or newer; got " + v + " from " + sys.executable + ". " \
  "Name another one, for instance: make PYTHON=python3.12")
setup = @$(PYTHON) -c '$(check)' && $(PYTHON) scripts/bootstrap.py --device $(or $(DEVICE),any)
bin := .venv/bin
on_device = $(if $(DEVICE),--device $(DEVICE))

.DEFAULT_GOAL := help
.PHONY: help venv demo mnist test lint types format docs-test install-test bench clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

venv: ## make or mend .venv with the pinned packages
	$(setup)

demo: venv ## train on scikit-learn's handwritten digits and draw their latent map
	@$(bin)/latlas fit digits -o digits.latlas --overwrite $(on_device)

mnist: venv ## the same for the 70,000 images of MNIST
	@$(bin)/latlas fit mnist -o mnist.latlas --overwrite $(on_device)

test: venv ## every check: style, types, layers, tests, documentation, a clean install
	@$(bin)/python scripts/checks.py

lint: venv ## ruff, the import layers and the declared dependencies
	@$(bin)/python scripts/checks.py style format layers dependencies

types: venv ## mypy, strict
	@$(bin)/python scripts/checks.py types

format: venv ## put the code into shape
	@$(bin)/python -m ruff check --fix-only .
	@$(bin)/python -m ruff format .

docs-test: venv ## run the examples of README.md and docs/
	@$(bin)/python -m pytest tests/test_docs.py

install-test: venv ## build the wheel, install it in a clean environment and use it
	@$(bin)/python scripts/checks.py install

bench: ## measure speed and memory against the peers (BENCH="encode --quick" for a part)
	$(setup) --folder .venv-bench --extra maps --requirements benchmarks/constraints.txt
	@.venv-bench/bin/python -m compileall -q -j 0 .venv-bench/lib >/dev/null || true
	@.venv-bench/bin/python benchmarks $(BENCH)

clean: ## remove the environments and what tools left behind
	rm -rf .venv .venv-bench dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
