import ArgumentParser
import Hedgerow

/// `--select weighted --replace`: which neighbors are taken.
struct SamplingArguments: ParsableArguments {
  enum Selection: String, CaseIterable, ExpressibleByArgument {
    case uniform, weighted
    case mostRecent = "most-recent"
  }

  @Option(
    help: ArgumentHelp(
      "Which neighbors are taken: uniform, weighted by a column of the edges, or most-recent by time.",
      valueName: "how"))
  var select = Selection.uniform
  @Option(
    help: ArgumentHelp(
      "The edges' column to weight by; the one that each type declares unless given.",
      valueName: "column"))
  var weight: String?
  @Flag(help: "Draw each neighbor from the whole row, so that it may be taken again.")
  var replace = false
  @Option(
    help: ArgumentHelp(
      "Let all rows draw by one number a source, which is kept for so many batches (LABOR).",
      valueName: "batches"))
  var share: Int?
  @Option(
    help: ArgumentHelp(
      "Take only members of this set, of node types that have it.", valueName: "set"))
  var within: String?
  @Flag(help: "Give each seed a tree of its own; implied by times.")
  var disjoint = false
  @Option(
    help: ArgumentHelp(
      "Leave out nodes that are later than the seed, by this column of theirs.", valueName: "column"
    ))
  var nodeTimes: String?
  @Flag(
    help: "Leave out edges that are later than the seed, by the time columns that types declare.")
  var edgeTimes = false
  @Option(
    help: ArgumentHelp(
      "The seeds' own times; their column of --node-times unless given.", valueName: "column"))
  var seedTimes: String?
  @Option(
    help: ArgumentHelp(
      "A node type, or an edge type source:relation:target, without times; may be given again.",
      valueName: "type"))
  var timeless: [String] = []
  @Option(
    help: ArgumentHelp(
      "See only what is later than the seed's time less this, in the column's unit.",
      valueName: "length"))
  var window: Int64?

  /// Whether anything is asked for.
  var isGiven: Bool { given != nil }

  /// The first option that is given, as it is written; what goes with others comes after them.
  var given: String? {
    let options: [(String, Bool)] = [
      ("--node-times", nodeTimes != nil), ("--edge-times", edgeTimes),
      ("--select", select != .uniform), ("--replace", replace), ("--share", share != nil),
      ("--within", within != nil), ("--disjoint", disjoint),
    ]
    return options.first { $0.1 }?.0
  }

  var hasTime: Bool { nodeTimes != nil || edgeTimes }

  func validate() throws {
    if weight != nil && select != .weighted {
      throw ValidationError("--weight is of --select weighted")
    }
    if !hasTime && (seedTimes != nil || window != nil || !timeless.isEmpty) {
      throw ValidationError(
        "--seed-times, --timeless and --window are of --node-times or --edge-times")
    }
    if let window, window < 1 { throw ValidationError("--window must be at least 1") }
    if let share, share < 1 { throw ValidationError("--share must be at least 1") }
  }

  /// - Throws: `usage` for a type that is not there.
  func options(for schema: GraphSchema) throws -> SamplingOptions {
    var options = SamplingOptions()
    switch select {
    case .uniform: break
    case .weighted: options.selection = .weighted(column: weight)
    case .mostRecent: options.selection = .mostRecent
    }
    if replace { options.replacement = .with }
    if let share { options.coupling = .shared(batches: share) }
    if disjoint || hasTime { options.trees = .disjoint }
    options.within = within
    if hasTime { options.time = try constraint(for: schema) }
    return options
  }

  private func constraint(for schema: GraphSchema) throws -> TemporalConstraint {
    var nodes = PerNode<TemporalConstraint.Clock>()
    var edges = PerEdge<TemporalConstraint.Clock>()
    if let nodeTimes {
      for node in schema.nodes where node.property(nodeTimes) != nil {
        nodes[node.type] = .column(nodeTimes)
      }
    }
    for name in timeless {
      if let node = schema.node(NodeType(name)) {
        nodes[node.type] = .timeless
      } else if let type = try? EdgeType(validating: name), schema.edge(type) != nil {
        edges[type] = .timeless
      } else {
        throw HedgerowError(.usage, "there is no node or edge type '\(name)' to be timeless")
      }
    }
    var constraint = TemporalConstraint(
      nodes: nodeTimes == nil ? nil : nodes, edges: edgeTimes ? edges : nil, window: window)
    constraint.seedTimes = seedTimes
    return constraint
  }
}
