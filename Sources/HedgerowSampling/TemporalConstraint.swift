public import HedgerowCore

/// What a seed may see: nothing that came after its time.
///
/// Each seed has a time, and in its tree an entry can be taken only when its edge's time, or its
/// node's, or both, do not lie beyond. Nothing else reaches the sampler, so no sample can leak:
/// ```swift
/// options.trees = .disjoint
/// options.time = TemporalConstraint(edges: [:])      // by the times that edge types declare
/// options.time = TemporalConstraint(nodes: ["paper": .column("year"), "venue": .timeless])
/// ```
/// A type that is sampled and has no time is an error, unless it is said to be timeless. A node or
/// edge whose time is null is never taken.
public struct TemporalConstraint: Hashable, Sendable {
  public enum Clock: Hashable, Sendable {
    /// A column of integers or timestamps, in the unit of the seeds' times.
    case column(String)
    /// There at all times.
    case timeless
  }

  /// Whether a seed sees what happens at its own time.
  public enum Boundary: Codable, Hashable, Sendable { case atOrBefore, before }

  /// Times of nodes by type; `nil` when nodes are not asked.
  public var nodes: [NodeType: Clock]?
  /// Times of edges by stored type, those not named by the time column that the type declares; `nil`
  /// when edges are not asked.
  public var edges: [EdgeType: Clock]?
  /// A column of the seeds' types, integers or timestamps: the time of each seed that is not given one.
  /// `nil` is the column that nodes of its type are held to.
  public var seedTimes: String?
  /// How far a seed sees into the past: only times later than its own less the window. `nil` is all.
  public var window: Int64?
  public var boundary = Boundary.atOrBefore

  public init(nodes: PerNode<Clock>? = nil, edges: PerEdge<Clock>? = nil, window: Int64? = nil) {
    require(nodes != nil || edges != nil, "a constraint is by the times of nodes, of edges or both")
    require(window.map { $0 > 0 } ?? true, "a window is more than 0, not \(window ?? 0)")
    self.nodes = nodes.map { Dictionary(uniqueKeysWithValues: zip($0.keys, $0.values)) }
    self.edges = edges.map { Dictionary(uniqueKeysWithValues: zip($0.keys, $0.values)) }
    self.window = window
  }

  /// The times that a seed of some time sees: `lowerBound...upperBound`, or nothing.
  func bounds(of time: Int64) -> (first: Int64, last: Int64) {
    // A null time is the last one of all, and never seen.
    let last = min(boundary == .before && time > .min ? time - 1 : time, .max - 1)
    if boundary == .before && time == .min { return (.max, .min) }
    guard let window else { return (.min, last) }
    let (start, isBelow) = time.subtractingReportingOverflow(window)
    return (isBelow ? .min : start + 1, last)
  }
}
