import Hedgerow

/// The shapes of files that data sets share.
struct DatasetFiles {
  let pool: ThreadPool

  /// `source` and `target` of each edge; those that are `nil` are left out.
  func writeEdges(
    count: Int, to file: BufferedFile, edge: @Sendable (Int) -> (source: UInt32, target: UInt32)?
  ) throws {
    try file.write("source\ttarget\n")
    let progress = ProgressBar("edges", total: count, unit: .items("edges"))
    defer { progress.finish() }
    try ChunkWriter(file: file, pool: pool, progress: progress).write(
      count: count, chunk: 1 << 15, byteCount: 22
    ) { range, buffer in
      var cursor = TextCursor(buffer)
      for index in range {
        guard let (source, target) = edge(index) else { continue }
        cursor.write(source)
        cursor.write(byte: UInt8(ascii: "\t"))
        cursor.write(target)
        cursor.write(byte: UInt8(ascii: "\n"))
      }
      return cursor.byteCount
    }
  }

  /// `id`, `label` and `split` of each node of a range.
  func writeNodes(
    _ nodes: Range<Int>, to file: BufferedFile,
    node: @Sendable (Int) -> (label: Int, split: StochasticBlock.Split)
  ) throws {
    try file.write("id\tlabel\tsplit\n")
    let progress = ProgressBar("nodes", total: nodes.count, unit: .items("nodes"))
    defer { progress.finish() }
    try ChunkWriter(file: file, pool: pool, progress: progress).write(
      count: nodes.count, chunk: 1 << 15, byteCount: 28
    ) { range, buffer in
      var cursor = TextCursor(buffer)
      for id in nodes[shifted: range] {
        let (label, split) = node(id)
        cursor.write(UInt32(id))
        cursor.write(byte: UInt8(ascii: "\t"))
        cursor.write(UInt32(label))
        cursor.write(byte: UInt8(ascii: "\t"))
        switch split {
        case .train: cursor.write("train\n")
        case .valid: cursor.write("valid\n")
        case .test: cursor.write("test\n")
        }
      }
      return cursor.byteCount
    }
  }

  /// A NumPy array of count x width float32, a row for each node of a range.
  func writeFeatures(
    _ nodes: Range<Int>, of features: GaussianClasses, to file: BufferedFile,
    label: @Sendable (Int) -> Int
  ) throws {
    let width = features.width
    try file.writeArrayHead(element: "<f4", rows: nodes.count, columns: width)
    let progress = ProgressBar("features", total: nodes.count, unit: .items("rows"))
    defer { progress.finish() }
    try ChunkWriter(file: file, pool: pool, progress: progress).write(
      count: nodes.count, chunk: max(1, (1 << 18) / width), byteCount: 4 * width
    ) { range, buffer in
      let rows = buffer.bindMemory(to: Float.self)
      for (row, id) in nodes[shifted: range].enumerated() {
        features.fill(
          UnsafeMutableBufferPointer(rebasing: rows[row * width..<(row + 1) * width]), node: id,
          label: label(id))
      }
      return range.count * width * 4
    }
  }
}

extension BufferedFile {
  /// What comes before the rows of a NumPy array, as `<f4` names their elements.
  func writeArrayHead(element: String, rows: Int, columns: Int) throws {
    // NumPy format 1.0: magic, version, length of the rest of the head, which ends at 128 bytes.
    let shape = "{'descr': '\(element)', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    let head = shape + String(repeating: " ", count: 128 - 10 - 1 - shape.utf8.count) + "\n"
    let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 118, 0]
    try magic.withUnsafeBytes { try write($0) }
    try write(head)
  }

  /// Fields with tabs between them; one with a quote stands in quotes.
  func writeRow(_ fields: String...) throws { try writeRow(fields) }

  func writeRow(_ fields: [String]) throws {
    var line = ""
    for (index, field) in fields.enumerated() {
      if index > 0 { line += "\t" }
      if field.utf8.contains(UInt8(ascii: "\"")) {
        line += "\""
        for character in field.unicodeScalars {
          if character == "\"" { line += "\"" }
          line.unicodeScalars.append(character)
        }
        line += "\""
      } else {
        line += field
      }
    }
    line += "\n"
    try write(line)
  }
}

extension Range<Int> {
  /// The part of this range at these places from its start.
  fileprivate subscript(shifted places: Range<Int>) -> Range<Int> {
    lowerBound + places.lowerBound..<lowerBound + places.upperBound
  }
}
