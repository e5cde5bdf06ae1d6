// Samples neighborhoods and says how many edges a second, epoch by epoch:
//
//   sampling SCALE EDGE_FACTOR [THREADS] [BATCHES] [SHARE]      an R-MAT graph in memory
//   sampling --store STORE [THREADS] [BATCHES] [SHARE]          a store with node type `node`
//
// With SHARE, rows draw by one number a source, kept for so many batches (LABOR).
import Hedgerow

let arguments = CommandLine.arguments
let threads = arguments.count > 3 ? Int(arguments[3])! : 2
let batches = arguments.count > 4 ? Int(arguments[4])! : 98
let share = arguments.count > 5 ? Int(arguments[5])! : nil

func run(_ graph: some Topology & FeatureSource, of type: NodeType) async throws {
  var options = LoaderOptions()
  options.threads = threads
  options.relations = [graph.schema.relations()[0]]
  if let share { options.sampling.coupling = .shared(batches: share) }
  let seeds = RoaringBitmap(0..<UInt32(min(graph.count(of: type), 1024 * batches)))
  let loader = NeighborLoader(
    graph, seeds: .nodes(type, seeds), fanouts: [15, 10], batchSize: 1024, options: options)
  for epoch in 0..<6 {
    let clock = ContinuousClock()
    var edges = 0
    var nodes = 0
    let time = try await clock.measure {
      for try await batch in loader.epoch(epoch) {
        edges += batch.subgraph.edgeCount
        nodes += batch.subgraph.nodeCount
      }
    }.seconds
    print(
      "epoch \(epoch): \(edges) edges, \(nodes) nodes in \(time) s: \(Double(edges) / time / 1e6) M edges/s"
    )
  }
}

if arguments[1] == "--store" {
  try await run(
    try GraphStore.open(at: arguments[2], .readOnly).snapshot(), of: "node")
} else {
  let scale = Int(arguments[1])!
  let count = Int(arguments[2])! << scale
  var sources = [UInt32](repeating: 0, count: count)
  var targets = sources
  var random = RandomStream(seed: 1)
  let ids = ShuffledRange(count: 1 << scale, stream: RandomStream(seed: 2))
  for edge in 0..<count {
    var (s, t) = (0, 0)
    for _ in 0..<scale {
      let r = random.nextUnit()
      s = s << 1 | (r >= 0.76 ? 1 : 0)
      t = t << 1 | ((r >= 0.57 && r < 0.76) || r >= 0.95 ? 1 : 0)
    }
    sources[edge] = UInt32(ids[s])
    targets[edge] = UInt32(ids[t])
  }
  var graph = MemoryGraph()
  graph["node"].count = 1 << scale
  graph[EdgeType("node", "edge", "node")].edges = EdgeList(sources: sources, targets: targets)
  try await run(graph, of: "node")
}
