import HedgerowCore
import HedgerowTestSupport

/// The calls that changed files below a directory, in their one true order, as `tools/faults` wrote
/// them down.
struct Recording {
  enum Call {
    case make(path: [Substring], file: UInt64, isDirectory: Bool)
    case write(file: UInt64, offset: Int, bytes: Range<Int>, isSynchronous: Bool)
    case resize(file: UInt64, byteCount: Int)
    case sync(file: UInt64)
    case link(path: [Substring], to: [Substring])
    case rename(path: [Substring], to: [Substring])
    case exchange(path: [Substring], with: [Substring])
    case remove(path: [Substring])
    /// So many operations of the workload are over; negative when the last one failed.
    case mark(Int)
    /// A part of an operation is acknowledged.
    case part
    /// A change whose bytes are not known.
    case unseen(String)
  }

  /// The log, in which the data of writes lie.
  let bytes: [UInt8]
  let calls: [Call]

  init(log path: String) throws {
    let bytes = TemporaryDirectory.contents(path)
    var calls: [Call] = []
    var position = 0
    func number<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type) -> T {
      bytes.withUnsafeBytes {
        T(littleEndian: $0.loadUnaligned(fromByteOffset: position + offset, as: type))
      }
    }
    while position < bytes.count {
      let operation = number(0, as: UInt32.self)
      let isSynchronous = number(4, as: UInt32.self) != 0
      let file = number(8, as: UInt64.self)
      let offset = Int(number(16, as: Int64.self))
      let lengths = [Int(number(24, as: UInt32.self)), Int(number(28, as: UInt32.self))]
      let dataLength = Int(number(32, as: UInt64.self))
      position += 40
      let texts = lengths.map { length in
        defer { position += length }
        return String(decoding: bytes[position..<position + length], as: UTF8.self)
      }
      let path = texts[0].split(separator: "/")
      let other = texts[1].split(separator: "/")
      let data = position..<position + dataLength
      position += dataLength
      switch operation {
      case 1: calls.append(.make(path: path, file: file, isDirectory: false))
      case 2: calls.append(.make(path: path, file: file, isDirectory: true))
      case 3:
        calls.append(
          .write(file: file, offset: offset, bytes: data, isSynchronous: isSynchronous))
      case 4: calls.append(.resize(file: file, byteCount: offset))
      case 5: calls.append(.sync(file: file))
      case 6: calls.append(.link(path: path, to: other))
      case 7: calls.append(.rename(path: path, to: other))
      case 8: calls.append(.exchange(path: path, with: other))
      case 9: calls.append(.remove(path: path))
      case 10: calls.append(offset == .max ? .part : .mark(offset))
      case 11: calls.append(.unseen(texts[0]))
      default:
        throw HedgerowError(
          .badData, "no call has the number \(operation)", at: path.first.map(String.init))
      }
    }
    self.bytes = bytes
    self.calls = calls
  }
}

extension Recording.Call: CustomStringConvertible {
  var description: String {
    func text(_ path: [Substring]) -> String { path.joined(separator: "/") }
    return switch self {
    case .make(let path, let file, let isDirectory):
      "\(isDirectory ? "mkdir" : "create") \(text(path)) as \(file)"
    case .write(let file, let offset, let bytes, let isSynchronous):
      "\(isSynchronous ? "synchronous " : "")write \(bytes.count) bytes at \(offset) of \(file)"
    case .resize(let file, let byteCount): "resize \(file) to \(byteCount)"
    case .sync(let file): "sync \(file)"
    case .link(let path, let to): "link \(text(path)) to \(text(to))"
    case .rename(let path, let to): "rename \(text(path)) to \(text(to))"
    case .exchange(let path, let with): "exchange \(text(path)) with \(text(with))"
    case .remove(let path): "remove \(text(path))"
    case .mark(let number):
      "\(abs(number)) operations are over\(number < 0 ? ", the last one failed" : "")"
    case .part: "a part is acknowledged"
    case .unseen(let what): "unseen: \(what)"
    }
  }
}
