"""Runs the benchmarks one after another: `python benchmarks [NAME ...] [--quick] [--runs N]`."""

from __future__ import annotations

import argparse
import sys

import against_pythae
import encode
import explorer
import fit_mnist
import harness
import jpeg_cache
import neighbour_map
import same_net
import serving

MODULES = (
    fit_mnist,
    same_net,
    encode,
    neighbour_map,
    jpeg_cache,
    against_pythae,
    serving,
    explorer,
)
BENCHES = {module.BENCH.name: module.BENCH for module in MODULES}


def main() -> None:
    """Reads the command line, runs what it names and ends with all goals in one table."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all by default"
    )
    harness.add_options(parser)
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"got {', '.join(sorted(unknown))}; expected some of {', '.join(BENCHES)}")
    rows, failed = [], False
    for name in options.names or BENCHES:
        bench = BENCHES[name]
        own = argparse.ArgumentParser()
        bench.arguments(own)  # the row's own options at their defaults
        given = argparse.Namespace(**vars(own.parse_args([])), **vars(options))
        try:
            goals = harness.measure(bench, given)
        except SystemExit as end:  # one that cannot run must not cost the others
            harness.say(str(end))
            rows.append([name, "did not run", "-", "-", "-", "FAILED"])
            failed = True
            continue
        show = harness.show
        rows += [[name, g.name, show(g.value), show(g.must), show(g.aim), g.verdict] for g in goals]
    harness.say(harness.table(["bench", "goal", "measured", "must", "aim", "verdict"], rows))
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
