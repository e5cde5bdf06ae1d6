import HedgerowNN
import HedgerowTestSupport
import Testing

/// How the values of one operation of PyTorch Geometric are compared with ours.
///
/// To compare one more, add a row to the table of its family.
struct GoldenOperation: Sendable {
  /// PyTorch Geometric's name.
  let name: String
  /// What differs from a file. Throws ``GoldenArguments/Unknown`` when it has settings that we do not.
  let differences: @Sendable (GoldenFile) throws -> [String]

  static let all: [GoldenOperation] =
    layers.map { $0.operation } + specialLayers + aggregations + norms + heterogeneous
    + knowledgeGraphs + points + poolings + models + clouds

  /// The layers of one relation, or of relations that edges are numbered by.
  static let layers = convolutions + relationConvolutions + pairNetworks
}

/// Results and gradients of PyTorch Geometric, read from the folder `HEDGEROW_GOLDEN`. What is of PyTorch
/// alone is compared where it is tested.
@Suite struct GoldenTests {
  static let files = GoldenFile.names.filter { name in
    !["Activation_", "Loss_", "Optimizer_"].contains(where: name.hasPrefix)
  }

  @Test(
    .enabled(
      if: GoldenFile.folder != nil,
      "HEDGEROW_GOLDEN is not set: no reference values to compare with"))
  func everySupportedOperationAgrees() throws {
    #expect(!Self.files.isEmpty, "no reference values in HEDGEROW_GOLDEN")
    let operations = Dictionary(uniqueKeysWithValues: GoldenOperation.all.map { ($0.name, $0) })
    var (agreeing, others): ([String], [String]) = ([], [])
    for name in Self.files {
      let file = try GoldenFile(named: name)
      guard let operation = operations[file.op] else {
        others.append("\(name): no operation \(file.op)")
        continue
      }
      do {
        let differences = try operation.differences(file)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
        if differences.isEmpty { agreeing.append(name) }
      } catch let unknown as GoldenArguments.Unknown {
        others.append("\(name): \(unknown)")
      } catch {
        Issue.record(error, "\(name)")
      }
    }
    print("golden: \(agreeing.count) of \(Self.files.count) agree")
    #expect(others.isEmpty, "\(others.joined(separator: "\n"))")
  }
}

/// An operation without parameters.
struct Nothing: Module {}
