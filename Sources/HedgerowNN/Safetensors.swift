import FoundationEssentials
import HedgerowCore
public import HedgerowTensor

/// The contents of a safetensors file: named arrays and some text about them.
///
/// The format: the length of the header as a little-endian 64-bit number, the header in JSON, then
/// the arrays' elements one behind the other. Decoding believes nothing: lengths, shapes and
/// positions are checked against each other and against the bytes that are there.
///
/// Source: <https://huggingface.co/docs/safetensors>.
public struct Safetensors: Sendable {
  public enum ElementKind: String, Sendable, Codable {
    case float64 = "F64"
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int64 = "I64"
    case int32 = "I32"
    case int16 = "I16"
    case int8 = "I8"
    case uint8 = "U8"
    case bool = "BOOL"

    public var byteCount: Int {
      switch self {
      case .float64, .int64: 8
      case .float32, .int32: 4
      case .float16, .bfloat16, .int16: 2
      case .int8, .uint8, .bool: 1
      }
    }
  }

  /// One array: its elements little-endian, in row-major order.
  public struct Entry: Sendable {
    public var name: String
    public var kind: ElementKind
    public var shape: [Int]
    public var bytes: ArraySlice<UInt8>
  }

  /// In the order of their elements in the file.
  public var entries: [Entry] = []
  public var metadata: [String: String] = [:]

  public init() {}

  public subscript(name: String) -> Entry? { entries.first { $0.name == name } }

  /// - Throws: `damaged` when the bytes are no such file, cut short or not consistent.
  public init(decoding bytes: [UInt8]) throws {
    let length = try Self.headerLength(bytes.prefix(8), fileByteCount: bytes.count)
    let data = bytes[(8 + length)...]
    let head = try Head(decoding: bytes[8..<data.startIndex], dataByteCount: data.count)
    metadata = head.metadata
    var end = data.startIndex
    for array in head.arrays {
      let begin = end
      end += array.byteCount
      entries.append(
        Entry(name: array.name, kind: array.kind, shape: array.shape, bytes: data[begin..<end]))
    }
  }

  /// What stands in front of the elements, checked: arrays in the order of their elements, which fill
  /// the rest of the file.
  struct Head {
    struct Array {
      let name: String
      let kind: ElementKind
      let shape: [Int]
      let byteCount: Int
    }
    var metadata: [String: String] = [:]
    var arrays: [Array] = []

    init(decoding bytes: ArraySlice<UInt8>, dataByteCount: Int) throws {
      let header: Header
      do {
        header = try JSONDecoder().decode(Header.self, from: Data(bytes))
      } catch {
        throw damaged("the header is not the JSON that it should be")
      }
      metadata = header.metadata
      var end = 0
      for (name, array) in header.arrays.sorted(by: { $0.value.offsets < $1.value.offsets }) {
        var byteCount = array.dtype.byteCount
        for extent in array.shape {
          // An extent of zero counts as one here, so that no partial product overflows later.
          let (product, isOverflow) = byteCount.multipliedReportingOverflow(by: max(extent, 1))
          guard extent >= 0, !isOverflow else {
            throw damaged("'\(name)' has shape \(array.shape)")
          }
          byteCount = product
        }
        if array.shape.contains(0) { byteCount = 0 }
        // Arrays fill the file: each begins where the one before it ended.
        guard array.offsets.begin == end, array.offsets.end <= dataByteCount,
          array.offsets.end - end == byteCount
        else { throw damaged("'\(name)' is not where its shape \(array.shape) says") }
        end = array.offsets.end
        arrays.append(
          Array(name: name, kind: array.dtype, shape: array.shape, byteCount: byteCount))
      }
      guard end == dataByteCount else {
        throw damaged("\(dataByteCount - end) bytes belong to no array")
      }
    }
  }

  /// The bytes of the header, as the first eight of the file say.
  static func headerLength(_ bytes: ArraySlice<UInt8>, fileByteCount: Int) throws -> Int {
    guard bytes.count == 8 else { throw damaged("\(bytes.count) bytes hold no header") }
    let length = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(fileByteCount - 8) else {
      throw damaged("a header of \(length) bytes in a file of \(fileByteCount)")
    }
    return Int(length)
  }

  /// The bytes of the file; the same for the same contents.
  public func encoded() throws -> [UInt8] {
    let shapes = entries.map { (name: $0.name, kind: $0.kind, shape: $0.shape) }
    var bytes = try Self.head(metadata: metadata, arrays: shapes)
    bytes.reserveCapacity(bytes.count + entries.reduce(0) { $0 + $1.bytes.count })
    for entry in entries { bytes += entry.bytes }
    return bytes
  }

  /// What stands in front of the elements of these arrays.
  static func head(
    metadata: [String: String], arrays: [(name: String, kind: ElementKind, shape: [Int])]
  ) throws -> [UInt8] {
    var header = Header()
    header.metadata = metadata
    var end = 0
    for (name, kind, shape) in arrays {
      let byteCount = shape.reduce(kind.byteCount, *)
      header.arrays[name] = Header.Array(
        dtype: kind, shape: shape, offsets: Header.Offsets(begin: end, end: end + byteCount))
      end += byteCount
    }
    guard header.arrays.count == arrays.count else {
      throw HedgerowError(.usage, "two arrays of one file have the same name")
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var text = [UInt8](try encoder.encode(header))
    // Elements begin at a multiple of eight bytes.
    text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) } + text
  }
}

extension Safetensors.Entry {
  /// An array of a tensor's elements.
  public init(name: String, _ tensor: Tensor) {
    let bytes = tensor.withUnsafeBufferPointer { [UInt8](UnsafeRawBufferPointer($0)) }
    self.init(name: name, kind: .float32, shape: tensor.shape, bytes: bytes[...])
  }

  /// The elements in single precision; `nil` when they are no floating-point numbers.
  public var tensor: Tensor? {
    switch kind {
    case .float32: Tensor(elements { Float(bitPattern: $0) }, shape: shape)
    case .float64: Tensor(elements { Float(Double(bitPattern: $0)) }, shape: shape)
    case .float16: Tensor(elements { Float(Float16(bitPattern: $0)) }, shape: shape)
    case .bfloat16:
      Tensor(elements { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }, shape: shape)
    case .int64, .int32, .int16, .int8, .uint8, .bool: nil
    }
  }

  /// The elements as integers; `nil` when they are floating-point numbers.
  public var integers: [Int64]? {
    switch kind {
    case .int64: elements { $0 }
    case .int32: elements { (value: Int32) in Int64(value) }
    case .int16: elements { (value: Int16) in Int64(value) }
    case .int8: elements { (value: Int8) in Int64(value) }
    case .uint8, .bool: elements { (value: UInt8) in Int64(value) }
    case .float64, .float32, .float16, .bfloat16: nil
    }
  }

  private func elements<Bits: FixedWidthInteger, Element>(
    _ transform: (Bits) -> Element
  ) -> [Element] {
    bytes.withUnsafeBytes { raw in
      stride(from: 0, to: raw.count, by: MemoryLayout<Bits>.size).map {
        transform(Bits(littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: Bits.self)))
      }
    }
  }
}

private func damaged(_ what: String) -> HedgerowError {
  HedgerowError(.damaged, "not a safetensors file, or damaged: \(what)")
}

private struct Header: Codable {
  struct Offsets: Comparable {
    let begin: Int
    let end: Int
    static func < (a: Offsets, b: Offsets) -> Bool { (a.begin, a.end) < (b.begin, b.end) }
  }
  struct Array: Codable {
    let dtype: Safetensors.ElementKind
    let shape: [Int]
    let offsets: Offsets

    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case offsets = "data_offsets"
    }
  }
  struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
    static let metadata = Name(stringValue: "__metadata__")
  }

  var metadata: [String: String] = [:]
  var arrays: [String: Array] = [:]

  init() {}

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Name.self)
    metadata = try container.decodeIfPresent([String: String].self, forKey: .metadata) ?? [:]
    for name in container.allKeys where name.stringValue != Name.metadata.stringValue {
      arrays[name.stringValue] = try container.decode(Array.self, forKey: name)
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Name.self)
    if !metadata.isEmpty { try container.encode(metadata, forKey: .metadata) }
    for (name, array) in arrays { try container.encode(array, forKey: Name(stringValue: name)) }
  }
}

extension Header.Offsets: Codable {
  init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    begin = try container.decode(Int.self)
    end = try container.decode(Int.self)
    guard container.isAtEnd, 0 <= begin, begin <= end else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "two rising offsets")
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    try container.encode(begin)
    try container.encode(end)
  }
}
