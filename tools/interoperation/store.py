"""A small store in which everything is as awkward as it may be, in plain values."""

import math

import numpy

TEXTS = [
    "plain",
    "",
    " spaces around ",
    'quo"te',
    '""',
    "a,b;c|d\te",
    "line\nend",
    "carriage\rreturn\r\n",
    "\n",
    "ünïcödé, e\u0301 and é",
    "日本語 🌳 \U0010ffff",
    "<tag attribute='x'>&amp; ]]> --",
    "back\\slash \\n \\u00e9",
    "#no comment",
    "null",
    "NaN",
    "0012",
    "1e5",
    "true",
    "2024-01-02T03:04:05Z",
    "\u0085\u2028\u2029\u00a0\ufeff",
    "\x01\x1f\x7f",
    "\ufffe\uffff",
    "'single' {braces} [brackets]",
    "x" * 5000,
]

# Characters that XML cannot write come as U+FFFD.
NO_XML = set(map(chr, range(32))) - {"\t", "\n", "\r"} | {"\ufffe", "\uffff"}


def xml(text):
    return "".join("\ufffd" if character in NO_XML else character for character in text)


# A kind, and values that it holds exactly.
COLUMNS = {
    "flag": ("bool", [True, False, None]),
    "i8": ("int8", [-128, 127, 0, None]),
    "i16": ("int16", [-32768, 32767, None]),
    "i32": ("int32", [-(2**31), 2**31 - 1, None]),
    "i64": ("int64", [-(2**63), 2**63 - 1, 2**53 + 1, None]),
    "u8": ("uint8", [0, 255, None]),
    "f16": ("float16", [65504.0, 2.0**-24, -0.0, math.nan, math.inf, 0.333251953125, None]),
    "bf16": ("bfloat16", [2.0**127, 2.0**-133, -0.0, -math.inf, 3.140625, math.nan, None]),
    "f32": ("float32", [3.4028234663852886e38, 2.0**-149, 0.10000000149011612, -0.0, math.nan, None]),
    "f64": ("float64", [1.7976931348623157e308, 5e-324, 0.1, -0.0, 1e23, math.inf, -math.inf, math.nan, None]),
    "scaled": ("int8*0.0078125", [-1.0, 0.9921875, 0.0, None]),
    "text": ("string", TEXTS + [None]),
    "kind-of.it": ("categorical", ["red", "", 'a "b", c', "two\nlines", "grün", None]),
    "blob": ("bytes", [b"", b"\0\xff", b'\n",;', None]),
    "at_s": ("timestamp[s]", [0, -1, 2**40, None]),
    "at_ms": ("timestamp[ms]", [1700000000123, None]),
    "at_us": ("timestamp[us]", [-1700000000123456, None]),
    "at_ns": ("timestamp[ns]", [2**62, None]),
    "v32": ("float32[3]", [[0.5, -0.0, 3.4028234663852886e38], [1.0, 2.0, 0.10000000149011612]]),
    "v16": ("float16[2]", [[65504.0, 0.5]]),
    "vb16": ("bfloat16[2]", [[2.0**127, -1.5]]),
    "v64": ("float64[2]", [[0.1, -1e300], [5e-324, 2.0]]),
    "v8": ("int8[2]", [[-128, 127]]),
    "vu8": ("uint8[2]", [[0, 255]]),
    "vi16": ("int16[2]", [[-32768, 32767]]),
    "vi32": ("int32[2]", [[-(2**31), 7]]),
    "vi64": ("int64[1]", [[2**53 + 1]]),
    "vs": ("int8[2]*0.25", [[-32.0, 31.75]]),
    "vn": ("float32[2]", [[1.0, 2.0], None]),
    # Names that formats have a use for themselves.
    "key": ("string", ["my own key", None]),
    "labels": ("string", ["my own labels", None]),
    "label": ("categorical", ["one", "two"]),
    "type": ("string", ["node"]),
}

# No control characters that XML has no way to write: keys must stay apart.
PERSONS = [text for text in TEXTS if text and xml(text) == text and len(text) < 100] + ["e\u0301", "é", "42", "-"]
# It is deleted, so that the numbers of the others have a gap.
GONE = "gone"
ITEMS = [0, -1, 2**63 - 1, -(2**63), 42, 7]
DEVICES = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
           "0123abcd-4567-89ef-0123-456789abcdef"]
ITEM_COLUMNS = {"title": ("string", TEXTS), "i32": ("float64", [0.5, None])}
SETS = {"train": [0, 3, 5], "test": [1], "none": []}


class Edges:
    """Edges of a type: source, target and values, by the places of nodes."""

    def __init__(self, source, relation, target, columns, rows, undirected=False, time=None, weight=None):
        self.source, self.relation, self.target = source, relation, target
        self.columns, self.rows, self.undirected = columns, rows, undirected
        self.time, self.weight = time, weight

    @property
    def type(self):
        return f"{self.source}:{self.relation}:{self.target}"

    @property
    def arcs(self):
        """Both of undirected edges, a loop once."""
        arcs = list(self.rows)
        if self.undirected:
            arcs += [(target, source, values) for source, target, values in self.rows if source != target]
        return arcs


def field(value):
    """As ingest reads it; texts always in quotes, so that an empty one is no null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, list):
        return ";".join(repr(element) for element in value)
    return repr(value)


def table(header, rows):
    return "".join(",".join(line) + "\n" for line in [header] + [[field(v) for v in row] for row in rows])


class AwkwardStore:
    def __init__(self, hedgerow):
        self.hedgerow = hedgerow
        self.keys = {"person": PERSONS, "item": ITEMS, "device": DEVICES}
        self.columns = {
            "person": {name: kind for name, (kind, _) in COLUMNS.items()},
            "item": {name: kind for name, (kind, _) in ITEM_COLUMNS.items()},
            "device": {},
        }
        pools = {"person": COLUMNS, "item": ITEM_COLUMNS, "device": {}}
        self.nodes = {
            type: [
                {name: values[row % len(values)] for name, (_, values) in pools[type].items()}
                for row in range(len(self.keys[type]))
            ]
            for type in self.keys
        }
        self.edges = self.make_edges()
        self.path = self.make()

    def make_edges(self):
        knows = [(0, 1), (0, 1), (0, 1), (2, 2), (1, 5), (3, 4), (6, 9), (7, 8), (10, 11), (11, 11), (11, 11)]
        bought = [(0, 0), (0, 0), (5, 1), (3, 2), (3, 3), (12, 4), (1, 1)]
        return [
            Edges(
                "person", "knows", "person",
                {"since": "timestamp[us]", "w": "float64", "note": "string", "label": "string", "id": "int64"},
                [(s, t, {"since": 10**15 + row, "w": 0.1 * row, "note": (TEXTS + [None])[row * 7 % 26],
                         "label": "of friends", "id": None if row % 2 else -row})
                 for row, (s, t) in enumerate(knows)],
                undirected=True, time="since", weight="w"),
            Edges(
                "person", "bought", "item",
                {"count": "int32", "at": "timestamp[s]", "note": "categorical", "v": "float32[2]", "ok": "bool",
                 "blob": "bytes"},
                [(s, t, {"count": 2**31 - 1 if row == 0 else row, "at": row, "note": TEXTS[row + 1] if row % 3 else None,
                         "v": [0.5, float(row)], "ok": [True, False, None][row % 3],
                         "blob": b"\0" * row if row % 2 else None})
                 for row, (s, t) in enumerate(bought)],
                time="at", weight="count"),
            Edges("device", "near", "device", {}, [(0, 1, {}), (0, 1, {}), (1, 2, {}), (2, 2, {})], undirected=True),
            Edges("device", "of", "person", {}, [(0, 3, {}), (0, 3, {}), (2, 5, {})]),
            Edges("item", "like", "item", {"x": "float32"}, []),
        ]

    def make(self):
        options = []
        for type, keys in self.keys.items():
            kind = {"person": "string", "item": "int64", "device": "uuid"}[type]
            header = [f"id:{kind}"] + [f"{name}:{kind}" for name, kind in self.columns[type].items()]
            rows = [[key] + list(values.values()) for key, values in zip(keys, self.nodes[type])]
            if type == "person":
                rows.insert(2, [GONE] + rows[0][1:])
            options += ["--nodes", f"{type}={self.hedgerow.write(table(header, rows), '.csv')}"]
        for edges in self.edges:
            header = ["source", "target"] + [f"{name}:{kind}" for name, kind in edges.columns.items()]
            rows = [
                [self.keys[edges.source][s], self.keys[edges.target][t]] + list(values.values())
                for s, t, values in edges.rows
            ]
            if edges.rows and edges.source == "person":
                rows.insert(1, [GONE] + rows[0][1:])
            options += ["--edges", f"{edges.type}={self.hedgerow.write(table(header, rows), '.csv')}"]
            if edges.undirected:
                options += ["--undirected-type", edges.type]
            if edges.time:
                options += ["--time", f"{edges.type}.{edges.time}"]
            if edges.weight:
                options += ["--weight", f"{edges.type}.{edges.weight}"]
        rows = [[None, name] for name in SETS] + [[PERSONS[row], name] for name in SETS for row in SETS[name]]
        options += ["--sets", f"person={self.hedgerow.write(table(['id', 'set'], rows), '.csv')}"]
        store = self.hedgerow.ingest(*options)
        self.hedgerow("delete", store, "--node", f"person={GONE}")
        return store

    def check(self, comparison):
        """Holds what the command says of the store against the values that went in."""
        info = self.hedgerow("info", self.path)
        comparison.equal("nodes", info["nodes"], {type: len(keys) for type, keys in self.keys.items()})
        comparison.equal("edges", info["edges"], {edges.type: len(edges.arcs) for edges in self.edges})
        schema = self.hedgerow("schema", self.path)
        kinds = {(owner["type"], column["name"]): column["kind"]
                 for owner in schema["nodes"] + schema["edges"] for column in owner["columns"]}
        expected = {(type, name): kind for type in self.columns for name, kind in self.columns[type].items()}
        expected |= {(edges.type, name): kind for edges in self.edges for name, kind in edges.columns.items()}
        comparison.bags("columns", kinds.items(), expected.items())
        comparison.bags("edge types", [(e["type"], e["undirected"], e["time"], e["weight"]) for e in schema["edges"]],
                        [(e.type, e.undirected, e.time, e.weight) for e in self.edges])
        sets = {(s["type"], s["name"]): s["count"] for s in info["sets"]}
        comparison.equal("sets", sets, {("person", name): len(rows) for name, rows in SETS.items()})
        for type, keys in self.keys.items():
            found = self.hedgerow.nodes(self.path, type)
            comparison.equal(f"keys of {type}", list(found), [str(key) for key in keys])
            for key, values in zip(keys, self.nodes[type]):
                for name, value in values.items():
                    shown = found[str(key)][name]
                    # Numbers are as short as reads back the same in their precision; vectors as float32.
                    if isinstance(shown, list):
                        shown = [n if n is None else float(numpy.float32(n)) for n in shown]
                    elif isinstance(shown, float) and self.columns[type][name] != "float64":
                        half = self.columns[type][name] == "float16"
                        shown = float((numpy.float16 if half else numpy.float32)(shown))
                    comparison.equal(f"{type} {key!r} {name}", shown, self.as_json(value))
        return "all kinds of columns, keys and sets"

    @staticmethod
    def as_json(value):
        """As `hedgerow nodes --json` has it."""
        if isinstance(value, bytes):
            return "0x" + value.hex()
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if isinstance(value, list):
            with numpy.errstate(over="ignore"):
                numbers = [float(numpy.float32(element)) for element in value]
            return [number if math.isfinite(number) else None for number in numbers]
        return value
