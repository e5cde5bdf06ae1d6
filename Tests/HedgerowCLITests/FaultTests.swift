import Foundation
import Testing

/// Small runs of what `tools/crash-images`, `inject-errors`, `flip-bits`, `fill-disk`, `kill-writer` and
/// `read-write` do.
@Suite(.serialized) struct FaultTests {
  private func experiment(_ arguments: String...) throws {
    let run = try CommandLineRun(
      program: CommandLineRun.tool.deletingLastPathComponent()
        .appendingPathComponent("HedgerowFaults"), arguments: arguments)
    print(run.output)
    #expect(run.status == 0, "\(run.output)\(run.errors)")
  }

  @Test func everyImageOfAPowerFailureIsTheOldStoreOrTheNew() throws {
    try experiment("drawn-images", "250")
  }

  @Test func everyImageAfterAFailedCallIsTheOldStoreOrTheNew() throws {
    try experiment("images-after-failures", "120")
  }

  @Test func disksThatLoseWhatWasSyncedAreFoundOut() throws {
    try experiment("dishonest-images", "120")
  }

  @Test func aFailedFileCallIsAnErrorAndLeavesTheStoreWhole() throws {
    try experiment("errors", "307")
  }

  @Test func aFlippedBitIsReportedOrHarmless() throws {
    try experiment("flips", "120")
  }

  @Test func aKilledWriterLeavesWhatWasAcknowledged() throws {
    try experiment("kills", "16")
  }

  @Test func readersSeeWholeVersionsWhileOneWrites() throws {
    try experiment("read-write", "5", "60000")
  }

  @Test func aFullDiskIsAnErrorAndLeavesTheStoreWhole() throws {
    try experiment("full-disk", "4")
  }
}
