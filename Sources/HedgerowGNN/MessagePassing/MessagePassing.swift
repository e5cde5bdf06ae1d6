import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// A layer of your own: each edge has a message, a target aggregates those that reach it, and an
/// update makes them its new features.
///
/// x_t' = update(aggregation over the edges (s, t) of message(s, t), x_t)
/// ```swift
/// struct NormalizedConv: MessagePassing {     // x_i' = sum over j in N(i) + {i} of W x_j / sqrt(d_i d_j)
///   let linear: Linear
///   let aggregation = Aggregation.sum
///   func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor {
///     propagate(linear(x), along: block.addingSelfLoops())
///   }
///   func message(_ edge: EdgeInputs) -> Message {
///     .scaledSource(by: rsqrt(edge.sourceDegree * edge.targetDegree))
///   }
/// }
/// ```
/// The same layer runs on sampled blocks and on whole graphs, and in a ``HeteroConv``, which calls its form of two
/// types. Messages that copy or scale their source are never stored; any other is a row of a tensor with one for
/// each edge. What edges bring along - weights, types, features - is handed to ``propagate(source:target:along:carrying:)``.
///
/// Source: Gilmer et al., Neural Message Passing for Quantum Chemistry, ICML 2017; Fey and Lenssen,
/// Fast Graph Representation Learning with PyTorch Geometric, 2019.
public protocol MessagePassing: Convolution {
  associatedtype Aggregating: Aggregator
  var aggregation: Aggregating { get }

  /// Which way messages go; along the edges unless another is written.
  var direction: MessageDirection { get }

  /// The messages of all edges at once; copies of the sources unless another is written.
  func message(_ edge: EdgeInputs) -> Message

  /// New features of the targets; what was aggregated unless another is written.
  ///
  /// Shapes: aggregated [targets, message width], target [targets, target width].
  func update(_ aggregated: Tensor, target: Tensor) -> Tensor

  /// The layer within one type of nodes: targets are the first of the sources.
  func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor

  /// The layer between two types of nodes.
  func callAsFunction(source: Tensor, target: Tensor, _ block: Block) -> Tensor
}

/// Which way messages go.
public enum MessageDirection: Sendable {
  case alongEdges
  /// From the targets of a block to its sources. A node's features are those of a whole graph, then, or of two
  /// types of nodes, of which the block's targets are the sources of messages.
  case againstEdges
}

extension MessagePassing {
  public var direction: MessageDirection { .alongEdges }
  public func message(_ edge: EdgeInputs) -> Message { .copySource }
  public func update(_ aggregated: Tensor, target: Tensor) -> Tensor { aggregated }

  public func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor {
    propagate(x, along: block)
  }

  public func callAsFunction(source: Tensor, target: Tensor, _ block: Block) -> Tensor {
    propagate(source: source, target: target, along: block)
  }

  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    AffineSum(self(source: source, target: target, block))
  }

  /// Messages, aggregation and update within one type of nodes.
  public func propagate(
    _ x: Tensor, along block: Block, carrying attributes: EdgeAttributes = .init()
  ) -> Tensor {
    propagate(
      source: x, target: x.prefix(rows: block.targetCount), along: block, carrying: attributes)
  }

  /// Messages, aggregation and update.
  ///
  /// Shapes: source [sources, ...], target [targets, ...] of the messages; traps when they do not fit the block, or
  /// attributes not its entries.
  public func propagate(
    source: Tensor, target: Tensor, along given: Block,
    carrying attributes: EdgeAttributes = .init()
  ) -> Tensor {
    attributes.check(given)
    let isReversed = direction == .againstEdges
    let block = isReversed ? given.reversed() : given
    require(
      source.rowCount == block.sourceCount && target.rowCount == block.targetCount,
      "features of shapes \(source.shape) and \(target.shape) for a block of "
        + "\(block.sourceCount) sources and \(block.targetCount) targets")
    let edge = EdgeInputs(
      sourceRows: source, targetRows: target, block: block,
      attributes: isReversed ? attributes.gathered(block.edges) : attributes)
    let aggregated =
      switch message(edge) {
      case .copySource: aggregation(source, along: block)
      case .scaledSource(let weights): aggregation(source, scaledBy: weights, along: block)
      case .dense(let messages): aggregation(messages, by: block.usedOffsets)
      }
    return update(aggregated, target: target)
  }
}

/// What the edges of a block bring along, in the order of its entries (``HedgerowGraph/Block/edges`` says which
/// edge an entry is).
public struct EdgeAttributes: Sendable {
  /// [edges]
  public var weights: Tensor?
  /// [edges, edge width]
  public var features: Tensor?
  /// [edges]
  public var types: [UInt32]?

  public init(weights: Tensor? = nil, features: Tensor? = nil, types: [UInt32]? = nil) {
    self.weights = weights
    self.features = features
    self.types = types
  }

  fileprivate func check(_ block: Block) {
    for count in [weights?.rowCount, features?.rowCount, types?.count].compactMap({ $0 }) {
      require(count == block.edgeCount, "attributes of \(count) edges for \(block.edgeCount)")
    }
  }

  /// Those of some entries.
  fileprivate func gathered(_ entries: [UInt32]) -> EdgeAttributes {
    EdgeAttributes(
      weights: weights?.gathered(rows: entries), features: features?.gathered(rows: entries),
      types: types.map { types in entries.map { types[Int($0)] } })
  }
}

/// What travels along the edges of a block.
public enum Message: Sendable {
  /// x_s, as it is.
  case copySource
  /// w_e x_s, the weights of shape [edges], or [edges, heads] for one in each of `heads` stretches.
  case scaledSource(by: Tensor)
  /// A row for each edge: [edges, width].
  case dense(Tensor)
}

/// What an edge's message may depend on; each property has a row for every edge, in the order of
/// the block's entries, and is computed when it is asked for.
public struct EdgeInputs: Sendable {
  let sourceRows: Tensor
  let targetRows: Tensor
  /// Its targets are those of the messages.
  public let block: Block
  let attributes: EdgeAttributes

  public var count: Int { block.edgeCount }
  /// Features of each edge's source: [edges, source width].
  public var source: Tensor { sourceRows.gathered(alongSourcesOf: block) }
  /// Features of each edge's target: [edges, target width].
  public var target: Tensor { targetRows.gathered(alongTargetsOf: block) }
  /// Degree of each edge's source, as ``HedgerowGraph/Block/degrees(ofSources:)``: [edges].
  public var sourceDegree: Tensor {
    block.degrees(ofSources: Float.self).gathered(alongSourcesOf: block)
  }
  /// Edges that lead to each edge's target: [edges].
  public var targetDegree: Tensor {
    block.degrees(ofTargets: Float.self).gathered(alongTargetsOf: block)
  }
  /// The weight of each edge, [edges]; traps when edges have none.
  public var weights: Tensor { present(attributes.weights, "weights") }
  /// The features of each edge, [edges, edge width]; traps when edges have none.
  public var features: Tensor { present(attributes.features, "features") }
  /// The type of each edge, [edges]; traps when edges have none.
  public var types: [UInt32] { present(attributes.types, "types") }

  private func present<Value>(_ value: Value?, _ name: String) -> Value {
    guard let value else { fatalError("a message asks for edges' \(name), which have none") }
    return value
  }
}
