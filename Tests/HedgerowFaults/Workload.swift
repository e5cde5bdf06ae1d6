import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowMapped
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport
import Synchronization

/// Something that a program does to a store, acknowledged when it returns.
///
/// Each may be done any number of times, and makes another content each time.
enum Operation: String, CaseIterable, Sendable {
  /// Makes an empty store.
  case create
  /// Ingests the first types; makes the store when there is none.
  case ingest
  /// Ingests a node type and an edge type that are new.
  case type
  /// Adds nodes and edges to the first types.
  case append
  /// Names a set of nodes, or replaces it.
  case set
  /// Saves a model, or replaces it.
  case model
  /// Writes a column as a model's prediction, or replaces it.
  case column
  /// Ingests a file with a line that cannot be used, and is refused. Changes nothing.
  case refused
  /// Makes nodes and edges, sets properties and members, in one transaction.
  case insert
  /// Deletes a node and edges in one transaction.
  case delete
  /// Folds transactions into segments. Changes nothing that can be read.
  case compact
  /// Adds a column, and drops the one before.
  case schema
  /// Threads insert at once and share commits; each is acknowledged by itself.
  case together

  /// What can follow on a store that holds the first types.
  static let following: [Operation] = [
    .type, .append, .set, .model, .column, .refused, .insert, .delete, .compact, .schema,
    .together,
  ]
}

/// Operations one after the other, with the data that they need.
struct Workload: Sendable {
  /// How much data.
  enum Size: String, Sendable {
    /// As few files and bytes as can be.
    case tiny
    /// Columns of all kinds, text keys, several node ranges.
    case rich
  }

  var size: Size
  var seed: UInt64
  var operations: [Operation]

  static let item: NodeType = "item"
  static let related = EdgeType("item", "related", "item")

  /// What is over, as a number in the log.
  enum Progress {
    /// So many operations.
    case done(Int)
    /// So many operations, of which the last one failed.
    case failed(Int)
    /// A part of the operation that is going on.
    case part

    var mark: Int64 {
      switch self {
      case .done(let count): Int64(count)
      case .failed(let count): -Int64(count)
      case .part: .max
      }
    }
  }

  /// What to do when the disk fails an operation.
  enum Perseverance { case stop, goOn }

  /// - Parameters:
  ///   - inputs: a directory for the files that are ingested.
  ///   - first: the first operation's number, which makes it another one.
  ///   - onProgress: called after each operation, and for each part of one that is acknowledged.
  func run(
    at path: String, inputs: String, _ perseverance: Perseverance = .stop, from first: Int = 0,
    onProgress: @Sendable (Progress) -> Void
  ) throws {
    for (step, operation) in zip(first..., operations) {
      do {
        try run(operation, step, path, inputs, onProgress)
        onProgress(.done(step + 1))
      } catch let error as HedgerowError where operation == .refused && error.code == .badData {
        onProgress(.done(step + 1))
      } catch is HedgerowError where perseverance == .goOn {
        onProgress(.failed(step + 1))
      }
    }
  }

  private func random(_ step: Int) -> RandomStream {
    RandomStream(seed: seed).derive(UInt64(step))
  }

  private func run(
    _ operation: Operation, _ step: Int, _ path: String, _ inputs: String,
    _ onProgress: @Sendable (Progress) -> Void
  ) throws {
    switch operation {
    case .create: _ = try GraphStore.create(at: path, rangeBits: 6)
    case .ingest, .type, .append, .refused:
      try Ingest.run(
        try files(for: operation, step, in: inputs).options, into: path,
        budget: MemoryBudget(total: 64 << 20), pool: ThreadPool(threadCount: size == .tiny ? 1 : 2))
    case .set: try set(step, path)
    case .model:
      var random = random(step)
      let count = size == .tiny ? 10 : Int(random.next(below: 20_000))
      try build(path) { build, _ in
        try build.saveModel(
          ModelRecord(
            name: "model-\(step % 2)", specification: Array("{}".utf8),
            weights: (0..<count).map { _ in UInt8(random.next(below: 256)) }))
      }
    case .column: try column(step, path)
    case .insert: try insert(step, path)
    case .delete: try delete(step, path)
    case .compact: try GraphStore.open(at: path).compact()
    case .schema: try changeSchema(step, path)
    case .together: try insertTogether(step, path, onProgress)
    }
  }

  private func insertTogether(
    _ step: Int, _ path: String, _ onProgress: @Sendable (Progress) -> Void
  ) throws {
    let store = try GraphStore.open(at: path)
    let failure = Mutex<(any Error)?>(nil)
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      do {
        for number in 0..<2 {
          let key = (step * 10 + thread) * 10 + number + 10_000
          try store.write { txn in
            let node = try txn.insert(
              Self.item, key: size == .tiny ? "\(key)" : "together-\(key)")
            try txn.insert(node, of: Self.item, into: "set-0")
          }
          onProgress(.part)
        }
      } catch {
        failure.withLock { $0 = error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  private func insert(_ step: Int, _ path: String) throws {
    var random = random(step)
    let weighted: [String: PropertyValue?] =
      size == .tiny ? [:] : ["weight": .float(Double(step)), "note": .text("inserted")]
    try GraphStore.open(at: path).write { txn in
      let there = try txn.nodes(of: Self.item)
      func draw() -> NodeID { there[Int(random.next(below: UInt64(there.count)))] }
      for number in 0..<(size == .tiny ? 1 : 4) {
        let key = size == .tiny ? "\(1000 + step)" : "inserted-\(step)-\(number)"
        let node = try txn.insert(
          Self.item, key: key,
          size == .tiny ? [:] : ["kind": .text("kind \(step)"), "age": .int(Int64(number))])
        try txn.connect(node, Self.related, draw(), weighted)
        try txn.connect(draw(), Self.related, node, weighted)
        try txn.insert(node, of: Self.item, into: "set-\(step % 2)")
      }
      if size == .rich { try txn.set("name", of: Self.item, draw(), to: .text("\(step)")) }
    }
  }

  private func delete(_ step: Int, _ path: String) throws {
    var random = random(step)
    try GraphStore.open(at: path).write { txn in
      let there = try txn.nodes(of: Self.item)
      // The first ones stay: files of other operations name them.
      let rest = there.filter { $0.rawValue >= (size == .tiny ? 2 : 70) }
      for target in try Set(txn.neighbors(of: there[0], along: Self.related)).sorted().prefix(1) {
        try txn.disconnect(there[0], Self.related, target)
      }
      if !rest.isEmpty {
        try txn.delete(Self.item, rest[Int(random.next(below: UInt64(rest.count)))])
      }
    }
  }

  private func changeSchema(_ step: Int, _ path: String) throws {
    let store = try GraphStore.open(at: path)
    let old = try store.schema.node(Self.item)?.properties.map(\.name).first {
      $0.hasPrefix("extra-")
    }
    try store.changeSchema { change in
      if let old { try change.drop(old, of: Self.item) }
      try change.add(
        PropertySchema("extra-\(step)", .int32), to: Self.item, default: .int(Int64(step)))
    }
  }

  private func build(_ path: String, _ body: (GenerationBuilder, Snapshot) throws -> Void) throws {
    let store = try GraphStore.open(at: path)
    let build = try store.beginBuild()
    try body(build, store.snapshot())
    try build.publish()
  }

  private func set(_ step: Int, _ path: String) throws {
    var random = random(step)
    try build(path) { build, graph in
      let count = UInt32(graph.count(of: Self.item))
      let members = (0..<count).filter { _ in random.next(below: 2) == 0 }
      try build.setMembers("set-\(step % 2)", of: Self.item, RoaringBitmap(members))
    }
  }

  private func column(_ step: Int, _ path: String) throws {
    var random = random(step)
    try build(path) { build, graph in
      try build.declareColumn(
        PropertySchema("predicted", .categorical), of: Self.item,
        provenance: Provenance(model: "model-0", hash: "\(step)", dataVersion: graph.version))
      let writer = try build.columnWriter(of: Self.item, "predicted")
      let codes = (0..<graph.count(of: Self.item)).map { _ in UInt32(random.next(below: 3)) }
      try codes.withUnsafeBytes { try writer.append(fixed: $0, count: codes.count) }
      try writer.finish(categories: ["a", "b", "c"])
    }
  }

  // MARK: - Files

  /// What an ingest reads.
  struct Files {
    var options = IngestOptions()
    /// The same for the command line.
    var arguments: [String] = []

    mutating func add(nodes type: NodeType, _ path: String) {
      options.nodes.append(.init(type, path))
      arguments += ["--nodes", "\(type)=\(path)"]
    }
    mutating func add(edges type: EdgeType, _ path: String) {
      options.edges.append(.init(type, path))
      arguments += ["--edges", "\(type)=\(path)"]
    }
  }

  func files(for operation: Operation, _ step: Int, in inputs: String) throws -> Files {
    var files = Files()
    if operation == .append || operation == .refused {
      files.options.existingTypes = .append
      files.arguments.append("--append")
    }
    func write(_ name: String, _ lines: [String]) throws -> String {
      let path = "\(inputs)/\(name)-\(step).tsv"
      let text = lines.joined(separator: "\n") + "\n"
      try FileSystem.replaceFile(path) { write in
        try Array(text.utf8).withUnsafeBytes { try write($0) }
      }
      return path
    }
    let isNew = operation == .type
    let type = isNew ? EdgeType(NodeType("new-\(step)"), "near", Self.item) : Self.related
    switch size {
    case .tiny:
      var lines = ["0\t1", "1\t0", "\(step + 2)\t0"]
      if operation == .refused { lines.append("1") }
      files.add(edges: type, try write("edges", lines))
    case .rich:
      var random = random(step)
      func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
      let count = 70 + draw(80)
      let keys = (0..<count).map {
        "key-\(operation == .append || operation == .refused ? step + 1 : 0)-\($0 * 7919 % 1009)"
      }
      var nodes = [
        "id\tname:string\tkind:categorical\tage:int16\tscore:float32\tday:timestamp[s]\tx:float32[9]"
          + "\tflag:bool\tsplit:categorical"
      ]
      for key in keys {
        func null(_ text: String) -> String { draw(6) == 0 ? "" : text }
        let vector = (0..<9).map { _ in "\(Float(draw(100)) / 8)" }.joined(separator: ";")
        nodes.append(
          [
            key, null(String(repeating: "name ", count: draw(9)) + "\(draw(1000))"),
            null("kind \(draw(5))"), null("\(draw(90))"), null("\(Double(draw(1000)) / 16)"),
            null("\(draw(1 << 30))"), vector, null(draw(2) == 0 ? "true" : "false"),
            draw(3) == 0 ? "test" : "train",
          ].joined(separator: "\t"))
      }
      var edges = ["source\ttarget\tweight:float32\tnote:string"]
      for _ in 0..<3 * count {
        let target = isNew ? "key-0-\(draw(70) * 7919 % 1009)" : keys[draw(count)]
        edges.append(
          "\(keys[draw(count / 2)])\t\(target)\t\(draw(100))\t\(draw(3) == 0 ? "" : "note \(draw(50))")"
        )
      }
      if operation == .refused { edges.append("one end") }
      files.add(nodes: type.source, try write("nodes", nodes))
      files.add(edges: type, try write("edges", edges))
      if !isNew {
        files.options.splits = [.init(Self.item, "split")]
        files.options.weights = [.init(type, "weight")]
        files.arguments += ["--split", "\(Self.item).split", "--weight", "\(type).weight"]
      }
    }
    return files
  }
}

extension Workload {
  /// `SIZE SEED OPERATION ...`
  var arguments: [String] { [size.rawValue, "\(seed)"] + operations.map(\.rawValue) }

  init(_ arguments: some Collection<String>) throws {
    let words = Array(arguments)
    guard words.count >= 2, let size = Size(rawValue: words[0]), let seed = UInt64(words[1]) else {
      throw HedgerowError(.usage, "a workload is a size, a seed and operations")
    }
    self.size = size
    self.seed = seed
    operations = try words.dropFirst(2).map { word in
      guard let operation = Operation(rawValue: word) else {
        throw HedgerowError(.usage, "there is no operation '\(word)'")
      }
      return operation
    }
  }
}
