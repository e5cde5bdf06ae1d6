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
    let directory = try DatasetDirectory(
      dataset, files: ["edges.tsv", "nodes.tsv", "features.npy", "info.json"])
    let accuracies = graph.bestAccuracies(hops: Self.hops)
    let info: JSON = [
      "name": "sbm", "synthetic": true, "seed": .string(String(global.seed)), "nodes": .int(nodes),
      "edges": .int(graph.edgeCount), "classes": .int(classes), "degree": .double(degree),
      "homophily": .double(homophily), "features": .int(features), "noise": .double(noise),
      "train_fraction": .double(trainFraction), "valid_fraction": .double(validFraction),
      "majority_class_share": .double(graph.majorityShare),
      "best_accuracy": .double(accuracies[Self.hops]),
      "best_accuracy_by_hops": .array(accuracies.map(JSON.double)),
    ]
    let files = DatasetFiles(pool: global.makePool())
    try directory.write { makeFile in
      try files.writeEdges(count: graph.edgeCount, to: makeFile("edges.tsv"), edge: graph.edge)
      try files.writeNodes(count: nodes, to: makeFile("nodes.tsv")) {
        (graph.label(of: $0), graph.split(of: $0))
      }
      try files.writeFeatures(
        count: nodes, of: graph.features, to: makeFile("features.npy"), label: graph.label)
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

/// `87.3 %`
func percent(_ share: Double) -> String {
  "\((share * 1000).rounded() / 10) %"
}
