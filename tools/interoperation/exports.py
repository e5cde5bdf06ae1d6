"""Exports of the store, read by the tools whose formats they are."""

import csv
import json
import os
import urllib.parse

import networkx
import numpy
import rdflib
import scipy.io

from store import DEVICES, PERSONS, SETS, xml

FLOATS = {"float16": numpy.float16, "float32": numpy.float32, "float64": numpy.float64,
          "bfloat16": numpy.float32, "int8*0.0078125": numpy.float32, "int8*0.25": numpy.float32}


def export(store, format, *options):
    files = store.hedgerow.new()
    report = store.hedgerow("export", store.path, "--to", files, "--format", format, *options)
    return files, report


def element(kind):
    """Of a vector's kind, as float32 of float32[3]."""
    return kind if "[" not in kind or kind.startswith("timestamp") else kind[:kind.index("[")] + kind[kind.index("]") + 1:]


def is_vector(kind):
    return element(kind) != kind


def is_text(kind):
    return kind in ("string", "categorical", "bytes")


def scalar(kind, text):
    """What the text of a value is."""
    if kind == "bool":
        return {"true": True, "false": False}[text]
    if kind == "bytes":
        assert text[:2] == "0x"
        return bytes.fromhex(text[2:])
    if kind in FLOATS:
        # As short as reads back the same in the column's own precision.
        return float(FLOATS[kind](text))
    return text if is_text(kind) else int(text)


def parse(kind, text):
    if is_vector(kind):
        return [scalar(element(kind), part) for part in text.split(";")]
    return scalar(kind, text)


def read_csv(path, **dialect):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True, **dialect))


def text_or_null(value):
    """Python's csv does not tell an empty text from none."""
    return "" if value is None else value


def check_row(comparison, what, header, row, values):
    comparison.equal(f"{what} fields", len(row), len(header))
    for (name, kind), text in zip(header, row):
        value = values[name]
        if text == "":
            comparison.equal(f"{what} {name}", text, text_or_null(value))
        else:
            comparison.equal(f"{what} {name}", parse(kind, text), value)


def typed(fields):
    return [field.rsplit(":", 1) for field in fields]


def check_csv(comparison, store):
    files, _ = export(store, "csv")
    for type, keys in store.keys.items():
        header, *rows = read_csv(os.path.join(files, f"nodes-{type}.csv"))
        header = typed(header)
        comparison.equal(f"columns of {type}", dict(header[1:]), store.columns[type])
        comparison.equal(f"keys of {type}", [row[0] for row in rows], [str(key) for key in keys])
        for key, row, values in zip(keys, rows, store.nodes[type]):
            check_row(comparison, f"{type} {key!r}", header[1:], row[1:], values)
    for edges in store.edges:
        header, *rows = read_csv(os.path.join(files, f"edges-{edges.type.replace(':', '-')}.csv"))
        header = typed(header)
        comparison.equal(f"columns of {edges.type}", dict(header[2:]), edges.columns)
        found = []
        for source, target, *fields in rows:
            found.append((source, target, [
                text_or_null(None) if text == "" else parse(kind, text)
                for (_, kind), text in zip(header[2:], fields)]))
        ends = lambda s, t: (str(store.keys[edges.source][s]), str(store.keys[edges.target][t]))
        expected = [(*ends(s, t), [text_or_null(values[name]) for name, _ in header[2:]])
                    for s, t, values in edges.rows]
        comparison.bags(edges.type, found, expected)
    _, *rows = read_csv(os.path.join(files, "sets-person.csv"))
    # The first line of a set has no key; an empty text may be one.
    members = [(PERSONS[row], name) for name in SETS for row in SETS[name]]
    comparison.bags("sets", rows, [[*member] for member in members] + [["", name] for name in SETS])
    return "nodes, edges, sets, typed headers"


def check_edge_list(comparison, store):
    files, _ = export(store, "edge-list")
    for edges in store.edges:
        rows = read_csv(os.path.join(files, f"{edges.type.replace(':', '-')}.tsv"), delimiter="\t")
        expected = [[str(store.keys[edges.source][s]), str(store.keys[edges.target][t])] for s, t, _ in edges.rows]
        comparison.bags(edges.type, rows, expected)
    return "edges"


def check_npy(comparison, store):
    files, report = export(store, "npy")
    expected = set()

    def load(*parts):
        name = "-".join(parts) + ".npy"
        expected.add(name)
        return numpy.load(os.path.join(files, name), allow_pickle=False)

    def check_column(what, kind, values, *parts):
        if is_text(kind):
            return
        array = load(*parts)
        kind = element(kind)
        if kind in FLOATS:
            numbers = FLOATS[kind]
        elif kind.startswith("timestamp"):
            numbers = numpy.int64
        else:
            numbers = numpy.dtype(kind)
        comparison.equal(f"{what} dtype", array.dtype.str, numpy.dtype(numbers).str)
        comparison.equal(f"{what} rows", len(array), len(values))
        if None in values and kind not in FLOATS:
            valid = load(*parts, "valid")
            comparison.equal(f"{what} valid", valid.tolist(), [value is not None for value in values])
        for row, value in enumerate(values):
            found = array[row].tolist()
            if value is None:
                nothing = float("nan") if kind in FLOATS else found.__class__(0)
                value = [nothing] * len(found) if isinstance(found, list) else nothing
            comparison.equal(f"{what} {row}", found, value)

    for type, keys in store.keys.items():
        header, *rows = read_csv(os.path.join(files, f"nodes-{type}.csv"))
        expected.add(f"nodes-{type}.csv")
        comparison.equal(f"keys of {type}", [row[0] for row in rows], [str(key) for key in keys])
        if type == "item":
            comparison.equal("keys", load("nodes", type, "id").tolist(), keys)
        names = [name for name, _ in typed(header)[1:]]
        for key, row, values in zip(keys, rows, store.nodes[type]):
            check_row(comparison, f"{type} {key!r}", typed(header)[1:], row[1:], values)
        for name, kind in store.columns[type].items():
            if is_text(kind):
                comparison.equal(f"{name} in the table", name in names, True)
            check_column(f"{type}.{name}", kind, [values[name] for values in store.nodes[type]], "nodes", type, name)
    for edges in store.edges:
        parts = ["edges", *edges.type.split(":")]
        ends = load(*parts)
        comparison.equal(f"{edges.type} shape", ends.shape, (len(edges.arcs), 2))
        comparison.bags(edges.type, ends.tolist(), [[s, t] for s, t, _ in edges.arcs])
        # Columns come in the order of the arcs, which is by source and target.
        arcs = sorted(edges.arcs, key=lambda arc: arc[:2])
        comparison.equal(f"{edges.type} order", ends.tolist(), [[s, t] for s, t, _ in arcs])
        for name, kind in edges.columns.items():
            check_column(f"{edges.type}.{name}", kind, [values[name] for _, _, values in arcs], *parts, name)
    expected.add("sets-person.csv")
    comparison.bags("files", [file["name"] for file in report["files"]], expected)
    return "arrays of columns, keys and ends"


def json_value(value):
    """As JSON has it: NaN and infinities are texts."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, float) and value != value:
        return "nan"
    if isinstance(value, float) and abs(value) == float("inf"):
        return "inf" if value > 0 else "-inf"
    return value


def check_json_value(comparison, what, kind, found, value):
    """Floats are equal in the precision of their column."""
    if kind in FLOATS and isinstance(found, float):
        found = float(FLOATS[kind](found))
    if is_vector(kind) and element(kind) in FLOATS:
        found = [float(FLOATS[element(kind)](number)) for number in found]
    comparison.equal(what, found, json_value(value))


def check_json_lines(comparison, store):
    files, _ = export(store, "json-lines")
    nodes, arcs = {}, []
    with open(os.path.join(files, "graph.jsonl"), encoding="utf-8", newline="\n") as lines:
        for line in lines:
            row = json.loads(line)
            if row["type"] == "node":
                nodes[row["labels"][0], row["id"]] = row["properties"]
            else:
                arcs.append(row)
    comparison.bags("nodes", nodes, [(type, str(key)) for type in store.keys for key in store.keys[type]])
    for type, keys in store.keys.items():
        for key, values in zip(keys, store.nodes[type]):
            found = nodes[type, str(key)]
            there = {name: value for name, value in values.items() if value is not None}
            comparison.equal(f"{type} {key!r} columns", list(found), list(there))
            for name, value in there.items():
                check_json_value(comparison, f"{type} {key!r} {name}", store.columns[type][name], found[name], value)
    comparison.equal("ids of edges", len({row["id"] for row in arcs}), len(arcs))
    expected = []
    for edges in store.edges:
        for s, t, values in edges.arcs:
            ends = ((edges.source, str(store.keys[edges.source][s])), (edges.target, str(store.keys[edges.target][t])))
            expected.append((edges.relation, *ends, {n: json_value(v) for n, v in values.items() if v is not None}))
    found = [(row["label"], *[(row[end]["labels"][0], row[end]["id"]) for end in ("start", "end")], row["properties"])
             for row in arcs]
    comparison.bags("edges", found, expected)
    return "nodes, arcs, values"


def check_matrix_market(comparison, store):
    files, _ = export(store, "matrix-market")
    for type, keys in store.keys.items():
        _, *rows = read_csv(os.path.join(files, f"nodes-{type}.csv"))
        comparison.equal(f"keys of {type}", rows, [[str(key)] for key in keys])
    for edges in store.edges:
        path = os.path.join(files, f"{edges.type.replace(':', '-')}.mtx")
        rows, columns, count, format, field, symmetry = scipy.io.mminfo(path)
        sizes = (len(store.keys[edges.source]), len(store.keys[edges.target]))
        comparison.equal(f"{edges.type} sizes", (rows, columns), sizes)
        kind = edges.columns.get(edges.weight)
        expected = "pattern" if kind is None else "integer" if kind.startswith("int") else "real"
        comparison.equal(f"{edges.type} field", (format, field), ("coordinate", expected))
        comparison.equal(f"{edges.type} symmetry", symmetry, "symmetric" if edges.undirected else "general")
        matrix = scipy.io.mmread(path).tocoo()
        found = {(int(i), int(j)): value.item() for i, j, value in zip(matrix.row, matrix.col, matrix.data)}
        sums = {}
        for s, t, values in edges.arcs:
            weight = values[edges.weight] if edges.weight else 1.0
            # Of a pattern an entry is there or not.
            sums[s, t] = weight if not edges.weight else sums.get((s, t), weight.__class__(0)) + weight
        comparison.bags(edges.type, found.items(), sums.items())
        comparison.equal(f"{edges.type} entries", count, sum(not edges.undirected or i >= j for i, j in sums))
    return "sizes, entries, tables of keys"


XSD = {"bool": "boolean", "int8": "byte", "int16": "short", "int32": "int", "int64": "long",
       "uint8": "unsignedByte", "float64": "double", "bytes": "hexBinary"}


def check_n_triples(comparison, store):
    files, report = export(store, "n-triples")
    graph = rdflib.Graph().parse(os.path.join(files, "graph.nt"), format="nt")
    comparison.equal("statements", len(graph), report["files"][0]["rows"])
    node = lambda type, key: rdflib.URIRef(f"urn:hedgerow:{type}:{urllib.parse.quote(str(key), safe='')}")
    count = 0
    for type, keys in store.keys.items():
        for key, values in zip(keys, store.nodes[type]):
            subject = node(type, key)
            types = list(graph.objects(subject, rdflib.RDF.type))
            comparison.equal(f"type of {type} {key!r}", types, [rdflib.URIRef(f"urn:hedgerow:type/{type}")])
            count += 1
            for name, value in values.items():
                what = f"{type} {key!r} {name}"
                found = list(graph.objects(subject, rdflib.URIRef(f"urn:hedgerow:column/{name}")))
                comparison.equal(f"{what} statements", len(found), 0 if value is None else 1)
                if value is None or not found:
                    continue
                count += 1
                check_literal(comparison, what, store.columns[type][name], found[0], value)
    for edges in store.edges:
        relation = rdflib.URIRef(f"urn:hedgerow:relation/{edges.relation}")
        found = [(s, o) for s, o in graph.subject_objects(relation)]
        expected = {(node(edges.source, store.keys[edges.source][s]), node(edges.target, store.keys[edges.target][t]))
                    for s, t, _ in edges.arcs}
        comparison.bags(edges.type, found, expected)
        count += len(expected)
    comparison.equal("statements of all kinds", count, len(graph))
    return "statements, literals with datatypes"


def check_literal(comparison, what, kind, literal, value):
    comparison.equal(f"{what} ill-typed", bool(literal.ill_typed), False)
    datatype = str(literal.datatype) if literal.datatype else None
    if kind in ("string", "categorical"):
        comparison.equal(what, (datatype, str(literal)), (None, value))
    elif is_vector(kind) or kind.startswith("timestamp"):
        name = "vector" if is_vector(kind) else f"timestamp-{kind[10:-1]}"
        comparison.equal(what, (datatype, parse(kind, str(literal))), (f"urn:hedgerow:kind/{name}", value))
    else:
        expected = str(rdflib.XSD[XSD.get(kind, "float")])
        found = literal.toPython()
        if kind in FLOATS:
            found = float(FLOATS[kind](found))
        comparison.equal(what, (datatype, found), (expected, value))


GRAPHML = {"bool": bool, "float64": float, "bfloat16": float, "float16": float, "float32": float,
           "int8*0.0078125": float}


def graphml_name(name, reserved):
    """The store's own names come first: a column that is called like one of them has a number."""
    return name + "-2" if name in reserved else name


def graphml_value(kind, value):
    if is_vector(kind) or kind == "bytes":
        return value
    return xml(value) if isinstance(value, str) else value


def graphml_found(kind, value):
    if is_vector(kind) or kind == "bytes":
        return parse(kind, value)
    return float(FLOATS[kind](value)) if kind in FLOATS else value


def check_graphml(comparison, store):
    files, _ = export(store, "graphml")
    graph = networkx.read_graphml(os.path.join(files, "graph.graphml"))
    comparison.equal("directed", graph.is_directed(), True)
    comparison.bags("nodes", graph.nodes, [f"{type}:{xml(str(key))}" for type in store.keys for key in store.keys[type]])
    for type, keys in store.keys.items():
        for key, values in zip(keys, store.nodes[type]):
            found = dict(graph.nodes[f"{type}:{xml(str(key))}"])
            what = f"{type} {key!r}"
            comparison.equal(f"{what} type", found.pop("labels"), f":{type}")
            comparison.equal(f"{what} key", found.pop("key"), str(key))
            there = {name: value for name, value in values.items() if value is not None}
            names = [graphml_name(name, ("labels", "key")) for name in there]
            comparison.bags(f"{what} columns", found, names)
            for name, (column, value) in zip(names, there.items()):
                kind = store.columns[type][column]
                if name in found:
                    comparison.equal(f"{what} {name}", graphml_found(kind, found[name]), graphml_value(kind, value))
    check_graphml_edges(comparison, store, graph, store.edges)
    # Of undirected edges alone the graph is undirected.
    files, _ = export(store, "graphml", "--type", "device:near:device")
    graph = networkx.read_graphml(os.path.join(files, "graph.graphml"))
    comparison.equal("directed", graph.is_directed(), False)
    comparison.bags("nodes", graph.nodes, [f"device:{key}" for key in DEVICES])
    comparison.equal("edges", graph.number_of_edges(), 4)
    return "nodes, arcs, values"


def check_graphml_edges(comparison, store, graph, all_edges):
    found, expected = [], []
    kinds = {edges.relation: edges.columns for edges in all_edges}
    for source, target, data in graph.edges(data=True):
        data = dict(data)
        relation = data.pop("label", None)
        # networkx keeps the id that an edge has as its key, and there is none.
        columns = {graphml_name(name, ("label",)): kind for name, kind in kinds.get(relation, {}).items()}
        found.append((relation, source, target, {
            name: graphml_found(columns[name], value) if name in columns else value for name, value in data.items()}))
    for edges in all_edges:
        for s, t, values in edges.arcs:
            ends = (f"{edges.source}:{xml(str(store.keys[edges.source][s]))}",
                    f"{edges.target}:{xml(str(store.keys[edges.target][t]))}")
            expected.append((edges.relation, *ends, {
                graphml_name(name, ("label",)): graphml_value(edges.columns[name], value)
                for name, value in values.items() if value is not None}))
    comparison.bags("edges", found, expected)


all = [
    ("csv", "Python's csv", check_csv),
    ("edge-list", "Python's csv", check_edge_list),
    ("npy", "numpy.load", check_npy),
    ("json-lines", "Python's json", check_json_lines),
    ("matrix-market", "scipy.io.mmread", check_matrix_market),
    ("n-triples", "rdflib", check_n_triples),
    ("graphml", "networkx.read_graphml", check_graphml),
]
