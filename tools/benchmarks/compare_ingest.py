"""The runs of compare-ingest, each in a process of its own."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

PEER = """
import importlib, resource, sys, time
module, folder, kind, tab, path = sys.argv[1:]
peer = importlib.import_module(module)
start = time.perf_counter()
database = peer.Database(path, buffer_pool_size=8 << 30, max_num_threads=2)
connection = peer.Connection(database, num_threads=2)
connection.execute(f"CREATE NODE TABLE node(id {'STRING' if kind == 'text' else 'INT64'}, PRIMARY KEY(id))")
connection.execute("CREATE REL TABLE edge(FROM node TO node)")
connection.execute(f"COPY node FROM '{folder}/{kind}-nodes.csv' (header=false)")
connection.execute(f"COPY edge FROM '{folder}/{kind}-edges.csv' (header=false, delim='{tab}')")
connection.execute("CHECKPOINT")
connection.close()
database.close()
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def write_files(folder, scale):
    """Edges without their header, and the nodes, with integers and with texts of 20 bytes."""
    def text(key):
        return b"node-%015d" % int(key)

    with open(f"{folder}/graph/edges.tsv", "rb") as lines, \
            open(f"{folder}/integer-edges.csv", "wb") as integers, \
            open(f"{folder}/text-edges.csv", "wb") as texts:
        next(lines)
        for line in lines:
            integers.write(line)
            source, target = line.split()
            texts.write(text(source) + b"\t" + text(target) + b"\n")
    with open(f"{folder}/integer-nodes.csv", "wb") as integers, \
            open(f"{folder}/text-nodes.csv", "wb") as texts:
        for key in range(1 << scale):
            integers.write(b"%d\n" % key)
            texts.write(text(key) + b"\n")
    os.remove(f"{folder}/graph/edges.tsv")


def remove(path):
    for name in (path, path + ".wal", path + ".shadow"):
        if os.path.isdir(name):
            shutil.rmtree(name)
        elif os.path.exists(name):
            os.remove(name)


def hedgerow(tool, folder, kind, memory):
    path = f"{folder}/store"
    remove(path)
    start = time.perf_counter()
    done = subprocess.run(
        [tool, "ingest", path, f"{folder}/{kind}-edges.csv", "--delimiter", "tab", "--no-header",
         "--threads", "2", "--memory", memory, "--json"],
        check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    return seconds, json.loads(done.stdout)["peak_resident_bytes"]


def peer(module, folder, kind):
    path = f"{folder}/{module}.db"
    remove(path)
    tab = "\t" if module == "kuzu" else "\\t"
    done = subprocess.run(
        [sys.executable, "-c", PEER, module, folder, kind, tab, path],
        check=True, capture_output=True, text=True)
    seconds, size = done.stdout.split()[-2:]
    return float(seconds), int(float(size))


def main():
    folder, tool, parse, scale, runs = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
    write_files(folder, scale)
    for kind in ("integer", "text"):
        jobs = {
            "hedgerow, --memory 256MiB": lambda: hedgerow(tool, folder, kind, "256MiB"),
            "hedgerow, --memory 2GiB": lambda: hedgerow(tool, folder, kind, "2GiB"),
            "ladybug": lambda: peer("ladybug", folder, kind),
            "kuzu": lambda: peer("kuzu", folder, kind),
        }
        if kind == "integer":
            def bare():
                done = subprocess.run(
                    [parse, f"{folder}/integer-edges.csv"], check=True, capture_output=True, text=True)
                return float(done.stdout.split()[-2]), 0
            jobs["only reading the numbers"] = bare
        results = {name: [] for name in jobs}
        for _ in range(runs):
            for name, job in jobs.items():
                results[name].append(job())
        print(f"{kind} keys, {16 << scale:,} edges, medians of {runs}:")
        for name, values in results.items():
            seconds = [value[0] for value in values]
            size = statistics.median(value[1] for value in values)
            memory = f", peak {size / 2 ** 20:.0f} MiB" if size else ""
            print(f"  {name}: {statistics.median(seconds):.2f} s "
                  f"({min(seconds):.2f} to {max(seconds):.2f}){memory}", flush=True)


main()
