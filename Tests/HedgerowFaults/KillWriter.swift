import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowMapped
import HedgerowStore
import Synchronization

/// The process that is killed: threads that go on with their lanes, each step acknowledged in a
/// journal when it is over.
final class KillWriter: Sendable {
  /// Threads that write what lanes say.
  static let laneCount = 3

  private let path: String
  private let inputs: String
  private let journal: Int32
  private let parent = getppid()

  private init(path: String, journal: String, inputs: String) throws {
    self.path = path
    self.inputs = inputs
    self.journal = open(journal, O_WRONLY | O_APPEND | O_CREAT, 0o600)
    guard self.journal >= 0 else { throw FileSystem.failure("open", journal) }
  }

  /// `STORE JOURNAL INPUTS SEED MIX DONE...`: runs until it is killed.
  static func run(_ arguments: [String]) throws {
    guard arguments.count == 6 + laneCount, let seed = UInt64(arguments[3]),
      let mix = KillLane.Mix(rawValue: arguments[4])
    else { throw HedgerowError(.usage, "STORE JOURNAL INPUTS SEED MIX DONE...") }
    let done = arguments[5...].compactMap { Int($0) }
    let writer = try KillWriter(path: arguments[0], journal: arguments[1], inputs: arguments[2])
    let lanes = (0..<laneCount).map { number in
      var lane = KillLane(number, seed: seed, mix)
      for _ in 0..<done[number] { _ = lane.next() }
      return lane
    }
    var flood = KillFlood(seed: seed, mix)
    for _ in 0..<done[laneCount] { _ = flood.next() }
    let start = flood
    writer.tell("ready")
    let store = try GraphStore.open(at: arguments[0])
    for lane in lanes {
      // Handed over: nobody else has it.
      nonisolated(unsafe) let lane = lane
      writer.detach { try writer.run(lane, store) }
    }
    writer.detach { try writer.run(start, store) }
    if mix == .builds { writer.detach { try writer.fold(store, seed) } }
    while true { sleep(1) }
  }

  private func tell(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    if write(journal, bytes, bytes.count) != bytes.count { exit(74) }
  }

  /// A thread that ends the process when something is wrong.
  private func detach(_ body: @escaping @Sendable () throws -> Void) {
    Foundation.Thread.detachNewThread {
      do {
        try body()
      } catch {
        say("\(error)")
        exit(1)
      }
    }
  }

  private func step(_ lane: Int, _ number: Int, _ kind: String, _ body: () throws -> Void) throws {
    // Nobody is there to do it.
    if getppid() != parent { exit(0) }
    tell("begin \(lane) \(number) \(kind)")
    try body()
    tell("done \(lane) \(number) \(kind)")
  }

  private func run(_ lane: KillLane, _ store: GraphStore) throws {
    var lane = lane
    while true {
      let extra = lane.extraColumn
      let number = lane.done
      let next = lane.next()
      try step(lane.number, number, next.kind) {
        switch next {
        case .write(let changes):
          try store.write(waiting: 60) { txn in
            for change in changes { try Self.apply(change, lane, txn) }
          }
        case .compact: try store.compact(waiting: 60)
        case .schema(let old, let new, let value):
          try store.changeSchema(waiting: 60) { change in
            if let old { try change.drop(old, of: lane.node) }
            try change.add(PropertySchema(new, .int64), to: lane.node, default: .int(value))
          }
        case .append(let nodes, let edges): try append(nodes, edges, extra, lane, number)
        case .column(let values):
          let build = try store.beginBuild(waiting: 60)
          try build.declareColumn(
            PropertySchema("predicted", .int32), of: lane.node,
            provenance: Provenance(model: "m", hash: "\(number)", dataVersion: store.version))
          let writer = try build.columnWriter(of: lane.node, "predicted")
          try values.withUnsafeBytes { try writer.append(fixed: $0, count: values.count) }
          try writer.finish()
          try build.publish()
        }
      }
    }
  }

  private static func apply(
    _ change: KillLane.LaneChange, _ lane: KillLane, _ txn: borrowing GraphWriteTransaction
  ) throws {
    let (node, link) = (lane.node, lane.link)
    switch change {
    case .insert(let new, let id):
      let made = try txn.insert(node, key: new.key, new.values.mapValues { $0 })
      guard made.rawValue == id else {
        throw HedgerowError(.damaged, "\(new.key) became node \(made.rawValue), not \(id)")
      }
    case .delete(let id): try txn.delete(node, NodeID(id))
    case .set(let id, let column, let value):
      try txn.set(column, of: node, NodeID(id), to: value)
    case .connect(let source, let target, let values):
      try txn.connect(NodeID(source), link, NodeID(target), values.mapValues { $0 })
    case .disconnect(let source, let target, let parallel):
      try txn.disconnect(NodeID(source), link, NodeID(target), parallel: parallel)
    case .setEdge(let source, let target, let parallel, let value):
      try txn.set(
        "weight", from: NodeID(source), link, to: NodeID(target), parallel: parallel, value)
    case .insertMember(let id, let set): try txn.insert(NodeID(id), of: node, into: set)
    case .removeMember(let id, let set): try txn.remove(NodeID(id), of: node, from: set)
    case .setShared(let key, let value):
      try txn.upsert(KillLane.shared, key: key, ["value": .int(value)])
    case .deleteShared(let key):
      try txn.delete(KillLane.shared, txn.node(KillLane.shared, key: key))
    }
  }

  private func append(
    _ nodes: [KillLane.LaneNode], _ edges: [KillLane.LaneEdge],
    _ extra: (name: String, value: Int64)?, _ lane: KillLane, _ number: Int
  ) throws {
    func write(
      _ name: String, _ columns: [PropertySchema], _ first: String,
      _ rows: [([String], [String: PropertyValue])]
    ) throws -> String {
      var lines = [([first] + columns.map { "\($0.name):\($0.kind)" }).joined(separator: "\t")]
      for (ends, values) in rows {
        let cells = columns.map { values[$0.name].map { "\($0)" } ?? "" }
        lines.append((ends + cells).joined(separator: "\t"))
      }
      let path = "\(inputs)/\(name)-\(lane.number).tsv"
      let text = lines.joined(separator: "\n") + "\n"
      try FileSystem.replaceFile(path) { write in
        try Array(text.utf8).withUnsafeBytes { try write($0) }
      }
      return path
    }
    var columns = KillLane.properties
    if let extra { columns.append(PropertySchema(extra.name, .int64)) }
    var options = IngestOptions()
    options.existingTypes = .append
    options.nodes = [
      .init(
        lane.node,
        try write(
          "nodes", columns, "id",
          nodes.map { new in
            var values = new.values
            if let extra { values[extra.name] = .int(extra.value) }
            return ([new.key], values)
          }))
    ]
    if !edges.isEmpty {
      options.edges = [
        .init(
          lane.link,
          try write(
            "edges", KillLane.edgeProperties, "source\ttarget",
            edges.map { ([$0.source, $0.target], $0.values) }))
      ]
    }
    try Ingest.run(
      options, into: path, budget: MemoryBudget(total: 64 << 20),
      pool: ThreadPool(threadCount: 1), waiting: 60)
  }

  private func run(_ flood: KillFlood, _ store: GraphStore) throws {
    var flood = flood
    let (node, reach) = (KillFlood.node, KillFlood.reach)
    while true {
      let number = flood.done
      let next = flood.next()
      try step(Self.laneCount, number, "flood") {
        try store.write(waiting: 60) { txn in
          switch next {
          case .nodes:
            for id in 0..<KillFlood.nodeCount { try txn.insert(node, key: "m\(id)") }
          case .connect(let edges):
            for (source, target) in edges {
              try txn.connect(NodeID(source), reach, NodeID(target))
            }
          case .disconnect(let edges):
            for (source, target) in edges {
              try txn.disconnect(NodeID(source), reach, NodeID(target), parallel: 0)
            }
          }
        }
      }
    }
  }

  /// Compacts now and then, beside the others.
  private func fold(_ store: GraphStore, _ seed: UInt64) throws {
    var random = RandomStream(seed: seed).derive(2000, UInt64(getpid()))
    for number in 0... {
      usleep(UInt32(random.next(below: 200_000)))
      try step(Self.laneCount + 1, number, "compact") { try store.compact(waiting: 60) }
    }
  }
}
