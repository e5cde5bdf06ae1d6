import Foundation
import HedgerowTestSupport

/// The file in which the shim counts calls.
struct CallCount {
  let path: String

  init(in directory: String) throws {
    path = "\(directory)/calls"
    try reset()
  }

  func reset() throws { try Data(count: 4096).write(to: URL(fileURLWithPath: path)) }

  private var bytes: [UInt8] { TemporaryDirectory.contents(path) }

  private func number(_ offset: Int) -> Int {
    bytes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
  }

  /// Calls that could have failed.
  var callCount: Int { number(0) }
  var failureCount: Int { number(8) }
  /// The first one that failed.
  var failedCall: String { String(decoding: bytes[16...].prefix { $0 != 0 }, as: UTF8.self) }
}
