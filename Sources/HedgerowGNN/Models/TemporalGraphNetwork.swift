import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Nodes with the last events of each, as a ``TemporalGraphNetwork`` sees them.
public struct RecentNeighborhood: Sendable {
  /// Each node once: those that are asked for, then the others of their events.
  public var nodes: [UInt32]
  /// From the others of its last events to each node that is asked for.
  public var block: Block
  /// When the event of each entry of the block was.
  public var times: [Float]
  /// What is known of it: [entries, message width].
  public var messages: Tensor

  public init(nodes: [UInt32], block: Block, times: [Float], messages: Tensor) {
    require(
      block.sourceCount == nodes.count && block.edgeCount == times.count
        && messages.shape.count == 2 && messages.rowCount == times.count,
      "\(nodes.count) nodes, \(times.count) times and messages of shape \(messages.shape) for a block "
        + "of \(block.sourceCount) sources and \(block.edgeCount) entries")
    (self.nodes, self.block, self.times, self.messages) = (nodes, block, times, messages)
  }
}

/// A temporal graph network that tells who meets whom next: a memory of each node, attention over its last events,
/// and a decoder of pairs.
/// ```
/// z = TransformerConv over the last events of (other's row, cos(W (u - t) + b), message)
/// score = w . relu(W_source z_source + W_target z_target)
/// ```
/// u is when the other's row was last changed, t the time of the event.
///
/// Shapes: result of ``rows(of:)`` [asked for, width], of ``scores(_:_:)`` [pairs]. Names: those of PyTorch Geometric's
/// example of TGN, `memory...`, `gnn.conv...`, `link_pred.lin_src`, `.lin_dst` and `.lin_final`.
///
/// Source: Rossi et al., Temporal Graph Networks for Deep Learning on Dynamic Graphs, 2020, with the attention of
/// PyTorch Geometric's example.
public struct TemporalGraphNetwork: Module {
  public let memory: TGNMemory
  let attention: TransformerConv
  let source: Linear
  let target: Linear
  let final: Linear

  public static let pathNames = [
    "attention": "gnn.conv", "source": "link_pred.lin_src", "target": "link_pred.lin_dst",
    "final": "link_pred.lin_final",
  ]

  /// - Parameters:
  ///   - width: of memory, of times as the network sees them, and of what attention gives; a multiple of ``heads``.
  ///   - dropout: rate of dropout of attention, in training.
  public init(nodes: Int, messageWidth: Int, width: Int = 100, dropout: Double = 0.1) {
    memory = TGNMemory(
      nodes: nodes, messageWidth: messageWidth, width: width, timeWidth: width)
    var options = TransformerConv.Options()
    options.heads = Self.heads
    options.dropout = dropout
    options.edgeWidth = width + messageWidth
    attention = TransformerConv(width, width / Self.heads, options: options)
    (source, target) = (Linear(width, width), Linear(width, width))
    final = Linear(width, 1)
  }

  public static let heads = 2

  /// The rows of the nodes that are asked for.
  public func rows(of neighborhood: RecentNeighborhood) -> Tensor {
    let (rows, changes) = memory(neighborhood.nodes)
    let block = neighborhood.block
    let elapsed = (0..<block.edgeCount).map {
      changes[Int(block.sources[$0])] - neighborhood.times[$0]
    }
    let times = memory.timeEncoder(Tensor(elapsed))
    let messages = neighborhood.messages
    return attention(
      rows, block, edges: messages.shape[1] == 0 ? times : concatenated(times, messages))
  }

  /// A score for each pair of rows, above 0 for those that rather meet. Shapes: [pairs, width] both, result [pairs].
  public func scores(_ sources: Tensor, _ targets: Tensor) -> Tensor {
    let hidden = relu(source(sources) + target(targets))
    return final(hidden).reshaped(to: [sources.rowCount])
  }

  /// The score of each source with each candidate. Shapes: [sources, width] and [candidates, width], result [sources,
  /// candidates].
  public func scores(_ sources: Tensor, candidates: Tensor) -> Tensor {
    let (own, others) = (source(sources), target(candidates))
    return concatenated(
      (0..<sources.rowCount).map { row in
        final(relu(own.sliced(row..<row + 1, along: 0) + others))
          .reshaped(to: [1, candidates.rowCount])
      }, along: 0)
  }
}
