import HedgerowCore
import HedgerowGraph
import HedgerowLMDB
import HedgerowMapped

/// What `verify` found.
public struct VerifyReport: Sendable {
  /// A damaged place.
  public struct Problem: Hashable, Sendable {
    public var file: String
    /// Bytes from the file's start, where that is known.
    public var offset: Int?
    public var what: String

    public init(file: String, offset: Int?, what: String) {
      self.file = file
      self.offset = offset
      self.what = what
    }
  }
  public var checkedByteCount = 0
  /// The first 1,000 problems.
  public var problems: [Problem] = []
  public var isClean: Bool { problems.isEmpty }

  public init() {}
}

/// Reads a whole store and proves what hot paths only bound.
///
/// First `data.mdb`, page by page and without LMDB, which would trip over a damaged one
/// (`LMDBFileCheck`): what is broken there ends the verification. Then every page of every segment
/// against its checksum, every count against the manifest; then that offsets rise, that neighbors and
/// codes are in range, that rows are sorted, that both indices of an edge type hold the same edges, that
/// key dictionaries rise strictly, and that an index of values says what its column says. Reads a
/// segment's pages in order, a 1 MiB window at a time; memory does not grow with the store, but for one
/// bit a key and what an index has for a value.
public struct StoreVerifier {
  let store: GraphStore
  private let progress: (Int) throws -> Void
  private var report = VerifyReport()

  static let problemLimit = 1000

  /// Verifies a store that need not be in a state to be opened.
  ///
  /// - Parameter progress: called with the bytes checked since the last call; may throw to stop.
  /// - Throws: `noInput` when there is no store, `newerFormat` when this build is too old for it.
  ///   Damage is reported and not thrown.
  public static func verify(
    at path: String, progress: (Int) throws -> Void = { _ in }
  ) throws -> VerifyReport {
    try GraphStore.requireStore(at: path)
    return try verify(path, progress) { try GraphStore.open(at: path, .readOnly) }
  }

  /// Verifies a store that is open.
  ///
  /// - Parameter progress: called with the bytes checked since the last call; may throw to stop.
  public static func verify(
    _ store: GraphStore, progress: (Int) throws -> Void = { _ in }
  ) throws -> VerifyReport {
    try verify(store.path, progress) { store }
  }

  /// About the bytes that ``verify(at:progress:)`` will read, for a progress bar.
  public static func byteCount(at path: String) throws -> Int {
    try GraphStore.requireStore(at: path)
    let segments = "\(path)/\(StoreLayout.segmentsDirectory)"
    let names = FileSystem.isDirectory(segments) ? try FileSystem.names(in: segments) : []
    return try names.reduce(FileSystem.byteCount(of: "\(path)/\(StoreLayout.dataFile)")) {
      $0 + ((try? FileSystem.byteCount(of: "\(segments)/\($1)")) ?? 0)
    }
  }

  private static func verify(
    _ path: String, _ progress: (Int) throws -> Void, open: () throws -> GraphStore
  ) throws -> VerifyReport {
    try withoutActuallyEscaping(progress) { progress in
      var report = VerifyReport()
      func note(_ error: HedgerowError) {
        report.problems.append(
          .init(file: FileSystem.name(of: error.place ?? path), offset: nil, what: error.message))
      }
      let tables = try checkData(path, &report, progress)
      guard report.isClean else { return report }
      let wrongTables = StoreTables().problems(ofNames: tables)
      do {
        let store = try open()
        // What this build does not know it cannot verify.
        try store.state().record.requireWritable(at: path)
        var verifier = StoreVerifier(store: store, progress: progress)
        verifier.report = report
        try verifier.run()
        report = verifier.report
      } catch let error as HedgerowError where error.code == .damaged {
        note(error)
      } catch let error as HedgerowError
        where error.code == .noInput && !wrongTables.isEmpty
      {
        note(error)
      }
      report.problems += wrongTables.map {
        .init(file: StoreLayout.dataFile, offset: nil, what: $0)
      }
      return report
    }
  }

  /// Checks `data.mdb`; returns its tables' names.
  private static func checkData(
    _ path: String, _ report: inout VerifyReport, _ progress: (Int) throws -> Void
  ) throws -> Set<String> {
    // A walk that is begun anew reads the file again; the bar does not go on beyond it.
    let byteCount = try FileSystem.byteCount(of: "\(path)/\(StoreLayout.dataFile)")
    var rest = byteCount
    let check = try LMDBFileCheck(path) { count in
      try progress(min(count, rest))
      rest -= min(count, rest)
    }
    try progress(rest)
    report.checkedByteCount += check.checkedByteCount
    report.problems += check.problems.map {
      .init(file: StoreLayout.dataFile, offset: $0.offset, what: $0.what)
    }
    return Set(check.tableNames)
  }

  private init(store: GraphStore, progress: @escaping (Int) throws -> Void) {
    self.store = store
    self.progress = progress
  }

  private mutating func run() throws {
    let snapshot = try store.snapshot()
    let state = snapshot.state
    try catching { _ in
      _ = try snapshot.modelNames().map { try snapshot.model(named: $0) }
      for node in snapshot.schema.nodes {
        for name in snapshot.setNames(of: node.type) {
          _ = try snapshot.set(named: name, of: node.type)
        }
      }
    }
    try catching { try $0.verifyChanges() }
    var damaged: Set<SegmentID> = []
    for record in state.manifest {
      if try !verifyPages(of: record, in: state) { damaged.insert(record.id) }
    }
    // Contents only where the bytes are the ones that were written.
    for node in state.catalog.nodes {
      func isWhole(_ part: SegmentID.Part, _ column: UInt16 = 0) -> Bool {
        !damaged.contains { $0.part == part && $0.type == node.id && $0.column == column }
      }
      if isWhole(.keys) {
        try catching { _ in try snapshot.keys(of: NodeType(node.name)).verifyContents() }
      }
      for column in node.columns
      where isWhole(.nodeColumn, column.id) && isWhole(.nodeDictionary, column.id) {
        try verify(
          column, .node, node.id, rows: state.count(of: node).total, of: node.name, snapshot)
        guard isWhole(.nodeIndex, column.id) else { continue }
        try catching { _ in
          try snapshot.segments.column(
            .node, node.id, column, place: "\(node.name).\(column.name)"
          ).verifyIndex()
        }
      }
    }
    for edge in state.catalog.edges {
      func isWhole(_ part: SegmentID.Part, _ column: UInt16 = 0) -> Bool {
        !damaged.contains { $0.part == part && $0.type == edge.id && $0.column == column }
      }
      if isWhole(.adjacencyIn), isWhole(.adjacencyOut) {
        try catching { _ in try AdjacencyVerifier(snapshot, edge).verify() }
      }
      for column in edge.columns
      where isWhole(.edgeColumn, column.id) && isWhole(.edgeDictionary, column.id) {
        try verify(
          column, .edge, edge.id, rows: state.count(of: edge).total, of: "\(edge.type)", snapshot)
      }
    }
  }

  /// Runs one check; damage is written down, anything else is thrown on.
  private mutating func catching(_ body: (inout StoreVerifier) throws -> Void) throws {
    do {
      try body(&self)
    } catch let error as HedgerowError where error.code == .damaged || error.code == .newerFormat {
      note(error.place ?? store.path, nil, error.message)
    }
  }

  private mutating func note(_ file: String, _ offset: Int?, _ what: String) {
    guard report.problems.count < Self.problemLimit else { return }
    report.problems.append(.init(file: FileSystem.name(of: file), offset: offset, what: what))
  }

  /// Whether every page is as it was written.
  private mutating func verifyPages(of record: SegmentRecord, in state: StoreState) throws -> Bool {
    let before = report.problems.count
    try catching { verifier in
      let segment = try state.openSegment(record, record.id.kind, in: verifier.store.files)
      var problems: [(Int, String)] = []
      try segment.verifyPages(
        onProgress: { try verifier.progress($0) }, visit: { problems.append(($0, $1)) })
      verifier.report.checkedByteCount += segment.byteCount
      for (offset, what) in problems { verifier.note(segment.path, offset, what) }
    }
    return report.problems.count == before
  }

  private mutating func verify(
    _ column: ColumnRecord, _ owner: Owner, _ type: UInt16, rows: UInt64,
    of name: String, _ snapshot: Snapshot
  ) throws {
    try catching { _ in
      let stored = try snapshot.column(
        owner, type, column, rows: rows, place: "\(name).\(column.name)")
      guard stored.rowCount == rows else {
        throw HedgerowError(
          .damaged, "column '\(name).\(column.name)' has \(stored.rowCount) rows of \(rows)",
          at: "data.mdb table manifest")
      }
      try stored.verifyContents()
    }
  }
}

/// Checks the two indices of an edge type against each other.
private struct AdjacencyVerifier {
  let snapshot: Snapshot
  let edge: EdgeTypeRecord

  init(_ snapshot: Snapshot, _ edge: EdgeTypeRecord) {
    self.snapshot = snapshot
    self.edge = edge
  }

  /// A sum over all edges that does not depend on their order.
  private struct Fingerprint: Equatable {
    var sum: UInt64 = 0
    var count = 0
    mutating func add(source: UInt32, target: UInt32) {
      sum &+= RandomStream.mix(
        RandomStream.mix(UInt64(source) << 32 | UInt64(target)) &+ 0x9E37_79B9_7F4A_7C15)
      count += 1
    }
  }

  func verify() throws {
    let out = try walk(.out)
    let into = try walk(.in)
    guard out == into else {
      throw HedgerowError(
        .damaged, "the two indices of '\(edge.type)' hold different edges",
        at: "data.mdb table manifest")
    }
  }

  private func walk(_ index: AdjacencyIndex) throws -> Fingerprint {
    let adjacency = try snapshot.adjacency(edge, index)
    let isTimed = index == .in && edge.timeColumn != nil
    let rowCount = snapshot.count(of: index == .out ? edge.type.source : edge.type.target)
    let storesPositions = index == .in && !edge.columns.isEmpty
    var print = Fingerprint()
    let step = 1 << 12
    for start in stride(from: 0, to: rowCount, by: step) {
      let rows = (start..<min(rowCount, start + step)).map { UInt32($0) }
      var extents = [Extent](repeating: Extent(start: 0, count: 0), count: rows.count)
      do {
        var span = extents.mutableSpan
        try adjacency.index.extents(of: rows.span, into: &span)
      }
      for (row, extent) in zip(rows, extents) {
        try walk(
          row, extent, index, adjacency, isSorted: !isTimed, storesPositions: storesPositions,
          into: &print)
      }
    }
    return print
  }

  /// One row, a few thousand entries at a time: a hub may be larger than memory.
  private func walk(
    _ row: UInt32, _ extent: Extent, _ index: AdjacencyIndex, _ adjacency: SnapshotAdjacency,
    isSorted: Bool, storesPositions: Bool, into print: inout Fingerprint
  ) throws {
    var previous: UInt32 = 0
    let step: UInt64 = 1 << 16
    for start in stride(from: 0, to: UInt64(extent.count), by: Int(step)) {
      let addresses = (start..<min(UInt64(extent.count), start + step)).map { extent.start + $0 }
      var neighbors = [UInt32](repeating: 0, count: addresses.count)
      do {
        var span = neighbors.mutableSpan
        try adjacency.index.read(addresses.span, into: &span)
      }
      for neighbor in neighbors {
        guard !isSorted || neighbor >= previous else {
          throw HedgerowError(
            .damaged, "row \(row) of the \(index) index of '\(edge.type)' is not sorted",
            at: "segments")
        }
        previous = neighbor
        if index == .out {
          print.add(source: row, target: neighbor)
        } else {
          print.add(source: neighbor, target: row)
        }
      }
      guard storesPositions else { continue }
      for address in addresses {
        let neighbor = neighbors[Int(address - addresses[0])]
        let position = try adjacency.position(at: address, row: row, neighbor: neighbor)
        guard position < snapshot.state.count(of: edge).total else {
          throw HedgerowError(
            .damaged, "row \(row) of '\(edge.type)' has no place in the out order", at: "segments")
        }
      }
    }
  }
}
