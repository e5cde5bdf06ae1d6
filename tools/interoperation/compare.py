"""What comparing needs: a count of what was held against what, and the command."""

import collections
import json
import os
import struct
import subprocess


class Comparison:
    """Counts what was compared, and keeps the first differences."""

    SHOWN = 12

    def __init__(self):
        self.count = 0
        self.difference_count = 0
        self.differences = []

    @property
    def holds(self):
        return self.difference_count == 0

    def note(self, text):
        self.difference_count += 1
        if len(self.differences) < self.SHOWN:
            self.differences.append(text)

    def equal(self, what, found, expected):
        """Both of one type, and equal; floats by their bits, NaN to NaN."""
        self.count += 1
        if not same(found, expected):
            self.note(f"{what}: {shown(found)} where {shown(expected)} should be")

    def bags(self, what, found, expected):
        """The same elements as often, in any order."""
        found = collections.Counter(exact(element) for element in found)
        expected = collections.Counter(exact(element) for element in expected)
        self.count += sum(expected.values())
        for element in found - expected:
            self.note(f"{what}: has {shown(element)}, which should not be there")
        for element in expected - found:
            self.note(f"{what}: lacks {shown(element)}")


def exact(value):
    """A value that is equal to another one only if it is the same."""
    if isinstance(value, (list, tuple)):
        return tuple(exact(element) for element in value)
    if isinstance(value, dict):
        return tuple(sorted((key, exact(element)) for key, element in value.items()))
    if isinstance(value, float):
        return "NaN" if value != value else ("float", struct.pack(">d", value).hex(), value)
    if isinstance(value, bool):
        return ("bool", value)
    return value


def same(one, other):
    return type(one) is type(other) and exact(one) == exact(other)


def shown(value):
    text = repr(value)
    return text if len(text) <= 160 else text[:160] + "..."


class Hedgerow:
    """The command."""

    def __init__(self, path, directory):
        self.path = path
        self.directory = directory
        self.number = 0

    def new(self, ending=""):
        """A path that nothing is at."""
        self.number += 1
        return os.path.join(self.directory, f"{self.number}{ending}")

    def write(self, text, ending):
        """A file of bytes, or of a text in UTF-8 as it is."""
        path = self.new(ending)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def __call__(self, *arguments):
        """What a command prints with --json."""
        run = subprocess.run([self.path, *arguments, "--json"], capture_output=True)
        if run.returncode != 0:
            message = run.stderr.decode(errors="replace").strip()
            raise RuntimeError(f"{arguments[0]}: {message} (exit status {run.returncode})")
        return json.loads(run.stdout)

    def refusal(self, *arguments):
        """The message of a command that must fail as bad data does."""
        run = subprocess.run([self.path, *arguments], capture_output=True)
        return run.stderr.decode(errors="replace") if run.returncode == 65 else None

    def ingest(self, *arguments):
        store = self.new(".hedgerow")
        self("ingest", store, *arguments)
        return store

    def nodes(self, store, type):
        """Values by key."""
        nodes = self("nodes", store, type)["nodes"]
        return {node["key"]: node["values"] for node in nodes}

    def edges(self, store):
        """Each arc, as its type, the keys of its ends and its values."""
        files = self.new()
        self("export", store, "--to", files, "--format", "json-lines")
        arcs = []
        with open(os.path.join(files, "graph.jsonl"), encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row["type"] == "relationship":
                    arcs.append((row["label"], row["start"]["id"], row["end"]["id"], row["properties"]))
        return arcs
