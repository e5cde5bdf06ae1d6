import ArgumentParser
import Hedgerow

/// `hedgerow dataset sbm DIR`
struct DatasetSBMCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sbm",
    abstract: "A random graph of known classes, with the best accuracy that can be had on it.",
    discussion: """
      Writes edges.tsv, nodes.tsv (id, label, split), features.npy and info.json. A stochastic \
      block model: classes of equal size; each edge joins nodes of one class with the \
      probability --homophily; features are the class's mean and Gaussian noise.

      best_accuracy is that of Bayes' rule for somebody who knows these parameters and sees the \
      features of every node within so many hops (best_accuracy_by_hops begins with the node's \
      own), estimated by sampling. A model that has to learn them falls a little short.

      With --node-types the nodes are dealt to so many node types, whatever their class: the best \
      accuracy stays the same. Then files are named after types, as nodes-a.tsv, features-a.npy \
      and edges-a-b.tsv, and an edge between two types begins at the one that is named first.
      """)

  /// Beyond as many hops the best accuracy hardly grows.
  private static let hops = 8

  @OptionGroup var dataset: DatasetOptions
  @OptionGroup var global: GlobalOptions

  @Option(help: "Nodes.")
  var nodes = 10_000

  @Option(help: "Classes.")
  var classes = 5

  @Option(help: "Edges at a node on average.")
  var degree = 10.0

  @Option(help: "The share of edges within a class.")
  var homophily = 0.6

  @Option(help: ArgumentHelp("Numbers in a feature vector.", valueName: "width"))
  var features = 32

  @Option(help: "Standard deviation of the features around the class's mean.")
  var noise = 1.0

  @Option(help: "The share of nodes to train on.")
  var trainFraction = 0.1

  @Option(help: "The share of nodes to validate on.")
  var validFraction = 0.1

  @Option(
    help: ArgumentHelp("Node types to deal the nodes to, in equal parts.", valueName: "a,b,..."),
    transform: parseTypes)
  var nodeTypes: [String] = []

  /// Files of one node type, or of all nodes.
  private struct Part {
    var suffix: String
    var nodes: Range<Int>
  }

  private var parts: [Part] {
    guard !nodeTypes.isEmpty else { return [Part(suffix: "", nodes: 0..<nodes)] }
    return nodeTypes.enumerated().map { index, name in
      let range = nodes * index / nodeTypes.count..<nodes * (index + 1) / nodeTypes.count
      return Part(suffix: "-\(name)", nodes: range)
    }
  }

  /// Files of edges with the types at their ends.
  private func edgeFiles(_ parts: [Part]) -> [(name: String, source: Part, target: Part)] {
    parts.indices.flatMap { first in
      parts[first...].map { second in
        let name = "edges\(parts[first].suffix)\(second.suffix).tsv"
        return (name, parts[first], second)
      }
    }
  }

  func validate() throws {
    guard nodeTypes.count <= max(1, nodes) else {
      throw ValidationError("\(nodeTypes.count) node types are more than \(nodes) nodes")
    }
  }

  func run() async throws {
    var options = StochasticBlock.Options()
    options.nodeCount = nodes
    options.classCount = classes
    options.meanDegree = degree
    options.homophily = homophily
    options.featureWidth = features
    options.noise = noise
    options.trainFraction = trainFraction
    options.validFraction = validFraction
    let graph = try StochasticBlock(options, seed: global.seed)
    let parts = parts
    let edgeFiles = edgeFiles(parts)
    let directory = try DatasetDirectory(
      dataset,
      files: edgeFiles.map(\.name)
        + parts.flatMap { ["nodes\($0.suffix).tsv", "features\($0.suffix).npy"] } + ["info.json"])
    let accuracies = graph.bestAccuracies(hops: Self.hops)
    let info: JSON = [
      "name": "sbm", "synthetic": true, "seed": .string(String(global.seed)), "nodes": .int(nodes),
      "edges": .int(graph.edgeCount), "classes": .int(classes), "degree": .double(degree),
      "homophily": .double(homophily), "features": .int(features), "noise": .double(noise),
      "train_fraction": .double(trainFraction), "valid_fraction": .double(validFraction),
      "node_types": .array(nodeTypes.map { .string($0) }),
      "majority_class_share": .double(graph.majorityShare),
      "best_accuracy": .double(accuracies[Self.hops]),
      "best_accuracy_by_hops": .array(accuracies.map(JSON.double)),
    ]
    let files = DatasetFiles(pool: global.makePool())
    try directory.write { makeFile in
      for (name, first, second) in edgeFiles {
        try files.writeEdges(count: graph.edgeCount, to: makeFile(name)) { index in
          let (source, target) = graph.edge(index)
          if first.nodes.contains(Int(source)), second.nodes.contains(Int(target)) {
            return (source, target)
          }
          if first.nodes.contains(Int(target)), second.nodes.contains(Int(source)) {
            return (target, source)
          }
          return nil
        }
      }
      for part in parts {
        try files.writeNodes(part.nodes, to: makeFile("nodes\(part.suffix).tsv")) {
          (graph.label(of: $0), graph.split(of: $0))
        }
        try files.writeFeatures(
          part.nodes, of: graph.features, to: makeFile("features\(part.suffix).npy"),
          label: graph.label)
      }
      try makeFile("info.json").write("\(info)\n")
    }
    if global.json {
      print(info)
      return
    }
    print(
      """
      \(directory.path): \(nodes) nodes, \(graph.edgeCount) edges, \(classes) classes (synthetic)
      Largest class \(percent(graph.majorityShare)). The best accuracy that can be had:
      \(percent(accuracies[0])) from a node's own features, \(percent(accuracies[1])) with its \
      neighbors', \(percent(accuracies[2])) with theirs, \(percent(accuracies[Self.hops])) within \
      \(Self.hops) hops.
      """)
  }
}

/// `person,page`
private func parseTypes(_ text: String) throws -> [String] {
  let names = text.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
  for name in names {
    _ = try NodeType(validating: name)
    // Otherwise two files could get one name.
    if name.contains("-") {
      throw ValidationError("the node type '\(name)' must have no '-' in its name")
    }
  }
  guard Set(names).count == names.count else {
    throw ValidationError("'\(text)' names a node type twice")
  }
  return names
}

/// `87.3 %`
func percent(_ share: Double) -> String {
  "\((share * 1000).rounded() / 10) %"
}
