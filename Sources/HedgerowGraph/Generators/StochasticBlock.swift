import HedgerowCore

/// A random undirected graph with known classes: a stochastic block model with Gaussian features.
///
/// ```swift
/// let graph = try StochasticBlock(.init(nodeCount: 20_000), seed: 7)
/// graph.forEachEdge(in: 0..<graph.edgeCount) { source, target in ... }
/// let best = graph.bestAccuracy(hops: 2)
/// ```
/// Node v has class v mod classCount, so that classes are of equal size. Each of
/// nodeCount x meanDegree / 2 edges has a uniform source; with probability `homophily` its target is
/// another node of the source's class, else a node of another class, uniform either way (Holland,
/// Laskey, Leinhardt: Stochastic blockmodels, Social Networks 1983, with the number of edges
/// fixed). Degrees are about Poisson; an edge may occur twice. Features are ``GaussianClasses``.
///
/// What can be learned from such a graph is known: see ``bestAccuracy(hops:sampleCount:)``. Each
/// edge, label, feature and split is a pure function of (options, seed, index): any part can be
/// made anywhere, in any order and in no memory.
public struct StochasticBlock: Sendable {
  public struct Options: Sendable {
    public var nodeCount = 10_000
    public var classCount = 5
    /// Edges at a node, in both directions together, on average.
    public var meanDegree = 10.0
    /// The share of edges that join nodes of one class.
    public var homophily = 0.6
    /// Numbers in a node's feature vector.
    public var featureWidth = 32
    /// The standard deviation of each feature around its class's mean; see ``GaussianClasses``.
    public var noise = 1.0
    /// The share of nodes to train on, and to validate on. The others are to be tested on.
    public var trainFraction = 0.1
    public var validFraction = 0.1

    public init() {}
  }

  /// The part of the nodes that a node belongs to.
  public enum Split: String, Sendable, CaseIterable {
    case train, valid, test
  }

  public let options: Options
  public let features: GaussianClasses
  public var nodeCount: Int { options.nodeCount }
  public let edgeCount: Int
  private let edgeStream: RandomStream
  private let splitStream: RandomStream
  private let estimateStream: RandomStream

  /// - Throws: `usage` when an option is out of its range.
  public init(_ options: Options = Options(), seed: UInt64) throws {
    guard options.nodeCount <= 1 << 32 else {
      throw HedgerowError(.usage, "\(options.nodeCount) nodes are more than 2^32")
    }
    features = try GaussianClasses(
      classCount: options.classCount, width: options.featureWidth, noise: options.noise,
      seed: seed)
    guard options.nodeCount >= 2 * options.classCount else {
      throw HedgerowError(
        .usage,
        "\(options.nodeCount) nodes are less than two for each of \(options.classCount)"
          + " classes")
    }
    let edges = Double(options.nodeCount) * options.meanDegree / 2
    guard options.meanDegree >= 0, edges < 0x1p53 else {
      throw HedgerowError(.usage, "a degree of \(options.meanDegree) is out of range")
    }
    guard (0...1).contains(options.homophily), options.classCount > 1 || options.homophily == 1
    else {
      throw HedgerowError(
        .usage,
        "a homophily of \(options.homophily) is not between 0 and 1, or not 1 where there"
          + " is one class")
    }
    guard options.trainFraction >= 0, options.validFraction >= 0,
      options.trainFraction + options.validFraction <= 1
    else {
      throw HedgerowError(.usage, "the shares to train and to validate on are not between 0 and 1")
    }
    self.options = options
    edgeCount = Int(edges.rounded())
    let root = RandomStream(seed: seed).derive("stochastic block")
    edgeStream = root.derive("edges")
    splitStream = root.derive("splits")
    estimateStream = root.derive("estimate")
  }

  public func label(of node: Int) -> Int { node % options.classCount }

  public func split(of node: Int) -> Split {
    var stream = splitStream.derive(UInt64(node))
    let draw = stream.nextUnit()
    if draw < options.trainFraction { return .train }
    return draw < options.trainFraction + options.validFraction ? .valid : .test
  }

  /// The share of the largest class.
  public var majorityShare: Double {
    Double(size(of: 0)) / Double(nodeCount)
  }

  /// The edge of an index below `edgeCount`.
  public func edge(_ index: Int) -> (source: UInt32, target: UInt32) {
    require(index >= 0 && index < edgeCount, "edge \(index) is not below \(edgeCount)")
    var stream = edgeStream.derive(UInt64(index))
    let classCount = options.classCount
    let source = Int(stream.next(below: UInt64(nodeCount)))
    let label = source % classCount
    let isWithin = stream.nextUnit() < options.homophily
    let target: Int
    if isWithin {
      // The members of a class are label, label + classCount, ...; the source is passed over.
      var member = Int(stream.next(below: UInt64(size(of: label) - 1)))
      if member >= source / classCount { member += 1 }
      target = label + member * classCount
    } else {
      // The others in order: each group of classCount lacks one.
      let draw = Int(stream.next(below: UInt64(nodeCount - size(of: label))))
      let group = draw / (classCount - 1)
      let place = draw % (classCount - 1)
      target = group * classCount + place + (place >= label ? 1 : 0)
    }
    return (UInt32(source), UInt32(target))
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

  /// Nodes of a class.
  func size(of label: Int) -> Int {
    (nodeCount - label + options.classCount - 1) / options.classCount
  }

  var estimation: RandomStream { estimateStream }
}
