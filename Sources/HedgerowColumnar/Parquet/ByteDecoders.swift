import Glibc

/// Values of a page that are bytes, of any number each.
protocol ByteDecoder {
  /// How many values may be asked for at a time.
  var limit: Int { get }
  /// Appends the next values, which must be there; they stay until the next call.
  mutating func read(_ count: Int, into out: inout [UnsafeRawBufferPointer]) throws
}

extension ByteDecoder {
  var limit: Int { Int.max }
}

/// PLAIN: each behind its length.
struct PlainBytes: ByteDecoder {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func read(_ count: Int, into out: inout [UnsafeRawBufferPointer]) throws {
    for _ in 0..<count { out.append(try bytes.stretch(at: &position)) }
  }
}

/// PLAIN, all of one length.
struct FixedBytes: ByteDecoder {
  private let bytes: UnsafeRawBufferPointer
  private let length: Int
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer, length: Int) {
    self.bytes = bytes
    self.length = length
  }

  mutating func read(_ count: Int, into out: inout [UnsafeRawBufferPointer]) throws {
    guard count <= (bytes.count - position) / length else {
      throw PageFault("has fewer values in a page than it claims")
    }
    for _ in 0..<count {
      out.append(UnsafeRawBufferPointer(rebasing: bytes[position..<position + length]))
      position += length
    }
  }
}

/// Places in a dictionary.
struct DictionaryBytes: ByteDecoder {
  private let dictionary: [UnsafeRawBufferPointer]
  private var places: DictionaryPlaces

  init(_ bytes: UnsafeRawBufferPointer, dictionary: [UnsafeRawBufferPointer]) throws {
    self.dictionary = dictionary
    places = try DictionaryPlaces(bytes, count: dictionary.count)
  }

  mutating func read(_ count: Int, into out: inout [UnsafeRawBufferPointer]) throws {
    let dictionary = dictionary
    try places.read(count) { places in
      for place in places { out.append(dictionary[Int(place)]) }
    }
  }
}

/// DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes.
struct DeltaLengthBytes: ByteDecoder {
  private let bytes: UnsafeRawBufferPointer
  private var lengths: DeltaDecoder
  private var position: Int
  private var buffer: [Int64] = []

  init(_ bytes: UnsafeRawBufferPointer) throws {
    self.bytes = bytes
    lengths = try DeltaDecoder(bytes)
    var all = lengths
    position = try all.skip()
  }

  mutating func read(_ count: Int, into out: inout [UnsafeRawBufferPointer]) throws {
    buffer.grow(to: count, 0)
    try buffer.withUnsafeMutableBufferPointer {
      if count > 0 { try lengths.read(count, into: $0.baseAddress!) }
    }
    for length in buffer[..<count] {
      guard length >= 0, length <= bytes.count - position else {
        throw PageFault("has a text that goes on beyond its page")
      }
      out.append(UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(length)]))
      position += Int(length)
    }
  }
}

/// DELTA_BYTE_ARRAY: of each value how many bytes it shares with the one before it, then the others.
///
/// A value may so be many times as long as what the page has of it.
struct DeltaBytes: ByteDecoder {
  private var prefixes: DeltaDecoder
  private var suffixes: DeltaLengthBytes
  private let room: PageBuffer
  private var last: [UInt8] = []
  private var lengths: [Int64] = []

  let limit = 256
  /// What so many values may come to.
  private static let longest = 64 << 20

  init(_ bytes: UnsafeRawBufferPointer, room: PageBuffer) throws {
    prefixes = try DeltaDecoder(bytes)
    var all = prefixes
    let end = try all.skip()
    suffixes = try DeltaLengthBytes(UnsafeRawBufferPointer(rebasing: bytes[end...]))
    self.room = room
  }

  mutating func read(_ count: Int, into out: inout [UnsafeRawBufferPointer]) throws {
    guard count > 0 else { return }
    lengths.grow(to: count, 0)
    try lengths.withUnsafeMutableBufferPointer { try prefixes.read(count, into: $0.baseAddress!) }
    var ends: [UnsafeRawBufferPointer] = []
    try suffixes.read(count, into: &ends)
    var total = 0
    var before = last.count
    for (prefix, end) in zip(lengths[..<count], ends) {
      guard prefix >= 0, prefix <= before else {
        throw PageFault("has a text that shares more with the one before it than there is")
      }
      before = Int(prefix) + end.count
      total += before
      guard total <= Self.longest else {
        throw PageFault("has texts that become too long: write them in another encoding")
      }
    }
    var place = UnsafeMutableRawPointer(try room.prepare(total).baseAddress!)
    let (lengths, old) = (lengths[..<count], last)
    last = old.withUnsafeBytes { old in
      var known = old
      for (prefix, end) in zip(lengths, ends) {
        let count = Int(prefix) + end.count
        if prefix > 0 { memcpy(place, known.baseAddress!, Int(prefix)) }
        if end.count > 0 { memcpy(place + Int(prefix), end.baseAddress!, end.count) }
        known = UnsafeRawBufferPointer(start: place, count: count)
        out.append(known)
        place += count
      }
      return Array(known)
    }
  }
}

/// BYTE_STREAM_SPLIT of values of one length.
struct SplitBytes: ByteDecoder {
  private var numbers: SplitNumbers
  private let length: Int
  private let room: PageBuffer

  init(_ bytes: UnsafeRawBufferPointer, length: Int, room: PageBuffer) {
    numbers = SplitNumbers(bytes, width: length)
    self.length = length
    self.room = room
  }

  let limit = 256

  mutating func read(_ count: Int, into out: inout [UnsafeRawBufferPointer]) throws {
    let bytes = try room.prepare(count * length)
    try numbers.read(count, into: bytes.baseAddress!)
    for index in 0..<count {
      out.append(UnsafeRawBufferPointer(rebasing: bytes[index * length..<(index + 1) * length]))
    }
  }
}
