import Foundation
import Hedgerow
import HedgerowTestSupport
import Testing

/// Published data sets from the files that they come as: they are in the folder that HEDGEROW_DATA
/// names, each in one of its own. `docs/testing.md` lists them.
private let folder = ProcessInfo.processInfo.environment["HEDGEROW_DATA"]

private struct DataSet: Sendable, CustomTestStringConvertible {
  var name: String
  /// What `ingest` is called with; `DATA` is the folder.
  var arguments: [String] = []
  /// Or a specification.
  var spec: String?
  var nodes: [String: Int]
  var edges: [String: Int]
  var testDescription: String { name }
}

private func planetoid(_ name: String, _ nodes: Int, _ edges: Int) -> DataSet {
  DataSet(
    name: name,
    spec: """
      nodes: {paper: {file: nodes.tsv, split: split, features: {x: features.npy}}}
      edges: {"paper:cites:paper": {file: edges.tsv, undirected: true}}
      """, nodes: ["paper": nodes], edges: ["paper:cites:paper": edges])
}

private func triples(_ name: String, _ nodes: Int, _ edges: Int) -> DataSet {
  DataSet(
    name: name,
    arguments: ["--format", "triples"]
      + ["train", "valid", "test"].map { "DATA/\(name)/\($0).txt" },
    nodes: ["entity": nodes], edges: ["entity:triple:entity": edges])
}

private func molecules(_ name: String, graphs: Int, _ nodes: Int, _ edges: Int) -> DataSet {
  DataSet(
    name: name,
    spec: """
      nodes:
        graph: {file: graphs.tsv, split: fold}
        node: {file: nodes.tsv, key: id, membership: {graph: "node:in:graph"}}
      edges: {"node:edge:node": {file: edges.tsv, undirected: true}}
      """, nodes: ["graph": graphs, "node": nodes],
    edges: ["node:in:graph": nodes, "node:edge:node": edges])
}

private let dataSets: [DataSet] = [
  planetoid("cora", 2708, 2 * 5278), planetoid("citeseer", 3327, 2 * (4676 - 124) + 124),
  // One of them is a loop.
  planetoid("amazon-photo", 7650, 2 * 119_082 - 1),
  triples("umls", 135, 5216 + 652 + 661), triples("fb15k-237", 14_541, 272_115 + 17_535 + 20_466),
  molecules("tu-mutag", graphs: 188, 3371, 7442),
  molecules("tu-proteins", graphs: 1113, 43_471, 162_088),
  DataSet(
    name: "acm",
    spec: """
      nodes:
        paper: {file: paper.tsv, split: split, features: {x: paper_features.npy}}
        author: {features: {x: author_features.npy}}
      edges:
        paper:by:author: {file: paper_author.tsv}
        paper:about:subject: {file: paper_subject.tsv}
      """, nodes: ["paper": 4019, "author": 7167, "subject": 60],
    edges: ["paper:by:author": 13_407, "paper:about:subject": 4019]),
  // Labels come beside the triples, for some of the resources.
  DataSet(
    name: "aifb",
    spec: """
      nodes:
        resource:
          files:
            - {file: trainingSet.tsv, constants: {split: train}}
            - {file: testSet.tsv, constants: {split: test}}
          key: person
          without: id
          rename: {label_affiliation: affiliation}
          split: split
      files: aifb_stripped.nt.gz
      """, nodes: ["resource": 2835, "literal": 5450], edges: ["": 29_043]),
  DataSet(
    name: "gowalla",
    spec: """
      edges:
        user:visits:item:
          files:
            - {file: train.tsv, constants: {split: train}}
            - {file: test.tsv, constants: {split: test}}
      """, nodes: ["user": 29_858, "item": 40_981],
    edges: ["user:visits:item": 810_128 + 217_242]),
  DataSet(
    name: "modelnet10-points",
    spec: """
      nodes:
        train_shape: {features: {label: train_labels.npy}}
        test_shape: {features: {label: test_labels.npy}}
        train_point: {features: {position: train_points.npy}}
        test_point: {features: {position: test_points.npy}}
      edges:
        train_point:of:train_shape: {offsets: train_offsets.npy}
        test_point:of:test_shape: {offsets: test_offsets.npy}
      """,
    nodes: [
      "train_shape": 3991, "test_shape": 908, "train_point": 5_961_812, "test_point": 1_550_747,
    ], edges: ["train_point:of:train_shape": 5_961_812, "test_point:of:test_shape": 1_550_747]),
  DataSet(
    name: "college-msg",
    spec: "edges: {\"user:writes:user\": {file: messages.tsv, time: time}}",
    nodes: ["user": 1899], edges: ["user:writes:user": 59_835]),
  DataSet(
    name: "bitcoin-otc",
    spec: """
      edges:
        user:rates:user:
          file: edges.csv
          columns: [source, target, "rating:int8", time]
          time: time
      """, nodes: ["user": 5881], edges: ["user:rates:user": 35_592]),
  DataSet(
    name: "cnr-2000", arguments: ["DATA/cnr-2000/edges.tsv.gz"], nodes: ["node": 325_557],
    edges: ["node:edge:node": 3_216_152]),
  DataSet(
    name: "snb-sf0.003", arguments: ["DATA/snb-sf0.003/vanilla"],
    nodes: ["Person": 222, "Post": 5924], edges: ["Person:knows:Person": 825]),
  DataSet(
    name: "air-routes",
    arguments: [
      "DATA/air-routes/air-routes-latest-nodes.csv", "DATA/air-routes/air-routes-latest-edges.csv",
    ], nodes: ["": 3749], edges: ["": 57_645]),
  DataSet(
    name: "air-routes", arguments: ["DATA/air-routes/air-routes-small-latest.graphml"],
    nodes: ["": 47], edges: ["": 1390]),
]

@Suite(.enabled(if: folder != nil)) struct PublishedDataTests {
  private func expect(_ found: [String: Int], _ wanted: [String: Int], _ name: String) {
    for (type, count) in wanted {
      // Nothing stands for all types together.
      let found = type.isEmpty ? found.values.reduce(0, +) : found[type]
      #expect(found == count, "\(name) \(type)")
    }
  }

  private func counts(_ run: CommandLineRun) throws -> (nodes: [String: Int], edges: [String: Int])
  {
    try #require(run.status == 0, "\(run.errors)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    return (object["nodes"] as? [String: Int] ?? [:], object["edges"] as? [String: Int] ?? [:])
  }

  @Test(arguments: dataSets) private func aDataSetIsImported(_ set: DataSet) throws {
    let data = try #require(folder)
    let directory = TemporaryDirectory()
    var arguments = set.arguments.map { $0.replacing("DATA", with: data) }
    if let spec = set.spec {
      // Beside links to the files, which may be in a folder that is not written to.
      for file in try FileManager.default.contentsOfDirectory(atPath: "\(data)/\(set.name)") {
        try FileManager.default.createSymbolicLink(
          atPath: directory(file), withDestinationPath: "\(data)/\(set.name)/\(file)")
      }
      try spec.write(toFile: directory("import.yaml"), atomically: true, encoding: .utf8)
      arguments = ["--spec", directory("import.yaml")]
    }
    let found = try counts(
      CommandLineRun(
        arguments: ["ingest", directory("s")] + arguments + ["--memory", "256MiB", "--json"]))
    expect(found.nodes, set.nodes, set.name)
    expect(found.edges, set.edges, set.name)
    let verified = try CommandLineRun("verify", directory("s"))
    #expect(verified.status == 0, "\(verified.errors)")
  }

  @Test func packagesOfDebianAreMadeAndImported() throws {
    let data = try #require(folder)
    let directory = TemporaryDirectory()
    let made = try CommandLineRun(
      "dataset", "debian-packages", directory("d"), "--from", "\(data)/debian-packages/Packages.gz",
      "--json")
    let (nodes, edges) = try counts(made)
    expect(
      nodes, ["package": 63_436, "source": 34_169, "maintainer": 2248, "tag": 598], "packages")
    #expect(
      edges.filter {
        $0.key.hasPrefix("package:") && !$0.key.hasSuffix(":source")
          && !$0.key.hasSuffix(":maintainer") && !$0.key.hasSuffix(":tag")
      }.values.reduce(0, +) == 414_671)
  }

  /// Every file but those that are broken on purpose, which are refused with their line.
  @Test func matricesOfEveryKindAreRead() throws {
    let data = try #require(folder) + "/matrix-market"
    let directory = TemporaryDirectory()
    let files = try FileManager.default.subpathsOfDirectory(atPath: data)
      .filter { $0.hasSuffix(".mtx") }.sorted()
    #expect(files.count > 80)
    for (index, file) in files.enumerated() {
      let run = try CommandLineRun("ingest", directory("s\(index)"), "\(data)/\(file)")
      if file.contains("mangled") {
        #expect(run.status == 65 && run.errors.contains(".mtx:"), "\(file): \(run.errors)")
      } else {
        #expect(run.status == 0, "\(file): \(run.errors)")
      }
    }
  }
}
