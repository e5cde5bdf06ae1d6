// Layers over a whole synthetic graph, forward and back:
//
//   graph [SCALE] [EDGE_FACTOR] [WIDTH ...]
//
// R-MAT of 2^SCALE nodes (20) with EDGE_FACTOR (16) directed edges each, not permuted, rows sorted. A line
// for each benchmark and width: the median of five runs behind one that warms up, edges a second, and
// bytes that must move (each edge's source row and number once, the result once) against what a sum of
// two arrays moves in this run.
import Hedgerow

let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
let scale = numbers.first ?? 20
let edgeFactor = numbers.count > 1 ? numbers[1] : 16
let widths = numbers.count > 2 ? Array(numbers[2...]) : [16, 64, 128, 256]
let count = 1 << scale

func rmat() -> Block {
  var random = RandomStream(seed: 1)
  var edges = [UInt64](repeating: 0, count: edgeFactor << scale)
  for edge in edges.indices {
    var (s, t): (UInt64, UInt64) = (0, 0)
    for _ in 0..<scale {
      let r = random.nextUnit()
      s = s << 1 | (r >= 0.76 ? 1 : 0)
      t = t << 1 | ((r >= 0.57 && r < 0.76) || r >= 0.95 ? 1 : 0)
    }
    edges[edge] = t << 32 | s
  }
  edges.sort()
  var offsets = [UInt32](repeating: 0, count: count + 1)
  for edge in edges { offsets[Int(edge >> 32) + 1] += 1 }
  for row in 0..<count { offsets[row + 1] += offsets[row] }
  return Block(
    offsets: offsets, sources: edges.map { UInt32(truncatingIfNeeded: $0) }, sourceCount: count,
    targetCount: count)
}

/// Seconds: the median of five.
func time(_ body: () -> Void) -> Double {
  body()
  return (0..<5).map { _ in ContinuousClock().measure(body).seconds }.sorted()[2]
}

let block = rmat()
let edgeCount = block.edgeCount

func pad(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}
func fixed(_ value: Double, _ digits: Int) -> String {
  let power = (0..<digits).reduce(1) { power, _ in 10 * power }
  let scaled = Int((value * Double(power)).rounded())
  if digits == 0 { return "\(scaled)" }
  let fraction = String(scaled % power)
  return "\(scaled / power)."
    + String(repeating: "0", count: digits - fraction.count) + fraction
}

// What the machine moves: c = a + b.
let half = Tensor.random([1 << 25], seed: 1)
let other = Tensor.random([1 << 25], seed: 2)
let triad = 3 * 4 * Double(1 << 25) / time { _ = half + other } / 1e9
print(
  "R-MAT \(count) nodes, \(edgeCount) edges, \(Compute.pool.threadCount) threads; "
    + "a sum of two arrays moves \(fixed(triad, 1)) GB/s")

func report(_ name: String, _ width: Int, _ seconds: Double, passes: Double) {
  let bytes = passes * (Double(edgeCount) * Double(4 * width + 4) + Double(count * 4 * width))
  let rate = bytes / seconds / 1e9
  let megabytes = Double(ProcessResources.peakResidentByteCount) / 1e6
  print(
    pad(name, 40) + pad("width \(width)", 11) + pad("\(fixed(seconds, 3)) s", 10)
      + pad("\(fixed(Double(edgeCount) / seconds / 1e6, 1)) M edges/s", 19)
      + pad("\(fixed(rate, 1)) GB/s (\(fixed(100 * rate / triad, 0)) %)", 22)
      + "peak \(fixed(megabytes, 0)) MB")
}

/// Value and gradients of a layer with respect to its input and parameters.
func forwardAndBack(_ x: Parameter, _ parameters: [Parameter], _ layer: () -> Tensor) {
  _ = valueWithGradients(at: [x] + parameters) { sum(layer()) }
}

for width in widths {
  let x = Parameter(Tensor.random([count, width], seed: 3))
  let weights = Tensor.random([edgeCount], seed: 4)
  report("sum", width, time { _ = aggregate(x.value, along: block, by: .sum) }, passes: 1)
  report("mean", width, time { _ = aggregate(x.value, along: block, by: .mean) }, passes: 1)
  report(
    "weighted sum", width,
    time { _ = aggregate(x.value, scaledBy: weights, along: block, by: .sum) }, passes: 1)
  report(
    "mean, forward and back", width,
    time { forwardAndBack(x, []) { aggregate(x.value, along: block, by: .mean) } }, passes: 2)
  report(
    "weighted sum, forward and back", width,
    time {
      forwardAndBack(x, []) { aggregate(x.value, scaledBy: weights, along: block, by: .sum) }
    }, passes: 2)
  if edgeCount * width * 4 <= 4 << 30 {
    report(
      "mean of messages, forward and back", width,
      time {
        forwardAndBack(x, []) {
          aggregate(
            x.value.gathered(alongSourcesOf: block), along: block, messagesBy: .mean)
        }
      }, passes: 2)
  }
  let gcn = GCNConv(width, width).initialized(seed: 5)
  report(
    "GCN layer, forward and back", width,
    time { forwardAndBack(x, gcn.parameters) { gcn(x.value, block) } }, passes: 2)
  if width >= 16 {
    var options = GATConv.Options()
    options.heads = 4
    options.selfLoops = false
    let gat = GATConv(width, width / 4, options: options).initialized(seed: 6)
    report(
      "GAT layer of 4 heads, forward and back", width,
      time { forwardAndBack(x, gat.parameters) { gat(x.value, block) } }, passes: 3)
  }
}
