import HedgerowCore
import HedgerowGraph
import HedgerowNN
import HedgerowTensor

/// What a ``HomogeneousModel`` sees.
struct HomogeneousGraph {
  /// Of the nodes: [nodes, width].
  let x: Tensor
  /// Of points: [nodes, dimensions].
  let places: Tensor?
  /// `nil` for models that see no edges.
  let block: Block?
  /// That of each node; `nil` where outputs are of nodes.
  let graphs: RowGroups?

  var edges: Block {
    guard let block else { fatalError("the model needs a block of its nodes") }
    return block
  }
}

/// A model of a graph with one kind of nodes and of edges.
protocol HomogeneousModel: Module {
  /// A row for each node, or graph.
  func outputs(_ graph: HomogeneousGraph) -> Tensor
}

extension HomogeneousNetwork.Options {
  func model(_ width: Int, nodes: Int, outputs: Int) -> any HomogeneousModel {
    switch architecture {
    case .sign:
      var sign = SIGN.Options()
      (sign.activation, sign.dropout) = (activation, dropout)
      return SIGN(width, hiddenWidth, hops: layerCount, outputs: outputs, options: sign)
    case .linkx:
      var linkx = LINKX.Options()
      (linkx.layers, linkx.dropout) = (layerCount, dropout)
      return LINKX(
        nodes: nodes, width: width, hiddenWidth: hiddenWidth, outputs: outputs, options: linkx)
    case .gps: return GPSNetwork(width, outputs: outputs, options: self)
    case .unet: return UNetNetwork(width, outputs: outputs, options: self)
    case .dgcnn:
      var dgcnn = DGCNN.Options()
      (dgcnn.width, dgcnn.dropout) = (hiddenWidth, dropout)
      return DGCNN(dimensions + width, outputs: outputs, options: dgcnn)
    case .pointnet:
      var pointnet = PointNet2.Options()
      (pointnet.featureWidth, pointnet.dimensions) = (width, dimensions)
      pointnet.radii = (radius, 2 * radius)
      (pointnet.width, pointnet.dropout) = (max(2, hiddenWidth), dropout)
      return PointNet2(outputs: outputs, options: pointnet)
    case .schnet:
      var schnet = SchNet.Options()
      (schnet.hiddenWidth, schnet.filters) = (max(2, hiddenWidth), hiddenWidth)
      (schnet.interactions, schnet.cutoff) = (layerCount, radius)
      (schnet.outputs, schnet.featureWidth) = (outputs, max(1, width))
      if let readout { schnet.readout = readout.aggregation }
      return SchNet(options: schnet)
    }
  }
}

extension SIGN: HomogeneousModel {
  func outputs(_ graph: HomogeneousGraph) -> Tensor {
    self(graph.x.split(every: graph.x.width / linears.count, along: 1))
  }
}

extension LINKX: HomogeneousModel {
  func outputs(_ graph: HomogeneousGraph) -> Tensor { self(graph.x, graph.edges) }
}

extension DGCNN: HomogeneousModel {
  func outputs(_ graph: HomogeneousGraph) -> Tensor {
    self(concatenated(graph.places!, graph.x), in: graph.graphs)
  }
}

extension PointNet2: HomogeneousModel {
  func outputs(_ graph: HomogeneousGraph) -> Tensor {
    self(
      PointClouds(graph.x.width > 0 ? graph.x : nil, places: graph.places!, in: graph.graphs))
  }
}

extension SchNet: HomogeneousModel {
  func outputs(_ graph: HomogeneousGraph) -> Tensor {
    // Points without features are all of one kind.
    let x = graph.x.width > 0 ? graph.x : .ones([graph.x.rowCount, 1])
    return self(x, places: graph.places!, in: graph.graphs)
  }
}

/// Layers of ``GPSConv`` between linear maps.
///
/// Names: `node_emb`, `convs.0...`, `lin`.
private struct GPSNetwork: HomogeneousModel {
  let nodes: Linear
  let layers: [GPSConv]
  let head: Linear
  let options: HomogeneousNetwork.Options
  static let pathNames = ["nodes": "node_emb", "layers": "convs", "head": "lin"]

  init(_ width: Int, outputs: Int, options: HomogeneousNetwork.Options) {
    let hidden = options.hiddenWidth
    nodes = Linear(width, hidden)
    layers = (0..<options.layerCount).map { layer in
      var gps = GPSConv.Options()
      (gps.heads, gps.dropout, gps.activation) = (
        options.heads, options.dropout, options.activation
      )
      let conv: any Convolution
      if options.readout == nil {
        var performer = PerformerAttention.Options()
        performer.headWidth = min(64, max(2, hidden / options.heads))
        performer.seed = UInt64(layer)
        gps.attention = .performer(performer)
        conv = GCNConv(hidden, hidden)
      } else {
        conv = GINConv(Sequential(Linear(hidden, hidden), Activation.relu, Linear(hidden, hidden)))
      }
      return GPSConv(
        hidden, conv: conv, norm: { GraphBatchNorm($0, singleNode: .byRunningMoments) },
        options: gps)
    }
    head = Linear(hidden, outputs)
    self.options = options
  }

  func outputs(_ graph: HomogeneousGraph) -> Tensor {
    let rows = layers.reduce(nodes(graph.x)) { $1($0, graph.edges, in: graph.graphs) }
    return head(dropout(graph.readOut(rows, by: options.readout), rate: options.dropout))
  }
}

/// A ``GraphUNet``, which gives the outputs of nodes, or rows that those of graphs are read out of.
///
/// Names: of ``GraphUNet``, and `lin`.
private struct UNetNetwork: HomogeneousModel {
  let unet: GraphUNet
  let head: Linear?
  let options: HomogeneousNetwork.Options
  static let pathNames = ["unet": "", "head": "lin"]

  init(_ width: Int, outputs: Int, options: HomogeneousNetwork.Options) {
    var unet = GraphUNet.Options()
    unet.activation = options.activation
    let hidden = options.hiddenWidth
    self.unet = GraphUNet(
      width, hidden, outputs: options.readout == nil ? outputs : hidden, depth: options.layerCount,
      options: unet)
    head = options.readout == nil ? nil : Linear(hidden, outputs)
    self.options = options
  }

  func outputs(_ graph: HomogeneousGraph) -> Tensor {
    let rows = unet(graph.x, graph.edges, in: graph.graphs)
    guard let head else { return rows }
    return head(
      dropout(
        graph.readOut(options.activation(rows), by: options.readout), rate: options.dropout))
  }
}

extension HomogeneousGraph {
  /// What graphs have of their nodes' rows; these themselves where outputs are of nodes.
  func readOut(_ rows: Tensor, by readout: NodeNetwork.Readout?) -> Tensor {
    guard let graphs, let readout else { return rows }
    return readout.aggregation(rows, in: graphs)
  }
}
