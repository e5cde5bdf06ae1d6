import CHedgerowKernels

/// The lines of a chunk's rows, asked for in order: counting goes on where it was.
package struct LineCounter {
  private let chunk: TextChunk
  private var line: Int
  private var offset = 0

  package init(_ chunk: TextChunk) {
    self.chunk = chunk
    line = chunk.firstLine
  }

  mutating func line(of row: Int) -> Int {
    line(at: Int(chunk.fields[row * chunk.columnCount].begin))
  }

  package mutating func line(of fault: TextChunk.Fault) -> Int { line(at: fault.offset) }

  private mutating func line(at begin: Int) -> Int {
    line += hr_count_byte(chunk.bytes + offset, begin - offset, UInt8(ascii: "\n"))
    offset = begin
    return line
  }
}
