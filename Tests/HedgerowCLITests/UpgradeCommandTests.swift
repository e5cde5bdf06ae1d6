import Foundation
import Hedgerow
import HedgerowTestSupport
import Testing

@Suite struct UpgradeCommandTests {
  @Test func aStoreOfFormat0IsRefusedUntilItIsUpgraded() throws {
    let directory = TemporaryDirectory()
    let store = try KeptStore.unpack("format-0-bulk", in: directory)
    let commands = [
      ["info", store], ["verify", store], ["nodes", store, "paper"], ["compact", store],
      ["insert", store, "--node", "paper=new"], ["changes", store],
      ["backup", store, directory("copy")], ["repair", store],
      ["evaluate", store, "--from", "first"],
    ]
    for command in commands {
      let run = try CommandLineRun(arguments: command)
      #expect(run.status == 65 && run.output.isEmpty && run.errorLines == 1, "\(command)")
      #expect(run.errors.contains("hedgerow upgrade \(store)"), "\(run.errors)")
    }
    let report = try CommandLineRun("upgrade", store, "--json")
    #expect(report.status == 0 && report.errors.isEmpty)
    #expect(report.output == "{\"old_format\":0,\"format\":1,\"version\":6}\n")
    let again = try CommandLineRun("upgrade", store)
    #expect(again.status == 0 && again.output.contains("has format 1 already"))
    #expect(try CommandLineRun("verify", store).status == 0)
    let info = try CommandLineRun("info", store, "--json")
    #expect(info.output.contains("\"format\":1") && info.output.contains("\"version\":6"))
    // The model that was trained then still predicts.
    #expect(try CommandLineRun("evaluate", store, "--from", "first").status == 0)
    let predicted = try CommandLineRun(
      "predict", store, "--from", "first", "--write", "paper.predicted", "--json")
    #expect(predicted.status == 0 && predicted.output.contains("\"version\":7"))
  }

  /// What a model of the golden store says may differ between kinds of processors in the last bit, so
  /// nothing is said of the values.
  @Test func modelsOfTheGoldenStorePredict() throws {
    let directory = TemporaryDirectory()
    let store = try KeptStore.unpack("format-1", in: directory)
    #expect(try CommandLineRun("verify", store).status == 0)
    let upgraded = try CommandLineRun("upgrade", store, "--json")
    #expect(upgraded.output == "{\"old_format\":1,\"format\":1,\"version\":18}\n")
    let measured = try CommandLineRun(
      "evaluate", store, "--from", "second", "--in", "train", "--json")
    #expect(measured.status == 0, "\(measured.errors)")
    #expect(measured.output.contains("\"count\":3"))
    let predicted = try CommandLineRun(
      "predict", store, "--from", "second", "--write", "thing.guess", "--json")
    #expect(predicted.status == 0, "\(predicted.errors)")
    #expect(predicted.output.contains("\"written\":7"))
    #expect(try CommandLineRun("verify", store).status == 0)
    // This one has a learned row for each number, and there are more of these now.
    let first = try CommandLineRun("evaluate", store, "--from", "first", "--in", "train")
    #expect(first.status == 64 && first.errors.contains("'number' has 5 nodes instead of 4"))
  }

  @Test func whatIsNoStoreIsNotUpgraded() throws {
    let directory = TemporaryDirectory()
    let none = try CommandLineRun("upgrade", directory("none"))
    #expect(none.status == 66 && none.errorLines == 1)
    #expect(try CommandLineRun("upgrade").status == 64)
    let store = try KeptStore.unpack("format-0-changed", in: directory)
    directory.write("format-0-changed.hedgerow/data.mdb", [])
    #expect(try CommandLineRun("upgrade", store).status == 70)
  }

  /// Killed at any moment, the store has format 0 or format 1, and the same content.
  @Test func aKilledUpgradeLeavesOneFormatOrTheOther() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let whole = try KeptStore.unpack("format-0-changed", in: directory)
    func copy(_ name: String) throws -> String {
      try FileManager.default.copyItem(atPath: whole, toPath: directory(name))
      return directory(name)
    }
    let clock = ContinuousClock()
    let first = try copy("first")
    let duration = try clock.measure { _ = try CommandLineRun("upgrade", first) }
    let content = try ContentDigest(GraphStore.open(at: first).snapshot())
    let microseconds = UInt64(duration.components.attoseconds / 1_000_000_000_000)
    var old = 0
    for round in 0..<25 {
      let store = try copy("store-\(round)")
      let process = Process()
      process.executableURL = CommandLineRun.tool
      process.arguments = ["upgrade", store]
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      usleep(UInt32(random.next(below: microseconds + microseconds / 4)))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      do {
        let opened = try GraphStore.open(at: store)
        #expect(try ContentDigest(opened.snapshot()) == content)
      } catch let error as HedgerowError {
        #expect(error.code == .badData, "\(error)")
        #expect(process.terminationReason == .uncaughtSignal, "it said that all is done")
        old += 1
        #expect(try GraphStore.upgrade(at: store).oldFormat == 0)
      }
      #expect(try ContentDigest(GraphStore.open(at: store).snapshot()) == content)
      #expect(try StoreVerifier.verify(at: store).problems == [])
    }
    print("\(old) of 25 had format 0 still")
  }
}
