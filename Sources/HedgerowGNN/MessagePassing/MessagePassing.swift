import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
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
/// The same layer runs on sampled blocks and on whole graphs. Messages that copy or scale their
/// source are never stored; any other is a row of a tensor with one for each edge.
///
/// Source: Gilmer et al., Neural Message Passing for Quantum Chemistry, ICML 2017; Fey and Lenssen,
/// Fast Graph Representation Learning with PyTorch Geometric, 2019.
public protocol MessagePassing: Module {
  associatedtype Aggregating: Aggregator
  var aggregation: Aggregating { get }

  /// The messages of all edges at once; copies of the sources unless another is written.
  func message(_ edge: EdgeInputs) -> Message

  /// New features of the targets; what was aggregated unless another is written.
  ///
  /// Shapes: aggregated [targets, message width], target [targets, target width].
  func update(_ aggregated: Tensor, target: Tensor) -> Tensor

  /// The layer within one type of nodes: targets are the first of the sources.
  func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor
}

extension MessagePassing {
  public func message(_ edge: EdgeInputs) -> Message { .copySource }
  public func update(_ aggregated: Tensor, target: Tensor) -> Tensor { aggregated }

  public func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor {
    propagate(x, along: block)
  }

  /// The layer between two types of nodes.
  public func callAsFunction(source: Tensor, target: Tensor, _ block: Block) -> Tensor {
    propagate(source: source, target: target, along: block)
  }

  /// Messages, aggregation and update within one type of nodes.
  public func propagate(_ x: Tensor, along block: Block) -> Tensor {
    propagate(source: x, target: x.prefix(rows: block.targetCount), along: block)
  }

  /// Messages, aggregation and update. Shapes: source [sources, ...], target [targets, ...]; traps
  /// when they do not fit the block.
  public func propagate(source: Tensor, target: Tensor, along block: Block) -> Tensor {
    require(
      source.rowCount == block.sourceCount && target.rowCount == block.targetCount,
      "features of shapes \(source.shape) and \(target.shape) for a block of "
        + "\(block.sourceCount) sources and \(block.targetCount) targets")
    let edge = EdgeInputs(sourceRows: source, targetRows: target, block: block)
    let aggregated =
      switch message(edge) {
      case .copySource: aggregation(source, along: block)
      case .scaledSource(let weights): aggregation(source, scaledBy: weights, along: block)
      case .dense(let messages): aggregation(messages, by: block.usedOffsets)
      }
    return update(aggregated, target: target)
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
  public let block: Block

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
}
