import Foundation
import HedgerowCore
import Testing

@testable import HedgerowCLI

@Suite struct OutputTests {
  @Test func jsonKeepsTheOrderAndEscapesText() {
    let value: JSON = [
      "z": 1, "a": [nil, true, 0.5, 2.0, .double(.infinity)], "t\"\\\n\u{1}é": "ü/",
    ]
    #expect("\(value)" == #"{"z":1,"a":[null,true,0.5,2.0,null],"t\"\\\n\u0001é":"ü/"}"#)
    #expect("\(JSON.object([]))" == "{}")
    #expect("\(["a": -0.0, "b": -3, "c": 1e6] as JSON)" == #"{"a":-0.0,"b":-3,"c":1000000.0}"#)
  }

  @Test func jsonIsWhatFoundationReads() throws {
    let value: JSON = [
      "text": "\u{0}\u{1F}\u{7F} \u{2028} \t\r", "tiny": 1e-300, "large": 1e300, "int": .int(.min),
    ]
    let read = try #require(
      JSONSerialization.jsonObject(with: Data("\(value)".utf8)) as? [String: Any])
    #expect(read["text"] as? String == "\u{0}\u{1F}\u{7F} \u{2028} \t\r")
    #expect(read["tiny"] as? Double == 1e-300)
    #expect(read["large"] as? Double == 1e300)
    #expect(read["int"] as? Int == .min)
  }

  @Test func progressTellsRateAndTimeLeft() {
    #expect(
      ProgressBar.line(
        "edges", completed: 500_000, total: 2_000_000, unit: .items("edges"), seconds: 10)
        == "edges [######..................] 25% 50k edges/s 30 s left")
    #expect(
      ProgressBar.line("reading", completed: 3 << 20, total: nil, unit: .bytes, seconds: 2)
        == "reading 3 MiB 1.5 MiB/s")
    #expect(ProgressBar.duration(59.4) == "59 s")
    #expect(ProgressBar.duration(3599) == "59:59")
    #expect(ProgressBar.duration(7385) == "2:03:05")
    #expect(ProgressBar.duration(.infinity) == "?")
  }

  @Test func errorsAreOneLineWithTheirStatus() {
    let failure = Failure(HedgerowError(.damaged, "torn\n\tpage", at: "data.mdb")) { ("", 1) }
    #expect(failure.line == "hedgerow: data.mdb: torn page")
    #expect(failure.status == 70)
    #expect(Failure(CancellationError()) { ("", 1) }.status == 130)
  }

  @Test func sizesAndThreadsAreChecked() throws {
    let options = try GlobalOptions.parse(["--memory", "256MiB", "--threads", "2", "--json"])
    #expect(options.makeBudget().total == 256 << 20)
    #expect(options.makePool().threadCount == 2)
    #expect(options.json && options.seed == 0)
    #expect(throws: (any Error).self) { try GlobalOptions.parse(["--memory", "-1"]) }
    #expect(throws: (any Error).self) { try GlobalOptions.parse(["--threads", "0"]) }
    #expect(throws: (any Error).self) { try GlobalOptions.parse(["--seed", "-1"]) }
  }
}
