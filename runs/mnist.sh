#!/usr/bin/env bash
# Remakes what the README says a latent space of MNIST is for: the table of figures, the
# comparison of scopes, and their pictures. Two quiet cores need about an hour.
#
#   runs/mnist.sh              all of it, into runs/results/
#   runs/mnist.sh --quick      the same path on few images, to see that it works
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python3 scripts/bootstrap.py --folder .venv-bench --extra maps --requirements benchmarks/constraints.txt
exec .venv-bench/bin/python runs/mnist.py "$@"
