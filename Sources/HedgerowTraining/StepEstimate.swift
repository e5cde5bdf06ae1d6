import HedgerowCore
import HedgerowGNN
import HedgerowSampling

/// What a step of training on a sampled batch is expected to hold in memory, by how large batches are
/// expected to be.
struct StepEstimate {
  /// Features that a batch takes in, as float32.
  private(set) var featureByteCount = 0
  /// Its nodes and edges.
  private(set) var subgraphByteCount = 0
  /// What training computes from it and keeps until gradients are there, with these.
  private(set) var activationByteCount = 0

  var batchByteCount: Int { featureByteCount + subgraphByteCount }

  init(_ specification: ModelSpecification, _ probabilities: InclusionProbabilities) {
    let options = specification.options
    func known(_ type: NodeType, afterHop hop: Int) -> Double {
      probabilities.knownCounts[optional: type]?[hop] ?? 0
    }
    var inputWidths = PerNode<Int>()
    var (features, nodes, edges) = (0.0, 0.0, 0.0)
    for input in specification.inputs {
      let type = NodeType(input.type)
      inputWidths[type] = input.width
      let count = known(type, afterHop: options.layerCount)
      nodes += count
      features += count * Double(input.width)
      // Rows that are looked up, or divided by their length.
      if input.columns.isEmpty || input.isScaled { features += count * Double(input.width) }
    }
    let relations = specification.relations.compactMap { try? EdgeType(validating: $0) }
    var floats = 0.0
    for layer in 0..<options.layerCount {
      let isLast = layer == options.layerCount - 1
      let output = Double(isLast ? specification.classes.count : options.hiddenWidth)
      func input(_ type: NodeType) -> Double {
        layer == 0 ? Double(inputWidths[optional: type] ?? 0) : Double(options.hiddenWidth)
      }
      func sources(_ type: NodeType) -> Double { known(type, afterHop: options.layerCount - layer) }
      func targets(_ type: NodeType) -> Double {
        known(type, afterHop: options.layerCount - 1 - layer)
      }
      for relation in relations {
        let (count, width) = (targets(relation.target), input(relation.source))
        let drawn = (probabilities.edgeCounts[optional: relation] ?? [])
          .prefix(options.layerCount - layer).reduce(0, +)
        edges = max(edges, drawn)
        switch options.model {
        // Aggregates, and on the way back their gradients.
        case .sage, .gcn, .mlp: floats += 2 * count * width
        // Transformed sources and their gradients, scores of edges and theirs.
        case .gat:
          floats += 2 * sources(relation.source) * output
          floats += 6 * drawn * Double(isLast ? 1 : options.network.heads)
        }
        // Edges by source, along which gradients go back.
        if layer > 0 || options.model == .gat { floats += 3 * drawn }
      }
      for input in specification.inputs {
        // Results and their gradients, and a mask of dropout.
        floats += 2.25 * targets(NodeType(input.type)) * output
      }
    }
    featureByteCount = Int(4 * features)
    let drawn = probabilities.edgeCounts.values.reduce(0) { $0 + $1.reduce(0, +) }
    subgraphByteCount = Int(4 * (2 * nodes + drawn))
    activationByteCount = Int(4 * floats)
  }
}
