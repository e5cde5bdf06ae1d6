import Glibc

/// Values of a fixed width in a page.
protocol NumberDecoder {
  /// The next values, which must be there.
  mutating func read(_ count: Int, into out: UnsafeMutableRawPointer) throws
}

/// PLAIN: one behind the other.
struct PlainNumbers: NumberDecoder {
  let bytes: UnsafeRawBufferPointer
  let width: Int
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer, width: Int) {
    self.bytes = bytes
    self.width = width
  }

  mutating func read(_ count: Int, into out: UnsafeMutableRawPointer) throws {
    guard count * width <= bytes.count - position else {
      throw PageFault("has fewer values in a page than it claims")
    }
    guard count > 0 else { return }
    memcpy(out, bytes.baseAddress! + position, count * width)
    position += count * width
  }
}

/// PLAIN truth values: a bit each.
struct PlainBits: NumberDecoder {
  let bytes: UnsafeRawBufferPointer
  private var bit = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func read(_ count: Int, into out: UnsafeMutableRawPointer) throws {
    guard count <= 8 * bytes.count - bit else {
      throw PageFault("has fewer values in a page than it claims")
    }
    let out = out.assumingMemoryBound(to: UInt8.self)
    for index in 0..<count {
      out[index] = bytes[(bit + index) >> 3] >> UInt8((bit + index) & 7) & 1
    }
    bit += count
  }
}

/// RLE truth values, behind their length.
struct RunBits: NumberDecoder {
  private var runs: HybridDecoder
  private var buffer: [UInt32] = []

  init(_ bytes: UnsafeRawBufferPointer) throws {
    var position = 0
    runs = try HybridDecoder(bytes.stretch(at: &position), bitWidth: 1)
  }

  mutating func read(_ count: Int, into out: UnsafeMutableRawPointer) throws {
    let out = out.assumingMemoryBound(to: UInt8.self)
    buffer.grow(to: count, 0)
    try buffer.withUnsafeMutableBufferPointer {
      try runs.read(count, into: $0.baseAddress!)
      for index in 0..<count { out[index] = UInt8(truncatingIfNeeded: $0[index]) }
    }
  }
}

/// Places in a dictionary.
struct DictionaryNumbers: NumberDecoder {
  private let dictionary: UnsafeRawBufferPointer
  private let width: Int
  private var places: DictionaryPlaces

  init(_ bytes: UnsafeRawBufferPointer, dictionary: UnsafeRawBufferPointer, width: Int) throws {
    self.dictionary = dictionary
    self.width = width
    places = try DictionaryPlaces(bytes, count: dictionary.count / width)
  }

  mutating func read(_ count: Int, into out: UnsafeMutableRawPointer) throws {
    let (dictionary, width) = (dictionary, width)
    try places.read(count) { places in
      switch width {
      case 8: Self.gather(UInt64.self, dictionary, places, out)
      case 4: Self.gather(UInt32.self, dictionary, places, out)
      default:
        for (index, place) in places.enumerated() {
          memcpy(out + index * width, dictionary.baseAddress! + Int(place) * width, width)
        }
      }
    }
  }

  private static func gather<T: BitwiseCopyable>(
    _ type: T.Type, _ dictionary: UnsafeRawBufferPointer, _ places: UnsafeBufferPointer<UInt32>,
    _ out: UnsafeMutableRawPointer
  ) {
    let out = out.assumingMemoryBound(to: T.self)
    for (index, place) in places.enumerated() {
      out[index] = dictionary.loadUnaligned(
        fromByteOffset: Int(place) * MemoryLayout<T>.stride, as: T.self)
    }
  }
}

/// Numbers that are looked at before they are used as places.
struct DictionaryPlaces {
  private var runs: HybridDecoder
  private let limit: Int
  private var buffer: [UInt32] = []

  /// - Parameter count: of the dictionary.
  init(_ bytes: UnsafeRawBufferPointer, count: Int) throws {
    limit = count
    // A page of nulls may have nothing at all.
    let width = Int(bytes.first ?? 0)
    runs = try HybridDecoder(UnsafeRawBufferPointer(rebasing: bytes.dropFirst()), bitWidth: width)
  }

  mutating func read(
    _ count: Int, _ body: (UnsafeBufferPointer<UInt32>) throws -> Void
  ) throws {
    guard count > 0 else { return }
    buffer.grow(to: count, 0)
    try buffer.withUnsafeMutableBufferPointer { buffer in
      try runs.read(count, into: buffer.baseAddress!)
      let places = UnsafeBufferPointer(rebasing: buffer[..<count])
      var greatest: UInt32 = 0
      for place in places { greatest = max(greatest, place) }
      guard Int(greatest) < limit else {
        throw PageFault("has a value at place \(greatest) of a dictionary of \(limit)")
      }
      try body(places)
    }
  }
}

/// DELTA_BINARY_PACKED.
struct DeltaNumbers: NumberDecoder {
  private var deltas: DeltaDecoder
  private let width: Int
  private var buffer: [Int64] = []

  init(_ bytes: UnsafeRawBufferPointer, width: Int) throws {
    deltas = try DeltaDecoder(bytes)
    self.width = width
  }

  mutating func read(_ count: Int, into out: UnsafeMutableRawPointer) throws {
    guard count > 0 else { return }
    if width == 8 {
      return try deltas.read(count, into: out.assumingMemoryBound(to: Int64.self))
    }
    buffer.grow(to: count, 0)
    let out = out.assumingMemoryBound(to: Int32.self)
    try buffer.withUnsafeMutableBufferPointer {
      try deltas.read(count, into: $0.baseAddress!)
      // Differences of 32 bits wrap around in 32 bits.
      for index in 0..<count { out[index] = Int32(truncatingIfNeeded: $0[index]) }
    }
  }
}

/// BYTE_STREAM_SPLIT: the first bytes of all values, then the second ones.
struct SplitNumbers: NumberDecoder {
  private let bytes: UnsafeRawBufferPointer
  private let width: Int
  private let total: Int
  private var next = 0

  init(_ bytes: UnsafeRawBufferPointer, width: Int) {
    self.bytes = bytes
    self.width = width
    total = bytes.count / width
  }

  mutating func read(_ count: Int, into out: UnsafeMutableRawPointer) throws {
    guard count <= total - next else {
      throw PageFault("has fewer values in a page than it claims")
    }
    let out = out.assumingMemoryBound(to: UInt8.self)
    for stream in 0..<width {
      for index in 0..<count { out[index * width + stream] = bytes[stream * total + next + index] }
    }
    next += count
  }
}

extension Array {
  /// Makes it at least so long.
  mutating func grow(to count: Int, _ value: Element) {
    if self.count < count { append(contentsOf: repeatElement(value, count: count - self.count)) }
  }
}

extension UnsafeRawBufferPointer {
  /// The bytes behind a length of four, which is there before them.
  func stretch(at position: inout Int) throws -> UnsafeRawBufferPointer {
    guard 4 <= count - position else { throw PageFault("ends too early") }
    let length = Int(loadUnaligned(fromByteOffset: position, as: UInt32.self).littleEndian)
    position += 4
    guard length <= count - position else { throw PageFault("ends too early") }
    defer { position += length }
    return UnsafeRawBufferPointer(rebasing: self[position..<position + length])
  }
}
