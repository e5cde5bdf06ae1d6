import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowStore

/// The edges of a store as triples of a knowledge graph, by the set that they are in.
struct TripleSets: Sendable {
  private(set) var train = Triples(heads: [], relations: [], tails: [])
  private(set) var valid = Triples(heads: [], relations: [], tails: [])
  private(set) var test = Triples(heads: [], relations: [], tails: [])
  /// Of each relation the rows that its heads, and its tails, may have.
  private(set) var ends: [(heads: Range<UInt32>, tails: Range<UInt32>)] = []
  private let share: MemoryBudget.Reservation

  /// Reads edges in pieces.
  ///
  /// - Throws: `usage` for a type or a column that is not there, and where no edge is of the training set.
  init(
    _ graph: Snapshot, _ specification: KnowledgeGraphSpecification, resources: TrainingResources
  ) throws {
    let options = specification.options
    let types = try specification.edges.map { try EdgeType(validating: $0.type) }
    share = try resources.budget.reserve(
      types.reduce(0) { $0 + 12 * graph.count(of: $1) }, for: "the triples of the graph")
    for (type, edges) in zip(types, specification.edges) {
      guard let heads = specification.rows(of: type.source),
        let tails = specification.rows(of: type.target)
      else { throw HedgerowError(.damaged, "the model has no rows of the ends of '\(type)'") }
      let first = UInt32(ends.count)
      ends += edges.relations.map { _ in (heads, tails) }
      let splits = try Self.codes(of: options.splitColumn, type, in: graph)
      let sets = splits.categories.map { name -> WritableKeyPath<TripleSets, Triples>? in
        switch name {
        case "train": \.train
        case "valid", "val", "validation": \.valid
        case "test": \.test
        default: nil
        }
      }
      let relations = try options.relationColumn.map { try Self.codes(of: $0, type, in: graph) }
      var cursor = try graph.edges(of: type, .out)
      var place = 0
      while try cursor.advance() {
        try resources.checkInterruption()
        let rows = place..<place + cursor.rows.count
        place = rows.upperBound
        let parts = try splits.read(rows)
        let kinds = try relations?.read(rows)
        for (entry, part) in parts.enumerated() {
          guard let part, Int(part) < sets.count, let set = sets[Int(part)] else { continue }
          var relation = first
          if let kinds {
            guard let kind = kinds[entry], Int(kind) < edges.relations.count else { continue }
            relation += kind
          }
          let (head, tail) = (cursor.rows[entry], cursor.neighbors[entry])
          guard Int(head) < heads.count && Int(tail) < tails.count else { continue }
          append(
            head: heads.lowerBound + head, relation: relation, tail: tails.lowerBound + tail,
            to: set)
        }
      }
    }
    guard train.count > 0 else {
      throw HedgerowError(
        .usage, "no edge is 'train' by the column '\(options.splitColumn)': split them anew")
    }
  }

  private mutating func append(
    head: UInt32, relation: UInt32, tail: UInt32, to set: WritableKeyPath<TripleSets, Triples>
  ) {
    self[keyPath: set].heads.append(head)
    self[keyPath: set].relations.append(relation)
    self[keyPath: set].tails.append(tail)
  }

  /// A categorical column of edges, read in pieces.
  struct Codes {
    let reader: ColumnReader
    var categories: [String] { reader.categories }

    /// `nil` for null.
    func read(_ rows: Range<Int>) throws -> [UInt32?] {
      var codes = [UInt32](repeating: 0, count: rows.count)
      var isValid = [Bool](repeating: false, count: rows.count)
      try codes.withUnsafeMutableBytes { codes in
        try isValid.withUnsafeMutableBufferPointer {
          try reader.read(rows, into: codes, isValid: $0)
        }
      }
      return zip(codes, isValid).map { $1 ? $0 : nil }
    }
  }

  static func codes(of column: String, _ type: EdgeType, in graph: Snapshot) throws -> Codes {
    guard graph.schema.edge(type)?.property(column)?.kind == .categorical else {
      throw HedgerowError(.usage, "'\(type).\(column)' is no column of categories")
    }
    return Codes(reader: try graph.columnReader(of: type, column))
  }
}

/// Which triples are true, by what is asked for: for a relation and one end all of the other ends.
struct KnownTriples: Sendable {
  private struct Entry {
    var key: UInt64
    var node: UInt32
  }
  private let byHead: [Entry]
  private let byTail: [Entry]
  private let share: MemoryBudget.Reservation

  init(_ sets: TripleSets, resources: TrainingResources) throws {
    let all = [sets.train, sets.valid, sets.test]
    share = try resources.budget.reserve(
      2 * MemoryLayout<Entry>.stride * all.reduce(0) { $0 + $1.count },
      for: "looking up which triples are true")
    func sorted(
      _ own: KeyPath<Triples, [UInt32]>, _ other: KeyPath<Triples, [UInt32]>
    ) -> [Entry] {
      var entries: [Entry] = []
      entries.reserveCapacity(all.reduce(0) { $0 + $1.count })
      for triples in all {
        let (own, other) = (triples[keyPath: own], triples[keyPath: other])
        for place in own.indices {
          entries.append(
            Entry(key: Self.key(triples.relations[place], own[place]), node: other[place]))
        }
      }
      entries.sort { $0.key < $1.key }
      return entries
    }
    byHead = sorted(\.heads, \.tails)
    byTail = sorted(\.tails, \.heads)
  }

  private static func key(_ relation: UInt32, _ node: UInt32) -> UInt64 {
    UInt64(relation) << 32 | UInt64(node)
  }

  /// Calls `body` with every node that makes a true triple of a relation and the node of its other end.
  func forEach(
    _ end: TripleEnd, of relation: UInt32, with node: UInt32, _ body: (UInt32) -> Void
  ) {
    let entries = end == .tail ? byHead : byTail
    let key = Self.key(relation, node)
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = low + (high - low) / 2
      if entries[middle].key < key { low = middle + 1 } else { high = middle }
    }
    while low < entries.count && entries[low].key == key {
      body(entries[low].node)
      low += 1
    }
  }
}
