public import HedgerowCore
import HedgerowGraph
public import HedgerowStore
public import HedgerowTensor

/// A ``ColumnEncoding`` with what the training set says: saved with the model, so that it does to other nodes, and
/// later, what it did in training.
public struct ColumnEncoder: Codable, Hashable, Sendable {
  /// What was taken from the training set.
  public enum Statistics: Codable, Hashable, Sendable {
    case standard(mean: Double, deviation: Double)
    /// Values as text, rising.
    case categories([String])
    case hash(width: Int)
  }

  public var column: String
  public var statistics: Statistics

  /// Numbers of a row.
  var width: Int {
    switch statistics {
    case .standard: 1
    case .categories(let texts): texts.count
    case .hash(let width): width
    }
  }

  /// Whether rows can be made, whoever wrote it.
  var isSound: Bool {
    switch statistics {
    case .standard(let mean, let deviation): mean.isFinite && deviation.isFinite && deviation > 0
    case .categories(let texts):
      texts.count <= ColumnEncoding.categoryLimit
        && zip(texts, texts.dropFirst()).allSatisfy { $0 < $1 }
    case .hash(let width): (1...ColumnEncoding.hashLimit).contains(width)
    }
  }

  /// Takes what an encoding needs from some nodes of a type, in passes over parts of them.
  ///
  /// - Parameter nodes: by rising id, part by part.
  /// - Throws: `usage` when the column is not there, or is of a kind that the encoding does not take.
  init(
    _ encoding: ColumnEncoding, of type: NodeType, in graph: Snapshot,
    fittedOn nodes: TrainingNodes, checkInterruption: () throws -> Void = {}
  ) throws {
    let column = encoding.column
    let place = "\(type).\(column)"
    self.column = column
    guard let kind = graph.schema.node(type)?.property(column)?.kind else {
      throw HedgerowError(.usage, "'\(type)' has no column '\(column)' to encode")
    }
    let statistics: Statistics
    switch encoding.kind {
    case .standardize:
      guard kind.isNumeric else {
        throw HedgerowError(.usage, "'\(place)' is of kind \(kind): only numbers are standardized")
      }
      var (count, sum, squares) = (0, 0.0, 0.0)
      func pass(_ body: (Double) -> Void) throws {
        try nodes.forEachPart {
          try checkInterruption()
          for number in try Self.numbers(of: column, type, $0, graph) where number.isFinite {
            body(number)
          }
        }
      }
      try pass {
        count += 1
        sum += $0
      }
      let mean = count > 0 ? sum / Double(count) : 0
      try pass { squares += ($0 - mean) * ($0 - mean) }
      let deviation = (squares / Double(max(1, count))).squareRoot()
      guard mean.isFinite, deviation.isFinite else {
        throw HedgerowError(.badData, "the numbers of '\(place)' are too large to be standardized")
      }
      statistics = .standard(mean: mean, deviation: deviation > 0 ? deviation : 1)
    case .oneHot:
      guard Self.isText(kind) || kind == .bool || Self.isInteger(kind) else {
        throw HedgerowError(
          .usage,
          "'\(place)' is of kind \(kind): categories, texts, integers and truth values are one-hot")
      }
      var texts: Set<String> = []
      try nodes.forEachPart {
        try checkInterruption()
        for text in try Self.texts(of: column, type, $0, graph) {
          if let text { texts.insert(text) }
          guard texts.count <= ColumnEncoding.categoryLimit else {
            throw HedgerowError(
              .usage,
              "'\(place)' has more than \(ColumnEncoding.categoryLimit) values: encode it with hash:64, "
                + "or another width")
          }
        }
      }
      statistics = .categories(texts.sorted())
    case .hash(let width):
      guard Self.isText(kind) else {
        throw HedgerowError(
          .usage, "'\(place)' is of kind \(kind): only texts and categories are hashed")
      }
      statistics = .hash(width: width)
    }
    self.statistics = statistics
  }

  private static func isText(_ kind: PropertyKind) -> Bool {
    kind == .string || kind == .categorical
  }
  private static func isInteger(_ kind: PropertyKind) -> Bool {
    switch kind {
    case .int8, .int16, .int32, .int64, .uint8: true
    default: false
    }
  }

  /// Writes the numbers of each node's value, `stride` apart, where zeros are.
  private func write(
    _ nodes: [UInt32], of type: NodeType, in graph: Snapshot, stride: Int,
    into rows: UnsafeMutableBufferPointer<Float>
  ) throws {
    switch statistics {
    case .standard(let mean, let deviation):
      for (row, number) in try Self.numbers(of: column, type, nodes, graph).enumerated()
      where number.isFinite {
        rows[row * stride] = Float((number - mean) / deviation)
      }
    case .categories(let texts):
      let places = Dictionary(uniqueKeysWithValues: zip(texts, texts.indices))
      for (row, text) in try Self.texts(of: column, type, nodes, graph).enumerated() {
        if let text, let place = places[text] { rows[row * stride + place] = 1 }
      }
    case .hash(let width):
      for (row, text) in try Self.texts(of: column, type, nodes, graph).enumerated() {
        guard let text else { continue }
        Self.hash(
          text,
          into: UnsafeMutableBufferPointer(rebasing: rows[row * stride..<row * stride + width]))
      }
    }
  }

  /// Adds one or takes one away for each word, letters and digits in lower case, and divides by the length.
  static func hash(_ text: String, into row: UnsafeMutableBufferPointer<Float>) {
    for word in text.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
      var stream = RandomStream(seed: 0).derive(String(word))
      let place = Int(stream.next(below: UInt64(row.count)))
      row[place] += stream.next() & 1 == 0 ? 1 : -1
    }
    let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
    if length > 0 { for place in row.indices { row[place] /= length } }
  }

  /// NaN for null.
  private static func numbers(
    of column: String, _ type: NodeType, _ nodes: [UInt32], _ graph: Snapshot
  ) throws -> [Double] {
    let places = nodes.map { UInt64($0) }
    var values = [Double](repeating: .nan, count: nodes.count)
    var span = values.mutableSpan
    try graph.numbers(of: column, of: .nodes(type), at: places.span, into: &span)
    return values
  }

  /// `nil` for null.
  private static func texts(
    of column: String, _ type: NodeType, _ nodes: [UInt32], _ graph: Snapshot
  ) throws -> [String?] {
    try nodes.map { try graph.value(of: column, of: type, at: NodeID($0))?.description }
  }

  /// The rows of several encoders side by side: [nodes, their width].
  ///
  /// - Throws: `usage` when a column is not there.
  public static func rows(
    _ encoders: [ColumnEncoder], of nodes: [UInt32], _ type: NodeType, in graph: Snapshot
  ) throws -> Tensor {
    let width = encoders.reduce(0) { $0 + $1.width }
    return try Tensor(shape: [nodes.count, width]) { rows in
      rows.initialize(repeating: 0)
      var first = 0
      for encoder in encoders where encoder.width > 0 && !nodes.isEmpty {
        try encoder.write(
          nodes, of: type, in: graph, stride: width,
          into: UnsafeMutableBufferPointer(rebasing: rows[first...]))
        first += encoder.width
      }
    }
  }
}

/// The nodes of a type that encoders are fitted on: those of its set `train`, or all where it has no such set.
struct TrainingNodes {
  private let parts: (([UInt32]) throws -> Void) throws -> Void

  init(of type: NodeType, in graph: Snapshot) throws {
    let partSize = 1 << 14
    guard let members = try graph.set(named: "train", of: type) else {
      let (count, deleted) = (UInt32(graph.count(of: type)), graph.deletedNodes(of: type))
      parts = { body in
        for first in stride(from: 0, to: count, by: partSize) {
          let range = first..<min(count, first + UInt32(partSize))
          try body(range.filter { !deleted.contains($0) })
        }
      }
      return
    }
    parts = { body in
      var part: [UInt32] = []
      for node in members {
        part.append(node)
        if part.count == partSize {
          try body(part)
          part.removeAll(keepingCapacity: true)
        }
      }
      if !part.isEmpty { try body(part) }
    }
  }

  func forEachPart(_ body: ([UInt32]) throws -> Void) throws { try parts(body) }
}

extension NodeClassifier {
  /// What the network takes in.
  func inputs(
    _ features: PerNode<Tensor>, of nodes: PerNode<[UInt32]>, in graph: Snapshot
  ) throws -> PerNode<Tensor> {
    try checkPlaces(features, of: nodes, in: graph)
    return try specification.inputs.rows(features, of: nodes, in: graph)
  }
}
