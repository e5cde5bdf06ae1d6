enum PageFlags {
  static let branch: UInt16 = 1
  static let leaf: UInt16 = 2
  static let overflow: UInt16 = 4
  static let meta: UInt16 = 8
}

enum NodeFlags {
  /// The data lies in pages of its own, the node holds the number of the first.
  static let overflow: UInt16 = 1
  /// The data is the record of a tree.
  static let tree: UInt16 = 2
}

/// A branch or leaf page of a tree, cut into nodes that are known to lie inside it.
///
/// 16 bytes of header (number, pad, flags, `lower`, `upper`), then from there to `lower` the nodes'
/// offsets in the order of their keys, and from `upper` to the page's end the nodes, packed in any
/// order. A node: 8 bytes of header (32 bits of size or page number, flags, key size), key, data.
struct TreePage {
  static let headerByteCount = 16
  private static let nodeHeaderByteCount = 8

  struct Node {
    /// Bytes from the page's start.
    var offset: Int
    var flags: UInt16
    var key: Range<Int>
    /// In a leaf; for a node with overflow pages the eight bytes of the first one's number.
    var data: Range<Int>
    /// In a leaf: the value's length, wherever it lies.
    var byteCount: Int
    /// In a branch.
    var child: UInt64
  }

  var bytes: [UInt8]
  var nodes: [Node]

  /// What is wrong with a page and where in it.
  struct Flaw: Error {
    var offset: Int
    var what: String
  }

  /// Cuts a whole page into nodes.
  ///
  /// - Parameter minimum: nodes that it must have.
  init(_ bytes: [UInt8], number: UInt64, isLeaf: Bool, minimum: Int) throws(Flaw) {
    self.bytes = bytes
    let stored = bytes.number(at: 0, as: UInt64.self)
    guard stored == number else {
      throw Flaw(offset: 0, what: "page \(number) says that it is page \(stored)")
    }
    let flags = bytes.number(at: 10, as: UInt16.self)
    guard flags == (isLeaf ? PageFlags.leaf : PageFlags.branch) else {
      throw Flaw(
        offset: 10,
        what: "page \(number) has flags \(flags) in place of a \(isLeaf ? "leaf" : "branch")'s")
    }
    let lower = Int(bytes.number(at: 12, as: UInt16.self))
    let upper = Int(bytes.number(at: 14, as: UInt16.self))
    guard lower >= Self.headerByteCount, lower % 2 == 0, lower <= upper, upper <= bytes.count else {
      throw Flaw(offset: 12, what: "page \(number) has its free space from \(lower) to \(upper)")
    }
    let count = (lower - Self.headerByteCount) / 2
    guard count >= minimum else {
      throw Flaw(offset: 12, what: "page \(number) has \(count) entries")
    }
    nodes = []
    nodes.reserveCapacity(count)
    for index in 0..<count {
      nodes.append(
        try Self.node(
          bytes, index, upper: upper, isLeaf: isLeaf, isFirstOfBranch: !isLeaf && index == 0))
    }
    try checkPacking(from: upper)
  }

  private static func node(
    _ bytes: [UInt8], _ index: Int, upper: Int, isLeaf: Bool, isFirstOfBranch: Bool
  ) throws(Flaw) -> Node {
    let place = headerByteCount + 2 * index
    let offset = Int(bytes.number(at: place, as: UInt16.self))
    guard offset >= upper, offset % 2 == 0, offset + nodeHeaderByteCount <= bytes.count else {
      throw Flaw(offset: place, what: "entry \(index) lies outside of its page")
    }
    let low = bytes.number(at: offset, as: UInt32.self)
    let flags = bytes.number(at: offset + 4, as: UInt16.self)
    let keyByteCount = Int(bytes.number(at: offset + 6, as: UInt16.self))
    // Nothing is less than a branch's first key, so LMDB may leave it out.
    guard keyByteCount <= LMDBEnvironment.maximumKeyByteCount, keyByteCount > 0 || isFirstOfBranch
    else {
      throw Flaw(offset: offset + 6, what: "entry \(index) has a key of \(keyByteCount) bytes")
    }
    let key = offset + nodeHeaderByteCount..<offset + nodeHeaderByteCount + keyByteCount
    let inlineByteCount = !isLeaf ? 0 : flags & NodeFlags.overflow != 0 ? 8 : Int(low)
    guard key.upperBound <= bytes.count, inlineByteCount <= bytes.count - key.upperBound else {
      throw Flaw(offset: offset, what: "entry \(index) reaches beyond its page")
    }
    return Node(
      offset: offset, flags: isLeaf ? flags : 0, key: key,
      data: key.upperBound..<key.upperBound + inlineByteCount, byteCount: Int(low),
      child: UInt64(low) | UInt64(flags) << 32)
  }

  /// LMDB packs nodes without gaps, each from an even offset: so a wrong offset or length shows.
  private func checkPacking(from upper: Int) throws(Flaw) {
    var end = upper
    for node in nodes.sorted(by: { $0.offset < $1.offset }) {
      guard node.offset == end else {
        throw Flaw(offset: node.offset, what: "an entry does not begin where the one before ends")
      }
      end = (node.data.upperBound + 1) & ~1
    }
    guard end == bytes.count else {
      throw Flaw(offset: upper, what: "the entries do not fill their page to its end")
    }
  }
}
