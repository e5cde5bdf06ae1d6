import CHedgerowKernels
import CHedgerowLMDB
import HedgerowCore

/// A named table and the types of its keys and values.
///
/// A table is made by the first write to it; until then reads find nothing. Entries are in the
/// order of their keys' bytes. Each value is kept behind the CRC-32C of its key and bytes, checked
/// whenever it is read: LMDB's pages carry no checksum of their own.
public struct Table<Key: KeyCodec, Value: ValueCodec>: Sendable {
  public let name: String

  public init(_ name: String) { self.name = name }

  static var checksumByteCount: Int { 4 }

  func place(_ key: UnsafeRawBufferPointer) -> String {
    "data.mdb table \(name) key \(hexadecimal(key))"
  }

  func withKey<R>(
    _ key: Key, _ body: (inout MDB_val) throws -> R
  ) throws -> R {
    var bytes: [UInt8] = []
    key.encode(into: &bytes)
    guard (1...LMDBEnvironment.maximumKeyByteCount).contains(bytes.count) else {
      throw HedgerowError(
        .badData,
        "a key of \(bytes.count) bytes cannot be kept: it must have 1 to "
          + "\(LMDBEnvironment.maximumKeyByteCount)", at: "data.mdb table \(name)")
    }
    return try bytes.withUnsafeMutableBytes { buffer in
      // LMDB does not write through a key it is given.
      var item = MDB_val(mv_size: buffer.count, mv_data: buffer.baseAddress)
      return try body(&item)
    }
  }

  /// Checks and decodes a value where LMDB keeps it.
  func decodeValue(_ item: MDB_val, key: UnsafeRawBufferPointer) throws -> Value {
    let bytes = UnsafeRawBufferPointer(start: item.mv_data, count: item.mv_size)
    guard bytes.count >= Self.checksumByteCount else {
      throw HedgerowError(.damaged, "the value is cut short", at: place(key))
    }
    let stored = UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
    let content = UnsafeRawBufferPointer(rebasing: bytes[Self.checksumByteCount...])
    guard stored == checksum(key, content) else {
      throw HedgerowError(
        .damaged, "the value's checksum does not hold: restore a copy", at: place(key))
    }
    do {
      return try Value(decoding: RawSpan(_unsafeBytes: content))
    } catch {
      throw damaged(error, key)
    }
  }

  func decodeKey(_ bytes: UnsafeRawBufferPointer) throws -> Key {
    do {
      return try Key(decoding: RawSpan(_unsafeBytes: bytes))
    } catch {
      throw damaged(error, bytes)
    }
  }

  private func damaged(_ error: any Error, _ key: UnsafeRawBufferPointer) -> HedgerowError {
    HedgerowError(.damaged, "\(error)", at: place(key))
  }

  /// The value with its checksum in front.
  func encode(_ value: Value, key: UnsafeRawBufferPointer) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.checksumByteCount)
    value.encode(into: &bytes)
    bytes.withUnsafeMutableBytes { buffer in
      let content = UnsafeRawBufferPointer(
        rebasing: UnsafeRawBufferPointer(buffer)[Self.checksumByteCount...])
      buffer.storeBytes(of: checksum(key, content).littleEndian, as: UInt32.self)
    }
    return bytes
  }

  private func checksum(
    _ key: UnsafeRawBufferPointer, _ content: UnsafeRawBufferPointer
  ) -> UInt32 {
    hr_crc32c(
      hr_crc32c(0, key.baseAddress, key.count), content.baseAddress, content.count)
  }
}

func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var text: [UInt8] = []
  for byte in bytes {
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 15)])
  }
  return String(decoding: text, as: UTF8.self)
}
