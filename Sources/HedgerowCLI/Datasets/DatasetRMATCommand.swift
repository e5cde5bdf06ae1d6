import ArgumentParser
import Hedgerow

/// `hedgerow dataset rmat DIR`
struct DatasetRMATCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rmat",
    abstract: "A random graph with the skewed degrees of web and social graphs (R-MAT).",
    discussion: """
      Writes edges.tsv, with Graph500's probabilities .57, .19, .19, .05 and permuted ids, and \
      info.json. With --features also features.npy and nodes.tsv: classes at random, feature \
      vectors around the mean of the class. The edges know nothing of the classes.
      """)

  @OptionGroup var dataset: DatasetOptions
  @OptionGroup var global: GlobalOptions

  @Option(help: "There are 2^scale nodes.")
  var scale = 20

  @Option(help: "Edges per node.")
  var edgeFactor = 16.0

  @Option(help: ArgumentHelp("Numbers in a feature vector.", valueName: "width"))
  var features: Int?

  @Option(help: ArgumentHelp("Classes of nodes, with --features.", valueName: "count"))
  var classes = 16

  @Option(help: "Standard deviation of the features around the class's mean.")
  var noise = 1.0

  func run() async throws {
    var options = RMAT.Options(scale: scale, edgeFactor: edgeFactor)
    options.scale = scale
    let graph = try RMAT(options, seed: global.seed)
    let files = DatasetFiles(pool: global.makePool())
    var info: [JSON.Member] = [
      .init(key: "name", value: "rmat"), .init(key: "synthetic", value: true),
      .init(key: "seed", value: .string(String(global.seed))),
      .init(key: "nodes", value: .int(graph.nodeCount)),
      .init(key: "edges", value: .int(graph.edgeCount)),
      .init(key: "scale", value: .int(scale)),
    ]
    var names = ["edges.tsv", "info.json"]
    // The same generator that has labels and splits of its own: here without its edges.
    var labels: StochasticBlock?
    if let features {
      names += ["nodes.tsv", "features.npy"]
      var options = StochasticBlock.Options()
      options.nodeCount = graph.nodeCount
      options.classCount = classes
      options.meanDegree = 0
      options.homophily = 1
      options.featureWidth = features
      options.noise = noise
      let made = try StochasticBlock(options, seed: global.seed)
      info += [
        .init(key: "classes", value: .int(classes)), .init(key: "features", value: .int(features)),
        .init(key: "majority_class_share", value: .double(made.majorityShare)),
        .init(key: "best_accuracy", value: .double(made.bestAccuracy(hops: 0))),
      ]
      labels = made
    }
    let directory = try DatasetDirectory(dataset, files: names)
    try directory.write { makeFile in
      try files.writeEdges(count: graph.edgeCount, to: makeFile("edges.tsv"), edge: graph.edge)
      if let labels {
        try files.writeNodes(0..<graph.nodeCount, to: makeFile("nodes.tsv")) {
          (labels.label(of: $0), labels.split(of: $0))
        }
        try files.writeFeatures(
          0..<graph.nodeCount, of: labels.features, to: makeFile("features.npy"),
          label: labels.label)
      }
      try makeFile("info.json").write("\(JSON.object(info))\n")
    }
    if global.json {
      print(JSON.object(info))
    } else {
      print("\(directory.path): \(graph.nodeCount) nodes, \(graph.edgeCount) edges (synthetic)")
    }
  }
}
