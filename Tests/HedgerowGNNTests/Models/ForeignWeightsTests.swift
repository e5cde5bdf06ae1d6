import FoundationEssentials
import HedgerowCore
import HedgerowGNN
import HedgerowNN
import HedgerowTestSupport
import Testing

/// States that PyTorch Geometric saved of whole models load by name, and give what it gave: a few that lie beside the
/// tests, for machines without a folder of reference values.
@Suite struct ForeignWeightsTests {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Files").path

  @Test func modelsGiveWhatPyTorchGeometricGave() throws {
    let names = GoldenFile.names(in: Self.folder)
    #expect(names.count >= 6)
    let operations = Dictionary(uniqueKeysWithValues: GoldenOperation.models.map { ($0.name, $0) })
    for name in names {
      let file = try GoldenFile(named: name, in: Self.folder)
      let differences = try #require(operations[file.op]).differences(file)
      #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
    }
  }

  @Test func aStateOfAnotherModelIsRefusedByName() throws {
    let file = try GoldenFile(named: "GCN.safetensors", in: Self.folder)
    let error = #expect(throws: HedgerowError.self) {
      try GCN(5, 6, layers: 3, outputs: 4).load(file.state)
    }
    #expect(error?.code == .badData)
    #expect(throws: HedgerowError.self) {
      try GraphSAGE(5, 6, layers: 3, outputs: 4).load(file.state)
    }
  }
}
