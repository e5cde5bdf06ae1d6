import Foundation
import Hedgerow
import Testing

// What the README shows: each of its Swift snippets stands here between two markers, compiled, and
// run by the test below.

// README
extension NodeType { static let user: Self = "user", item: Self = "item" }
extension EdgeType { static let rates = EdgeType("user", "rates", "item") }
// end
// README
extension NodeType { static let person: Self = "person", page: Self = "page" }

struct PersonModel: Module {
  let conv1 = HeteroConv([
    ("person", "knows", "person"): SAGEConv(source: 32, target: 32, to: 64),
    ("page", "rev_reads", "person"): SAGEConv(source: 32, target: 32, to: 64),
    ("person", "reads", "page"): SAGEConv(source: 32, target: 32, to: 64),
    ("page", "cites", "page"): GATConv(source: 32, target: 32, to: 16, heads: 4),
  ])
  let conv2 = HeteroConv([
    ("person", "knows", "person"): SAGEConv(source: 64, target: 64, to: 64),
    ("page", "rev_reads", "person"): SAGEConv(source: 64, target: 64, to: 64),
  ])
  let head = Linear(64, 5)

  func callAsFunction(_ x: PerNode<Tensor>, _ blocks: [HeteroBlock]) -> Tensor {
    let hidden = conv1(x, blocks[0], activation: .relu, dropout: 0.3)
    return head(conv2(hidden, blocks[1], activation: .relu)[.person])
  }
}
// end
// README
/// x_i' = sum over j in N(i) + {i} of W x_j / sqrt(d_i d_j)
struct NormalizedConv: MessagePassing {
  let linear: Linear
  let aggregation = Aggregation.sum

  func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor {
    propagate(linear(x), along: block.addingSelfLoops())
  }
  func message(_ edge: EdgeInputs) -> Message {
    .scaledSource(by: rsqrt(edge.sourceDegree * edge.targetDegree))
  }
}

struct GatedConv: MessagePassing {
  let gate: Linear
  let aggregation = Aggregation.mean

  func message(_ edge: EdgeInputs) -> Message {
    .dense(sigmoid(gate(concatenated(edge.target, edge.source))) * edge.source)
  }
  func update(_ aggregated: Tensor, target: Tensor) -> Tensor { relu(target + aggregated) }
}
// end

@Suite struct ReadmeTests {
  /// The fenced blocks of a language, in order.
  private static func blocks(_ language: String) throws -> [String] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    return text.components(separatedBy: "\n```\(language)\n").dropFirst().map { rest in
      rest.components(separatedBy: "\n```\n")[0]
    }
  }

  @Test func theSwiftSnippetsAreTheOnesThatRunHere() throws {
    let source = try String(contentsOfFile: #filePath, encoding: .utf8)
    let lines = source.components(separatedBy: "\n")
    var marked: [String] = []
    for (start, line) in lines.enumerated() where line.hasSuffix("// README") {
      let indent = line.count - "// README".count
      let end = try #require(lines[start...].firstIndex { $0.hasSuffix("// end") })
      marked.append(lines[start + 1..<end].map { $0.dropFirst(indent) }.joined(separator: "\n"))
    }
    let shown = try Self.blocks("swift")
    #expect(shown.count >= 4)
    #expect(Set(shown) == Set(marked))
  }

  @Test func theShellAndTheSwiftSnippetsRun() async throws {
    let directory = NSTemporaryDirectory() + "hedgerow-readme-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let commands = try Self.blocks("sh").filter { $0.hasPrefix("hedgerow ") }
    try #require(!commands.isEmpty)
    for block in commands {
      let output = try run(block, in: directory)
      #expect(output.contains("is whole"), "\(output)")
      #expect(output.contains("wrote person.predicted of 10,000 nodes"), "\(output)")
    }
    let accuracy = try await embedded("\(directory)/blocks.hedgerow")
    // A node's own features allow 0.49.
    #expect(accuracy > 0.6)
  }

  /// Runs a script as in a directory where the command is on the path; fails with its output.
  private func run(_ script: String, in directory: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-euo", "pipefail", "-c", script]
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    var environment = ProcessInfo.processInfo.environment
    let tools = CommandLineRun.tool.deletingLastPathComponent().path
    environment["PATH"] = "\(tools):\(environment["PATH"] ?? "/usr/bin:/bin")"
    process.environment = environment
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(output)")
    return output
  }

  @Test func aStoreTakesTransactions() throws {
    let path = NSTemporaryDirectory() + "hedgerow-readme-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    // README
    let store = try GraphStore(
      at: path,
      schema: [
        .node(.user, features: 64),
        .node(.item, features: 128, properties: ["title": .string]),
        .edge(.rates, properties: ["stars": .int32]),
      ])
    try store.write { txn in
      let ann = try txn.insert(.user, key: "ann")
      let dune = try txn.insert(.item, key: "dune", ["title": "Dune"])
      try txn.connect(ann, .rates, dune, ["stars": 5])
    }
    let seen = try store.read { txn in
      try txn.neighbors(of: try txn.node(.user, key: "ann"), along: .rates)
    }
    // end
    #expect(seen == [NodeID(0)])
  }

  @Test func layersOfYourOwnRun() {
    // README
    let friends = Block(
      sources: [0, 1, 1, 2, 3], targets: [1, 0, 2, 1, 2], sourceCount: 4, targetCount: 4)
    let x = Tensor.random([4, 8], seed: 1)
    let normalized = NormalizedConv(linear: Linear(8, 16)).initialized(seed: 2)
    let gated = GatedConv(gate: Linear(16, 8)).initialized(seed: 2)
    print(normalized(x, friends).shape, gated(x, friends).shape)  // [4, 16] [4, 8]
    print(gated)  // the tree of its modules, with shapes
    // end
    #expect(normalized(x, friends).shape == [4, 16] && gated(x, friends).shape == [4, 8])
    #expect(gated.description.contains("gate"))
  }

  @Test func tensorsAreViewedAndDifferentiated() {
    // README
    let scores = Tensor.normal([6, 4], from: RandomStream(seed: 1))
    let even = scores[stride(from: 0, to: 6, by: 2), 1...]  // rows 0, 2, 4 of columns 1 to 3
    let positive = select(even .> 0, even, otherwise: Tensor(0))
    let (best, places) = topK(positive.transposed(), 2)
    print(best.shape, places.shape)  // [3, 2] [3, 2]
    let sums = scatterSum(scores, to: NDArray<UInt32>([0, 2, 2, 0, 1, 2]), of: 3)
    let weight = Parameter(Tensor.random([4, 3], seed: 2))
    let (_, gradients) = checkingFinite {
      valueWithGradients(at: [weight]) {
        mean(recomputed { tanh(matmul(sums, weight.value)) })
      }
    }
    // end
    #expect(best.shape == [3, 2] && places.shape == [3, 2])
    #expect(gradients[weight]?.shape == [4, 3])
  }

  /// The snippets that use a store; returns the accuracy they measure.
  private func embedded(_ path: String) async throws -> Double {
    // README
    let store = try GraphStore.open(at: path, .readOnly)
    let graph = try store.snapshot()
    print("version \(graph.version): \(graph.count(of: .person)) persons")

    let reads = EdgeType(.person, "reads", .page)
    let relations = graph.schema.relations()  // every edge type, and its backward reading rev_...
    let backwards = relations.first { $0.name == reads.reversed }!
    let person = try graph.node(.person, key: "7")!
    let pages = try graph.neighbors(of: person, along: backwards)
    print("person 7 reads", try pages.map { try graph.key(of: NodeID($0), of: .page) })
    // end
    // README
    var options = LoaderOptions()
    options.labels = "label"
    let loader = NeighborLoader(
      graph, seeds: .nodes(.person, in: "train"), fanouts: [10, 10], batchSize: 256, seed: 7,
      options: options)
    let model = PersonModel().initialized(seed: 7)
    var optimizer = Adam(learningRate: 3e-3)
    for epoch in 0..<8 {
      var last: Float = 0
      for try await batch in loader.epoch(epoch) {
        let (loss, gradients) = valueWithGradients(at: model, randomness: batch.randomness) {
          crossEntropy(model(batch.features, batch.blocks), batch.labels)
        }
        optimizer.update(model, along: gradients)
        last = loss.scalar
      }
      print("epoch \(epoch): loss \(last)")
    }
    // end
    // README
    options.order = .ascending
    let test = NeighborLoader(
      graph, seeds: .nodes(.person, in: "test"), fanouts: [10, 10], batchSize: 1024,
      options: options)
    var (right, count) = (0, 0)
    for try await batch in test.epoch(0) {
      let predicted = argMax(model(batch.features, batch.blocks))
      right += zip(predicted, batch.labels).count { $0 == $1 }
      count += batch.seedCount
    }
    print("accuracy \(Double(right) / Double(count))")
    let weights = try model.state.encoded()  // a safetensors file
    // end
    try PersonModel().load(ModelState(decoding: weights))
    return Double(right) / Double(count)
  }
}
