import HedgerowCore
import HedgerowNN
import HedgerowTensor

extension NodeNetwork.Architecture {
  /// Whether a convolution along a relation uses the targets' own features.
  func usesTargets(along relation: EdgeType) -> Bool {
    switch self {
    case .sage, .graph, .transformer, .gin, .pna, .hgt, .han: true
    case .gcn, .gat, .gatv2: relation.source == relation.target
    case .edge, .rgcn, .mlp: false
    }
  }

  /// Whether layers have heads of attention, which divide the hidden width.
  public var hasHeads: Bool {
    switch self {
    case .gat, .gatv2, .transformer, .hgt, .han: true
    case .sage, .gcn, .graph, .gin, .pna, .edge, .rgcn, .mlp: false
    }
  }

  /// Whether outputs are a linear map of what the last layer gives, not that itself.
  var hasHead: Bool { self == .hgt || self == .han }

  /// The types whose inputs are to be brought to the hidden width: where sources and targets are added to each
  /// other, or share weights, and have several widths.
  func projected(_ widths: PerNode<Int>, hidden: Int) -> [NodeType] {
    let isNeeded =
      switch self {
      case .gin, .pna, .edge, .rgcn: Set(widths.values).count > 1
      case .hgt: true
      case .sage, .gcn, .gat, .gatv2, .graph, .transformer, .han, .mlp: false
      }
    return isNeeded ? widths.filter { $0.1 != hidden }.map(\.0) : []
  }
}

extension NodeNetwork.Options {
  /// A layer's convolution from features of these widths; of relations that there are none of, an empty one.
  func convolution(
    along relations: [EdgeType], from widths: PerNode<Int>, to output: Int, isOutput: Bool
  ) -> any HeteroConvolution {
    let heads = isOutput ? 1 : self.heads
    require(
      !architecture.hasHeads || output.isMultiple(of: heads),
      "\(heads) heads do not divide a width of \(output)")
    guard !relations.isEmpty else { return HeteroConv([:]) }
    var used = PerNode<Int>()
    for relation in relations {
      for type in [relation.source, relation.target] { used[type] = widths[type] }
    }
    switch architecture {
    case .rgcn:
      return HeteroRGCNConv(
        used.values[0], output, relations: relations,
        regularization: bases.map { .bases($0) } ?? .none)
    case .hgt:
      return HGTConv(used, to: output, relations: relations, heads: heads)
    case .han:
      var han = HANConv.Options()
      han.heads = heads
      return HANConv(used, to: output, relations: relations, options: han)
    case .sage, .gcn, .gat, .gatv2, .graph, .transformer, .gin, .pna, .edge, .mlp:
      var convolutions = PerEdge<any Convolution>()
      for relation in relations {
        convolutions[relation] = convolution(
          along: relation, widths[relation.source], widths[relation.target], to: output,
          heads: heads)
      }
      return HeteroConv(convolutions)
    }
  }

  /// What passes messages along one relation, of the architectures that see each by itself.
  private func convolution(
    along relation: EdgeType, _ source: Int, _ target: Int, to output: Int, heads: Int
  ) -> any Convolution {
    let isWithinType = relation.source == relation.target
    switch architecture {
    case .gcn:
      var gcn = GCNConv.Options()
      gcn.selfLoops = isWithinType
      return GCNConv(source, output, options: gcn)
    case .gat:
      var gat = GATConv.Options()
      gat.heads = heads
      gat.dropout = dropout
      return isWithinType
        ? GATConv(source, output / heads, options: gat)
        : GATConv(source: source, target: target, to: output / heads, options: gat)
    case .gatv2:
      var gat = GATv2Conv.Options()
      gat.heads = heads
      gat.dropout = dropout
      gat.selfLoops = isWithinType
      return GATv2Conv(source: source, target: target, to: output / heads, options: gat)
    case .graph:
      return GraphConv(source: source, target: target, to: output)
    case .transformer:
      var transformer = TransformerConv.Options()
      transformer.heads = heads
      transformer.dropout = dropout
      return TransformerConv(
        source: source, target: target, to: output / heads, options: transformer)
    case .gin:
      var mlp = MLP.Options()
      mlp.normalization = normalization
      return GINConv(MLP([source, hiddenWidth, output], options: mlp))
    case .pna:
      guard let degrees = meanDegrees[optional: relation] else {
        fatalError("pna needs the mean degrees along \(relation); there are \(meanDegrees.keys)")
      }
      return PNAConv(source, output, degrees: degrees)
    case .edge:
      return EdgeConv(
        Sequential(
          Linear(2 * source, hiddenWidth), Activation.relu, Linear(hiddenWidth, output)))
    case .sage, .rgcn, .hgt, .han, .mlp:
      var sage = SAGEConv.Options()
      sage.aggregation = aggregation
      return SAGEConv(source: source, target: target, to: output, options: sage)
    }
  }
}
