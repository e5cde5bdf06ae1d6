// What single changes cost:
//
//   live inserts STORE [TRANSACTIONS]    transactions of 1,000 edges between random nodes, and their rate
//   live commits DIRECTORY [SECONDS]     commits of one node by 1 and by 8 threads, beside bare fdatasync
//   live lookups STORE TYPE [COUNT]      ids by external key, of nodes drawn at random
//   live reads STORE [COUNT]             neighbors of one node in a transaction of its own, percentiles
//   live sampling STORE PERCENT [EPOCHS] batches over a store without changes and with so many, in turn
//
// Stores have a node type `node` and an edge type node:edge:node, as `hedgerow ingest STORE edges.tsv`
// makes them. `inserts` and `sampling` change the store.
import Glibc
import Hedgerow

let arguments = CommandLine.arguments
guard arguments.count > 2 else { fatalError("see the first lines of the source") }
let path = arguments[2]
let node: NodeType = "node"
let edge = EdgeType("node", "edge", "node")
let clock = ContinuousClock()

func number(_ place: Int, _ standard: Int) -> Int {
  arguments.count > place ? Int(arguments[place])! : standard
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = clock.now
  try body()
  return (clock.now - start) / .seconds(1)
}

func insert(_ count: Int, into store: GraphStore, _ random: inout RandomStream) throws {
  let nodes = try store.read { try $0.count(of: node) }
  var draw = random
  try store.write { txn in
    for _ in 0..<count {
      try txn.connect(
        NodeID(UInt32(draw.next(below: UInt64(nodes)))), edge,
        NodeID(UInt32(draw.next(below: UInt64(nodes)))))
    }
  }
  random = draw
}

switch arguments[1] {
case "inserts":
  let store = try GraphStore.open(at: path)
  store.compactsAutomatically = false
  var random = RandomStream(seed: 7)
  var rates: [Double] = []
  for _ in 0..<number(3, 100) {
    rates.append(1000 / (try seconds { try insert(1000, into: store, &random) }))
  }
  print(
    "\(Int(median(rates))) edges/s in transactions of 1,000 (median of \(rates.count); "
      + "\(Int(rates.min()!)) to \(Int(rates.max()!)))")

case "commits":
  let duration = Double(number(3, 5))
  let file = "\(path)/bare"
  let descriptor = open(file, O_RDWR | O_CREAT, 0o600)
  let page = [UInt8](repeating: 1, count: 4096)
  var bare = 0
  var start = clock.now
  while (clock.now - start) / .seconds(1) < duration {
    _ = page.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, 4096, (bare % 64) * 4096) }
    fdatasync(descriptor)
    bare += 1
  }
  print("bare 4 KiB write + fdatasync: \(Int(Double(bare) / duration))/s")
  unlink(file)
  for threads in [1, 8] {
    let store = try GraphStore(at: "\(path)/commits-\(threads)", schema: [.node(node)])
    let finished = (0..<threads).map { _ in UnsafeMutablePointer<Int>.allocate(capacity: 1) }
    start = clock.now
    nonisolated(unsafe) let counts = finished
    let begun = start
    let running = (0..<threads).map { thread in
      Thread.start {
        counts[thread].pointee = 0
        while (ContinuousClock.now - begun) / .seconds(1) < duration {
          let key = "\(thread)-\(counts[thread].pointee)"
          _ = try? store.write { try $0.insert("node", key: key) }
          counts[thread].pointee += 1
        }
      }
    }
    for thread in running { Thread.join(thread) }
    let sum = finished.reduce(0) { $0 + $1.pointee }
    print("\(threads) threads: \(Int(Double(sum) / duration)) commits/s")
  }

case "lookups":
  let store = try GraphStore.open(at: path, .readOnly)
  let snapshot = try store.snapshot()
  let type = NodeType(arguments[3])
  let count = number(4, 1_000_000)
  var random = RandomStream(seed: 3)
  let total = UInt64(snapshot.count(of: type))
  var keys: [String] = []
  for _ in 0..<count {
    keys.append(
      try snapshot.key(of: NodeID(UInt32(random.next(below: total))), of: type))
  }
  for name in ["snapshot", "transaction"] {
    var rates: [Double] = []
    for _ in 0..<3 {
      var found = 0
      let time = try seconds {
        if name == "snapshot" {
          for key in keys where try snapshot.node(type, key: key) != nil { found += 1 }
        } else {
          found = try store.read { txn in
            var found = 0
            for key in keys where try txn.find(type, key: key) != nil { found += 1 }
            return found
          }
        }
      }
      precondition(found == count)
      rates.append(Double(count) / time)
    }
    print("\(name): \(Int(median(rates))) lookups/s on one thread, \(total) keys")
  }

case "reads":
  let store = try GraphStore.open(at: path, .readOnly)
  let total = try store.read { try $0.count(of: node) }
  var random = RandomStream(seed: 3)
  var times: [Double] = []
  for _ in 0..<number(3, 20_000) {
    let id = NodeID(UInt32(random.next(below: UInt64(total))))
    times.append(try seconds { _ = try store.read { try $0.neighbors(of: id, along: edge) } })
  }
  times.sort()
  print(
    "one node's neighbors: p50 \(times[times.count / 2] * 1e3) ms, "
      + "p99 \(times[times.count * 99 / 100] * 1e3) ms")

case "sampling":
  let store = try GraphStore.open(at: path)
  store.compactsAutomatically = false
  try store.compact()
  let clean = try store.snapshot()
  var random = RandomStream(seed: 9)
  var left = Int(Double(clean.count(of: edge)) * Double(arguments[3])! / 100)
  print("adding \(left) edges to \(clean.count(of: edge))")
  while left > 0 {
    try insert(min(left, 50_000), into: store, &random)
    left -= 50_000
  }
  var changed: Snapshot?
  let opening = try seconds { changed = try store.snapshot() }
  print("a snapshot with them: \(opening) s, \(changed!.privateByteCount >> 20) MiB")
  func run(_ graph: Snapshot, _ epoch: Int) async throws -> Double {
    var options = LoaderOptions()
    options.threads = 2
    options.relations = [graph.schema.relations()[0]]
    let seeds = RoaringBitmap(0..<UInt32(min(graph.count(of: node), 1024 * 98)))
    let loader = NeighborLoader(
      graph, seeds: .nodes(node, seeds), fanouts: [15, 10], batchSize: 1024, options: options)
    var edges = 0
    let start = clock.now
    for try await batch in loader.epoch(epoch) { edges += batch.subgraph.edgeCount }
    return Double(edges) / ((clock.now - start) / .seconds(1))
  }
  var rates: ([Double], [Double]) = ([], [])
  for epoch in 0..<number(4, 9) {
    rates.0.append(try await run(clean, epoch))
    rates.1.append(try await run(changed!, epoch))
  }
  print(
    "clean \(median(rates.0) / 1e6) M edges/s, changed \(median(rates.1) / 1e6): "
      + "\(median(rates.1) / median(rates.0))")

default: fatalError("see the first lines of the source")
}
