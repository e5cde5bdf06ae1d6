public import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// A model of one type's nodes and the edges among these, which takes them as a graph of one kind of edge, or of
/// graphs of such nodes.
///
/// Edges of several relations are edges alike, those of two relations between two nodes two of them. Of a block for
/// each layer the first counts: it is of whole graphs.
/// ```swift
/// let model = HomogeneousNetwork(
///   input: .features(128), nodes: 2708, relations: [cites], target: "paper", outputs: 7,
///   options: options)
/// let logits = model(features, [graph], nodes: [:])
/// ```
/// With a ``Options/readout`` the target's nodes are graphs, to which edges lead from the nodes that belong to them; these
/// are of one type. Names are those of the model; `embedding.weight` for nodes without features.
public struct HomogeneousNetwork: BatchNetwork {
  public enum Architecture: String, Sendable, CaseIterable {
    /// ``SIGN``, of features that ``SIGN/hops(of:_:along:weights:)`` gave, side by side
    case sign
    /// ``LINKX``
    case linkx
    /// ``GPSConv`` between linear maps: of a whole graph with graph convolutions and ``PerformerAttention``, of graphs
    /// with ``GINConv`` and ``MultiheadAttention``
    case gps
    /// ``GraphUNet``, and of graphs a linear map of what is read out of its rows
    case unet
    /// ``DGCNN``, of places and features side by side
    case dgcnn
    /// ``PointNet2``
    case pointnet
    /// ``SchNet``, of features in the place of atoms' kinds
    case schnet

    /// Whether it is of points, which have places and no edges.
    public var isOfPoints: Bool { self == .dgcnn || self == .pointnet || self == .schnet }
  }

  public struct Options: Sendable {
    public var architecture: Architecture
    public var hiddenWidth = 64
    /// Layers; of `sign` hops, of `unet` levels below the first one.
    public var layerCount = 2
    public var activation = Activation.relu
    /// The first of a node's inputs that are its place, of models of points.
    public var dimensions = 0
    /// How far around a point others count: of `pointnet` in its first level, and twice that in the second; of `schnet`
    /// the cutoff.
    public var radius: Float = 0.2
    /// Of `gps`; they divide the hidden width.
    public var heads = 4
    /// Makes the target's nodes graphs: what one has of its nodes.
    public var readout: NodeNetwork.Readout?
    public var dropout = 0.5
    /// Rate of dropout of features.
    public var inputDropout = 0.0
    /// What factors of matrix products are rounded to, on the way there and back.
    public var precision = Precision.float32

    public init(_ architecture: Architecture) { self.architecture = architecture }
  }

  let embedding: Embedding?
  let model: any HomogeneousModel
  /// The node type whose nodes get outputs.
  public let target: NodeType
  /// That of the nodes that the model sees.
  private let type: NodeType
  private let relations: [EdgeType]
  private let members: [EdgeType]
  private let options: Options

  public static let pathNames = ["model": ""]

  /// The node types whose inputs reach the outputs, and the relations along which they do; there is a network where
  /// there is one type.
  public static func reach(
    of target: NodeType, along relations: [EdgeType], options: Options
  ) -> (types: [NodeType], relations: [EdgeType]) {
    let members = options.readout == nil ? [] : members(of: target, relations)
    let types = options.readout == nil ? [target] : Set(members.map(\.source)).sorted()
    return (
      types,
      relations.filter {
        members.contains($0)
          || (!options.architecture.isOfPoints && $0.source == $0.target
            && types.contains($0.source))
      }
    )
  }

  /// The relations from nodes to the graphs that they belong to.
  private static func members(of target: NodeType, _ relations: [EdgeType]) -> [EdgeType] {
    relations.filter { $0.target == target && $0.source != target }
  }

  /// - Parameters:
  ///   - input: what nodes bring in.
  ///   - nodes: how many there are.
  ///   - relations: of which those that are reached count.
  public init(
    input: NodeNetwork.Input, nodes: Int, relations: [EdgeType], target: NodeType, outputs: Int,
    options: Options
  ) {
    require(options.layerCount >= 1, "a model has at least one layer, not \(options.layerCount)")
    require(
      (options.dimensions > 0) == options.architecture.isOfPoints
        && options.dimensions <= input.width,
      "inputs of a width of \(input.width) with places of \(options.dimensions) dimensions")
    if case .embedding(let count, let width) = input {
      embedding = Embedding(count, width)
    } else {
      embedding = nil
    }
    let reached = Self.reach(of: target, along: relations, options: options)
    require(
      reached.types.count == 1, "a model of one type's nodes cannot be of those of \(reached.types)"
    )
    type = reached.types[0]
    self.relations = reached.relations.filter { $0.source == $0.target }
    members = reached.relations.filter { $0.source != $0.target }
    model = options.model(input.width - options.dimensions, nodes: nodes, outputs: outputs)
    self.target = target
    self.options = options
  }

  public func callAsFunction(
    _ features: PerNode<Tensor>, _ blocks: [HeteroBlock], nodes: PerNode<[UInt32]>
  ) -> Tensor {
    withPrecision(options.precision) {
      var x: Tensor
      if let embedding {
        guard let nodes = nodes[optional: type] else {
          fatalError("node type '\(type)' has an embedding: say which nodes the rows are of")
        }
        x = embedding(nodes)
      } else {
        guard let rows = features[optional: type] else {
          fatalError("the model needs features of '\(type)'; there are those of \(features.keys)")
        }
        x = rows
      }
      var places: Tensor?
      if options.dimensions > 0 {
        let parts = x.split([options.dimensions, x.width - options.dimensions], along: 1)
        (places, x) = (parts[0], parts[1])
      }
      x = HedgerowTensor.dropout(x, rate: options.inputDropout)
      return model.outputs(
        HomogeneousGraph(
          x: x, places: places, block: Block(joining: relations.compactMap { blocks.first?[$0] }),
          graphs: options.readout == nil ? nil : graphs(of: x.rowCount, in: blocks[0])))
    }
  }

  /// The graph of each node.
  private func graphs(of nodeCount: Int, in block: HeteroBlock) -> RowGroups {
    var graphs = [UInt32](repeating: 0, count: nodeCount)
    for member in members {
      let edges = HeteroConv.edges(of: member, in: block)
      for graph in 0..<edges.targetCount {
        for entry in edges.offsets[graph]..<edges.offsets[graph + 1] {
          graphs[Int(edges.sources[Int(entry)])] = UInt32(graph)
        }
      }
    }
    return RowGroups(graphs, count: block.targetCounts[optional: target] ?? 0)
  }
}
