import HedgerowCore
import HedgerowMapped

/// Edges as an array of offsets: nodes `offsets[i]` to `offsets[i + 1]`, the last one left out, of the
/// source type lead to node i of the target type. Keys are these numbers.
struct Offsets {
  static let blockRowCount = 1 << 14

  /// - Parameter sourceCount: nodes of the source type, where that is known.
  static func read(
    _ path: String, as type: EdgeType, sourceCount: Int?, into graph: GraphImport
  ) throws {
    let file = try NPYFile(path: path)
    func wrong(_ message: String) -> HedgerowError { HedgerowError(.badData, message, at: path) }
    guard file.columnCount == nil, file.element == .int64 else {
      throw wrong("is no array of offsets: these are int64, of one dimension")
    }
    guard file.rowCount > 0 else { throw wrong("is empty: offsets begin with 0") }
    var end: Int64 = 0
    try withUnsafeMutableBytes(of: &end) {
      try file.read(rows: file.rowCount - 1..<file.rowCount, into: $0)
    }
    if let sourceCount, end > sourceCount {
      throw wrong(
        "ends with the offset \(end), but there are \(sourceCount) rows of features of "
          + "'\(type.source)'")
    }
    if sourceCount == nil,
      let fault = NumberedNodes.fault(Int(end), .bytes(MemoryLayout<Int64>.size * file.rowCount))
    {
      throw wrong("\(fault); bring features of the nodes in the same call")
    }
    let table = try graph.makeTable(type, from: path)
    var last: Int64 = 0
    for start in stride(from: 0, to: file.rowCount, by: blockRowCount) {
      let rows = start..<min(file.rowCount, start + blockRowCount)
      var block = [Int64](repeating: 0, count: rows.count)
      try block.withUnsafeMutableBytes { try file.read(rows: rows, into: $0) }
      for (place, offset) in zip(rows, block) {
        guard place > 0 || offset == 0 else { throw wrong("begins with \(offset) instead of 0") }
        guard offset >= last, offset <= end, end <= 1 << 32 else {
          throw wrong(
            "has the offset \(offset) in row \(place), after \(last), and ends with \(end): offsets "
              + "rise, to 2^32 at most")
        }
        for source in last..<offset {
          table.append(Int(source))
          table.append(place - 1)
          try table.endRow()
          if source % (1 << 16) == 0 { try graph.note(path, place, of: file.rowCount) }
        }
        last = offset
      }
    }
  }
}
