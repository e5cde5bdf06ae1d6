import Glibc
import HedgerowCore

/// Reads rows of segments past the page cache, where that is offered; see ``DirectReader``.
public final class DirectRows: Sendable {
  private let segments: [MappedSegment]
  private let section: UInt32
  private let positionBits: Int
  private let scale: Int
  private let width: Int
  private let reader: DirectReader

  /// - Parameters:
  ///   - segments: one a range.
  ///   - section: where rows lie in each.
  ///   - positionBits: a row's number is that of its range in the bits from here up, and below one within it.
  ///   - scale: bytes from one row to the next; `width`: bytes read of a row.
  public init(
    _ segments: [MappedSegment], section: UInt32, positionBits: Int, scale: Int, width: Int
  ) {
    self.segments = segments
    self.section = section
    self.positionBits = positionBits
    self.scale = scale
    self.width = width
    reader = DirectReader(rowByteCount: width)
  }

  /// Writes rows one after the other, fastest where they rise.
  ///
  /// - Returns: whether it could be done; if not, what was written so far means nothing.
  /// - Throws: `io` when reading fails, `damaged` for a file that ends too early.
  public func read(_ rows: Span<UInt32>, into out: UnsafeMutableRawBufferPointer) throws -> Bool {
    require(out.count == rows.count * width, "\(out.count) bytes for \(rows.count) x \(width)")
    var first = 0
    while first < rows.count {
      let number = Int(rows[first]) >> positionBits
      var end = first + 1
      while end < rows.count, Int(rows[end]) >> positionBits == number { end += 1 }
      let part = UnsafeMutableRawBufferPointer(rebasing: out[first * width..<end * width])
      guard try read(rows.extracting(first..<end), of: number, into: part) else { return false }
      first = end
    }
    return true
  }

  /// Rows of one segment.
  private func read(
    _ rows: Span<UInt32>, of number: Int, into out: UnsafeMutableRawBufferPointer
  ) throws -> Bool {
    require(number < segments.count, "row \(rows[0]) of \(segments.count) ranges")
    let segment = segments[number]
    guard width > 0, let bytes = out.baseAddress, let range = segment.byteRange(of: section) else {
      return false
    }
    return try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: rows.count) { offsets in
      for index in 0..<rows.count {
        let offset = (Int(rows[index]) & (1 << positionBits - 1)) * scale
        require(offset + width <= range.count, "row \(rows[index]) beyond its range")
        offsets.initializeElement(at: index, to: UInt64(range.lowerBound + offset))
      }
      return try reader.read(
        UnsafeBufferPointer(offsets), of: segment.path, width: width, into: bytes,
        where: segment.isMapped)
    }
  }
}
