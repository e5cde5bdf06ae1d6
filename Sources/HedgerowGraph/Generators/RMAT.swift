import HedgerowCore

/// R-MAT: a random directed graph with the skewed degrees of web and social graphs.
///
/// ```swift
/// let graph = try RMAT(.init(scale: 20, edgeFactor: 16), seed: 7)
/// graph.forEachEdge(in: 0..<graph.edgeCount) { source, target in ... }
/// ```
/// An edge falls down the adjacency matrix, at each of `scale` levels into one quadrant with
/// probabilities a, b, c and 1 - a - b - c (Chakrabarti, Zhan, Faloutsos: R-MAT, SDM'04; the
/// defaults are Graph500's). Rows are then renamed by a permutation, so that a low id does not mean
/// a high degree. Parallel edges and loops are part of the model.
///
/// Each edge is a pure function of (options, seed, index): any part can be made anywhere, in any
/// order and in no memory. O(scale) an edge.
public struct RMAT: Sendable {
  public struct Options: Sendable {
    /// There are 2^scale nodes; 1 to 32.
    public var scale = 20
    /// Edges per node, isolated ones included.
    public var edgeFactor = 16.0
    /// The quadrants' probabilities: both halves low, low to high, high to low.
    public var a = 0.57
    public var b = 0.19
    public var c = 0.19

    public init(scale: Int = 20, edgeFactor: Double = 16) {
      self.scale = scale
      self.edgeFactor = edgeFactor
    }
  }

  public let options: Options
  public let nodeCount: Int
  public let edgeCount: Int
  private let stream: RandomStream
  private let names: ShuffledRange
  // Sums of the probabilities in units of 2^-21.
  private let upToA: UInt32
  private let upToB: UInt32
  private let upToC: UInt32

  private static let levelBits: UInt64 = 21

  /// - Throws: `usage` when an option is out of its range.
  public init(_ options: Options = Options(), seed: UInt64) throws {
    guard (1...32).contains(options.scale) else {
      throw HedgerowError(.usage, "a scale of \(options.scale) is not between 1 and 32")
    }
    let edges = options.edgeFactor * Double(1 << options.scale)
    guard options.edgeFactor >= 0, edges < 0x1p53 else {
      throw HedgerowError(.usage, "an edge factor of \(options.edgeFactor) is out of range")
    }
    let sums = [options.a, options.a + options.b, options.a + options.b + options.c]
    guard min(options.a, options.b, options.c) >= 0, sums[2] <= 1 else {
      throw HedgerowError(.usage, "the quadrants' probabilities are not between 0 and 1")
    }
    self.options = options
    nodeCount = 1 << options.scale
    edgeCount = Int(edges.rounded())
    let root = RandomStream(seed: seed).derive("rmat")
    stream = root.derive("edges")
    names = ShuffledRange(count: nodeCount, stream: root.derive("names"))
    let unit = Double(1 << Self.levelBits)
    upToA = UInt32((sums[0] * unit).rounded())
    upToB = UInt32((sums[1] * unit).rounded())
    upToC = UInt32((sums[2] * unit).rounded())
  }

  /// The edge of an index below `edgeCount`.
  public func edge(_ index: Int) -> (source: UInt32, target: UInt32) {
    require(index >= 0 && index < edgeCount, "edge \(index) is not below \(edgeCount)")
    var stream = stream.derive(UInt64(index))
    var row = 0
    var column = 0
    var level = 0
    while level < options.scale {
      // One draw serves three levels.
      var bits = stream.next()
      let end = min(level + 3, options.scale)
      while level < end {
        let draw = UInt32(truncatingIfNeeded: bits & ((1 << Self.levelBits) - 1))
        bits >>= Self.levelBits
        let isLow = draw >= upToB
        row = row << 1 | (isLow ? 1 : 0)
        column = column << 1 | ((draw >= upToA) != (isLow != (draw >= upToC)) ? 1 : 0)
        level += 1
      }
    }
    return (UInt32(names[row]), UInt32(names[column]))
  }

  /// Hands the edges of a range of indices to `body`, in order.
  @inlinable
  public func forEachEdge(
    in range: Range<Int>, _ body: (_ source: UInt32, _ target: UInt32) throws -> Void
  ) rethrows {
    for index in range {
      let (source, target) = edge(index)
      try body(source, target)
    }
  }
}
