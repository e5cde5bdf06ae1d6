import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// Sparse matrices, edges and features of NumPy's files.
@Suite struct ArrayTests {
  private static let square = EdgeType("node", "edge", "node")
  private static let entry = EdgeType("row", "entry", "column")

  private func ingest(_ path: String, in workspace: Workspace) throws -> Snapshot {
    var options = IngestOptions()
    options.graphs = [.init(path)]
    return try workspace.ingest(options, memory: 64 << 20).graph
  }

  // MARK: Matrices

  /// What `scipy.sparse.save_npz` wrote of [[0, 1.5, 0], [0, 0, 0], [2, 0, -3], [0, 0, 4]].
  private static let scipy = """
    UEsDBC0AAAAIAAAAIQBlzm9Z//////////8LABQAaW5kaWNlcy5ucHkBABAAkAAAAAAAAABKAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxc\
    pG6loG6TaaKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GiY6mjoKtQoUAC5GBghggmIAUEsDBC0AAAAIAAAAIQDFLvsU////\
    //////8KABQAaW5kcHRyLm5weQEAEACUAAAAAAAAAE4AAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNpoq6joJ6WX1RSlJgXn1+U\
    kgoSd0vMKU4FihdnJBakAvkapjqaOgq1ChQALgYgYIRiZiBmAWIAUEsDBC0AAAAIAAAAIQCjw3SX//////////8KABQAZm9ybWF0Lm5w\
    eQEAEACDAAAAAAAAAEUAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgXhNsrK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvka\
    mjoKtQoUAa7k4iIAUEsDBC0AAAAIAAAAIQCEIe9f//////////8JABQAc2hhcGUubnB5AQAQAJAAAAAAAAAASgAAAAAAAACb7BfqGxDJ\
    yFDGUK2eklqcXKRupaBuk2mhrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOpo6CrUKFAAuFgYIYIbSAFBLAwQtAAAACAAA\
    ACEAu6sP3f//////////CAAUAGRhdGEubnB5AQAQAKAAAAAAAAAAVAAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2ahrqOgnpZf\
    VFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RomOpo6CrUKFAAuBjD4YQ+hGRwgFMcBCC3gAABQSwECLQMtAAAACAAAACEAZc5vWUoAAACQ\
    AAAACwAAAAAAAAAAAAAAgAEAAAAAaW5kaWNlcy5ucHlQSwECLQMtAAAACAAAACEAxS77FE4AAACUAAAACgAAAAAAAAAAAAAAgAGHAAAA\
    aW5kcHRyLm5weVBLAQItAy0AAAAIAAAAIQCjw3SXRQAAAIMAAAAKAAAAAAAAAAAAAACAAREBAABmb3JtYXQubnB5UEsBAi0DLQAAAAgA\
    AAAhAIQh719KAAAAkAAAAAkAAAAAAAAAAAAAAIABkgEAAHNoYXBlLm5weVBLAQItAy0AAAAIAAAAIQC7qw/dVAAAAKAAAAAIAAAAAAAA\
    AAAAAACAARcCAABkYXRhLm5weVBLBQYAAAAABQAFABYBAAClAgAAAAA=
    """

  @Test func whatSciPyWroteIsRead() throws {
    let workspace = try Workspace()
    let bytes = Array(try #require(Data(base64Encoded: Self.scipy)))
    let graph = try ingest(workspace.write(bytes, to: "four.npz"), in: workspace)
    #expect(
      try edges(Self.entry, "value", in: graph) == ["0>1 1.5", "2>0 2.0", "2>2 -3.0", "3>2 4.0"])
    #expect(graph.count(of: "row") == 4 && graph.count(of: "column") == 3)
  }

  /// Matrices in each form, against the entries that they were made of.
  @Test(arguments: NumPy.ZipForm.allCases)
  func matricesOfEveryFormAreEdges(form: NumPy.ZipForm) throws {
    var random = RandomStream(seed: printedSeed())
    let workspace = try Workspace()
    for (rows, columns) in [(7, 4), (5, 5), (1, 1), (3, 0)] {
      var entries: [(row: Int, column: Int, value: Int32)] = []
      for row in 0..<rows {
        for column in 0..<columns where random.next(below: 3) == 0 {
          entries.append((row, column, Int32(random.next(below: 100)) - 50))
        }
      }
      let isSquare = rows == columns
      let type = isSquare ? Self.square : Self.entry
      let expected = entries.map { "\($0.row)>\($0.column) \($0.value)" }.sorted()
      for format in ["csr", "csc", "coo"] {
        var listed = entries
        if format == "csc" { listed.sort { ($0.column, $0.row) < ($1.column, $1.row) } }
        if format == "coo" { listed.shuffle(using: &random) }
        var members = [
          ("format.npy", NumPy.npy(text: format)),
          ("shape.npy", NumPy.npy([Int64(rows), Int64(columns)])),
          ("data.npy", NumPy.npy(listed.map(\.value.bigEndian), ">i4", [listed.count])),
        ]
        func add(_ name: String, _ values: [Int]) {
          members.append(
            (name + ".npy", NumPy.npy(values.map { Int32($0) }, "<i4", [values.count])))
        }
        if format == "coo" {
          add("row", listed.map(\.row))
          add("col", listed.map(\.column))
        } else {
          let count = format == "csr" ? rows : columns
          let majors = listed.map { format == "csr" ? $0.row : $0.column }
          add("indices", listed.map { format == "csr" ? $0.column : $0.row })
          add("indptr", (0...count).map { end in majors.count { $0 < end } })
        }
        let path = try workspace.write(NumPy.zip(members, form), to: "m.npz")
        let graph = try ingest(path, in: workspace)
        #expect(try edges(type, "value", in: graph) == expected, "\(format) \(rows) x \(columns)")
        #expect(graph.count(of: type.source) == rows && graph.count(of: type.target) == columns)
      }
    }
  }

  private static func matrix(_ changes: [String: [UInt8]?]) -> [UInt8] {
    var members: [String: [UInt8]] = [
      "format": NumPy.npy(text: "csr"), "shape": NumPy.npy([2, 3]),
      "indptr": NumPy.npy([0, 1, 2]), "indices": NumPy.npy([2, 0]),
      "data": NumPy.npy([Float(1), 2], "<f4", [2]),
    ]
    for (name, bytes) in changes { members[name] = bytes }
    return NumPy.zip(members.sorted { $0.key < $1.key }.map { ($0.key + ".npy", $0.value) })
  }

  @Test func mangledMatricesAreRefusedWithTheArray() throws {
    let workspace = try Workspace()
    let cases: [([String: [UInt8]?], String, String)] = [
      (["format": NumPy.npy(text: "bsr")], "m.npz:format", "'bsr'"),
      (["format": NumPy.npy([1])], "m.npz:format", "no short text"),
      (["format": [UInt8]?.none], "m.npz", "no matrix of scipy"),
      (["shape": NumPy.npy([2])], "m.npz:shape", "no shape"),
      (["shape": NumPy.npy([2, -3])], "m.npz:shape", "no shape"),
      (["shape": NumPy.npy([2, 1 << 40])], "m.npz:shape", "2^32"),
      (["indptr": NumPy.npy([0, 1])], "m.npz:indptr", "needs 3"),
      (["indptr": NumPy.npy([1, 1, 2])], "m.npz:indptr", "begin with 0"),
      (["indptr": NumPy.npy([0, 2, 1])], "m.npz:indptr[2]", "goes down"),
      (["indptr": NumPy.npy([0, 1, 3])], "m.npz:indptr[2]", "beyond the 2"),
      (["indptr": NumPy.npy([0, 1, 1])], "m.npz:indptr", "ends at 1"),
      (["indices": NumPy.npy([2, 3])], "m.npz:indices[1]", "'3'"),
      (["indices": NumPy.npy([2, -1])], "m.npz:indices[1]", "'-1'"),
      (["indices": NumPy.npy([Float(2), 0.5], "<f4", [2])], "m.npz:indices[1]", "'0.5'"),
      (["indices": [UInt8]?.none], "m.npz", "no array 'indices'"),
      (["data": NumPy.npy([Float(1)], "<f4", [1])], "m.npz:data", "less than"),
      (["data": NumPy.npy([1, 2, 3])], "m.npz:data", "more elements"),
      (["data": NumPy.npy([UInt64(0), 0, 0], "|O", [3])], "m.npz:data", "pickled"),
      (["data": NumPy.npy([1.0, 2, 3, 4], "<c16", [2])], "m.npz:data", "complex"),
      (["data": NumPy.npy([Float(1), 2], "<f4", [2, 1])], "m.npz:data", "two dimensions"),
    ]
    for (changes, place, part) in cases {
      let path = try workspace.write(Self.matrix(changes), to: "m.npz")
      expectRefused(at: place, part) { _ = try ingest(path, in: workspace) }
    }
    // An entry that is there twice.
    let twice = Self.matrix(["indices": NumPy.npy([2, 2]), "indptr": NumPy.npy([0, 2, 2])])
    #expect(throws: HedgerowError.self) {
      _ = try ingest(workspace.write(twice, to: "m.npz"), in: workspace)
    }
  }

  // MARK: Archives

  @Test(arguments: NumPy.ZipForm.allCases)
  func archivesThatAreCutOrFlippedAreRefused(form: NumPy.ZipForm) throws {
    let workspace = try Workspace()
    let whole = NumPy.zip(
      [
        ("format.npy", NumPy.npy(text: "coo")), ("shape.npy", NumPy.npy([2, 2])),
        ("row.npy", NumPy.npy([1])), ("col.npy", NumPy.npy([0])), ("data.npy", NumPy.npy([5])),
      ], form)
    var random = RandomStream(seed: printedSeed())
    for _ in 0..<60 {
      let isCut = random.next(below: 2) == 0
      let place = Int(random.next(below: UInt64(whole.count)))
      var bytes = isCut ? Array(whole[..<place]) : whole
      if !isCut { bytes[place] ^= 1 << UInt8(random.next(below: 8)) }
      let path = try workspace.write(bytes, to: "m.npz")
      do {
        // What nobody looks at may be flipped.
        let graph = try ingest(path, in: workspace)
        #expect(try edges(Self.square, "value", in: graph) == ["1>0 5"] && !isCut)
      } catch let error as HedgerowError {
        #expect(error.code == .badData && error.place?.contains("m.npz") == true, "\(error)")
      }
    }
  }

  // MARK: Edges

  @Test func arraysOfPairsAreEdges() throws {
    let workspace = try Workspace()
    var random = RandomStream(seed: printedSeed())
    let type = EdgeType("a", "r", "b")
    let pairs = (0..<1000).map { _ in (Int(random.next(below: 50)), Int(random.next(below: 9)) - 4)
    }
    let expected = pairs.map { "\($0.0)>\($0.1)" }.sorted()
    let long = pairs.flatMap { [$0.0, $0.1] }.map { Int32($0) }
    let wide = (pairs.map(\.0) + pairs.map(\.1)).map { Int64($0).bigEndian }
    let arrays = [
      NumPy.npy(long, "<i4", [1000, 2]), NumPy.npy(wide, ">i8", [2, 1000]),
      NumPy.npy(long, "<i4", [2, 1000], fortran: true),
      NumPy.npy(wide, ">i8", [1000, 2], fortran: true),
    ]
    for bytes in arrays {
      for isArchive in [false, true] {
        var options = IngestOptions()
        let path =
          isArchive
          ? try workspace.write(
            NumPy.zip([("x.npy", bytes), ("y.npy", NumPy.npy([1]))]), to: "e.npz") + ":x"
          : try workspace.write(bytes, to: "e.npy")
        options.edges = [.init(type, path)]
        #expect(try edges(type, in: workspace.ingest(options).graph) == expected)
      }
    }
    // Of two rows and two columns the rows are the ends.
    var options = IngestOptions()
    options.edges = [
      .init(type, try workspace.write(NumPy.npy([1, 2, 3, 4], "<i8", [2, 2]), to: "e.npy"))
    ]
    #expect(try edges(type, in: workspace.ingest(options).graph) == ["1>3", "2>4"])
    for (bytes, part) in [
      (NumPy.npy([1, 2, 3]), "shape 3"), (NumPy.npy([1, 2, 3], "<i8", [1, 3]), "shape 1 x 3"),
      (NumPy.npy([Float(1), 2], "<f4", [2, 1]), "float32"),
      (NumPy.npy([UInt64(1), 2], "|O", [2, 1]), "pickled"),
    ] {
      options.edges = [.init(type, try workspace.write(bytes, to: "e.npy"))]
      expectRefused(at: "e.npy", part) { try workspace.ingest(options) }
    }
  }

  // MARK: Features

  @Test func arraysOfEveryKindBecomeColumns() throws {
    let workspace = try Workspace()
    let archive = try workspace.write(
      NumPy.zip(
        [
          ("d.npy", NumPy.npy([0.1, 2, 1e-50, -4], "<f8", [2, 2])),
          ("f.npy", NumPy.npy([Float(1), 2, 3, 4], "<f4", [2, 2], fortran: true)),
          ("b.npy", NumPy.npy([UInt8(1), 0, 0, 1], "|b1", [2, 2])),
          ("s.npy", NumPy.npy([Int16(1), -2, 3, 4], "<i2", [2, 2])),
          ("i.npy", NumPy.npy([Int32(7), 8], "<i4", [2])),
          ("y.npy", NumPy.npy([UInt8(1), 0], "|b1", [2])),
        ], .init(isDeflated: true)), to: "x.npz")
    let single = try workspace.write(
      NumPy.zip([("arr_0.npy", NumPy.npy([1.5, 2.5], "<f8", [2]))]), to: "one.npz")
    var options = IngestOptions()
    options.features = "dfbsiy".map { .init("n", String($0), "\(archive):\($0)") }
    options.features.append(.init("n", "one", single))
    let graph = try workspace.ingest(options).graph
    #expect(
      columns("n", in: graph) == [
        "d:float32[2]", "f:float32[2]", "b:uint8[2]", "s:float32[2]", "i:int32", "y:bool",
        "one:float64",
      ])
    #expect(
      try nodes("n", "d", "f", "b", "s", "i", "y", "one", in: graph) == [
        "0 0.1;2.0 1.0;3.0 1.0;0.0 1.0;-2.0 7 true 1.5",
        "1 0.0;-4.0 2.0;4.0 0.0;1.0 3.0;4.0 8 false 2.5",
      ])
    for (name, bytes, part) in [
      ("x.npz:x", NumPy.npy([1e300], "<f8", [1, 1]), "does not hold"),
      ("x.npz:x", NumPy.npy([Double.nan], "<f8", [1, 1]), "finite"),
      ("x.npz:x", NumPy.npy([Int32(16_777_217)], "<i4", [1, 1]), "exactly"),
      ("x.npz:x", NumPy.npy([Float](), "<f4", [3, 0]), "no elements"),
      ("x.npz", NumPy.npy([1]), "no array 'x'"),
    ] {
      let path = try workspace.write(
        NumPy.zip([(name == "x.npz" ? "z.npy" : "x.npy", bytes)]), to: "x.npz")
      options.features = [.init("n", "x", path + ":x")]
      expectRefused(at: name, part) { try workspace.ingest(options) }
    }
    options.features = [.init("n", "x", try workspace.write(NumPy.zip([]), to: "x.npz"))]
    expectRefused(at: "x.npz", "0 arrays") { try workspace.ingest(options) }
  }
}
