import Glibc
import HedgerowCore
import HedgerowMapped

/// A file of an export while it is written, through a buffer of fixed size.
final class OutputFile {
  let name: String
  /// Nodes or edges that it has.
  var rowCount = 0
  private(set) var byteCount = 0
  private let path: String
  private var descriptor: Int32
  private let buffer: UnsafeMutablePointer<UInt8>
  private var used = 0
  private static let capacity = 1 << 16

  init(_ name: String, at path: String) throws {
    self.name = name
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileSystem.failure("create", path) }
    buffer = .allocate(capacity: Self.capacity)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    buffer.deallocate()
  }

  // MARK: Bytes

  func append(byte: UInt8) throws {
    if used == Self.capacity { try flush() }
    buffer[used] = byte
    used += 1
    byteCount += 1
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return }
    byteCount += bytes.count
    if used + bytes.count > Self.capacity { try flush() }
    guard bytes.count <= Self.capacity else { return try write(bytes) }
    memcpy(buffer + used, start, bytes.count)
    used += bytes.count
  }

  func append(_ text: String) throws {
    var text = text
    try text.withUTF8 { try append(UnsafeRawBufferPointer($0)) }
  }

  // MARK: Values

  func append(_ number: Int64) throws {
    if used + 20 > Self.capacity { try flush() }
    var rest = number.magnitude
    var digitCount = 1
    var bound: UInt64 = 10
    while rest >= bound {
      digitCount += 1
      if digitCount == 20 { break }
      bound *= 10
    }
    if number < 0 {
      buffer[used] = UInt8(ascii: "-")
      used += 1
      byteCount += 1
    }
    var place = used + digitCount
    for _ in 0..<digitCount {
      place -= 1
      buffer[place] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
    used += digitCount
    byteCount += digitCount
  }

  /// A number with a point, as short as reads back the same; `nan`, `inf` and `-inf`.
  func append(_ number: some BinaryFloatingPoint & CustomStringConvertible) throws {
    try append(number.isNaN ? "nan" : number.description)
  }

  func append(_ uuid: UUIDKey) throws {
    try withUnsafeBytes(of: uuid) { bytes in
      for (index, byte) in bytes.enumerated() {
        if index == 4 || index == 6 || index == 8 || index == 10 {
          try append(byte: UInt8(ascii: "-"))
        }
        try appendHexadecimal(byte)
      }
    }
  }

  func appendHexadecimal(_ byte: UInt8, isUpper: Bool = false) throws {
    func digit(_ value: UInt8) -> UInt8 {
      value < 10
        ? UInt8(ascii: "0") + value : (isUpper ? UInt8(ascii: "A") : UInt8(ascii: "a")) + value - 10
    }
    try append(byte: digit(byte >> 4))
    try append(byte: digit(byte & 15))
  }

  /// A value as delimited text has it, without quotes: nothing for null, bytes as `0x...`, a vector's
  /// elements between `;`.
  func append(_ value: ExportedValue) throws {
    switch value {
    case .null: break
    case .bool(let flag): try append(flag ? "true" : "false")
    case .integer(let number): try append(number)
    case .half(let number): try append(number)
    case .float(let number): try append(number)
    case .double(let number): try append(number)
    case .text(let text): try append(text)
    case .bytes(let bytes):
      try append("0x")
      for byte in bytes { try appendHexadecimal(byte) }
    case .vector(let vector):
      for index in 0..<vector.count {
        if index > 0 { try append(byte: UInt8(ascii: ";")) }
        try append(vector[index])
      }
    }
  }

  // MARK: To the disk

  private func write(_ bytes: UnsafeRawBufferPointer) throws {
    try FileSystem.write(bytes, to: descriptor, at: path)
  }

  private func flush() throws {
    try write(UnsafeRawBufferPointer(start: buffer, count: used))
    used = 0
  }

  /// Writes over bytes that are there: for what a file says at its beginning and is known at its end.
  func replace(at offset: Int, with text: String) throws {
    try flush()
    let bytes = Array(text.utf8)
    require(offset + bytes.count <= byteCount)
    guard pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count else {
      throw FileSystem.failure("write", path)
    }
  }

  /// Everything is on the disk afterwards.
  func finish() throws {
    try flush()
    guard fsync(descriptor) == 0 else { throw FileSystem.failure("write", path) }
    let code = close(descriptor)
    descriptor = -1
    guard code == 0 else { throw FileSystem.failure("write", path) }
  }
}
