// Layers over a whole synthetic graph, forward and back:
//
//   graph [--from FOLDER] [--only NAME] [SCALE] [EDGE_FACTOR] [WIDTH ...]
//
// R-MAT of 2^SCALE nodes (20) with EDGE_FACTOR (16) directed edges each, not permuted, rows sorted; or the
// graph of FOLDER's `csc_indptr.npy` and `csc_indices.npy`, int64, so that others can run on the same. A line
// for each benchmark whose name begins with NAME and each width: the median of five runs behind one that
// warms up, edges a second, and bytes that must move (each edge's source row and number once, the result
// once) against what a sum of two arrays moves in this run.
import Glibc
import Hedgerow

var arguments = Array(CommandLine.arguments.dropFirst())
@MainActor func option(_ name: String) -> String? {
  guard let place = arguments.firstIndex(of: name), place + 1 < arguments.count else { return nil }
  defer { arguments.removeSubrange(place...place + 1) }
  return arguments[place + 1]
}
let folder = option("--from")
let only = option("--only") ?? ""
let numbers = arguments.compactMap { Int($0) }
let scale = numbers.first ?? 20
let edgeFactor = numbers.count > 1 ? numbers[1] : 16
let widths = numbers.count > 2 ? Array(numbers[2...]) : [16, 64, 128, 256]

func integers(_ path: String) throws -> [UInt32] {
  let file = try NPYFile(path: path)
  guard file.element == .int64 && file.columnCount == nil else {
    throw HedgerowError(.badData, "is no array of int64", at: path)
  }
  var values = [UInt32](repeating: 0, count: file.rowCount)
  var piece = [Int64](repeating: 0, count: 1 << 16)
  for first in stride(from: 0, to: values.count, by: piece.count) {
    let count = min(piece.count, values.count - first)
    try piece.withUnsafeMutableBytes {
      try file.read(
        rows: first..<first + count,
        into: UnsafeMutableRawBufferPointer(rebasing: $0[..<(8 * count)]))
    }
    for place in 0..<count { values[first + place] = UInt32(piece[place]) }
  }
  return values
}

func stored(_ folder: String) throws -> Block {
  let offsets = try integers(folder + "/csc_indptr.npy")
  var sources = try integers(folder + "/csc_indices.npy")
  for row in 0..<offsets.count - 1 { sources[Int(offsets[row])..<Int(offsets[row + 1])].sort() }
  return Block(
    offsets: offsets, sources: sources, sourceCount: offsets.count - 1,
    targetCount: offsets.count - 1)
}

func rmat() -> Block {
  let count = 1 << scale
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

/// The graph of the folder, or a drawn one.
func graph() -> Block {
  do {
    return try folder.map(stored) ?? rmat()
  } catch {
    let message = Array("graph: \(error)\n".utf8)
    write(STDERR_FILENO, message, message.count)
    exit(66)
  }
}

let block = graph()
let (count, edgeCount) = (block.targetCount, block.edgeCount)

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

/// Bytes a second that the machine moves: c = a + b. The arrays are gone behind it.
func sumOfArrays() -> Double {
  let (a, b) = (Tensor.random([1 << 25], seed: 1), Tensor.random([1 << 25], seed: 2))
  return 3 * 4 * Double(1 << 25) / time { _ = a + b }
}
let triad = sumOfArrays() / 1e9
BufferPool.releaseIdle()
print(
  "\(folder ?? "R-MAT"): \(count) nodes, \(edgeCount) edges, \(Compute.pool.threadCount) threads; "
    + "a sum of two arrays moves \(fixed(triad, 1)) GB/s")

func report(_ name: String, _ width: Int, passes: Double, _ body: () -> Void) {
  guard name.hasPrefix(only) else { return }
  let seconds = time(body)
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
  report("sum", width, passes: 1) { _ = aggregate(x.value, along: block, by: .sum) }
  report("mean", width, passes: 1) { _ = aggregate(x.value, along: block, by: .mean) }
  report("weighted sum", width, passes: 1) {
    _ = aggregate(x.value, scaledBy: weights, along: block, by: .sum)
  }
  report("mean, forward and back", width, passes: 2) {
    forwardAndBack(x, []) { aggregate(x.value, along: block, by: .mean) }
  }
  report("weighted sum, forward and back", width, passes: 2) {
    forwardAndBack(x, []) { aggregate(x.value, scaledBy: weights, along: block, by: .sum) }
  }
  if edgeCount * width * 4 <= 4 << 30 {
    report("mean of messages, forward and back", width, passes: 2) {
      forwardAndBack(x, []) {
        aggregate(x.value.gathered(alongSourcesOf: block), along: block, messagesBy: .mean)
      }
    }
  }
  let gcn = GCNConv(width, width).initialized(seed: 5)
  report("GCN layer, forward and back", width, passes: 2) {
    forwardAndBack(x, gcn.parameters) { gcn(x.value, block) }
  }
  if width >= 16 {
    var options = GATConv.Options()
    options.heads = 4
    options.selfLoops = false
    let gat = GATConv(width, width / 4, options: options).initialized(seed: 6)
    report("GAT layer of 4 heads, forward and back", width, passes: 3) {
      forwardAndBack(x, gat.parameters) { gat(x.value, block) }
    }
  }
}
