"""Data sets that are folders: GraphBolt's as exported, Kuzu's as it exports them."""

import datetime
import math
import os

import kuzu
import numpy
import yaml

from exports import FLOATS, element, export, is_text, is_vector
from imports import check_nodes
from store import SETS, TEXTS

# MARK: Out


def check_graphbolt(comparison, store):
    files, report = export(store, "graphbolt")
    with open(os.path.join(files, "metadata.yaml"), encoding="utf-8") as file:
        metadata = yaml.safe_load(file)
    named = {"metadata.yaml"}

    def load(entry):
        comparison.equal("format", entry["format"], "numpy")
        named.add(entry["path"])
        return numpy.load(os.path.join(files, entry["path"]), allow_pickle=False)

    nodes = {entry["type"]: entry["num"] for entry in metadata["graph"]["nodes"]}
    comparison.equal("nodes", nodes, {type: len(keys) for type, keys in store.keys.items()})
    found = {entry["type"]: load(entry) for entry in metadata["graph"]["edges"]}
    comparison.bags("edge types", found, [edges.type for edges in store.edges])
    columns = {("node", type, name): (kind, [row[name] for row in store.nodes[type]])
               for type in store.keys for name, kind in store.columns[type].items()}
    for edges in store.edges:
        arcs = sorted(edges.arcs, key=lambda arc: arc[:2])
        ends = [[s for s, _, _ in arcs], [t for _, t, _ in arcs]]
        comparison.equal(f"{edges.type} dtype", found[edges.type].dtype.str, "<i8")
        comparison.equal(edges.type, found[edges.type].tolist(), ends)
        for name, kind in edges.columns.items():
            columns["edge", edges.type, name] = kind, [row[name] for _, _, row in arcs]
    features = {(entry["domain"], entry["type"], entry["name"]): load(entry) for entry in metadata["feature_data"]}
    # What no array holds: texts, and vectors of integers of which some are null.
    expected = {place: column for place, column in columns.items() if not is_text(column[0])}
    comparison.bags("columns", features, expected)
    for place in features.keys() & expected.keys():
        kind, values = expected[place]
        check_feature(comparison, " ".join(place), kind, features[place], values)
    task, = metadata["tasks"]
    for name, key in {"train": "train_set", "test": "test_set"}.items():
        entry, = task[key]
        comparison.equal(f"{name}: type", entry["type"], "person")
        comparison.equal(f"{name}: what it has", [data["name"] for data in entry["data"]], ["seeds"])
        comparison.equal(name, load(entry["data"][0]).tolist(), SETS[name])
    comparison.equal("no validation set", "validation_set" in task, False)
    comparison.bags("files", [file["name"] for file in report["files"]], named)
    return "metadata.yaml; arrays of ends, columns and sets"


def check_feature(comparison, what, kind, array, values):
    numbers = FLOATS.get(element(kind)) or (
        numpy.int64 if element(kind).startswith("timestamp") else numpy.dtype(element(kind)))
    if element(kind) not in FLOATS and None in values:
        numbers = numpy.float64
    comparison.equal(f"{what}: dtype", array.dtype.str, numpy.dtype(numbers).str)
    width = len(next(value for value in values if value is not None)) if is_vector(kind) and values else None
    # A vector that is null is one of NaN.
    expected = [[math.nan] * width if value is None and width else math.nan if value is None else value
                for value in values]
    if numbers is numpy.float64 and kind not in FLOATS and not is_vector(kind):
        expected = [float(value) for value in expected]
    comparison.equal(f"{what}: rows", len(array), len(values))
    for row, value in enumerate(expected):
        comparison.equal(f"{what} {row}", array[row].tolist(), value)


# MARK: Kuzu

# A type of Kuzu's, values of it, and what `hedgerow nodes --json` says of them when they were CSV and when they
# were Parquet. Kuzu's CSV has six digits behind the point of a number.
same = lambda value: value
text = lambda value: str(value)
moment = datetime.datetime(2024, 2, 29, 23, 59, 58, 123456)
microseconds = lambda value: (value - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
floats = lambda value: [float(part) for part in value]
joined = lambda value: ";".join("" if part is None else str(part) for part in value)
KUZU = {
    "flag": ("BOOL", [True, False, None], same, same),
    "i8": ("INT8", [-128, 127, None], same, same),
    "i16": ("INT16", [-32768, None, 32767], same, same),
    "i32": ("INT32", [-(2**31), 2**31 - 1, None], same, same),
    "i64": ("INT64", [-(2**63), 2**63 - 1, None], same, same),
    "u8": ("UINT8", [0, 255, None], same, same),
    "u16": ("UINT16", [0, 65535, None], same, same),
    "u32": ("UINT32", [0, 2**32 - 1, None], same, same),
    "u64": ("UINT64", [0, 2**63 - 1, None], same, same),
    "f32": ("FLOAT", [0.5, -1234.0625, None], same, same),
    "f64": ("DOUBLE", [0.5, 123456789.015625, None], same, same),
    "text": ("STRING", TEXTS + [None], same, same),
    "day": ("DATE", [datetime.date(1969, 12, 31), None], text, lambda value: (value - datetime.date(1970, 1, 1)).days * 86400),
    "at": ("TIMESTAMP", [moment, None], text, microseconds),
    "v": ("FLOAT[3]", [[0.5, -1.0, 2.25], [0.0, 1.0, 2.0]], floats, floats),
    "w": ("DOUBLE[2]", [[0.5, -1.0], None], floats, floats),
    "list": ("INT64[]", [[1, 2], [-3, 4], None], floats, floats),
    "gaps": ("INT64[]", [[1, None], [2, 3], None], joined, joined),
    "blob": ("BLOB", [b"\0\xffab", b"", None], lambda value: "0x" + value.hex(), lambda value: "0x" + value.hex()),
}


def check_kuzu(comparison, hedgerow):
    database = kuzu.Database(hedgerow.new(".kuzu"))
    connection = kuzu.Connection(database)
    keys = [key for key in TEXTS if key]
    columns = ", ".join(f"`{name}` {kind}" for name, (kind, *_) in KUZU.items())
    connection.execute(f"CREATE NODE TABLE person (name STRING, {columns}, PRIMARY KEY (name))")
    connection.execute("CREATE NODE TABLE item (id SERIAL, title STRING, PRIMARY KEY (id))")
    connection.execute("CREATE NODE TABLE tag (id UUID, PRIMARY KEY (id))")
    connection.execute("CREATE REL TABLE knows (FROM person TO person, w DOUBLE, since DATE, note STRING)")
    connection.execute("CREATE REL TABLE likes (FROM person TO item, FROM item TO item, v FLOAT[2])")
    rows = {key: {name: pool[row % len(pool)] for name, (_, pool, *_) in KUZU.items()} for row, key in enumerate(keys)}
    create = ", ".join(f"`{name}`: CAST(${name} AS {kind})" for name, (kind, *_) in KUZU.items())
    for key, row in rows.items():
        connection.execute(f"CREATE (:person {{name: $key, {create}}})", {"key": key} | {
            name: "".join(f"\\x{byte:02x}" for byte in value) if isinstance(value, bytes) else value
            for name, value in row.items()})
    titles = ["one", "", None, 'a "quote", and\nlines']
    for title in titles:
        connection.execute("CREATE (:item {title: $title})", {"title": title})
    tags = ["00000000-0000-0000-0000-000000000000", "0123abcd-4567-89ef-0123-456789abcdef"]
    for tag in tags:
        connection.execute("CREATE (:tag {id: UUID($tag)})", {"tag": tag})
    arcs = []
    day = datetime.date(2024, 2, 29)
    for row, (s, t) in enumerate(list(zip(keys, keys[1:])) + [(keys[0], keys[0]), (keys[0], keys[1])]):
        note = (TEXTS + [None])[row * 7 % (len(TEXTS) + 1)]
        connection.execute("MATCH (a:person {name: $s}), (b:person {name: $t}) CREATE (a)-[:knows {w: $w, since: $d, "
                           "note: $n}]->(b)", {"s": s, "t": t, "w": row / 4, "d": day, "n": note})
        arcs.append(("knows", s, t, {"w": row / 4, "since": day, "note": note}))
    for s, t in ((keys[0], 1), (keys[3], 2)):
        connection.execute("MATCH (a:person {name: $s}), (b:item {id: $t}) CREATE (a)-[:likes {v: [0.5, 1.5]}]->(b)",
                           {"s": s, "t": t})
        arcs.append(("likes", s, str(t), {"v": [0.5, 1.5]}))
    connection.execute("MATCH (a:item {id: 0}), (b:item {id: 1}) CREATE (a)-[:likes]->(b)")
    arcs.append(("likes", "0", "1", {}))
    for what, options, place in [("csv", "format='csv', header=true", 2), ("csv without header", "format='csv'", 2),
                                 ("parquet", "format='parquet'", 3)]:
        folder = hedgerow.new()
        connection.execute(f"EXPORT DATABASE '{folder}' ({options})")
        store = hedgerow.ingest(folder)
        said = lambda name, value: None if value is None else KUZU[name][place](value)
        expected = {key: {name: said(name, value) for name, value in row.items()} for key, row in rows.items()}
        check_nodes(comparison, what, hedgerow.nodes(store, "person"), expected)
        check_nodes(comparison, what, hedgerow.nodes(store, "item"),
                    {str(row): {"title": title} for row, title in enumerate(titles)})
        check_nodes(comparison, what, hedgerow.nodes(store, "tag"), {tag: {} for tag in tags})
        since = lambda value: KUZU["day"][place](value) if isinstance(value, datetime.date) else value
        expected = [(r, s, t, {name: since(value) for name, value in values.items() if value is not None})
                    for r, s, t, values in arcs]
        comparison.bags(f"{what}: edges", hedgerow.edges(store), expected)
    return "19 types, keys of three, relationships of several ends; CSV and Parquet"
