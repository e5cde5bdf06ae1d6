import HedgerowCore
import HedgerowGNN
import HedgerowGraph
public import HedgerowNN
import HedgerowTensor

/// What gives the ends of links rows, and tells from two rows whether they are linked.
///
/// Names: `encoder...` or `embedding...`, `decoder...`.
public struct LinkNetwork: Module {
  /// Of all models but ``LinkTrainingOptions/Model/lightgcn``.
  let encoder: NodeNetwork?
  let embedding: LightGCN?
  /// `nil` for the product of both rows.
  let decoder: (any KnowledgeGraphModel)?
  private let isVariational: Bool
  /// Nodes whose rows are drawn.
  private let nodeCount: Int

  public static let pathNames = ["embedding": ""]

  init(_ specification: LinkSpecification) throws {
    let options = specification.options
    let width = options.training.hiddenWidth
    let ends = try specification.ends
    nodeCount = specification.inputs.filter { input in ends.contains { $0.name == input.type } }
      .reduce(0) { $0 + $1.count }
    isVariational = options.model == .vgae
    if options.model == .lightgcn {
      embedding = LightGCN(nodes: nodeCount, width: width, layers: options.training.layerCount)
      encoder = nil
    } else {
      embedding = nil
      encoder = NodeNetwork(
        inputs: specification.inputs.ofNetwork,
        relations: try specification.relations.map { try EdgeType(validating: $0) }, targets: ends,
        outputs: isVariational ? 2 * width : width, options: try specification.network)
    }
    decoder =
      switch options.decoder {
      case .dot: nil
      case .distmult: DistMult(nodes: 0, relations: 1, width: width)
      case .complex: ComplEx(nodes: 0, relations: 1, width: width / 2)
      case .rotate: RotatE(nodes: 0, relations: 1, width: width / 2)
      case .transe: TransE(nodes: 0, relations: 1, width: width)
      }
  }

  /// Rows of nodes by type, and what is added to the loss of those that were drawn.
  typealias Rows = (rows: PerNode<Tensor>, penalty: Tensor?)

  /// The rows of a sample's seeds, by its encoder.
  func rows(
    _ features: PerNode<Tensor>, _ blocks: [HeteroBlock], nodes: PerNode<[UInt32]>
  ) -> Rows {
    guard let encoder else { fatalError("a network without an encoder has no rows of samples") }
    let outputs = encoder.outputs(features, blocks, nodes: nodes)
    guard isVariational else { return (outputs, nil) }
    var (rows, penalty) = (PerNode<Tensor>(), Tensor(0))
    for (type, output) in outputs {
      let width = output.shape[1] / 2
      let drawn = NormalRows(
        mean: output.sliced(0..<width, along: 1),
        logDeviation: output.sliced(width..<2 * width, along: 1))
      rows[type] = drawn.sample()
      penalty = penalty + drawn.divergence / Float(max(1, nodeCount))
    }
    return (rows, penalty)
  }

  /// A score for each pair of rows. Shapes: [pairs, width] both, result [pairs].
  func scores(_ sources: Tensor, _ targets: Tensor) -> Tensor {
    guard let decoder else { return sum(sources * targets, along: 1) }
    return decoder.score(
      heads: sources, relations: [UInt32](repeating: 0, count: sources.rowCount), tails: targets)
  }

  /// The score of each source with each candidate. Shapes: [sources, width] and [candidates, width], result [sources,
  /// candidates].
  func scores(_ sources: Tensor, candidates: Tensor) -> Tensor {
    guard let decoder else { return matmul(sources, candidates.transposed()) }
    return decoder.scores(
      sources, relations: [UInt32](repeating: 0, count: sources.rowCount), candidates: candidates,
      for: .tail)
  }

  /// The loss of links and of pairs that are none, `owners` saying for each of these which link it belongs to.
  func loss(_ scores: Tensor, against falseScores: Tensor, owners: [UInt32]) -> Tensor {
    guard let decoder else { return contrastiveLoss(scores, against: falseScores) }
    return decoder.loss(scores.gathered(rows: owners), against: falseScores)
  }
}
