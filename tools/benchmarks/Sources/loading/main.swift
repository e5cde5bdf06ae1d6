// Makes batches for a long time and says how the memory of the process grows:
//
//   loading [BATCHES] [NAME]      of each loader whose name begins with NAME; 100,000 unless given
//
// The slope is that of a line through the private memory after each hundredth of the batches behind the
// first tenth, by least squares.
import Hedgerow

let arguments = CommandLine.arguments.dropFirst()
let batchCount = arguments.first.flatMap { Int($0) } ?? 100_000
let only = arguments.count > 1 ? arguments.last! : ""

let (user, item): (NodeType, NodeType) = ("user", "item")
let rates = EdgeType(user, "rates", item)

/// 4,000 users and 6,000 items with features, and 100,000 edges with times.
func makeGraph() -> MemoryGraph {
  var random = RandomStream(seed: 1)
  func draw(_ bound: Int) -> UInt32 { UInt32(random.next(below: UInt64(bound))) }
  var graph = MemoryGraph()
  graph[user].count = 4000
  graph[item].features["x"] = FeatureMatrix(
    width: 16, values: (0..<6000 * 16).map { Float($0 % 97) })
  graph[item].labels["label"] = (0..<6000).map { Int32($0 % 5) }
  graph[rates] = MemoryGraph.Edges(
    EdgeList(
      sources: (0..<100_000).map { _ in draw(4000) },
      targets: (0..<100_000).map { _ in min(draw(6000), draw(6000)) }),
    columns: ["at": .integers((0..<100_000).map { Int64($0 % 1000) })], time: "at")
  return graph
}

/// Runs epochs until there were enough batches.
func measure<L: BatchLoader>(_ name: String, _ loader: L) async throws {
  guard name.hasPrefix(only) else { return }
  var (done, epoch) = (0, 0)
  var points: [(x: Double, y: Double)] = []
  let time = try await ContinuousClock().measure {
    while done < batchCount {
      for try await _ in loader.epoch(epoch) {
        done += 1
        if done % max(1, batchCount / 100) == 0 && done > batchCount / 10 {
          points.append((Double(done) / 1000, Double(ProcessResources.privateByteCount)))
        }
        if done == batchCount { break }
      }
      epoch += 1
    }
  }.seconds
  let (x, y) = (
    points.reduce(0) { $0 + $1.x } / Double(points.count),
    points.reduce(0) { $0 + $1.y } / Double(points.count)
  )
  let slope =
    points.reduce(0) { $0 + ($1.x - x) * ($1.y - y) }
    / points.reduce(0) { $0 + ($1.x - x) * ($1.x - x) }
  print(
    "\(name): \(done) batches in \(epoch) epochs, \(Int(Double(done) / time)) a second; "
      + "\(ByteSize.format(Int(y))) private, slope \(Int(slope)) bytes per 1,000 batches")
}

let graph = makeGraph()
var options = LoaderOptions()
options.labels = "label"
try await measure(
  "nodes",
  NeighborLoader(graph, seeds: .nodes(item), fanouts: [5, 5], batchSize: 4, options: options))
try await measure(
  "nodes by class",
  NeighborLoader(
    graph, seeds: .nodes(item).weighted(by: "label"), fanouts: [5, 5], batchSize: 4,
    options: options))
var links = LoaderOptions()
try await measure(
  "links",
  LinkLoader(graph, edges: .edges(rates), fanouts: [5, 5], batchSize: 4, options: links))
links.sampling.trees = .disjoint
links.sampling.time = TemporalConstraint(edges: [:])
try await measure(
  "links by time",
  LinkLoader(graph, edges: .edges(rates), fanouts: [5, 5], batchSize: 4, options: links))
try await measure(
  "random parts", RandomNodeLoader(graph, parts: 1000, layers: 1, target: item, options: options))
let small = (0..<500).map { number in
  var graph = MemoryGraph()
  graph[user].features["x"] = FeatureMatrix(width: 4, values: (0..<40).map { Float($0) })
  graph[EdgeType(user, "knows", user)].edges = EdgeList(
    sources: (0..<20).map { UInt32($0 % 10) }, targets: (0..<20).map { UInt32($0 * number % 10) })
  return graph
}
try await measure("small graphs", GraphLoader(small, size: .graphs(4), layers: 1))
