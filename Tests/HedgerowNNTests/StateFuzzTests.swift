import HedgerowCore
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Mangled files of tensors are read or refused, by both ways to read them alike.
@Suite struct StateFuzzTests {
  static let targets = [
    FuzzTarget(
      "safetensors",
      seeds: [
        [("x.safetensors", try! Nested().initialized(seed: 9).state.encoded())],
        [
          (
            "x.safetensors",
            file(
              #"{"__metadata__":{"a":"b"},"w":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},"#
                + #""e":{"dtype":"I64","shape":[0,3],"data_offsets":[4,4]},"#
                + #""b":{"dtype":"BF16","shape":[],"data_offsets":[4,6]}}"#, [0, 60, 0, 61, 1, 2])
          )
        ],
      ],
      words: [
        "{", "}", "[", "]", "\"", ",", ":", "F64", "BOOL", "U8", "\"shape\":", "\"dtype\":",
        "\"data_offsets\":", "__metadata__", "null", "-", "1e3", "\\u0000", "\u{0}", "[0,0]",
      ])
  ]

  private static func file(_ header: String, _ data: [UInt8]) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> ($0 * 8)) } + Array(header.utf8)
      + data
  }

  @Test(arguments: targets.filter(\.isChosen))
  func mangledFilesAreReadOrRefused(target: FuzzTarget) throws {
    let findings = try FuzzRun(target, seed: printedSeed()).run(rounds: 400) {
      // Whole, but of integers.
      $0.code == .damaged || $0.code == .badData
    } read: { input in
      let path = try input.paths()[0]
      var held: ModelState?
      do {
        let bytes = TemporaryDirectory.contents(path)
        for entry in try Safetensors(decoding: bytes).entries { _ = (entry.tensor, entry.integers) }
        held = try ModelState(decoding: bytes)
      } catch {
        #expect(throws: HedgerowError.self) { try ModelState(contentsOf: path) }
        throw error
      }
      let read = try ModelState(contentsOf: path)
      #expect(read.checksum == held?.checksum)
    }
    #expect(findings.isEmpty)
  }
}
