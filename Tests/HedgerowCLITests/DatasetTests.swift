import Foundation
import HedgerowCore
import HedgerowGraph
import Testing

@Suite struct DatasetTests {
  @Test func rmatWritesTheEdgesOfItsGenerator() throws {
    try withTemporaryDirectory { path in
      let run = try CommandLineRun(
        "dataset", "rmat", path, "--scale", "13", "--edge-factor", "9", "--seed", "5", "--json")
      #expect(run.status == 0 && run.errors.isEmpty)
      let info = try object(run.output)
      #expect(info["nodes"] as? Int == 8192 && info["edges"] as? Int == 73728)
      let lines = try lines("\(path)/edges.tsv")
      #expect(lines.first == "source\ttarget")
      let graph = try RMAT(.init(scale: 13, edgeFactor: 9), seed: 5)
      let expected = (0..<graph.edgeCount).map { index in
        let (source, target) = graph.edge(index)
        return "\(source)\t\(target)"
      }
      #expect(Array(lines.dropFirst()) == expected)
    }
  }

  @Test func theNumberOfThreadsChangesNothing() throws {
    try withTemporaryDirectory { path in
      for threads in ["1", "3"] {
        let run = try CommandLineRun(
          "dataset", "sbm", "\(path)/\(threads)", "--nodes", "90000", "--features", "5",
          "--threads", threads)
        #expect(run.status == 0)
      }
      for file in ["edges.tsv", "nodes.tsv", "features.npy", "info.json"] {
        let one = try Data(contentsOf: URL(fileURLWithPath: "\(path)/1/\(file)"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(path)/3/\(file)")) == one)
      }
    }
  }

  @Test func sbmWritesNodesFeaturesAndWhatCanBeReached() throws {
    try withTemporaryDirectory { path in
      let run = try CommandLineRun(
        "dataset", "sbm", path, "--nodes", "1000", "--classes", "3", "--features", "4", "--seed",
        "2", "--json")
      let info = try object(run.output)
      let written = try object(String(contentsOfFile: "\(path)/info.json", encoding: .utf8))
      #expect(NSDictionary(dictionary: info) == NSDictionary(dictionary: written))
      let best = try #require(info["best_accuracy"] as? Double)
      let majority = try #require(info["majority_class_share"] as? Double)
      #expect(majority == 0.334 && best > majority && best < 1)
      #expect((info["best_accuracy_by_hops"] as? [Double])?.last == best)

      var options = StochasticBlock.Options()
      options.nodeCount = 1000
      options.classCount = 3
      options.featureWidth = 4
      let graph = try StochasticBlock(options, seed: 2)
      #expect(try lines("\(path)/edges.tsv").count == 1 + graph.edgeCount)
      let nodes = try lines("\(path)/nodes.tsv")
      #expect(nodes.first == "id\tlabel\tsplit")
      for node in 0..<1000 {
        #expect(nodes[node + 1] == "\(node)\t\(graph.label(of: node))\t\(graph.split(of: node))")
      }
      let array = try Data(contentsOf: URL(fileURLWithPath: "\(path)/features.npy"))
      #expect(array.count == 128 + 1000 * 4 * 4)
      #expect(array.prefix(8) == Data([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0]))
      let head = String(decoding: array[10..<128], as: UTF8.self)
      #expect(head.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (1000, 4), }"))
      #expect(head.hasSuffix("\n"))
      let row = array[(128 + 999 * 16)...].withUnsafeBytes { bytes in
        (0..<4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
      }
      var expected = [Float](repeating: 0, count: 4)
      expected.withUnsafeMutableBufferPointer { graph.features.fill($0, node: 999, label: 0) }
      #expect(row == expected)
    }
  }

  @Test func sbmDealsTheSameGraphToNodeTypes() throws {
    try withTemporaryDirectory { path in
      for types in [[], ["--node-types", "a,b"]] {
        let run = try CommandLineRun(
          arguments: ["dataset", "sbm", "\(path)/\(types.count)", "--nodes", "1001", "--seed", "3"]
            + types)
        #expect(run.status == 0, "\(run.errors)")
      }
      let (whole, dealt) = ("\(path)/0", "\(path)/2")
      let isOfA = { (id: Substring) in Int(id)! < 500 }
      var expected: [String: [String]] = ["a-a": [], "a-b": [], "b-b": []]
      for line in try lines("\(whole)/edges.tsv").dropFirst() {
        let ends = line.split(separator: "\t")
        switch (isOfA(ends[0]), isOfA(ends[1])) {
        case (true, true): expected["a-a"]!.append(line)
        case (true, false): expected["a-b"]!.append(line)
        case (false, true): expected["a-b"]!.append("\(ends[1])\t\(ends[0])")
        case (false, false): expected["b-b"]!.append(line)
        }
      }
      for (types, edges) in expected {
        #expect(try lines("\(dealt)/edges-\(types).tsv").dropFirst() == edges[...])
      }
      func nodes(_ file: String) throws -> ArraySlice<String> { try lines(file).dropFirst() }
      #expect(
        try nodes("\(dealt)/nodes-a.tsv") + nodes("\(dealt)/nodes-b.tsv")
          == nodes("\(whole)/nodes.tsv"))
      func rows(_ file: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: file)).dropFirst(128)
      }
      #expect(
        try rows("\(dealt)/features-a.npy") + rows("\(dealt)/features-b.npy")
          == rows("\(whole)/features.npy"))
      #expect(
        try CommandLineRun("dataset", "sbm", "\(path)/x", "--node-types", "a,a").status == 64)
    }
  }

  @Test func filesAreReplacedOnlyByForce() throws {
    try withTemporaryDirectory { path in
      let file = "\(path)/edges.tsv"
      try "mine".write(toFile: file, atomically: true, encoding: .utf8)
      let refused = try CommandLineRun("dataset", "rmat", path, "--scale", "4")
      #expect(refused.status == 64)
      #expect(refused.errors == "hedgerow: \(file): exists already: add --force to replace it\n")
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
      #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["edges.tsv"])
      #expect(try CommandLineRun("dataset", "rmat", path, "--scale", "4", "--force").status == 0)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
          == ["edges.tsv", "info.json"])
    }
  }

  private func lines(_ path: String) throws -> [String] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(
      JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }
}
