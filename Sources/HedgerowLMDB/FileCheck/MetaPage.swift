/// What LMDB keeps of a tree (`MDB_db`): in a meta page for the list of free pages and the table of
/// tables, in an entry of the latter for every table.
struct TreeRecord: Equatable {
  static let byteCount = 48
  /// The root of a tree without entries.
  static let noPage = UInt64.max

  var pad: UInt32
  var flags: UInt16
  var depth: UInt16
  var branchPageCount: UInt64
  var leafPageCount: UInt64
  var overflowPageCount: UInt64
  var entryCount: UInt64
  var root: UInt64

  /// The record in the 48 bytes from `offset` on.
  init(_ bytes: [UInt8], at offset: Int) {
    pad = bytes.number(at: offset, as: UInt32.self)
    flags = bytes.number(at: offset + 4, as: UInt16.self)
    depth = bytes.number(at: offset + 6, as: UInt16.self)
    branchPageCount = bytes.number(at: offset + 8, as: UInt64.self)
    leafPageCount = bytes.number(at: offset + 16, as: UInt64.self)
    overflowPageCount = bytes.number(at: offset + 24, as: UInt64.self)
    entryCount = bytes.number(at: offset + 32, as: UInt64.self)
    root = bytes.number(at: offset + 40, as: UInt64.self)
  }

  var isEmpty: Bool { root == Self.noPage }
}

/// One of the two pages at the file's start: the entrance to a commit.
///
/// Commit n writes page n mod 2 and leaves the other, so that a crash always leaves one whole.
///
/// | byte | length | |
/// |---|---|---|
/// | 0 | 16 | page header: number, pad, flags 8, nothing else |
/// | 16 | 4, 4 | magic 0xBEEFC0DE, version 1 |
/// | 24 | 8, 8 | address of a fixed map: 0; size of the map, which we ignore as LMDB does |
/// | 40 | 48 | tree of free pages; its pad is the page size, its flags those of the environment |
/// | 88 | 48 | tree of tables |
/// | 136 | 8, 8 | last page in use, number of the commit |
struct MetaPage: Equatable {
  static let byteCount = 152
  static let freeTreeOffset = 40
  static let mainTreeOffset = 88
  static let lastPageOffset = 136
  static let commitOffset = 144

  var number: UInt64
  var flags: UInt16
  var magic: UInt32
  var version: UInt32
  var address: UInt64
  var free: TreeRecord
  var main: TreeRecord
  var lastPage: UInt64
  var commit: UInt64

  init(_ bytes: [UInt8]) {
    number = bytes.number(at: 0, as: UInt64.self)
    flags = bytes.number(at: 10, as: UInt16.self)
    magic = bytes.number(at: 16, as: UInt32.self)
    version = bytes.number(at: 20, as: UInt32.self)
    address = bytes.number(at: 24, as: UInt64.self)
    free = TreeRecord(bytes, at: Self.freeTreeOffset)
    main = TreeRecord(bytes, at: Self.mainTreeOffset)
    lastPage = bytes.number(at: Self.lastPageOffset, as: UInt64.self)
    commit = bytes.number(at: Self.commitOffset, as: UInt64.self)
  }

  /// What is wrong with the fields that never change, as (byte in the page, what).
  func problems(asPage index: Int) -> [(Int, String)] {
    let isPageSize = (512...0x8000).contains(free.pad) && free.pad & (free.pad - 1) == 0
    // 8: the flag of a tree with integer keys, and none of the environment's.
    let rules: [(Bool, Int, String)] = [
      (number == UInt64(index), 0, "meta page \(index) says that it is page \(number)"),
      (flags == PageFlags.meta, 10, "page \(index) is not a meta page"),
      (magic == 0xBEEF_C0DE, 16, "page \(index) is not one of an LMDB file"),
      (version == 1, 20, "meta page \(index) has version \(version) of LMDB's format, not 1"),
      (address == 0, 24, "meta page \(index) asks for a map at a fixed address"),
      (isPageSize, 40, "meta page \(index) has a page size of \(free.pad)"),
      (free.flags == 8, 44, "meta page \(index) has flags \(free.flags) for its free pages"),
      (main.pad == 0, 88, "meta page \(index) has a pad of \(main.pad) for its tables"),
      (main.flags == 0, 92, "meta page \(index) has flags \(main.flags) for its tables"),
    ]
    return rules.filter { !$0.0 }.map { ($0.1, $0.2) }
  }
}
