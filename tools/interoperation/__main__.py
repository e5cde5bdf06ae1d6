"""Runs what tools/interop compares: python tools/interoperation HEDGEROW DIRECTORY [FORMAT ...]"""

import importlib.metadata
import platform
import sys

import columnar
import exports
import folders
import imports
from compare import Comparison, Hedgerow
from store import AwkwardStore


EXPORTS = exports.all + [
    ("parquet", "pyarrow.parquet", columnar.check_parquet_export),
    ("graphbolt", "numpy, pyyaml", folders.check_graphbolt),
]
IMPORTS = imports.all + [
    ("parquet", "pyarrow.parquet", columnar.check_parquet),
    ("arrow", "pyarrow.ipc, feather", columnar.check_arrow),
    ("kuzu", "kuzu, EXPORT DATABASE", folders.check_kuzu),
]


def main():
    hedgerow = Hedgerow(sys.argv[1], sys.argv[2])
    chosen = set(sys.argv[3:])
    known = {"store"} | {name for name, *_ in EXPORTS + IMPORTS}
    if chosen - known:
        sys.exit(f"no format '{min(chosen - known)}': there are {', '.join(sorted(known))}")
    tools = ["networkx", "scipy", "numpy", "rdflib", "pyarrow", "kuzu", "pyyaml"]
    versions = [f"{tool} {importlib.metadata.version(tool)}" for tool in tools]
    print(f"Python {platform.python_version()}, {', '.join(versions)}\n")
    print("| | format | written by | read by | compared | |")
    print("|---|---|---|---|---|---|")
    failed = []

    def run(direction, name, writer, reader, check, *arguments):
        if chosen and name not in chosen:
            return
        comparison = Comparison()
        try:
            what = check(comparison, *arguments)
        except Exception as error:
            what = "stopped"
            comparison.note(f"{type(error).__name__}: {error}")
        row = [direction, name, writer, reader, f"{what}; {comparison.count:,} values"]
        outcome = "ok" if comparison.holds else f"{comparison.difference_count} differ"
        print("| " + " | ".join(row + [outcome]) + " |", flush=True)
        if not comparison.holds:
            failed.append((direction, name, comparison.differences))

    store = AwkwardStore(hedgerow)
    run("out", "store", "hedgerow ingest", "hedgerow nodes, info", store.check)
    for name, reader, check in EXPORTS:
        run("out", name, "hedgerow export", reader, check, store)
    for name, writer, check in IMPORTS:
        run("in", name, writer, "hedgerow ingest", check, hedgerow)
    for direction, name, differences in failed:
        print(f"\n{direction} {name}:")
        for difference in differences:
            print(f"  {difference}")
    sys.exit(1 if failed else 0)


main()
