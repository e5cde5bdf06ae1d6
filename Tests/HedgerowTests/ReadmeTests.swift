import Hedgerow
import HedgerowTestSupport
import Testing

// What the README shows in Swift, compiled and run. Each piece stands between two marks, word for
// word; `theReadmeShowsThisCode` holds it against the README.

// readme: model
struct Classifier: Module {
  let conv1 = HeteroConv([("paper", "cites", "paper"): SAGEConv(16, 32)])
  let conv2 = HeteroConv([("paper", "cites", "paper"): SAGEConv(32, 32)])
  let head = Linear(32, 4)

  func callAsFunction(_ x: PerNode<Tensor>, _ blocks: [HeteroBlock]) -> Tensor {
    let hidden = conv1(x, blocks[0]).mapValues { relu($0) }
    return head(conv2(hidden, blocks[1])["paper"])
  }
}
// end

@Suite struct ReadmeTests {
  /// A store of papers whose classes show in their features and in whom they cite.
  private func makeStore(in directory: TemporaryDirectory) throws -> String {
    var random = RandomStream(seed: printedSeed())
    let count = 400
    var nodes = "id\tlabel\tsplit\n"
    var edges = "source\ttarget\n"
    var values: [Float] = []
    for node in 0..<count {
      nodes += "\(node)\t\(node % 4)\t\(node % 3 == 0 ? "test" : "train")\n"
      for element in 0..<16 {
        values.append(Float(random.nextUnit()) + (element % 4 == node % 4 ? 0.5 : 0))
      }
      for _ in 0..<5 {
        let other = Int(random.next(below: UInt64(count / 4))) * 4 + node % 4
        edges += "\(node)\t\(other)\n"
      }
    }
    var options = IngestOptions()
    options.nodes = [.init("paper", directory.write("nodes.tsv", nodes))]
    options.edges = [.init(EdgeType("paper", "cites", "paper"), directory.write("e.tsv", edges))]
    options.features = [
      .init("paper", "x", directory.write("x.npy", npy(values, width: 16)))
    ]
    options.splits = [.init("paper", "split")]
    let path = directory("cora.hedgerow")
    try Ingest.run(
      options, into: path, budget: MemoryBudget(total: 256 << 20), pool: ThreadPool())
    return path
  }

  private func npy(_ values: [Float], width: Int) -> [UInt8] {
    var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(values.count / width), "
    header += "\(width)), }"
    while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
    header += "\n"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes += [UInt8(header.utf8.count % 256), UInt8(header.utf8.count / 256)]
    bytes += header.utf8
    return bytes + values.withUnsafeBytes { Array($0) }
  }

  @Test func samplingFromAStore() async throws {
    let directory = TemporaryDirectory()
    let path = try makeStore(in: directory)
    // readme: sample
    let store = try GraphStore.open(at: path, .readOnly)
    let graph = try store.snapshot()
    let loader = NeighborLoader(
      graph, seeds: .nodes("paper", in: "train"), fanouts: [15, 10], batchSize: 1024, seed: 7)
    for try await batch in loader.epoch(0) {
      print(batch.features["paper"].shape, batch.subgraph.edgeCount, batch.blocks.count)
    }
    // end
    #expect(try loader.batchCount() == 1)
  }

  @Test func trainingAModelOfOnesOwn() async throws {
    let directory = TemporaryDirectory()
    let graph = try GraphStore.open(at: makeStore(in: directory), .readOnly).snapshot()
    var options = LoaderOptions()
    options.labels = "label"
    options.relations = graph.schema.relations(includingReverse: false)
    let loader = NeighborLoader(
      graph, seeds: .nodes("paper", in: "train"), fanouts: [5, 5], batchSize: 64, seed: 7,
      options: options)
    // readme: loop
    let model = Classifier().initialized(seed: 7)
    var optimizer = Adam(learningRate: 3e-3)
    for epoch in 0..<10 {
      for try await batch in loader.epoch(epoch) {
        let (_, gradients) = valueWithGradients(at: model, randomness: batch.randomness) {
          crossEntropy(model(batch.features, batch.blocks), batch.labels)
        }
        optimizer.update(model, along: gradients)
      }
    }
    // end
    let test = NeighborLoader(
      graph, seeds: .nodes("paper", in: "test"), fanouts: [5, 5], batchSize: 1000,
      options: options)
    let batch = try test.batch(0, epoch: 0)
    let classes = argMax(model(batch.features, batch.blocks))
    let right = zip(classes, batch.labels).count { $0 == $1 }
    #expect(Double(right) > 0.9 * Double(batch.seedCount), "\(right) of \(batch.seedCount)")
  }

  @Test func aGraphInMemory() throws {
    // readme: memory
    var graph = MemoryGraph()
    graph["user"].count = 1000
    graph["item"].features["x"] = FeatureMatrix(width: 2, values: [0.1, 0.2, 0.3, 0.4])
    graph[EdgeType("user", "rates", "item")].edges =
      EdgeList(sources: [0, 0, 1], targets: [0, 1, 1])
    // end
    #expect(graph.count(of: "user") == 1000 && graph.count(of: "item") == 2)
  }

  @Test func theReadmeShowsThisCode() {
    func words(_ text: some StringProtocol) -> [Substring] {
      text.split { $0 == " " || $0 == "\n" }.map { Substring($0) }
    }
    let file = #filePath
    let root = file.components(dropping: 3)
    let source = String(decoding: TemporaryDirectory.contents(file), as: UTF8.self)
    let readme = String(decoding: TemporaryDirectory.contents("\(root)/README.md"), as: UTF8.self)
    var pieces: [String: [Substring]] = [:]
    var name: String?
    var lines: [Substring] = []
    for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
      let text = line.drop { $0 == " " }
      if text.hasPrefix("// readme: ") {
        name = String(text.dropFirst("// readme: ".count))
        lines = []
      } else if text == "// end", let piece = name {
        pieces[piece] = words(lines.joined(separator: "\n"))
        name = nil
      } else {
        lines.append(line)
      }
    }
    let shown = readme.split(separator: "```swift\n").dropFirst().map {
      words($0.prefix(upTo: $0.firstRange(of: "```")!.lowerBound))
    }
    #expect(shown == [pieces["sample"], pieces["model"]! + pieces["loop"]!, pieces["memory"]])
  }
}

extension String {
  /// The path without its last parts.
  fileprivate func components(dropping count: Int) -> String {
    split(separator: "/", omittingEmptySubsequences: false).dropLast(count).joined(separator: "/")
  }
}
