"""Files that the tools write, read by `hedgerow ingest`."""

import csv
import gzip
import json
import math

import networkx
import numpy
import rdflib
import scipy.io
import scipy.sparse

from store import TEXTS, xml

GRAPHML_TEXTS = [text for text in TEXTS if xml(text) == text]


def check_nodes(comparison, what, found, expected):
    """Values by key and column, as `hedgerow nodes` has them; null for what a node lacks."""
    comparison.bags(f"{what}: keys", found, expected)
    for key in found.keys() & expected.keys():
        names = found[key].keys() | expected[key].keys()
        for name in names:
            comparison.equal(f"{what}: {key!r} {name}", found[key].get(name), expected[key].get(name))


# MARK: networkx


def awkward_graph(make):
    graph = make()
    texts = GRAPHML_TEXTS
    for number, text in enumerate(texts):
        graph.add_node(f"n{number}", text=text, whole=2**62 - number, real=0.1 * number, flag=number % 2 == 0)
    for number, text in enumerate(texts):
        if text:
            graph.add_node(text, key=text)
    graph.add_node(7, whole=-1)
    graph.add_edge("n0", "n1", weight=0.5, text="ünï\n<&>")
    graph.add_edge("n0", "n1", weight=1e300)
    graph.add_edge("n2", "n2", weight=5e-324, count=3)
    graph.add_edge(7, "n3")
    graph.add_edge("日本語 🌳 \U0010ffff", "n3", flag=True)
    return graph


def check_graphml(comparison, hedgerow):
    for make in (networkx.DiGraph, networkx.Graph, networkx.MultiDiGraph, networkx.MultiGraph):
        path = hedgerow.new(".graphml")
        networkx.write_graphml(awkward_graph(make), path)
        # XML makes line feeds of carriage returns in values, so what networkx reads is what there is.
        graph = networkx.read_graphml(path, force_multigraph=True)
        store = hedgerow.ingest(path)
        what = make.__name__
        found = hedgerow.nodes(store, "node")
        # An empty value of a text is the empty text, and no null.
        check_nodes(comparison, what, found, {node: dict(data) for node, data in graph.nodes(data=True)})
        info = hedgerow("info", store)
        arcs = []
        for source, target, data in graph.edges(data=True):
            data = {name: value for name, value in data.items() if name != "id"}
            arcs.append(("edge", source, target, data))
            if not graph.is_directed() and source != target:
                arcs.append(("edge", target, source, data))
        comparison.equal(f"{what}: arcs", info["edges"], {"node:edge:node": len(arcs)})
        edges = [(*arc[:3], {name: value for name, value in arc[3].items() if name != "id"})
                 for arc in hedgerow.edges(store)]
        comparison.bags(f"{what}: edges", edges, arcs)
    return "Graph, DiGraph, MultiGraph, MultiDiGraph: nodes, arcs, values"


def check_edge_lists(comparison, hedgerow):
    graph = networkx.gnm_random_graph(60, 200, seed=1, directed=True)
    for number, (_, _, data) in enumerate(graph.edges(data=True)):
        data["weight"] = number / 7
    arcs = [("edge", str(s), str(t), {}) for s, t in graph.edges]
    path = hedgerow.new(".edgelist")
    networkx.write_edgelist(graph, path, data=False)
    comparison.bags("write_edgelist", hedgerow.edges(hedgerow.ingest(path)), arcs)
    networkx.write_edgelist(graph, path + ".gz", data=False, delimiter="\t")
    comparison.bags("write_edgelist, gzip", hedgerow.edges(hedgerow.ingest(path + ".gz")), arcs)
    networkx.write_weighted_edgelist(graph, path, delimiter=",")
    store = hedgerow.ingest("--edges", f"a:r:a={path}", "--columns", "a:r:a=source,target,w", "--weight", "a:r:a.w")
    expected = [("r", str(s), str(t), {"w": data["weight"]}) for s, t, data in graph.edges(data=True)]
    comparison.bags("write_weighted_edgelist", hedgerow.edges(store), expected)
    return "plain, gzip, weighted"


# MARK: scipy


def matrices():
    random = numpy.random.default_rng(5)
    real = scipy.sparse.random_array((30, 30), density=0.1, rng=random).tocsr()
    yield "real", real
    yield "rectangular", scipy.sparse.random_array((7, 30), density=0.2, rng=random).tocsr()
    yield "symmetric", (real + real.T).tocsr()
    yield "skew-symmetric", (real - real.T).tocsr()
    whole = scipy.sparse.csr_array(numpy.round(real.toarray() * 1000).astype(numpy.int64))
    yield "integer", whole
    yield "complex", (real + 1j * real.T).tocsr()
    hermitian = real + 1j * real
    yield "hermitian", (hermitian + hermitian.conj().T).tocsr()
    yield "dense", random.normal(size=(5, 4))
    yield "without entries", scipy.sparse.csr_array((4, 4))


def entries(matrix, first=1):
    """Values by row and column, which are counted from `first`."""
    matrix = scipy.sparse.coo_array(matrix)
    return {(int(i) + first, int(j) + first): value.item() for i, j, value in zip(*matrix.coords, matrix.data)}


def check_matrix(comparison, hedgerow, what, path, expected, shape):
    store = hedgerow.ingest(path)
    square = shape[0] == shape[1]
    nodes = {"node": shape[0]} if square else {"row": shape[0], "column": shape[1]}
    comparison.equal(f"{what}: nodes", hedgerow("info", store)["nodes"], nodes)
    found = []
    for relation, source, target, values in hedgerow.edges(store):
        value = complex(values["real"], values["imaginary"]) if "real" in values else values.get("value")
        found.append((int(source), int(target), value))
    found = [(i, j, [v.real, v.imag] if isinstance(v, complex) else v) for i, j, v in found]
    expected = [(i, j, [v.real, v.imag] if isinstance(v, complex) else v) for (i, j), v in expected.items()]
    comparison.bags(what, found, expected)


def check_matrix_market(comparison, hedgerow):
    for what, matrix in matrices():
        path = hedgerow.new(".mtx")
        scipy.io.mmwrite(path, matrix, comment="written by scipy")
        expected = scipy.io.mmread(path)
        # Of arrays zeros are entries like others.
        check_matrix(comparison, hedgerow, what, path, entries(expected), expected.shape)
    path = hedgerow.new(".mtx")
    scipy.io.mmwrite(path, scipy.sparse.csr_array(numpy.eye(3)), field="pattern")
    store = hedgerow.ingest(path)
    comparison.bags("pattern", [arc[1:3] for arc in hedgerow.edges(store)], [(str(i), str(i)) for i in (1, 2, 3)])
    return "real, integer, complex, pattern; general, symmetric, skew-symmetric, hermitian; dense"


def check_npz(comparison, hedgerow):
    for what, matrix in matrices():
        for make in (scipy.sparse.csr_array, scipy.sparse.csc_array, scipy.sparse.coo_array, scipy.sparse.csr_matrix):
            path = hedgerow.new(".npz")
            matrix = make(matrix)
            if matrix.dtype.kind == "c":
                scipy.sparse.save_npz(path, matrix)
                message = hedgerow.refusal("ingest", hedgerow.new(), path)
                comparison.equal(f"{what} is refused by its array", "data" in (message or ""), True)
                continue
            for compressed in (True, False):
                scipy.sparse.save_npz(path, matrix, compressed=compressed)
                check_matrix(comparison, hedgerow, f"{what}, {matrix.format}", path, entries(matrix, 0), matrix.shape)
    whole = scipy.sparse.csr_array(numpy.array([[0, 7, 0], [1, 0, 100]]))
    for kind in ("bool", "int8", "uint8", "int16", "int32", "float32"):
        path = hedgerow.new(".npz")
        matrix = whole.astype(kind)
        scipy.sparse.save_npz(path, matrix)
        expected = {place: int(value) if kind == "bool" else value for place, value in entries(matrix, 0).items()}
        check_matrix(comparison, hedgerow, kind, path, expected, matrix.shape)
    for make in (scipy.sparse.bsr_array, scipy.sparse.dia_array):
        path = hedgerow.new(".npz")
        scipy.sparse.save_npz(path, make(whole))
        message = hedgerow.refusal("ingest", hedgerow.new(), path)
        comparison.equal("another format is refused", "tocsr" in (message or ""), True)
    return "csr, csc, coo, square and not, deflated and not; eight dtypes; what is refused"


# MARK: rdflib


def check_n_triples(comparison, hedgerow):
    graph = rdflib.Graph()
    base = rdflib.Namespace("http://example.org/name#")
    for number, text in enumerate(TEXTS):
        node = base[f"n{number}"]
        graph.add((node, base.text, rdflib.Literal(text)))
        graph.add((node, base.text, rdflib.Literal(text, lang=["en", "de-CH"][number % 2])))
        graph.add((node, base.number, rdflib.Literal(number * 3)))
        graph.add((node, base.real, rdflib.Literal(number / 3)))
        graph.add((node, rdflib.RDF.type, base.Thing))
        graph.add((node, base.next, base[f"n{number + 1}"]))
        graph.add((rdflib.BNode(f"b{number % 3}"), base.next, node))
    graph.add((rdflib.URIRef("urn:ünïcödé:%20"), base.next, rdflib.URIRef("http://例え.jp/?a=b&c")))
    path = hedgerow.new(".nt")
    graph.serialize(path, format="nt", encoding="utf-8")
    store = hedgerow.ingest(path)
    # What rdflib itself reads of it.
    graph = rdflib.Graph().parse(path, format="nt")
    resources = {node for s, _, o in graph for node in (s, o) if not isinstance(node, rdflib.Literal)}
    literals = {o for _, _, o in graph if isinstance(o, rdflib.Literal)}
    found = hedgerow.nodes(store, "resource")
    names = [key for key in found if not key.startswith("_:")]
    comparison.bags("IRIs", names, [str(node) for node in resources if isinstance(node, rdflib.URIRef)])
    comparison.equal("blank nodes", len(found) - len(names), sum(isinstance(node, rdflib.BNode) for node in resources))

    def literal(key):
        statement = f"<urn:a> <urn:b> {key} .\n"
        return next(rdflib.Graph().parse(data=statement, format="nt").objects())

    keys = {key: literal(key) for key in hedgerow.nodes(store, "literal")}
    described = lambda node: (str(node), node.language, str(node.datatype))
    comparison.bags("literals", [described(node) for node in keys.values()], [described(node) for node in literals])
    local = lambda predicate: str(predicate).rsplit("#", 1)[-1]
    statements = [(local(p), "" if isinstance(s, rdflib.BNode) else str(s),
                   described(o) if isinstance(o, rdflib.Literal) else str(o)) for s, p, o in graph]
    arcs = [(relation, "" if source.startswith("_:") else source,
             described(keys[target]) if target.startswith('"') else target)
            for relation, source, target, _ in hedgerow.edges(store)]
    comparison.bags("statements", arcs, statements)
    return "resources, literals, statements"


def check_n_quads(comparison, hedgerow):
    data = rdflib.Dataset()
    base = rdflib.Namespace("http://example.org/")
    for number, text in enumerate(TEXTS):
        graph = data.graph(base[f"graph{number % 3}"]) if number % 4 else data.default_graph
        graph.add((base[f"n{number}"], base.text, rdflib.Literal(text)))
        graph.add((base[f"n{number}"], base.next, base[f"n{number // 2}"]))
    path = hedgerow.new(".nq")
    data.serialize(path, format="nquads", encoding="utf-8")
    store = hedgerow.ingest(path)
    expected = []
    for s, p, o, graph in rdflib.Dataset().parse(path, format="nquads").quads():
        target = "" if isinstance(o, rdflib.Literal) else str(o)
        graph = None if graph in (None, data.default_graph.identifier) else str(graph)
        expected.append((str(p).rsplit("/", 1)[-1], str(s), target, graph))
    found = [(relation, source, "" if target.startswith('"') else target, values.get("graph"))
             for relation, source, target, values in hedgerow.edges(store)]
    comparison.bags("statements", found, expected)
    comparison.equal("literals", hedgerow("info", store)["nodes"]["literal"], len(set(TEXTS)))
    return "statements and their graphs"


# MARK: numpy


def check_npy(comparison, hedgerow):
    random = numpy.random.default_rng(9)
    table = hedgerow.write("id\n" + "".join(f"k{row}\n" for row in range(50)), ".csv")

    def ingest(path):
        return hedgerow.ingest("--nodes", f"a={table}", "--features", f"a.x={path}")

    arrays = {
        "float32": random.normal(size=(50, 3)).astype("f4"),
        "float16": random.normal(size=(50, 3)).astype("f2"),
        "uint8": random.integers(0, 256, (50, 4)).astype("u1"),
        "int8": random.integers(-128, 128, (50, 1)).astype("i1"),
        "int64, exact in float32": random.integers(-(2**24), 2**24, (50, 2)),
        "float32, one dimension": random.normal(size=50).astype("f4"),
        "int64, one dimension": random.integers(-(2**60), 2**60, 50),
        "int16": random.integers(-(2**15), 2**15, (50, 2)).astype("i2"),
        "uint16, big-endian": random.integers(0, 2**16, (50, 2)).astype(">u2"),
        "Fortran order": numpy.asfortranarray(random.normal(size=(50, 3)).astype("f4")),
        "big-endian": random.normal(size=(50, 3)).astype(">f4"),
        "float64, exact in float32": random.normal(size=(50, 3)).astype("f4").astype("f8"),
        "float64, one dimension": random.normal(size=50),
        "a part of an array": numpy.arange(200, dtype="f4").reshape(50, 4)[:, 1:3],
    }
    for what, array in arrays.items():
        path = hedgerow.new(".npy")
        numpy.save(path, array)
        check_array(comparison, hedgerow, what, ingest(path), array)
    for version in ((2, 0), (3, 0)):
        path = hedgerow.new(".npy")
        with open(path, "wb") as file:
            numpy.lib.format.write_array(file, arrays["float32"], version=version)
        check_array(comparison, hedgerow, f"version {version}", ingest(path), arrays["float32"])
    # What is not read is refused by one line that says what to do.
    for what, array, says in [
        ("complex numbers", arrays["float32"].astype("c8"), "c8"),
        ("a NaN", numpy.full((50, 2), math.nan, "f4"), "finite"),
        ("49 rows", arrays["float32"][:49], "49"),
        ("three dimensions", numpy.zeros((50, 2, 2), "f4"), "dimensions"),
    ]:
        path = hedgerow.new(".npy")
        numpy.save(path, array)
        message = hedgerow.refusal("ingest", hedgerow.new(), "--nodes", f"a={table}", "--features", f"a.x={path}")
        comparison.equal(f"{what} is refused with '{says}'", says in (message or ""), True)
        if message is None or says not in message:
            comparison.note(f"{what}: {message}")
    return "all dtypes that are read, versions 1 to 3; what is refused"


def check_array(comparison, hedgerow, what, store, array):
    nodes = hedgerow.nodes(store, "a")
    comparison.equal(f"{what}: rows", len(nodes), len(array))
    kind = {c["name"]: c["type"] for c in hedgerow("info", store)["columns"]}["x"]
    for row, value in enumerate(array):
        found = nodes[f"k{row}"]["x"]
        if array.ndim == 1:
            expected = value.item()
            found = array.dtype.type(found).item()
        else:
            # Shown as short as reads back the same.
            expected = [float(number) for number in value]
            precision = numpy.float16 if kind.startswith("float16") else numpy.float32
            found = [float(precision(number)) for number in found]
        comparison.equal(f"{what}: {row}", found, expected)


# MARK: Python's csv and json


def check_csv(comparison, hedgerow):
    keys = [text for text in TEXTS if text]
    rows = [(key, number, number / 3, TEXTS[-number - 1]) for number, key in enumerate(keys)]
    for what, options in {
        "excel": {"dialect": "excel"},
        "unix": {"dialect": "unix"},
        "excel-tab": {"dialect": "excel-tab"},
        "semicolons": {"delimiter": ";", "quoting": csv.QUOTE_NONNUMERIC},
        "pipes, all quoted": {"delimiter": "|", "quoting": csv.QUOTE_ALL},
    }.items():
        path = hedgerow.new(".csv")
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, **options)
            writer.writerow(["id:string", "whole:int64", "real:float64", "text:string"])
            writer.writerows(rows)
        store = hedgerow.ingest("--nodes", f"a={path}", "--comment", "none")
        expected = {}
        for key, whole, real, text in rows:
            if options.get("quoting") is None and what != "unix":
                # Without quotes an empty field is null, and spaces around a key do not count.
                key, text = key.strip(" "), text or None
            expected[key] = {"whole": whole, "real": real, "text": text}
        check_nodes(comparison, what, hedgerow.nodes(store, "a"), expected)
    return "five dialects: keys and values"


def check_json_lines(comparison, hedgerow):
    keys = [text for text in TEXTS if text]
    for escaped in (True, False):
        rows = [{"id": key, "whole": 2**62 - number, "real": number / 3, "flag": number % 2 == 0,
                 "list": [number, 0.5], "text": key + "!"} for number, key in enumerate(keys)]
        text = "".join(json.dumps(row, ensure_ascii=escaped) + "\n" for row in rows)
        path = hedgerow.write(gzip.compress(text.encode()), ".jsonl.gz")
        ends = [{"source": s, "target": t, "w": 0.1} for s, t in zip(keys, keys[1:])]
        edges = hedgerow.write("".join(json.dumps(row) + "\n" for row in ends), ".jsonl")
        store = hedgerow.ingest("--nodes", f"a={path}", "--edges", f"a:r:a={edges}")
        expected = {row["id"]: {name: [float(n) for n in value] if name == "list" else value
                                for name, value in row.items() if name != "id"} for row in rows}
        what = "ensure_ascii" if escaped else "UTF-8"
        check_nodes(comparison, what, hedgerow.nodes(store, "a"), expected)
        arcs = [("r", row["source"], row["target"], {"w": 0.1}) for row in ends]
        comparison.bags(f"{what}: edges", hedgerow.edges(store), arcs)
    return "objects of nodes and edges, escaped and not, gzip"


all = [
    ("graphml", "networkx.write_graphml", check_graphml),
    ("edge-list", "networkx.write_edgelist", check_edge_lists),
    ("matrix-market", "scipy.io.mmwrite", check_matrix_market),
    ("scipy", "scipy.sparse.save_npz", check_npz),
    ("n-triples", "rdflib", check_n_triples),
    ("n-quads", "rdflib", check_n_quads),
    ("npy", "numpy.save", check_npy),
    ("csv", "Python's csv", check_csv),
    ("json-lines", "Python's json", check_json_lines),
]
