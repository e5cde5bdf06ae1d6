import HedgerowCore

/// The nodes and buffers of a record batch, as its message has them.
struct ArrowBuffers {
  let rowCount: Int
  let file: FileBytes
  private let body: Range<Int>
  private let nodes: [Int64]
  private let places: [Int64]
  private let codec: PageCodec
  private let viewCounts: [Int64]

  init(_ message: ArrowFile.Message, in file: FileBytes) throws {
    self.file = file
    body = message.body
    let bytes = try file.bytes(at: message.metadata.lowerBound, count: message.metadata.count)
    let isDictionary = message.dictionary != nil
    (rowCount, nodes, places, codec, viewCounts) = try bytes.withUnsafeBytes {
      guard let header = try FlatTable(root: $0).table(2),
        let batch = isDictionary ? try header.table(1) : header
      else { throw FlatTable.Failure() }
      var codec = PageCodec.none
      if let compression = try batch.table(3) {
        switch try compression.integer(0, Int8.self) {
        case 0: codec = .lz4
        case 1: codec = .zstd
        default: throw PageFault("is compressed in a way that is not known")
        }
      }
      return (
        Int(try batch.integer(0, Int64.self)), try batch.integers(1, each: 2),
        try batch.integers(2, each: 2), codec, try batch.integers(4, each: 1)
      )
    }
    guard rowCount >= 0 else { throw FlatTable.Failure() }
  }

  /// Buffers that columns of views before one have more than two each.
  func extraBuffers(_ viewCount: Int) throws -> Int {
    guard viewCount <= viewCounts.count else { throw FlatTable.Failure() }
    var sum = 0
    for count in viewCounts[..<viewCount] {
      guard count >= 0, count <= places.count else { throw FlatTable.Failure() }
      sum += Int(count)
    }
    return sum
  }

  /// Buffers that a column of views has behind its views.
  func viewedCount(_ index: Int) throws -> Int {
    guard index < viewCounts.count, (0...Int64(places.count)).contains(viewCounts[index]) else {
      throw FlatTable.Failure()
    }
    return Int(viewCounts[index])
  }

  func node(_ index: Int) throws -> (count: Int, nullCount: Int) {
    guard 2 * index + 1 < nodes.count, nodes[2 * index] >= 0 else {
      throw PageFault("has a record batch without some of the columns")
    }
    return (Int(nodes[2 * index]), Int(nodes[2 * index + 1]))
  }

  func buffer(_ index: Int) throws -> ArrowBuffer {
    guard 2 * index + 1 < places.count else {
      throw PageFault("has a record batch without some of the buffers")
    }
    let (start, count) = (places[2 * index], places[2 * index + 1])
    guard start >= 0, count >= 0, start <= body.count, Int(count) <= body.count - Int(start) else {
      throw PageFault("has a buffer that goes on beyond its record batch")
    }
    let first = body.lowerBound + Int(start)
    return try ArrowBuffer(file, first..<first + Int(count), codec)
  }

  /// The bits that say which values are there; `nil` where all are.
  func validity(_ index: Int, nullCount: Int) throws -> ArrowBuffer? {
    let buffer = try buffer(index)
    return nullCount == 0 || buffer.left == 0 ? nil : buffer
  }
}
