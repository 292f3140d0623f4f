#!/usr/bin/env bash
# One space or one per class, on the 60,000 colour photographs of CIFAR-10: trains three scopes at
# equal budget and prints the table and the answer. Two quiet cores need about half an hour.
#
#   runs/cifar10.sh                 three seeds
#   runs/cifar10.sh --seeds 1       further options go to `latlas compare`
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python3 scripts/bootstrap.py
mkdir -p runs/results
.venv/bin/latlas compare cifar10 -o runs/cifar10.compare --latent-dims 64 "$@"
cp runs/cifar10.compare/comparison.json runs/results/compare-cifar10.json
for picture in samples scores; do
  cp "runs/cifar10.compare/$picture.png" "docs/images/cifar10-compare-$picture.png"
done
