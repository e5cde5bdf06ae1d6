import CHedgerowKernels
import Glibc
import HedgerowCore
import HedgerowMapped

/// How an edge with columns lies in a record of the external sort.
///
/// Source and target, 4 bytes each, big-endian; one bit a column for what is there; the values in
/// the columns' order, a text as the place of its text in a heap file.
struct EdgeLayout {
  let codecs: [ColumnCodec]
  let offsets: [Int]
  let width: Int
  let validByteCount: Int

  static let keyWidth = 8

  init(_ codecs: [ColumnCodec]) {
    self.codecs = codecs
    validByteCount = (codecs.count + 7) / 8
    var offset = Self.keyWidth + validByteCount
    var offsets: [Int] = []
    for codec in codecs {
      offsets.append(offset)
      offset += codec.kind.byteWidth
    }
    self.offsets = offsets
    width = offset
  }

  /// Edges without columns are words: source above target.
  var isPlain: Bool { codecs.isEmpty }
  var shape: ExternalSorter.Shape {
    isPlain ? .words : .records(width: width, keyWidth: Self.keyWidth)
  }
  var recordByteCount: Int { isPlain ? 8 : width }

  /// Writes a chunk's columns into its records; texts and bytes follow with their places.
  func fill(_ records: UnsafeMutableRawPointer, from values: [ColumnCodec.Values]) {
    let start = records.assumingMemoryBound(to: UInt8.self)
    for (index, codec) in codecs.enumerated() {
      let column = values[index]
      let place = Self.keyWidth + index / 8
      let bit = UInt8(1) << UInt8(index % 8)
      for row in 0..<column.count where column.isValid[row] { start[row * width + place] |= bit }
      if codec.kind.hasVariableLength { continue }
      hr_values_to_records(
        column.bytes.baseAddress!.assumingMemoryBound(to: UInt8.self), codec.byteWidth,
        column.count, start + offsets[index], width)
    }
  }

  /// Says that a column of a record, which was all zeros, has a value.
  func setValid(_ record: UnsafeMutableRawPointer, _ column: Int) {
    let byte = record.assumingMemoryBound(to: UInt8.self) + Self.keyWidth + column / 8
    byte.pointee |= 1 << UInt8(column % 8)
  }

  func isValid(_ record: UnsafeRawPointer, _ column: Int) -> Bool {
    let byte = record.load(fromByteOffset: Self.keyWidth + column / 8, as: UInt8.self)
    return byte >> UInt8(column % 8) & 1 == 1
  }

  /// Sets both ends of a record.
  static func setEnds(_ record: UnsafeMutableRawPointer, _ first: UInt32, _ second: UInt32) {
    record.storeBytes(of: (UInt64(first) << 32 | UInt64(second)).bigEndian, as: UInt64.self)
  }

  static func ends(_ record: UnsafeRawPointer) -> UInt64 {
    UInt64(bigEndian: record.loadUnaligned(as: UInt64.self))
  }
}

/// Texts of columns of strings or bytes, put aside while their edges are sorted.
final class TextHeap {
  private let file: ScratchFile
  private var buffer = [UInt8](repeating: 0, count: 256)

  /// - Parameters:
  ///   - name: of the file, to be there after a kill.
  ///   - byteCount: how much of a file that was left is taken over.
  init(scratch: String, named name: String? = nil, resuming byteCount: Int? = nil) throws {
    file =
      if let name, let byteCount {
        try ScratchFile(reopening: name, in: scratch, byteCount: byteCount)
      } else {
        try ScratchFile(in: scratch, named: name)
      }
  }

  var byteCount: Int { file.byteCount }
  var name: String? { file.name }

  /// Adds a text and returns its place.
  func append(_ text: UnsafeRawBufferPointer) throws -> UInt64 {
    let place = UInt64(file.byteCount)
    try withUnsafeBytes(of: UInt32(text.count)) { try file.append($0) }
    try file.append(text)
    return place
  }

  func flush() throws { try file.flush() }

  /// The text at a place.
  func withText(
    at place: UInt64, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let start = Int(place)
    // Most texts come with the first read.
    var loaded = min(buffer.count, file.byteCount - start)
    try read(start, loaded)
    let count = Int(buffer.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
    if 4 + count > loaded {
      if buffer.count < 4 + count {
        buffer.append(contentsOf: repeatElement(0, count: 4 + count - buffer.count))
      }
      loaded = 4 + count
      try read(start, loaded)
    }
    try buffer.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[4..<(4 + count)])) }
  }

  private func read(_ start: Int, _ count: Int) throws {
    try buffer.withUnsafeMutableBytes {
      try file.read(at: start, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<count]))
    }
  }
}

/// Edges in out order, a block of records at a time.
protocol EdgeStream {
  /// The next records, or nil at the end; they stay until the next call.
  func next() throws -> UnsafeRawBufferPointer?
}

extension SortedRecords: EdgeStream {}

/// Two streams of edges in out order as one; of equal ends, those of the first come first.
final class MergedEdges: EdgeStream {
  /// Which edges of the second stream are kept.
  enum Rule {
    case all
    /// Of n between two ends the last n - m, where the first stream has m.
    case surplus
    /// All but loops, where the second stream has the first one's edges turned around. The edges of
    /// both arcs of a pair come in one order.
    case turned
  }

  private let first: Side
  private let second: Side
  private let rule: Rule
  private let width: Int
  private let output: UnsafeMutableRawBufferPointer
  private var ends: UInt64?
  private var firstCount = 0
  private var secondCount = 0
  /// Edges of the second stream that were not kept.
  private(set) var droppedCount = 0

  private final class Side {
    let stream: any EdgeStream
    let isPlain: Bool
    let width: Int
    var block: UnsafeRawBufferPointer?
    var position = 0
    /// Of the next record; nil at the end.
    var key: UInt64?

    init(_ stream: any EdgeStream, _ layout: EdgeLayout) throws {
      self.stream = stream
      isPlain = layout.isPlain
      width = layout.recordByteCount
      block = try stream.next()
      loadKey()
    }

    var record: UnsafeRawPointer { block!.baseAddress! + position }

    private func loadKey() {
      guard block != nil else {
        key = nil
        return
      }
      key = isPlain ? record.load(as: UInt64.self) : EdgeLayout.ends(record)
    }

    func advance() throws {
      position += width
      if position == block!.count {
        block = try stream.next()
        position = 0
      }
      loadKey()
    }
  }

  init(
    _ first: any EdgeStream, _ second: any EdgeStream, _ rule: Rule, layout: EdgeLayout
  ) throws {
    self.first = try Side(first, layout)
    self.second = try Side(second, layout)
    self.rule = rule
    width = layout.recordByteCount
    output = .allocate(byteCount: (1 << 14) * width, alignment: 16)
  }

  /// Both arcs of undirected edges, from the listed arcs sorted forward and backward.
  ///
  /// A pair that was listed `f` times one way and `b` times the other has max(f, b) arcs each way:
  /// the listed ones with their own values, then the last of the others turned around. A loop is
  /// there once for each listing.
  static func bothArcs(
    _ forward: any EdgeStream, _ backward: any EdgeStream, layout: EdgeLayout
  ) throws -> MergedEdges {
    try MergedEdges(forward, backward, .surplus, layout: layout)
  }

  deinit { output.deallocate() }

  func next() throws -> UnsafeRawBufferPointer? {
    var filled = 0
    while filled < output.count {
      let side: Side
      switch (first.key, second.key) {
      case (nil, nil):
        return filled > 0 ? UnsafeRawBufferPointer(rebasing: output[..<filled]) : nil
      case (let a?, let b?):
        let isSecondFirst = rule == .turned && a == b && a >> 32 > a & 0xFFFF_FFFF
        side = a <= b && !isSecondFirst ? first : second
      case (_?, nil): side = first
      case (nil, _?): side = second
      }
      if side.key != ends {
        ends = side.key
        firstCount = 0
        secondCount = 0
      }
      let isKept: Bool
      if side === first {
        firstCount += 1
        isKept = true
      } else {
        secondCount += 1
        switch rule {
        case .all: isKept = true
        case .surplus: isKept = secondCount > firstCount
        case .turned: isKept = side.key! >> 32 != side.key! & 0xFFFF_FFFF
        }
      }
      if isKept {
        memcpy(output.baseAddress! + filled, side.record, width)
        filled += width
      } else {
        droppedCount += 1
      }
      try side.advance()
    }
    return UnsafeRawBufferPointer(rebasing: output[..<filled])
  }
}

/// Edges in out order without those that repeat the ends of one before them.
final class DistinctEdges: EdgeStream {
  private let stream: any EdgeStream
  private let layout: EdgeLayout
  private let onRepeat: (_ source: UInt32, _ target: UInt32) throws -> Void
  private var ends: UInt64?
  private var output: UnsafeMutableRawBufferPointer = .allocate(byteCount: 0, alignment: 16)

  /// - Parameter onRepeat: is told of each edge that is left out; may throw to end it all.
  init(
    _ stream: any EdgeStream, layout: EdgeLayout,
    onRepeat: @escaping (_ source: UInt32, _ target: UInt32) throws -> Void
  ) {
    self.stream = stream
    self.layout = layout
    self.onRepeat = onRepeat
  }

  deinit { output.deallocate() }

  func next() throws -> UnsafeRawBufferPointer? {
    let width = layout.recordByteCount
    while let block = try stream.next() {
      if output.count < block.count {
        output.deallocate()
        output = .allocate(byteCount: block.count, alignment: 16)
      }
      var filled = 0
      for start in stride(from: 0, to: block.count, by: width) {
        let record = block.baseAddress! + start
        let ends = layout.isPlain ? record.load(as: UInt64.self) : EdgeLayout.ends(record)
        guard ends != self.ends else {
          try onRepeat(UInt32(ends >> 32), UInt32(truncatingIfNeeded: ends))
          continue
        }
        self.ends = ends
        memcpy(output.baseAddress! + filled, record, width)
        filled += width
      }
      if filled > 0 { return UnsafeRawBufferPointer(rebasing: output[..<filled]) }
    }
    return nil
  }
}
