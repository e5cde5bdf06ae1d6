import CHedgerowKernels
import Glibc
import HedgerowCore

/// A walk over everything that one commit reaches.
///
/// Every page is met once: as part of a tree, or in the list of free pages. Memory: a bit a page
/// and one page a level.
struct FileWalk {
  let file: PageFile
  let depth: LMDBFileCheck.Depth
  let pageByteCount: Int
  let meta: MetaPage
  let metaOffset: Int
  /// Whole pages in the file. The last ones in use may be missing where they are free.
  let filePageCount: UInt64
  let progress: (Int) throws -> Void

  private(set) var problems: [LMDBFileCheck.Problem] = []
  private(set) var tableNames: [String] = []
  private(set) var lastFreeCommit: UInt64?
  private var met: PageSet

  /// Pages in use beyond the file's end for which there is a bit: more is not believed.
  static let unwrittenPageLimit: UInt64 = 1 << 24

  init(
    _ file: PageFile, byteCount: Int, meta: MetaPage, at metaOffset: Int,
    _ depth: LMDBFileCheck.Depth, progress: @escaping (Int) throws -> Void
  ) {
    self.file = file
    self.depth = depth
    self.meta = meta
    self.metaOffset = metaOffset
    self.progress = progress
    pageByteCount = Int(meta.free.pad)
    filePageCount = UInt64(byteCount / pageByteCount)
    let isBelievable =
      meta.lastPage >= 1 && meta.lastPage < filePageCount + Self.unwrittenPageLimit
    met = PageSet(count: isBelievable ? meta.lastPage + 1 : 0)
    if !isBelievable {
      note(
        metaOffset + MetaPage.lastPageOffset,
        "the last page in use is said to be \(meta.lastPage), of \(filePageCount) in the file")
    }
  }

  mutating func run() throws {
    guard problems.isEmpty else { return }
    try walk(meta.free, .free, at: metaOffset + MetaPage.freeTreeOffset)
    try walk(meta.main, .tables, at: metaOffset + MetaPage.mainTreeOffset)
    for page in min(filePageCount, met.count)..<met.count where !met.contains(page) {
      note(
        metaOffset + MetaPage.lastPageOffset,
        "the file ends before page \(page), of \(met.count) in use")
      return
    }
  }

  // MARK: - Trees

  private enum Kind: Equatable {
    case free, tables
    case table(String)

    var description: String {
      switch self {
      case .free: "the list of free pages"
      case .tables: "the list of tables"
      case .table(let name): "table \(name)"
      }
    }
  }

  private struct Tree {
    var kind: Kind
    var record: TreeRecord
    var branchPageCount: UInt64 = 0
    var leafPageCount: UInt64 = 0
    var overflowPageCount: UInt64 = 0
    var entryCount: UInt64 = 0
    /// Records of trees that its entries hold.
    var tables: [(name: String, record: TreeRecord, offset: Int)] = []
  }

  private mutating func walk(_ record: TreeRecord, _ kind: Kind, at offset: Int) throws {
    let before = problems.count
    var tree = Tree(kind: kind, record: record)
    if kind != .free && (record.pad != 0 || record.flags != 0) {
      note(offset, "\(kind.description) has flags \(record.flags) and pad \(record.pad)")
    }
    if !record.isEmpty {
      guard (1...32).contains(record.depth) else {
        note(offset + 6, "\(kind.description) has a tree \(record.depth) pages deep")
        return
      }
      try visit(record.root, from: offset + 40, level: 1, above: nil, below: nil, &tree)
    }
    // Counts differ in any damaged tree: say it only where nothing else does.
    if problems.count == before {
      for (place, counted, recorded, what) in [
        (8, tree.branchPageCount, record.branchPageCount, "branch pages"),
        (16, tree.leafPageCount, record.leafPageCount, "leaf pages"),
        (24, tree.overflowPageCount, record.overflowPageCount, "overflow pages"),
        (32, tree.entryCount, record.entryCount, "entries"),
      ] where counted != recorded {
        note(offset + place, "\(kind.description) has \(counted) \(what) and not \(recorded)")
      }
      if record.isEmpty && record.depth != 0 {
        note(offset + 6, "\(kind.description) is \(record.depth) pages deep and has no root")
      }
    }
    for table in tree.tables {
      tableNames.append(table.name)
      try walk(table.record, .table(table.name), at: table.offset)
    }
  }

  /// Walks the tree under a page, whose keys must all be from `lower` to before `upper`.
  private mutating func visit(
    _ number: UInt64, from place: Int, level: UInt16, above lower: [UInt8]?,
    below upper: [UInt8]?, _ tree: inout Tree
  ) throws {
    guard claim(number, from: place) else { return }
    let start = Int(number) * pageByteCount
    let bytes = try file.bytes(at: start, count: pageByteCount)
    guard bytes.count == pageByteCount else {
      return note(place, "page \(number) lies beyond the end of the file")
    }
    try progress(pageByteCount)
    let isLeaf = level == tree.record.depth
    let page: TreePage
    do throws(TreePage.Flaw) {
      // Only the list of free pages may have a branch with one child, left by its own rewriting.
      page = try TreePage(
        bytes, number: number, isLeaf: isLeaf, minimum: isLeaf || tree.kind == .free ? 1 : 2)
    } catch {
      return note(start + error.offset, error.what)
    }
    guard checkOrder(page, start, isLeaf: isLeaf, above: lower, below: upper, tree.kind) else {
      return
    }
    if isLeaf {
      tree.leafPageCount += 1
      tree.entryCount += UInt64(page.nodes.count)
      for node in page.nodes { try check(node, page, start, &tree) }
    } else {
      tree.branchPageCount += 1
      for (index, node) in page.nodes.enumerated() {
        let next =
          index + 1 < page.nodes.count ? [UInt8](page.bytes[page.nodes[index + 1].key]) : upper
        try visit(
          node.child, from: start + node.offset, level: level + 1,
          above: index == 0 ? lower : [UInt8](page.bytes[node.key]), below: next, &tree)
      }
    }
  }

  /// Whether the keys rise strictly and stay within their bounds. A branch's first key says nothing.
  private mutating func checkOrder(
    _ page: TreePage, _ start: Int, isLeaf: Bool, above lower: [UInt8]?, below upper: [UInt8]?,
    _ kind: Kind
  ) -> Bool {
    func isLess(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Bool {
      guard kind == .free else { return compare(a, b) < 0 }
      return Array(a).number(at: 0, as: UInt64.self) < Array(b).number(at: 0, as: UInt64.self)
    }
    var previous = lower.map { $0[...] }
    var mayEqual = isLeaf
    for node in page.nodes.dropFirst(isLeaf ? 0 : 1) {
      let key = page.bytes[node.key]
      guard kind != .free || key.count == 8 else {
        note(start + node.offset + 6, "a key of \(kind.description) has \(key.count) bytes")
        return false
      }
      if let previous, mayEqual ? isLess(key, previous) : !isLess(previous, key) {
        note(start + node.offset, "the keys of \(kind.description) do not rise here")
        return false
      }
      previous = key
      mayEqual = false
    }
    if let upper, let previous, !isLess(previous, upper[...]) {
      note(start, "page \(Int(start / pageByteCount)) of \(kind.description) has keys of the next")
      return false
    }
    return true
  }

  // MARK: - Entries

  private mutating func check(
    _ node: TreePage.Node, _ page: TreePage, _ start: Int, _ tree: inout Tree
  ) throws {
    let place = start + node.offset
    switch tree.kind {
    case .tables:
      let name = String(decoding: page.bytes[node.key], as: UTF8.self)
      guard node.flags == NodeFlags.tree, node.byteCount == TreeRecord.byteCount else {
        return note(place, "the entry of table \(name) is not that of a table")
      }
      tree.tables.append(
        (name, TreeRecord(page.bytes, at: node.data.lowerBound), start + node.data.lowerBound))
      return
    case .free, .table:
      guard node.flags & ~NodeFlags.overflow == 0 else {
        return note(place + 4, "an entry of \(tree.kind.description) has flags \(node.flags)")
      }
    }
    var value = Value(
      inline: nil, offset: start + node.data.lowerBound, byteCount: node.byteCount)
    let isRead = tree.kind == .free || depth == .values
    if node.flags & NodeFlags.overflow != 0 {
      let number = page.bytes.number(at: node.data.lowerBound, as: UInt64.self)
      guard try claimOverflow(number, byteCount: node.byteCount, from: value.offset, &tree) else {
        return
      }
      value.offset = Int(number) * pageByteCount + TreePage.headerByteCount
    } else if isRead {
      value.inline = Array(page.bytes[node.data])
    }
    guard isRead else { return }
    let key = Array(page.bytes[node.key])
    if tree.kind == .free {
      try checkFreePages(value, of: key.number(at: 0, as: UInt64.self))
    } else {
      try checkSum(value, key, tree.kind)
    }
  }

  /// Where a value lies: in its leaf, or in the file from `offset` on.
  private struct Value {
    var inline: [UInt8]?
    var offset: Int
    var byteCount: Int
  }

  /// Hands a value on, 64 KiB at a time, with where each piece begins in it.
  private static func forEachChunk(
    _ value: Value, _ file: PageFile, _ progress: (Int) throws -> Void,
    _ body: (Int, [UInt8]) throws -> Void
  ) throws {
    if let inline = value.inline { return try body(0, inline) }
    let step = 1 << 16
    for start in stride(from: 0, to: value.byteCount, by: step) {
      let count = min(step, value.byteCount - start)
      try body(start, file.bytes(at: value.offset + start, count: count))
      try progress(count)
    }
  }

  private mutating func checkSum(_ value: Value, _ key: [UInt8], _ kind: Kind) throws {
    let checksumByteCount = Table<[UInt8], [UInt8]>.checksumByteCount
    guard value.byteCount >= checksumByteCount else {
      return note(value.offset, "a value of \(kind.description) is cut short")
    }
    var stored: UInt32?
    var sum = hr_crc32c(0, key, key.count)
    try Self.forEachChunk(value, file, progress) { _, bytes in
      var content = bytes[...]
      if stored == nil, bytes.count >= checksumByteCount {
        stored = UInt32(littleEndian: bytes.number(at: 0, as: UInt32.self))
        content = bytes[checksumByteCount...]
      }
      sum = content.withUnsafeBytes { hr_crc32c(sum, $0.baseAddress, $0.count) }
    }
    guard stored == sum else {
      let name = key.withUnsafeBytes { hexadecimal($0) }
      return note(
        value.offset, "the checksum of a value of \(kind.description) does not hold, key \(name)")
    }
  }

  /// A record of free pages: their count, then the pages, falling. They are freed by the commit
  /// that is the record's key, or by one before it.
  private mutating func checkFreePages(_ value: Value, of commit: UInt64) throws {
    lastFreeCommit = commit
    let offset = value.offset
    guard value.byteCount >= 8, value.byteCount % 8 == 0, commit > 0, commit <= meta.commit else {
      return note(offset, "a record of free pages has \(value.byteCount) bytes, commit \(commit)")
    }
    let capacity = UInt64(value.byteCount / 8 - 1)
    var isWanted = true
    var previous = UInt64.max
    try Self.forEachChunk(value, file, progress) { start, bytes in
      for place in stride(from: 0, through: bytes.count - 8, by: 8) where isWanted {
        let number = bytes.number(at: place, as: UInt64.self)
        if start + place == 0 {
          // Room that was reserved and not needed has a count of 0 and anything behind it.
          isWanted = number == capacity && number > 0
          if number != capacity && number > 0 {
            note(offset, "a record of \(capacity) free pages says that it has \(number)")
          }
        } else if number >= previous {
          isWanted = false
          note(offset + start + place, "the free pages are out of order")
        } else {
          previous = number
          isWanted = claim(number, from: offset + start + place)
        }
      }
    }
  }

  // MARK: - Pages

  /// Marks a page as met; `false` when it cannot be, which is noted.
  private mutating func claim(_ page: UInt64, from place: Int) -> Bool {
    guard page >= 2, page < met.count else {
      note(place, "this points to page \(page), of \(met.count) in use")
      return false
    }
    guard met.insert(page) else {
      note(place, "page \(page) is used twice, here the second time")
      return false
    }
    return true
  }

  private mutating func claimOverflow(
    _ number: UInt64, byteCount: Int, from place: Int, _ tree: inout Tree
  ) throws -> Bool {
    guard claim(number, from: place) else { return false }
    let start = Int(number) * pageByteCount
    let header = try file.bytes(at: start, count: TreePage.headerByteCount)
    guard header.count == TreePage.headerByteCount else {
      note(place, "page \(number) lies beyond the end of the file")
      return false
    }
    let stored = header.number(at: 0, as: UInt64.self)
    let flags = header.number(at: 10, as: UInt16.self)
    let count = UInt64(header.number(at: 12, as: UInt32.self))
    guard stored == number, flags == PageFlags.overflow else {
      note(start, "page \(number) is not the overflow page that it must be")
      return false
    }
    // A value that was shortened in its own transaction keeps its pages.
    let needed = (TreePage.headerByteCount - 1 + byteCount) / pageByteCount + 1
    guard count >= needed, number + count <= min(met.count, filePageCount) else {
      note(
        start + 12, "page \(number) and its followers, \(count) in all, are not as many as needed")
      return false
    }
    for page in number + 1..<number + count {
      guard claim(page, from: start + 12) else { return false }
    }
    tree.overflowPageCount += count
    return true
  }

  private mutating func note(_ offset: Int, _ what: String) {
    guard problems.count < LMDBFileCheck.problemLimit else { return }
    problems.append(.init(offset: offset, what: what))
  }
}

/// LMDB's order of keys: unsigned bytes, the shorter first where one begins with the other.
private func compare(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Int {
  a.withUnsafeBytes { a in
    b.withUnsafeBytes { b in
      let order = memcmp(a.baseAddress!, b.baseAddress!, min(a.count, b.count))
      return order != 0 ? Int(order) : a.count - b.count
    }
  }
}
