import HedgerowCore

/// Goes over a column of a Parquet file: its chunks, their pages, and some values of a page at a time.
final class ParquetCursor: ColumnCursor {
  let stretch = ColumnStretch()
  private let name: String
  private let leaf: ParquetSchema.Leaf
  private let chunks: [ParquetFile.Chunk]
  private let file: FileBytes
  private let pages: ParquetPageReader
  private let values: ParquetValues
  private let page: PageBuffer
  /// The current chunk, and what of it no page has had yet.
  private var chunk = -1
  private var valuesLeft = 0
  private var rowsSeen = 0
  /// What is left of the current page.
  private var pageLeft = 0
  private var definitions: HybridDecoder?
  private var repetitions: HybridDecoder?
  private var levels: [UInt32] = []
  private var depths: [UInt32] = []
  /// Whether there is a row of a list behind the stretch's rows, which may go on.
  private var isOpen = false
  private static let valueLimit = 4096
  private static let elementLimit = 1 << 14

  init(
    _ name: String, _ leaf: ParquetSchema.Leaf, _ chunks: [ParquetFile.Chunk], in file: FileBytes,
    budget: MemoryBudget
  ) {
    self.name = name
    self.leaf = leaf
    self.chunks = chunks
    self.file = file
    pages = ParquetPageReader(file, budget: budget)
    page = PageBuffer("a page of \(file.name)", budget: budget)
    values = ParquetValues(leaf, in: file.name, budget: budget)
  }

  func advance() throws -> Bool {
    do {
      return try leaf.isList ? advanceLists() : advanceValues()
    } catch let fault as PageFault {
      throw HedgerowError(
        .badData, "column '\(name)' \(fault.message), in row group \(chunk)", at: file.name)
    }
  }

  private func advanceValues() throws -> Bool {
    stretch.removeAll()
    guard try preparePage() else { return false }
    let count = min(pageLeft, Self.valueLimit, values.limit)
    pageLeft -= count
    rowsSeen += count
    stretch.count = count
    guard leaf.definition > 0 else {
      stretch.isThere.append(contentsOf: repeatElement(true, count: count))
      try values.append(present: count, to: stretch, from: 0)
      return true
    }
    try readLevels(count)
    var present = 0
    for level in levels[..<count] {
      let isThere = level == leaf.definition
      stretch.isThere.append(isThere)
      if isThere { present += 1 }
    }
    try values.append(present: present, to: stretch, from: 0)
    return true
  }

  // MARK: Lists

  private func advanceLists() throws -> Bool {
    keepOpenRow()
    while true {
      if pageLeft == 0, valuesLeft == 0, isOpen {
        // No row is in two chunks.
        isOpen = false
        stretch.count = stretch.hasList.count
        stretch.starts.append(stretch.isThere.count)
        return true
      }
      guard try preparePage() else { return false }
      try appendElements(min(pageLeft, Self.elementLimit, values.limit))
      if stretch.hasList.count > 1 {
        stretch.count = stretch.hasList.count - 1
        return true
      }
      guard stretch.isThere.count <= longestList else {
        throw PageFault("has a list of more than \(longestList) elements")
      }
    }
  }

  /// Moves the row that may go on to the front.
  private func keepOpenRow() {
    guard isOpen else { return stretch.removeAll() }
    let hasList = stretch.hasList[stretch.count]
    stretch.removeItems(stretch.starts[stretch.count])
    stretch.starts.removeAll(keepingCapacity: true)
    stretch.hasList.removeAll(keepingCapacity: true)
    stretch.starts.append(0)
    stretch.hasList.append(hasList)
    stretch.count = 0
  }

  private func appendElements(_ count: Int) throws {
    pageLeft -= count
    try readLevels(count)
    depths.grow(to: count, 0)
    try depths.withUnsafeMutableBufferPointer {
      try repetitions?.read(count, into: $0.baseAddress!)
    }
    let first = stretch.isThere.count
    var present = 0
    for (level, depth) in zip(levels[..<count], depths) {
      if depth == 0 {
        stretch.starts.append(stretch.isThere.count)
        stretch.hasList.append(level >= leaf.listDefinition)
        rowsSeen += 1
        isOpen = true
      } else {
        guard depth == 1, isOpen, level >= leaf.elementDefinition else {
          throw PageFault("has levels that make no lists")
        }
      }
      guard level >= leaf.elementDefinition else { continue }
      let isThere = level == leaf.definition
      stretch.isThere.append(isThere)
      if isThere { present += 1 }
    }
    try values.append(present: present, to: stretch, from: first)
  }

  // MARK: Pages

  private func readLevels(_ count: Int) throws {
    levels.grow(to: count, 0)
    try levels.withUnsafeMutableBufferPointer { levels in
      try definitions?.read(count, into: levels.baseAddress!)
      for level in levels[..<count] where level > leaf.definition {
        throw PageFault("has a level of \(level), which its type has not")
      }
    }
  }

  /// Makes sure that there are values in the current page; false at the column's end.
  private func preparePage() throws -> Bool {
    while pageLeft == 0 {
      if valuesLeft > 0 {
        try openPage()
        continue
      }
      if chunk >= 0, rowsSeen != chunks[chunk].rowCount {
        throw PageFault("has \(rowsSeen) rows of \(chunks[chunk].rowCount)")
      }
      guard chunk + 1 < chunks.count else { return false }
      chunk += 1
      rowsSeen = 0
      valuesLeft = chunks[chunk].valueCount
      values.forgetDictionary()
      guard let codec = PageCodec(rawValue: chunks[chunk].codec) else {
        throw PageFault("is compressed in a way that is not known")
      }
      pages.open(chunks[chunk].range, codec: codec)
    }
    return true
  }

  private func openPage() throws {
    let header = try pages.header()
    switch header.kind {
    case .index: pages.skip(header)
    case .dictionary: try values.readDictionary(header, of: pages)
    case .data, .data2:
      guard header.valueCount <= valuesLeft else {
        throw PageFault("has more values than it claims")
      }
      valuesLeft -= header.valueCount
      pageLeft = header.valueCount
      let bytes = try pages.page(header, into: page)
      try values.open(header, bytes: openLevels(header, bytes))
    }
  }

  /// Finds the levels; says what is behind them.
  private func openLevels(
    _ header: ParquetPageReader.Header, _ bytes: UnsafeRawBufferPointer
  ) throws -> UnsafeRawBufferPointer {
    var position = 0
    func decoder(_ greatest: Int, _ encoding: Int, _ count: Int) throws -> HybridDecoder? {
      let stretch: UnsafeRawBufferPointer
      if header.kind == .data2 {
        stretch = UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
        position += count
      } else {
        guard greatest > 0 else { return nil }
        guard encoding == 3 else {
          throw PageFault("has levels as bits without runs, which is an encoding of old")
        }
        stretch = try bytes.stretch(at: &position)
      }
      return greatest > 0
        ? try HybridDecoder(stretch, bitWidth: Int.bitWidth - greatest.leadingZeroBitCount) : nil
    }
    repetitions = try decoder(
      leaf.isList ? 1 : 0, header.repetitionEncoding, header.repetitionByteCount)
    definitions = try decoder(
      leaf.definition, header.definitionEncoding, header.definitionByteCount)
    return UnsafeRawBufferPointer(rebasing: bytes[position...])
  }
}
