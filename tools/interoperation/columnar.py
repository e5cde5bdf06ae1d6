"""Tables as files of columns: exports read by pyarrow, and what pyarrow writes read by `hedgerow ingest`."""

import datetime
import decimal
import math
import os
import uuid

import numpy
import pyarrow
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet

from exports import element, export, is_vector, read_csv
from imports import check_nodes
from store import PERSONS, SETS, TEXTS

EPOCH = datetime.datetime(1970, 1, 1)

# MARK: Out

TYPES = {
    "bool": pyarrow.bool_(), "int8": pyarrow.int8(), "int16": pyarrow.int16(), "int32": pyarrow.int32(),
    "int64": pyarrow.int64(), "uint8": pyarrow.uint8(), "float16": pyarrow.float16(), "float32": pyarrow.float32(),
    "float64": pyarrow.float64(), "bfloat16": pyarrow.float32(), "int8*0.0078125": pyarrow.float32(),
    "int8*0.25": pyarrow.float32(), "string": pyarrow.string(), "categorical": pyarrow.string(),
    "bytes": pyarrow.binary(), "timestamp[s]": pyarrow.int64(), "timestamp[ms]": pyarrow.timestamp("ms", "UTC"),
    "timestamp[us]": pyarrow.timestamp("us", "UTC"), "timestamp[ns]": pyarrow.timestamp("ns", "UTC"),
}


def values(column):
    """Timestamps as ticks, UUIDs as texts."""
    if pyarrow.types.is_timestamp(column.type):
        column = column.cast(pyarrow.int64())
    found = column.to_pylist()
    return [str(value) if isinstance(value, uuid.UUID) else value for value in found]


def check_table(comparison, what, table, keys, kinds):
    """The columns of a table by their names; keys are checked by whoever calls."""
    comparison.equal(f"{what}: columns", table.column_names, keys + list(kinds))
    noted = table.schema.metadata[b"hedgerow.columns"].decode().split(",")
    comparison.equal(f"{what}: kinds", noted[len(keys):], [f"{name}:{kind}" for name, kind in kinds.items()])
    for name, kind in kinds.items():
        found = table.schema.field(name).type
        if is_vector(kind):
            comparison.equal(f"{what}: {name} is a list", pyarrow.types.is_list(found), True)
            found = found.value_type
        comparison.equal(f"{what}: type of {name}", str(found), str(TYPES[element(kind)]))
    return {name: values(table.column(name)) for name in table.column_names}


def check_parquet_export(comparison, store):
    files, _ = export(store, "parquet")
    for type, keys in store.keys.items():
        table = pyarrow.parquet.read_table(os.path.join(files, f"nodes-{type}.parquet"))
        found = check_table(comparison, type, table, ["id"], store.columns[type])
        comparison.equal(f"keys of {type}", found["id"], keys)
        for name in store.columns[type]:
            for key, value, row in zip(keys, found[name], store.nodes[type]):
                comparison.equal(f"{type} {key!r} {name}", value, row[name])
    for edges in store.edges:
        table = pyarrow.parquet.read_table(os.path.join(files, f"edges-{edges.type.replace(':', '-')}.parquet"))
        found = check_table(comparison, edges.type, table, ["source", "target"], edges.columns)
        rows = list(zip(*found.values()))
        expected = [(store.keys[edges.source][s], store.keys[edges.target][t], *row.values())
                    for s, t, row in edges.rows]
        comparison.bags(edges.type, rows, expected)
    _, *rows = read_csv(os.path.join(files, "sets-person.csv"))
    members = [[PERSONS[row], name] for name in SETS for row in SETS[name]]
    comparison.bags("sets", rows, members + [["", name] for name in SETS])
    return "columns, types, notes, null, vectors, keys"


# MARK: In




def make_columns(count, dictionaries=True):
    """A column of each type that is read: its array, and what `hedgerow nodes --json` says of each value."""

    def column(kind, pool, said=None):
        array = pyarrow.array([pool[row % len(pool)] for row in range(count)], kind)
        said = said or (lambda value: value)
        shown = [None if pool[row % len(pool)] is None else said(pool[row % len(pool)]) for row in range(count)]
        return array, shown

    def ticks(per_second):
        return lambda moment: (moment - EPOCH) // datetime.timedelta(microseconds=1) * per_second // 10**6

    finite = lambda value: value if math.isfinite(value) else None
    days = lambda date: (date - EPOCH.date()).days * 86400
    hexadecimal = lambda value: "0x" + value.hex()
    moments = [EPOCH - datetime.timedelta(microseconds=1), EPOCH + datetime.timedelta(days=20000, microseconds=123456),
               None]
    seconds = [moment and moment.replace(microsecond=0) for moment in moments]
    millis = [moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in moments]
    joined = lambda parts: ";".join("" if part is None else str(part) for part in parts)
    columns = {
        "flag": column(pyarrow.bool_(), [True, None, False]),
        "i8": column(pyarrow.int8(), [-128, 127, None]),
        "i16": column(pyarrow.int16(), [-32768, None, 32767]),
        "i32": column(pyarrow.int32(), [None, -(2**31), 2**31 - 1]),
        "i64": column(pyarrow.int64(), [-(2**63), 2**63 - 1, 2**53 + 1, None]),
        "u8": column(pyarrow.uint8(), [0, 255, None]),
        "u16": column(pyarrow.uint16(), [0, 65535, None]),
        "u32": column(pyarrow.uint32(), [0, 2**32 - 1, None]),
        "u64": column(pyarrow.uint64(), [0, 2**63 - 1, None]),
        "f16": column(pyarrow.float16(), [numpy.float16(v) for v in (65504, 2**-24, -0.0)] + [None], float),
        "f32": column(pyarrow.float32(), [3.4028234663852886e38, 2.0**-149, 0.1, -0.0, math.nan, None],
                      lambda value: finite(float(numpy.float32(value)))),
        "f64": column(pyarrow.float64(), [0.1, 5e-324, -0.0, math.nan, -math.inf, 1e23, None], finite),
        "text": column(pyarrow.string(), TEXTS + [None]),
        "long": column(pyarrow.large_string(), TEXTS[::-1] + [None]),
        "bytes": column(pyarrow.binary(), [b"", b"\0\xff\n", None], hexadecimal),
        "fixed": column(pyarrow.binary(5), [b"\0abc\xff", None], hexadecimal),
        "day": column(pyarrow.date32(), [datetime.date(1969, 12, 31), None, datetime.date(2024, 2, 29)], days),
        "clock": column(pyarrow.time64("us"), [datetime.time(23, 59, 59, 7), None],
                        lambda time: (datetime.datetime.combine(EPOCH, time) - EPOCH) // datetime.timedelta(microseconds=1)),
        "ms": column(pyarrow.timestamp("ms"), millis, ticks(10**3)),
        "us": column(pyarrow.timestamp("us", "Europe/Zurich"), moments, ticks(10**6)),
        "ns": column(pyarrow.timestamp("ns"), moments, ticks(10**9)),
        "s": column(pyarrow.timestamp("s"), seconds, ticks(1)),
        "price": column(pyarrow.decimal128(9, 2), [decimal.Decimal("-12.34"), None, decimal.Decimal("0.10")], float),
        "v": column(pyarrow.list_(pyarrow.float32()), [[0.5, -0.0], [1.0, 2.0]]),
        "w": column(pyarrow.list_(pyarrow.float64(), 2), [[0.5, 1e30], None],
                    lambda value: [float(numpy.float32(part)) for part in value]),
        "bytewise": column(pyarrow.list_(pyarrow.uint8()), [[0, 255, 7]], lambda value: [float(v) for v in value]),
        "ragged": column(pyarrow.list_(pyarrow.int32()), [[1], [2, 3], None, [4, None]], joined),
    }
    if dictionaries:
        array, shown = column(pyarrow.string(), ["red", "", None, "grün", "red"])
        columns["color"] = array.dictionary_encode(), shown
    return columns


def check_arrays(comparison, hedgerow, what, nodes, edges, columns, keys, arcs):
    """The two files as a graph."""
    store = hedgerow.ingest("--nodes", f"a={nodes}", "--edges", f"a:r:a={edges}")
    expected = {key: {name: shown[row] for name, (_, shown) in columns.items()} for row, key in enumerate(keys)}
    found = hedgerow.nodes(store, "a")
    for row in found.values():
        for name, value in row.items():
            # Shown as short as reads back the same in the column's precision.
            if name in ("f16", "f32") and value is not None:
                row[name] = float((numpy.float16 if name == "f16" else numpy.float32)(value))
            elif isinstance(value, list):
                row[name] = [float(numpy.float32(part)) for part in value]
    check_nodes(comparison, what, found, expected)
    comparison.bags(f"{what}: edges", hedgerow.edges(store), arcs)


def make_tables(dictionaries=True):
    keys = [text for text in TEXTS if text]
    columns = make_columns(len(keys), dictionaries)
    nodes = pyarrow.table({"id": pyarrow.array(keys), **{name: array for name, (array, _) in columns.items()}})
    ends = list(zip(keys, keys[1:] + keys[:1])) + [(keys[0], keys[0])]
    edges = pyarrow.table({
        "source": pyarrow.array([s for s, _ in ends]), "target": pyarrow.array([t for _, t in ends]),
        "w": pyarrow.array([row / 3 for row in range(len(ends))]),
        "n": pyarrow.array([None if row % 3 else row for row in range(len(ends))], pyarrow.int16())})
    arcs = [("r", s, t, {"w": row / 3} | ({} if row % 3 else {"n": row})) for row, (s, t) in enumerate(ends)]
    return keys, columns, nodes, edges, arcs


def check_parquet(comparison, hedgerow):
    keys, columns, nodes, edges, arcs = make_tables()
    delta = {name: "DELTA_BINARY_PACKED" for name in ("i32", "i64", "u32", "us")}
    delta |= {"text": "DELTA_BYTE_ARRAY", "id": "DELTA_LENGTH_BYTE_ARRAY", "f64": "BYTE_STREAM_SPLIT"}
    for what, options in {
        "as it comes": {},
        "plain": {"use_dictionary": False, "compression": "none"},
        "gzip, small row groups": {"compression": "gzip", "row_group_size": 3},
        "zstd, pages of version 2": {"compression": "zstd", "data_page_version": "2.0", "write_batch_size": 2,
                                     "data_page_size": 64},
        "delta encodings": {"use_dictionary": False, "column_encoding": delta},
        "format 1.0, INT96": {"version": "1.0", "use_deprecated_int96_timestamps": True},
        "checksums, lists of old": {"write_page_checksum": True, "use_compliant_nested_type": False},
    }.items():
        paths = [hedgerow.new(".parquet") for _ in range(2)]
        for path, table in zip(paths, (nodes, edges)):
            names = set(table.column_names)
            chosen = dict(options)
            if "column_encoding" in chosen:
                chosen["column_encoding"] = {n: e for n, e in delta.items() if n in names} or None
            pyarrow.parquet.write_table(table, path, **chosen)
        shown = dict(columns)
        if options.get("version") == "1.0":
            # Every time is INT96, which counts nanoseconds.
            for name, factor in {"ms": 10**6, "us": 10**3, "s": 10**9}.items():
                shown[name] = columns[name][0], [v and v * factor for v in columns[name][1]]
        else:
            # Parquet has no times in seconds: pyarrow makes them milliseconds.
            shown["s"] = columns["s"][0], [v and v * 1000 for v in columns["s"][1]]
        check_arrays(comparison, hedgerow, what, *paths, shown, keys, arcs)
    return "24 types and lists; codecs, encodings, pages of both versions"


def check_arrow(comparison, hedgerow):
    keys, columns, nodes, edges, arcs = make_tables()

    def write(make, table, path, size):
        with make(path, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=size)

    for what, codec, make, ending in [
        ("file", None, pyarrow.ipc.new_file, ".arrow"),
        ("file, zstd", "zstd", pyarrow.ipc.new_file, ".arrow"),
        ("stream", None, pyarrow.ipc.new_stream, ".arrows"),
        ("stream, zstd", "zstd", pyarrow.ipc.new_stream, ".arrows"),
        ("stream, lz4", "lz4", pyarrow.ipc.new_stream, ".arrows"),
    ]:
        options = pyarrow.ipc.IpcWriteOptions(compression=codec)
        for size in (1000, 3):
            paths = [hedgerow.new(ending) for _ in range(2)]
            for path, table in zip(paths, (nodes, edges)):
                write(make, table, path, size)
            check_arrays(comparison, hedgerow, f"{what} of {size}", *paths, columns, keys, arcs)
    for codec in ("zstd", "lz4", "uncompressed"):
        paths = [hedgerow.new(".feather") for _ in range(2)]
        for path, table in zip(paths, (nodes, edges)):
            pyarrow.feather.write_feather(table, path, compression=codec, chunksize=7)
        check_arrays(comparison, hedgerow, f"feather, {codec}", *paths, columns, keys, arcs)
    return "24 types and lists; files, streams, Feather; none, zstd and LZ4"
