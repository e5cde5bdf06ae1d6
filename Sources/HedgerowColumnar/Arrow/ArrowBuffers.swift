import HedgerowCore

/// The nodes and buffers of a record batch, as its message has them.
struct ArrowBuffers {
  let rowCount: Int
  private let file: FileBytes
  private let body: Range<Int>
  private let nodes: [Int64]
  private let places: [Int64]
  private let isCompressed: Bool
  private let viewCounts: [Int64]

  init(_ message: ArrowFile.Message, in file: FileBytes) throws {
    self.file = file
    body = message.body
    let bytes = try file.bytes(at: message.metadata.lowerBound, count: message.metadata.count)
    let isDictionary = message.dictionary != nil
    (rowCount, nodes, places, isCompressed, viewCounts) = try bytes.withUnsafeBytes {
      guard let header = try FlatTable(root: $0).table(2),
        let batch = isDictionary ? try header.table(1) : header
      else { throw FlatTable.Failure() }
      if let compression = try batch.table(3), try compression.integer(0, Int8.self) != 1 {
        throw PageFault("is compressed with LZ4: write it with compression='zstd', or none")
      }
      return (
        Int(try batch.integer(0, Int64.self)), try batch.integers(1, each: 2),
        try batch.integers(2, each: 2), try batch.table(3) != nil, try batch.integers(4, each: 1)
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
    return try ArrowBuffer(file, first..<first + Int(count), isCompressed: isCompressed)
  }

  /// The bits that say which values are there; `nil` where all are.
  func validity(_ index: Int, nullCount: Int) throws -> ArrowBuffer? {
    let buffer = try buffer(index)
    return nullCount == 0 || buffer.left == 0 ? nil : buffer
  }
}
