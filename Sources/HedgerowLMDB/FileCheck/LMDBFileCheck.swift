import CHedgerowLMDB
import HedgerowCore

/// What a look at every byte of `data.mdb` found that LMDB could trip over.
///
/// ```swift
/// let check = try LMDBFileCheck("movies.hedgerow")
/// for problem in check.problems { print(problem.offset, problem.what) }
/// ```
/// LMDB maps its file and believes it: a damaged page number, offset or length ends the process, and
/// a damaged table record reads as another state. So this reads the file by itself, with every bound
/// checked: both meta pages, and from the one that LMDB would take, the trees of free pages, of
/// tables and of each table. Every page is in the file and met once, is of the kind that is
/// expected, and is filled by its entries without a gap; keys rise and stay where their branch says;
/// counts are those of the records.
///
/// A commit n lies behind meta page n mod 2 and its number follows that of the other; its list of
/// free pages ends with the pages that it freed, which every commit but the first does. A bit of a
/// commit's number that is flipped breaks one of these.
///
/// The file may be written to meanwhile: a commit that is overwritten under the walk is walked anew,
/// and held by a reader's slot when that happens again and again. Memory: a bit a page. Time: that of reading the pages in use.
public struct LMDBFileCheck: Sendable {
  public enum Depth: Sendable {
    /// All that LMDB relies on; values in overflow pages are not read.
    case structure
    /// The checksum of every value too, and whether the older meta page hides a newer commit.
    case values
  }

  public struct Problem: Hashable, Sendable {
    /// Bytes from the file's start.
    public var offset: Int
    public var what: String

    public init(offset: Int, what: String) {
      self.offset = offset
      self.what = what
    }
  }

  /// The file's length.
  public private(set) var checkedByteCount = 0
  /// The first 100.
  public private(set) var problems: [Problem] = []
  /// The tables that were found, in order. Nothing guards the names but who knows them.
  public private(set) var tableNames: [String] = []

  public var isClean: Bool { problems.isEmpty }

  static let problemLimit = 100

  /// - Parameters:
  ///   - directory: where `data.mdb` is.
  ///   - progress: called with the bytes read since the last call; may throw to stop.
  /// - Throws: `noInput` and `io` where the file cannot be read, `locked` when commits come faster
  ///   than it can be walked and it cannot be written to.
  public init(
    _ directory: String, _ depth: Depth = .values, progress: (Int) throws -> Void = { _ in }
  ) throws {
    self = try withoutActuallyEscaping(progress) { progress in
      let file = try PageFile(directory: directory)
      if let check = try Self.attempt(file, depth, progress) { return check }
      // A process that commits this often has the file open, and so has checked it. LMDB reads no
      // more than the meta pages of it here.
      let shared = try OpenEnvironments.open(directory, .readOnly, maxTables: 32)
      defer { OpenEnvironments.release(shared) }
      let reader = try shared.begin(MDB_RDONLY, directory)
      defer { mdb_txn_abort(reader) }
      if let check = try Self.attempt(file, depth, progress, pinned: UInt64(mdb_txn_id(reader))) {
        return check
      }
      throw HedgerowError(
        .locked, "commits come faster than it can be checked: try again", at: file.path)
    }
  }

  /// Walks until what was found is sure to hold; `nil` when commits come too fast for that.
  ///
  /// - Parameter pinned: a commit whose pages, and those of later ones, stay as they are.
  static func attempt(
    _ file: PageFile, _ depth: Depth, _ progress: @escaping (Int) throws -> Void = { _ in },
    pinned: UInt64? = nil
  ) throws -> LMDBFileCheck? {
    for _ in 0..<8 {
      let image = try Image(file)
      // A commit may be half seen.
      if pinned != nil { guard try Image(file).metas == image.metas else { continue } }
      var check = LMDBFileCheck()
      let chosen = try check.run(file, image, depth, progress)
      if let chosen, let pinned, MetaPage(image.metas[chosen]).commit >= pinned { return check }
      let now = try Image(file)
      // What is found clean must still be there; damage must not be a write half seen.
      let isSettled =
        check.isClean && chosen != nil
        ? now.metas[chosen!] == image.metas[chosen!] : now == image
      if isSettled { return check }
    }
    return nil
  }

  private init() {}

  /// What may change under a walk.
  private struct Image: Equatable {
    var byteCount: Int
    var metas: [[UInt8]]

    init(_ file: PageFile) throws {
      let first = try file.bytes(at: 0, count: MetaPage.byteCount)
      metas = [first, []]
      if first.count == MetaPage.byteCount {
        let pageByteCount = Int(MetaPage(first).free.pad)
        metas[1] = try file.bytes(at: pageByteCount, count: MetaPage.byteCount)
      }
      // Last: the file grows before the commit that needs it.
      byteCount = try file.byteCount()
    }
  }

  /// Walks the newest commit; returns the page that leads to it, where one does.
  private mutating func run(
    _ file: PageFile, _ image: Image, _ depth: Depth, _ progress: @escaping (Int) throws -> Void
  ) throws -> Int? {
    checkedByteCount = image.byteCount
    guard image.metas.allSatisfy({ $0.count == MetaPage.byteCount }) else {
      problems.append(
        .init(offset: image.byteCount, what: "the file is cut off in its first two pages"))
      return nil
    }
    let metas = image.metas.map { MetaPage($0) }
    let pageByteCount = Int(metas[0].free.pad)
    // The second page lies where the first one's page size says.
    for (index, meta) in metas.enumerated() where isClean {
      problems += meta.problems(asPage: index).map {
        Problem(offset: index * pageByteCount + $0.0, what: $0.1)
      }
    }
    if isClean && metas[0].free.pad != metas[1].free.pad {
      problems.append(.init(offset: 40, what: "the two meta pages have two page sizes"))
    }
    guard isClean else { return nil }

    let chosen = metas[0].commit < metas[1].commit ? 1 : 0
    let newest = metas[chosen]
    let older = metas[1 - chosen]
    let commitOffset = chosen * pageByteCount + MetaPage.commitOffset
    if newest.commit == 0 {
      // As LMDB makes it: nothing has been committed yet.
      guard metas.allSatisfy({ $0.free.isEmpty && $0.main.isEmpty }) else {
        problems.append(.init(offset: commitOffset, what: "there are trees, and commits are not"))
        return nil
      }
    } else if newest.commit - older.commit != 1 || newest.commit % 2 != UInt64(chosen) {
      problems.append(
        .init(
          offset: commitOffset,
          what: "commit \(metas[1].commit) does not go with commit \(metas[0].commit)"))
      return nil
    }

    var walk = FileWalk(
      file, byteCount: image.byteCount, meta: newest, at: chosen * pageByteCount, depth,
      progress: progress)
    try walk.run()
    problems += walk.problems
    tableNames = walk.tableNames
    guard isClean else { return chosen }
    let lastFree = walk.lastFreeCommit
    guard lastFree == newest.commit || (lastFree == nil && newest.commit <= 1) else {
      problems.append(
        .init(
          offset: commitOffset,
          what: "commit \(newest.commit) is not the one that its free pages end with"))
      return chosen
    }
    if depth == .values, try Self.lastFreeCommit(file, older, pageByteCount) == older.commit + 2 {
      let offset = (1 - chosen) * pageByteCount + MetaPage.commitOffset
      problems.append(
        .init(
          offset: offset,
          what: "commit \(older.commit + 2) is there and is said to be commit \(older.commit): "
            + "either its number is damaged or its writing failed at the end"))
    }
    return chosen
  }

  /// The last key of a commit's list of free pages, where the way to it can be gone.
  private static func lastFreeCommit(
    _ file: PageFile, _ meta: MetaPage, _ pageByteCount: Int
  ) throws -> UInt64? {
    var number = meta.free.root
    guard (1...32).contains(meta.free.depth) else { return nil }
    for level in 1...meta.free.depth {
      guard number < 1 << 40 else { return nil }
      let bytes = try file.bytes(at: Int(number) * pageByteCount, count: pageByteCount)
      let isLeaf = level == meta.free.depth
      guard bytes.count == pageByteCount,
        let page = try? TreePage(bytes, number: number, isLeaf: isLeaf, minimum: 1),
        let node = page.nodes.last
      else { return nil }
      if isLeaf {
        return node.key.count == 8
          ? page.bytes.number(at: node.key.lowerBound, as: UInt64.self) : nil
      }
      number = node.child
    }
    return nil
  }
}
