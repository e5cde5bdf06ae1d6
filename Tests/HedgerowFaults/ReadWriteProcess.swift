import Foundation
import HedgerowCore
import HedgerowStore

/// The processes of ``ReadWrite``: one that writes, and those that read and believe nothing.
struct ReadWriteProcess {
  private typealias G = BulkGraph
  private let path: String
  private let end: ContinuousClock.Instant
  private var random: RandomStream

  /// What witnesses say of a version.
  private struct Sums: Equatable {
    var count: Int64
    var hash: UInt64
    var weight: Int64
    var token: String
  }

  /// `writer|reader STORE SECONDS SEED`
  static func run(_ arguments: [String]) throws {
    guard arguments.count == 4, let seconds = Double(arguments[2]), let seed = UInt64(arguments[3])
    else { throw HedgerowError(.usage, "writer|reader STORE SECONDS SEED") }
    var process = ReadWriteProcess(
      path: arguments[1], end: ContinuousClock.now + .seconds(seconds),
      random: RandomStream(seed: seed))
    if arguments[0] == "writer" { try process.write() } else { try process.read() }
  }

  private mutating func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

  private static func sums(
    _ key: String, _ txn: borrowing some (GraphTransaction & ~Copyable)
  ) throws -> Sums {
    let node = try txn.node(G.witness, key: key)
    guard case .int(let count)? = try txn.value(of: "count", of: G.witness, at: node),
      case .int(let hash)? = try txn.value(of: "hash", of: G.witness, at: node),
      case .int(let weight)? = try txn.value(of: "weight", of: G.witness, at: node),
      case .text(let token)? = try txn.value(of: "token", of: G.witness, at: node)
    else { throw HedgerowError(.damaged, "witness \(key) is empty") }
    return Sums(
      count: count, hash: UInt64(bitPattern: hash), weight: weight, token: token)
  }

  private static func weight(
    _ edge: LiveEdge, _ txn: borrowing GraphWriteTransaction
  ) throws -> Int64 {
    guard
      case .int(let weight)? = try txn.value(
        of: "weight", from: edge.source, G.follows, to: edge.target, parallel: edge.parallel)
    else { throw HedgerowError(.damaged, "an edge has no weight") }
    return weight
  }

  // MARK: Writing

  /// Edges that a commit adds and deletes.
  private static let stepCount = 500

  private mutating func write() throws {
    let store = try GraphStore.open(at: path)
    let (nodeCount, wanted) = try store.read { txn in
      (try txn.count(of: G.user), try Self.sums("a", txn).count)
    }
    var absent: [UInt32] = []
    var commits = 0
    var changes = 0
    while ContinuousClock.now < end {
      try store.write { txn in
        var sums = try Self.sums("a", txn)
        func note(_ edge: LiveEdge, _ weight: Int64) {
          sums.count -= 1
          sums.weight -= weight
          sums.hash &-= KillFlood.hash(edge.source.rawValue, edge.target.rawValue)
          changes += 1
        }
        for _ in 0..<Self.stepCount {
          let user = NodeID(UInt32(draw(nodeCount)))
          let isThere = try txn.contains(user, of: G.user)
          switch draw(250) {
          case 0 where isThere:
            for edge in try txn.edges(of: user, along: G.follows) {
              note(edge, try Self.weight(edge, txn))
            }
            for edge in try txn.edges(of: user, along: G.follows.reversed)
            where edge.source != user {
              note(edge, try Self.weight(edge, txn))
            }
            try txn.delete(G.user, user)
            absent.append(user.rawValue)
          case 1 where !absent.isEmpty:
            let id = absent.remove(at: draw(absent.count))
            try txn.insert(G.user, key: G.key(Int(id)))
          case let step where isThere && (step % 2 == 0 || sums.count < wanted):
            let target = NodeID(UInt32(draw(nodeCount)))
            guard sums.count <= wanted, try txn.contains(target, of: G.user) else { continue }
            let weight = Int64(draw(100))
            try txn.connect(user, G.follows, target, ["weight": .int(weight)])
            sums.count += 1
            sums.weight += weight
            sums.hash &+= KillFlood.hash(user.rawValue, target.rawValue)
            changes += 1
          case _ where isThere:
            let edges = try txn.edges(of: user, along: G.follows)
            guard !edges.isEmpty else { continue }
            let edge = edges[draw(edges.count)]
            note(edge, try Self.weight(edge, txn))
            try txn.disconnect(user, G.follows, edge.target, parallel: edge.parallel)
          default: break
          }
        }
        commits += 1
        for key in ["a", "b"] {
          let node = try txn.node(G.witness, key: key)
          try txn.set("count", of: G.witness, node, to: .int(sums.count))
          try txn.set("hash", of: G.witness, node, to: .int(Int64(bitPattern: sums.hash)))
          try txn.set("weight", of: G.witness, node, to: .int(sums.weight))
          try txn.set("token", of: G.witness, node, to: .text("\(commits)"))
        }
      }
    }
    print("\(commits) \(changes)")
  }

  // MARK: Reading

  private mutating func read() throws {
    var store = try GraphStore.open(at: path, .readOnly)
    var (snapshots, transactions) = (0, 0)
    var version: UInt64 = 0
    while ContinuousClock.now < end {
      let round = snapshots + transactions
      // A new one, whose environment is opened again.
      if round % 50 == 49 { store = try GraphStore.open(at: path, .readOnly) }
      let seen: UInt64
      if round % 10 == 0 {
        seen = try check(store.snapshot())
        snapshots += 1
      } else {
        let stream = random.derive(UInt64(round))
        seen = try store.read { txn in
          try Self.check(txn, stream)
          return txn.version
        }
        transactions += 1
      }
      guard seen >= version else {
        throw HedgerowError(.damaged, "version \(seen) came after \(version)")
      }
      version = seen
    }
    print("\(snapshots) \(transactions)")
  }

  /// All edges in both directions against what the witnesses say.
  private func check(_ graph: Snapshot) throws -> UInt64 {
    func witness(_ key: String) throws -> Sums {
      guard let node = try graph.node(G.witness, key: key),
        case .int(let count)? = try graph.value(of: "count", of: G.witness, at: node),
        case .int(let hash)? = try graph.value(of: "hash", of: G.witness, at: node),
        case .int(let weight)? = try graph.value(of: "weight", of: G.witness, at: node),
        case .text(let token)? = try graph.value(of: "token", of: G.witness, at: node)
      else { throw HedgerowError(.damaged, "witness \(key) is empty") }
      return Sums(
        count: count, hash: UInt64(bitPattern: hash), weight: weight, token: token)
    }
    let told = try witness("a")
    guard try witness("b") == told else {
      throw HedgerowError(.damaged, "version \(graph.version): the witnesses differ")
    }
    var found = told
    found.count = Int64(graph.count(of: G.follows))
    found.weight = 0
    let reader = try graph.columnReader(of: G.follows, "weight")
    var weights = [Int64](repeating: 0, count: 1 << 14)
    var isValid = [Bool](repeating: false, count: 1 << 14)
    for start in stride(from: 0, to: reader.rowCount, by: weights.count) {
      let rows = start..<min(reader.rowCount, start + weights.count)
      try weights.withUnsafeMutableBytes { bytes in
        try isValid.withUnsafeMutableBufferPointer {
          try reader.read(
            rows, into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<(8 * rows.count)]),
            isValid: UnsafeMutableBufferPointer(rebasing: $0[..<rows.count]))
        }
      }
      for place in rows.indices { found.weight += weights[place - start] }
    }
    for index in AdjacencyIndex.allCases {
      found.hash = try edgeHash(graph, G.follows, index)
      guard found == told else {
        throw HedgerowError(
          .damaged, "version \(graph.version), \(index): \(found), and the witnesses say \(told)")
      }
    }
    return graph.version
  }

  /// What can be seen at once, and the edges of some nodes in both directions.
  private static func check(
    _ txn: borrowing GraphReadTransaction, _ stream: RandomStream
  ) throws {
    var random = stream
    let told = try sums("a", txn)
    guard try sums("b", txn) == told, try txn.count(of: G.follows) == Int(told.count) else {
      throw HedgerowError(.damaged, "version \(txn.version): the witnesses differ")
    }
    let count = try UInt64(txn.count(of: G.user))
    for _ in 0..<5 {
      let user = NodeID(UInt32(random.next(below: count)))
      guard try txn.contains(user, of: G.user) else { continue }
      let targets = try txn.neighbors(of: user, along: G.follows)
      guard try txn.degree(of: user, along: G.follows) == targets.count else {
        throw HedgerowError(.damaged, "version \(txn.version): the degree of \(user)")
      }
      for target in targets.prefix(3) {
        let back = try txn.neighbors(of: target, along: G.follows.reversed)
        guard back.count(where: { $0 == user }) == targets.count(where: { $0 == target }) else {
          throw HedgerowError(
            .damaged, "version \(txn.version): edges from \(user) to \(target) differ by direction")
        }
      }
    }
  }
}
