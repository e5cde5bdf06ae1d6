public import HedgerowCore

/// What one batch is sampled around.
public struct SamplingSeeds: Hashable, Sendable {
  /// Ids by type, each below its type's count. Where trees are merged, each id once.
  public var nodes: PerNode<[UInt32]>
  /// For each seed its time, by the same types; `nil` where samples do not respect time, or where
  /// seeds have the time of their nodes.
  public var times: PerNode<[Int64]>?
  /// Edges that nobody takes.
  public var excluded: [ExcludedEdge] = []

  public init(_ nodes: PerNode<[UInt32]>, times: PerNode<[Int64]>? = nil) {
    self.nodes = nodes
    self.times = times
  }

  public init(_ nodes: [UInt32], of type: NodeType, times: [Int64]? = nil) {
    self.init([type: nodes], times: times.map { [type: $0] })
  }

  /// All edges of a type between two nodes, in both readings and, of an undirected type, both arcs.
  public struct ExcludedEdge: Hashable, Sendable {
    /// As it is stored.
    public var type: EdgeType
    public var source: UInt32
    public var target: UInt32
    /// Where trees are disjoint, in which of them: numbers of seeds, counted over all types in order.
    public var trees: [UInt32]

    public init(_ type: EdgeType, source: UInt32, target: UInt32, trees: [UInt32] = []) {
      self.type = type
      self.source = source
      self.target = target
      self.trees = trees
    }
  }

  var count: Int { nodes.values.reduce(0) { $0 + $1.count } }
}
