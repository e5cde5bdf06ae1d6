import HedgerowCore

/// Which neighbors a sampler takes, and in what form.
///
/// ```swift
/// var options = SamplingOptions()
/// options.selection = .weighted()
/// options.replacement = .with
/// ```
public struct SamplingOptions: Codable, Hashable, Sendable {
  /// By what neighbors are chosen.
  public enum Selection: Codable, Hashable, Sendable {
    /// All alike.
    case uniform
    /// In proportion to an edge column of numbers, which are finite and not negative; the weight
    /// column that the type declares when none is named. An edge of weight 0 is never taken.
    ///
    /// Without replacement, as if one was drawn after the other from what is left (Efraimidis and
    /// Spirakis, Weighted random sampling with a reservoir, IPL 2006). Looks at every entry of a row; of
    /// those with 4,096 or more, where nothing else counts, once as long as 32 MiB hold the sums of their
    /// weights, by which draws then find their entries.
    case weighted(column: String? = nil)
    /// The last ones by time: by that of the edges where it is constrained, else of the nodes. Of equal
    /// times those that stand last in their row. Along timeless relations all are chosen alike.
    case mostRecent
  }

  public enum Replacement: Codable, Hashable, Sendable {
    /// A row's picks are distinct entries, at most as many as it has.
    case without
    /// Each pick is drawn from the whole row: as many as the fanout says, unless there are none.
    case with
  }

  /// Whether rows choose for themselves.
  public enum Coupling: Codable, Hashable, Sendable {
    case independent
    /// All rows and hops of a batch draw by one number for each source, so that they agree on sources
    /// and a batch has fewer nodes; each row's picks alone are distributed as without.
    ///
    /// LABOR-0 with as many picks as the fanout says (Balin and Çatalyürek, Layer-Neighbor Sampling,
    /// NeurIPS 2023; sequential Poisson sampling). With more than one batch a source keeps its number
    /// for that long, and the sources take turns in changing it: batches that follow each other share
    /// most of their nodes, so that fewer are read anew (dependent mini-batches of Balin, LaSalle and
    /// Çatalyürek, Cooperative Minibatching, 2023). Looks at every entry of a row.
    case shared(batches: Int = 1)
  }

  /// Whether seeds share the nodes around them.
  public enum Trees: Codable, Hashable, Sendable {
    /// A node that several seeds reach is one node of the batch.
    case merged
    /// Each seed has a tree of its own, with nodes of its own.
    case disjoint
  }

  /// Which edges a sample has between the nodes that it found.
  public enum EdgeChoice: Codable, Hashable, Sendable {
    /// Those along which they were found.
    case sampled
    /// All that there are and that may be seen, for so many layers, each over the whole sample. With
    /// disjoint trees these are the subgraphs of ShaDow (Zeng et al., Decoupling the depth and scope
    /// of graph neural networks, NeurIPS 2021). Looks at every entry of the nodes' rows.
    case induced(layers: Int)
    /// Those along which they were found, and where the backward reading of a relation is sampled, too,
    /// the same edges in it; an undirected type has both arcs. For so many layers, each over the whole
    /// sample.
    case bidirectional(layers: Int)
  }

  /// Whether the sample says which edges it took.
  public enum EdgeIDs: Codable, Hashable, Sendable { case absent, present }

  public var selection = Selection.uniform
  public var replacement = Replacement.without
  public var coupling = Coupling.independent
  public var trees = Trees.merged
  public var edges = EdgeChoice.sampled
  public var edgeIDs = EdgeIDs.absent
  /// Takes only members of this named set, of node types that have it; the seeds may be others. With the
  /// training set, a training sees no node beyond it, and no edge that leads from it to others: an
  /// inductive split. Looks at every entry of a row.
  public var within: String?
  /// What nodes and edges a seed with a time may see; needs disjoint trees.
  public var time: TemporalConstraint?

  public init() {}
}
