// Runs training steps and says what they take from the system once they have warmed up:
//
//   steps [STEPS]        10,000 unless given, behind a tenth as many that warm up
//
// A line for each of three models: private memory after the warm-up and at the end, buffers of tensors that
// came from the system between, the heap's growth and its calls a step. Two threads; the sampled model's
// batches are made on two more.
import CAllocations
import Hedgerow

let stepCount = CommandLine.arguments.dropFirst().first.map { Int($0)! } ?? 10_000

func padded(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}

/// Calls `step` as often as it says.
func report(_ name: String, _ run: (_ step: () -> Void) async throws -> Void) async throws {
  struct State {
    var memory = ProcessResources.privateByteCount
    var taken = BufferPool.taken
    var calls = allocation_count()
    var heap = Int(allocated_byte_count())
  }
  let warmUp = stepCount / 10
  var (done, before, seconds) = (0, State(), 0.0)
  var start = ContinuousClock.now
  try await run {
    done += 1
    if done == warmUp {
      before = State()
      start = .now
    }
    if done == warmUp + stepCount { seconds = (ContinuousClock.now - start).seconds }
  }
  let after = State()
  func mebibytes(_ count: Int) -> String {
    let tenths = (count * 10) >> 20
    return "\(tenths / 10).\(tenths % 10)"
  }
  let columns = [
    mebibytes(before.memory), mebibytes(after.memory),
    "\(after.taken.bufferCount - before.taken.bufferCount)",
    "\(after.taken.byteCount - before.taken.byteCount)", "\(after.heap - before.heap)",
    "\((after.calls - before.calls) / UInt64(stepCount))",
    "\(Int(seconds / Double(stepCount) * 1e6))",
  ]
  print(padded(name, 14) + columns.map { padded($0, 14) }.joined())
}

let totalCount = stepCount + stepCount / 10
let pool = ThreadPool(threadCount: 2)
print(
  padded("\(stepCount) steps", 14)
    + ["MiB before", "MiB after", "buffers", "their bytes", "heap grew by", "calls", "us a step"]
    .map { padded($0, 14) }.joined())

/// Steps that are alike.
func steps<Model: Module>(
  _ name: String, _ model: Model, _ loss: @escaping (Model) -> Tensor
) async throws {
  var optimizer = Adam()
  try await report(name) { step in
    for index in 0..<totalCount {
      Compute.with(pool) {
        let (_, gradients) = valueWithGradients(
          at: model, randomness: RandomStream(seed: UInt64(index))
        ) { loss(model) }
        optimizer.update(model, along: gradients)
      }
      step()
    }
  }
}

var options = MLP.Options()
options.dropout = 0.5
let x = Tensor.random([128, 64], seed: 1)
let labels = (0..<128).map { Int32($0 % 10) }
try await steps("mlp", MLP([64, 128, 10], options: options).initialized(seed: 1)) {
  crossEntropy($0(x), labels)
}

// A graph of 2,000 nodes, 10 edges each.
let nodeCount = 2000
func nodes(_ stream: UInt64) -> [UInt32] {
  var random = RandomStream(seed: 2).derive(stream)
  return (0..<10 * nodeCount).map { _ in UInt32(random.next(below: UInt64(nodeCount))) }
}
let edges = EdgeList(sources: nodes(0), targets: nodes(1))
let features = Tensor.random([nodeCount, 32], seed: 3)
let classes = (0..<nodeCount).map { Int32($0 % 7) }

struct GCN: Module {
  let conv1 = GCNConv(32, 32)
  let conv2 = GCNConv(32, 7)
}
let block = Block(
  sources: edges.sources, targets: edges.targets, sourceCount: nodeCount, targetCount: nodeCount)
try await steps("gcn", GCN().initialized(seed: 1)) { model in
  let hidden = model.conv1.terms(source: features, target: features, along: block)
    .evaluated(activation: .relu, dropout: 0.5)
  return crossEntropy(model.conv2(hidden, block), classes)
}

let edgeType = EdgeType("node", "edge", "node")
struct SAGE: Module {
  let conv1 = HeteroConv([("node", "edge", "node"): SAGEConv(32, 32)])
  let conv2 = HeteroConv([("node", "edge", "node"): SAGEConv(32, 7)])
}
var graph = MemoryGraph()
graph["node"].features["x"] = FeatureMatrix(width: 32, values: features.scalars)
graph["node"].labels["label"] = classes
graph[edgeType].edges = edges
var loading = LoaderOptions()
loading.labels = "label"
loading.relations = graph.schema.relations().filter { $0.name == edgeType }
loading.threads = 2
let loader = NeighborLoader(
  graph, seeds: .nodes("node"), fanouts: [10, 5], batchSize: 64, options: loading)
let model = SAGE().initialized(seed: 1)
var optimizer = Adam()
try await report("sage, sampled") { step in
  var done = 0
  for epoch in 0... {
    for try await batch in loader.epoch(epoch) {
      Compute.with(pool) {
        let (_, gradients) = valueWithGradients(at: model, randomness: batch.randomness) {
          let hidden = model.conv1(
            batch.features, batch.blocks[0], activation: .relu, dropout: 0.5)
          return crossEntropy(model.conv2(hidden, batch.blocks[1])["node"], batch.labels)
        }
        optimizer.update(model, along: gradients)
      }
      step()
      done += 1
      if done == totalCount { return }
    }
  }
}
