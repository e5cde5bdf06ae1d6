import Glibc
import HedgerowColumnar
import HedgerowCore
import HedgerowMapped

/// An array in a scratch directory, of the vectors of a column: a `.npy` file, which is read like any other
/// afterwards.
final class ArraySpool {
  /// The elements that arrays have for vectors.
  enum Form: String {
    case float = "<f4"
    case half = "<f2"
    case int8 = "|i1"
    case uint8 = "|u1"

    init?(_ type: ColumnarType) {
      switch type {
      case .float32: self = .float
      case .float16: self = .half
      case .integer(8, true): self = .int8
      case .integer(8, false): self = .uint8
      default: return nil
      }
    }

    var element: PropertyKind {
      switch self {
      case .float: .float32
      case .half: .float16
      case .int8: .int8
      case .uint8: .uint8
      }
    }
  }

  let path: String
  private let form: Form
  private let descriptor: Int32
  private var bytes: [UInt8] = []
  private static let bufferByteCount = 1 << 18

  init(_ form: Form, width: Int, rowCount: Int, in directory: String) throws {
    self.form = form
    path = "\(directory)/array-\(UInt64.random(in: 0...UInt64.max)).npy"
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileSystem.failure("create", path) }
    let header =
      "{'descr': '\(form.rawValue)', 'fortran_order': False, 'shape': (\(rowCount), \(width)), }\n"
    bytes = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes += [UInt8(header.utf8.count), 0] + Array(header.utf8)
  }

  deinit { close(descriptor) }

  /// Adds the elements of whole rows.
  func append(_ stretch: ColumnStretch, _ items: Range<Int>) throws {
    switch form {
    case .float: append(stretch.floats[items])
    case .half: append(stretch.floats[items].map { Float16($0) }[...])
    case .int8, .uint8:
      append(stretch.integers[items].map { UInt8(truncatingIfNeeded: $0) }[...])
    }
    if bytes.count >= Self.bufferByteCount { try flush() }
  }

  private func append(_ items: ArraySlice<some BitwiseCopyable>) {
    items.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

  private func flush() throws {
    try bytes.withUnsafeBytes { try FileSystem.write($0, to: descriptor, at: path) }
    bytes.removeAll(keepingCapacity: true)
  }

  func finish() throws { try flush() }
}
