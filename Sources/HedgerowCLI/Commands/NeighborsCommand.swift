import ArgumentParser
import Hedgerow

/// `hedgerow neighbors STORE paper=KEY`
struct NeighborsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "neighbors",
    abstract: "List the nodes that a node's edges lead to.",
    discussion: """
      Follows edges from source to target, or against that with --reverse; of an undirected type \
      both are the same. Each node is listed once for each edge type, at the hop where it was \
      reached first, with the number of parallel edges that lead to it there.
      """)

  @OptionGroup var store: StoreArgument
  @Argument(help: ArgumentHelp("The node, as TYPE=KEY.", valueName: "type=key"))
  var node: String
  @Option(help: ArgumentHelp("Follow this edge type only.", valueName: "type:relation:type"))
  var along: String?
  @Flag(help: "Follow edges from target to source.")
  var reverse = false
  @Option(help: ArgumentHelp("How far to go.", valueName: "count"))
  var hops = 1
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    guard (1...64).contains(hops) else { throw ValidationError("--hops is between 1 and 64") }
    _ = try parsePair(node, at: "=", as: "node: write TYPE=KEY, as paper=42")
  }

  func run() async throws {
    let (_, graph) = try store.snapshot()
    let (typeName, key) = try parsePair(node, at: "=", as: "node")
    let type = NodeType(typeName)
    guard graph.schema.node(type) != nil else {
      throw HedgerowError(
        .usage, "no node type '\(type)': \(graph.schema.nodes.map(\.type.name).choices)")
    }
    guard let start = try graph.node(type, key: key) else {
      throw HedgerowError(.usage, "no node '\(type)' with the key '\(key)'", at: store.path)
    }
    let found = try Traversal(graph: graph, relations: relations(in: graph)).run(
      from: start, of: type, hops: hops)
    if global.json {
      let rows = try found.map { step -> JSON in
        [
          "type": .string(step.type.name),
          "key": .string(try graph.key(of: NodeID(step.node), of: step.type)),
          "along": .string("\(step.along)"), "hop": .int(step.hop), "edges": .int(step.edges),
        ]
      }
      print(
        JSON.object([
          .init(key: "node", value: .string(node)), .init(key: "neighbors", value: .array(rows)),
        ]))
      return
    }
    for step in found {
      let parallel = step.edges > 1 ? "\t\(step.edges) edges" : ""
      print(
        "\(step.hop)\t\(step.along)\t\(step.type)=\(try graph.key(of: NodeID(step.node), of: step.type))\(parallel)"
      )
    }
    let edgeCount = found.reduce(0) { $0 + $1.edges }
    print("\(found.count.counting("neighbor")) over \(edgeCount.counting("edge"))")
  }

  /// Relations whose rows are where we stand: messages run the other way than we walk.
  private func relations(in graph: Snapshot) throws -> [Relation] {
    var edges = Array(graph.schema.edges.enumerated())
    var direction: Relation.Direction = reverse ? .forward : .backward
    if let along {
      var type = try EdgeType(validating: along)
      if type.isReversed {
        type = type.reversed
        direction = reverse ? .backward : .forward
      }
      edges = edges.filter { $0.element.type == type }
      guard !edges.isEmpty else {
        throw HedgerowError(
          .usage,
          "no edge type '\(type)': \(graph.schema.edges.map { "\($0.type)" }.choices)")
      }
    }
    return edges.map { Relation($0.element.type, direction, index: $0.offset) }
  }
}

/// A breadth-first walk that remembers along what it came.
private struct Traversal {
  struct Step {
    var type: NodeType
    var node: UInt32
    var along: EdgeType
    var hop: Int
    var edges: Int
  }
  let graph: Snapshot
  let relations: [Relation]

  func run(from start: NodeID, of type: NodeType, hops: Int) throws -> [Step] {
    var reached: [NodeType: RoaringBitmap] = [type: [start.rawValue]]
    var frontier: [(type: NodeType, node: UInt32)] = [(type, start.rawValue)]
    var steps: [Step] = []
    for hop in 1...hops {
      var places: [String: Int] = [:]
      var next: [(type: NodeType, node: UInt32)] = []
      let known = reached
      for (type, node) in frontier {
        try Interruption.check()
        for relation in relations where relation.target == type {
          for neighbor in try graph.neighbors(of: NodeID(node), along: relation) {
            // At the first hop a self-loop is a neighbor; later, what is known stays where it was.
            if hop > 1, known[relation.source]?.contains(neighbor) == true { continue }
            let place = "\(relation.stored)|\(neighbor)"
            if let index = places[place] {
              steps[index].edges += 1
              continue
            }
            places[place] = steps.count
            steps.append(
              Step(
                type: relation.source, node: neighbor, along: relation.stored, hop: hop, edges: 1))
            if reached[relation.source, default: []].insert(neighbor) {
              next.append((relation.source, neighbor))
            }
          }
        }
      }
      frontier = next
    }
    return steps
  }
}
