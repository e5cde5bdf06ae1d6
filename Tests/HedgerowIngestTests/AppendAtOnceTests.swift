import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// A graph in parts: ingested one after the other they must give what they give at once.
private struct Parts {
  static let user: NodeType = "user", item: NodeType = "item", tag: NodeType = "tag"
  static let rates = EdgeType("user", "rates", "item")
  static let knows = EdgeType("user", "knows", "user")
  static let has = EdgeType("item", "has", "tag")

  /// What is the same in all parts.
  struct Shape: CustomStringConvertible {
    var hasTextKeys = false
    var keysAreIDs = false
    var isDeclared = false
    var isUndirected = false
    var knowsHasColumns = false
    /// Edges also name nodes that no file lists.
    var createsNodes = false
    /// Parts leave types and columns out.
    var hasGaps = false
    var beginsEmpty = false
    var timeIsDecimal = false
    var element = "<f4"
    var partCount = 2

    init(_ random: inout RandomStream) {
      func flip() -> Bool { random.next(below: 2) == 1 }
      hasTextKeys = flip()
      keysAreIDs = !hasTextKeys && flip()
      isDeclared = flip()
      isUndirected = flip()
      knowsHasColumns = flip()
      createsNodes = flip()
      hasGaps = flip()
      beginsEmpty = isDeclared && flip()
      timeIsDecimal = !isDeclared && flip()
      element = ["<f4", "<f2", "|u1"][Int(random.next(below: 3))]
      partCount = 2 + Int(random.next(below: 2))
    }

    var description: String {
      Mirror(reflecting: self).children.map { "\($0.label!) \($0.value)" }.joined(separator: ", ")
    }

    /// Whether every node has the same id whether it came at once or by and by.
    var keepsOrder: Bool { !createsNodes && !hasGaps }
  }

  /// A column of a text file: how its header declares it, and which parts have it.
  struct Column {
    var name: String
    var kind: String
    var parts: Set<Int>
  }
  struct Line {
    var ends: [String]
    var values: [String]
  }
  struct Table {
    var columns: [Column]
    var keys: [String]
    /// By part; nil where a part has no file.
    var lines: [[Line]?]
  }

  let shape: Shape
  private(set) var users: Table
  private(set) var items: Table
  private(set) var edges: [EdgeType: Table] = [:]
  static let width = 3

  init(_ shape: Shape, _ random: inout RandomStream) {
    self.shape = shape
    let parts = 0..<shape.partCount
    func number(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
    func has(_ part: Int) -> Bool { !shape.hasGaps || number(3) > 0 }
    func inParts() -> Set<Int> {
      guard shape.hasGaps else { return Set(parts) }
      let some = Set(parts.filter { _ in number(3) > 0 })
      return some.isEmpty ? Set(parts) : some
    }
    // The first line of a part has a value in every column, from which its kind follows.
    func maybe(_ index: Int, _ text: String) -> String {
      index > 0 && number(5) == 0 ? "" : text
    }
    func userKey(_ index: Int) -> String {
      shape.keysAreIDs
        ? "\(index)" : "\(shape.hasTextKeys ? "u " : "")\(index * 7919 % 10_007 + 3)"
    }

    // Values of a column look alike in all parts, so that each infers the same kind.
    users = Table(
      columns: [
        Column(name: "year", kind: "int16", parts: inParts()),
        Column(name: "name", kind: "string", parts: inParts()),
        Column(name: "score", kind: "double", parts: inParts()),
        Column(name: "town", kind: "categorical", parts: inParts()),
        Column(name: "active", kind: "bool", parts: inParts()),
      ], keys: ["id"], lines: [])
    items = Table(
      columns: [
        Column(name: "price", kind: "int64", parts: inParts()),
        Column(name: "split", kind: "categorical", parts: Set(parts)),
      ], keys: ["id"], lines: [])
    var userCounts: [Int] = []
    var itemCounts: [Int] = []
    var userCount = 0
    var itemCount = 0
    for part in parts {
      let isEmpty = part == 0 && shape.beginsEmpty
      let newUsers = isEmpty ? 0 : has(part) ? 1 + number(150) : nil
      users.lines.append(
        newUsers.map { count in
          (userCount..<userCount + count).map { index in
            let line = index - userCount
            return Line(
              ends: [userKey(index)],
              values: [
                maybe(line, "\(number(3000))"), maybe(line, "name \(index)"),
                maybe(line, "\(number(999)).5"),
                maybe(line, "town\(part > 0 && number(6) == 0 ? number(40) : number(3))"),
                maybe(line, number(2) == 0 ? "true" : "false"),
              ])
          }
        })
      userCount += newUsers ?? 0
      userCounts.append(userCount)
      let newItems = isEmpty ? 0 : has(part) ? 1 + number(200) : nil
      items.lines.append(
        newItems.map { count in
          (itemCount..<itemCount + count).map { index in
            let line = index - itemCount
            return Line(
              ends: ["\(index * 7919 % 10_007 + 3)"],
              values: [
                maybe(line, "\(number(900))"), maybe(line, ["train", "test", "valid"][number(3)]),
              ])
          }
        })
      itemCount += newItems ?? 0
      itemCounts.append(itemCount)
    }

    let when = Column(
      name: "when", kind: shape.timeIsDecimal ? "" : "timestamp", parts: Set(parts))
    edges[Self.rates] = Table(
      columns: [
        Column(name: "stars", kind: "float32", parts: inParts()), when,
        Column(name: "note", kind: "string", parts: inParts()),
        Column(name: "mood", kind: "categorical", parts: inParts()),
      ], keys: ["source", "target"], lines: [])
    edges[Self.knows] = Table(
      columns: shape.knowsHasColumns ? [Column(name: "w", kind: "double", parts: Set(parts))] : [],
      keys: ["source", "target"], lines: [])
    edges[Self.has] = Table(columns: [], keys: ["source", "target"], lines: [])
    var directions: [Set<String>: (pair: [String], isTurned: Bool)] = [:]
    for part in parts {
      func user() -> String {
        shape.createsNodes && number(10) == 0 || userCounts[part] == 0
          ? (shape.hasTextKeys ? "x \(number(50))" : "\(100_000 + number(50))")
          : userKey(number(userCounts[part]))
      }
      func item() -> String? {
        if itemCounts[part] == 0 || (shape.createsNodes && number(10) == 0) {
          return shape.createsNodes ? "\(200_000 + number(50))" : nil
        }
        return "\(number(itemCounts[part]) * 7919 % 10_007 + 3)"
      }
      let hasUsers = shape.createsNodes || userCounts[part] > 0
      let count = number(400)
      var rates: [Line]? = has(part) ? [] : nil
      for index in 0..<count where rates != nil && hasUsers {
        guard let item = item() else { break }
        // One with a point in each file tells the decimal ones.
        let time = shape.timeIsDecimal && (index == 0 || number(2) == 0) ? ".25" : ""
        rates!.append(
          Line(
            ends: [user(), item],
            values: [
              maybe(index, "\(number(10)).5"), "\(number(500))\(time)",
              maybe(index, "note \(number(90))"), maybe(index, "m\(number(4))"),
            ]))
      }
      // Nothing can be inferred from no line.
      edges[Self.rates]!.lines.append(rates?.isEmpty == true && !shape.isDeclared ? nil : rates)

      // What undirected pairs give does not depend on when they came as long as each is listed one way
      // in one part; what is there is not doubled by the other way.
      var knows: [Line]? = has(part) ? [] : nil
      for _ in 0..<count where knows != nil && hasUsers {
        let pair = [user(), user()]
        let weight = shape.knowsHasColumns ? ["\(number(50)).5"] : []
        if shape.isUndirected {
          if let known = directions[Set(pair)] {
            guard !shape.knowsHasColumns, !known.isTurned, pair[0] != pair[1] else { continue }
            directions[Set(pair)]!.isTurned = true
            knows!.append(Line(ends: known.pair.reversed(), values: weight))
            continue
          }
          directions[Set(pair)] = (pair, false)
          if number(4) == 0 { knows!.append(Line(ends: pair, values: weight)) }
        }
        knows!.append(Line(ends: pair, values: weight))
      }
      edges[Self.knows]!.lines.append(knows?.isEmpty == true && !shape.isDeclared ? nil : knows)

      var tags: [Line]? = has(part) ? [] : nil
      for _ in 0..<count where tags != nil {
        guard let item = item() else { break }
        // Without file: keys rise from part to part where ids must be the same.
        let first = shape.keepsOrder ? 100 * part : 0
        tags!.append(Line(ends: [item, "\(first + number(90))"], values: []))
      }
      edges[Self.has]!.lines.append(tags)
    }
  }

  /// A text file of some parts, or nil when none has one.
  private func text(_ table: Table, _ parts: Range<Int>) -> String? {
    guard parts.contains(where: { table.lines[$0] != nil }) else { return nil }
    let columns = table.columns.indices.filter { column in
      parts.contains { table.columns[column].parts.contains($0) && table.lines[$0] != nil }
    }
    let names = columns.map { index in
      let column = table.columns[index]
      return shape.isDeclared && !column.kind.isEmpty
        ? "\(column.name):\(column.kind)" : column.name
    }
    var text = (table.keys + names).joined(separator: "\t") + "\n"
    for part in parts {
      for line in table.lines[part] ?? [] {
        let values = columns.map {
          table.columns[$0].parts.contains(part) ? line.values[$0] : ""
        }
        text += (line.ends + values).joined(separator: "\t") + "\n"
      }
    }
    return text
  }

  /// What ingests some parts.
  func options(_ parts: Range<Int>, in workspace: Workspace) throws -> IngestOptions {
    let name = UUID().uuidString
    var options = IngestOptions()
    options.header = .present
    options.existingTypes = .append
    if let text = text(users, parts) {
      options.nodes.append(.init(Self.user, try workspace.write(text, to: "\(name)-users.tsv")))
    }
    if let text = text(items, parts) {
      options.nodes.append(.init(Self.item, try workspace.write(text, to: "\(name)-items.tsv")))
      options.splits = [.init(Self.item, "split")]
      let keys = parts.flatMap { items.lines[$0] ?? [] }.map { Int($0.ends[0])! }
      options.features = [.init(Self.item, "x", try features(keys, "\(name)-x.npy", workspace))]
    }
    for type in [Self.rates, Self.knows, Self.has] {
      guard let text = text(edges[type]!, parts) else { continue }
      let file = try workspace.write(text, to: "\(name)-\(type.relation).tsv")
      options.edges.append(.init(type, file))
    }
    let types = options.edgeTypes
    if types.contains(Self.rates) { options.times = [.init(Self.rates, "when")] }
    if types.contains(Self.knows), shape.knowsHasColumns {
      options.weights = [.init(Self.knows, "w")]
    }
    if types.contains(Self.knows), shape.isUndirected { options.undirected = [Self.knows] }
    return options
  }

  private func features(_ keys: [Int], _ name: String, _ workspace: Workspace) throws -> String {
    let values = keys.flatMap { key in (0..<Self.width).map { (key * 31 + $0 * 7) % 251 } }
    return switch shape.element {
    case "<f4":
      try workspace.write(values.map { Float($0) / 8 }, "<f4", width: Self.width, to: name)
    case "<f2":
      try workspace.write(values.map { Float16($0) / 8 }, "<f2", width: Self.width, to: name)
    default: try workspace.write(values.map { UInt8($0) }, "|u1", width: Self.width, to: name)
    }
  }
}

extension IngestOptions {
  fileprivate var edgeTypes: Set<EdgeType> { Set(edges.map(\.type)) }
  fileprivate var isEmpty: Bool { nodes.isEmpty && edges.isEmpty }
}

/// What a store says by keys: the same whatever ids nodes have.
private struct KeyedContents: Equatable {
  var nodes: [NodeType: [String: [String: PropertyValue]]] = [:]
  var edges: [EdgeType: [String]] = [:]
  var sets: [NodeType: [String: Set<String>]] = [:]

  init(_ graph: Snapshot) throws {
    let contents = try Contents(graph)
    for node in graph.schema.nodes {
      var rows: [String: [String: PropertyValue]] = [:]
      for (key, values) in zip(contents.keys[node.type]!, contents.nodes[node.type]!) {
        var row: [String: PropertyValue] = [:]
        for (property, value) in zip(node.properties, values) { row[property.name] = value }
        rows[key] = row
      }
      nodes[node.type] = rows
      for name in graph.setNames(of: node.type) {
        let members = try graph.set(named: name, of: node.type)!
        sets[node.type, default: [:]][name] = Set(
          try members.map { try graph.key(of: NodeID($0), of: node.type) })
      }
    }
    for edge in graph.schema.edges {
      let names = edge.properties.map(\.name)
      edges[edge.type] = contents.out[edge.type]!.map { stored in
        let values = zip(names, stored.values).compactMap { name, value in
          value.map { "\(name)=\($0)" }
        }.sorted()
        return "\(stored.source)>\(stored.target) \(values)"
      }.sorted()
      let into = zip(contents.keys[edge.type.target]!, contents.into[edge.type]!).flatMap {
        target, sources in sources.map { "\($0)>\(target)" }
      }
      #expect(
        into.sorted() == contents.out[edge.type]!.map { "\($0.source)>\($0.target)" }.sorted())
    }
  }
}

@Suite struct AppendAtOnceTests {
  @Test func partsOneAfterTheOtherGiveWhatTheyGiveAtOnce() throws {
    let seed = printedSeed()
    for round in 0..<16 {
      var random = RandomStream(seed: seed).derive(UInt64(round))
      let shape = Parts.Shape(&random)
      let parts = Parts(shape, &random)
      let workspace = try Workspace()
      let all = try parts.options(0..<shape.partCount, in: workspace)
      if all.isEmpty { continue }
      // Small ranges: columns end within one, at its end, and in later ones.
      let bits = [6, 7, 18][Int(random.next(below: 3))]
      let (atOnce, byAndBy) = (workspace.storePath, workspace.storePath)
      for path in [atOnce, byAndBy] { _ = try GraphStore.create(at: path, rangeBits: bits) }
      let whole = try workspace.ingest(all, into: atOnce).graph
      for part in 0..<shape.partCount {
        let options = try parts.options(part..<part + 1, in: workspace)
        if options.isEmpty { continue }
        let before = try GraphStore.open(at: byAndBy, .readOnly).snapshot()
        let (report, graph) = try workspace.ingest(options, into: byAndBy)
        for (type, count) in report.nodes {
          #expect(graph.count(of: type) == count, "round \(round)")
          #expect(report.addedNodes[type] == count - before.count(of: type), "round \(round)")
        }
        for (type, count) in report.edges {
          #expect(graph.count(of: type) == count, "round \(round)")
          #expect(report.addedEdges[type] == count - before.count(of: type), "round \(round)")
        }
        // Ids never change.
        for node in before.schema.nodes {
          for id in 0..<before.count(of: node.type) {
            let id = NodeID(UInt32(id))
            #expect(
              try before.key(of: id, of: node.type) == graph.key(of: id, of: node.type))
          }
        }
      }
      let grown = try GraphStore.open(at: byAndBy, .readOnly).snapshot()
      let isSame = try KeyedContents(grown) == KeyedContents(whole)
      #expect(isSame, "round \(round): \(shape)")
      if shape.keepsOrder {
        let isAlike = try Contents(grown) == Contents(whole)
        #expect(isAlike, "round \(round), in order: \(shape)")
      }
    }
  }
}
