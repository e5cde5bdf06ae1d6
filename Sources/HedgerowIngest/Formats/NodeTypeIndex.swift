import Glibc
import HedgerowCore
import HedgerowMapped

/// Of which type the node with an id is, for formats whose edges say only the ids of their ends.
///
/// Ids are kept as 128 bits that two keyed hashes make of them, sorted on disk and then looked up in
/// a mapped file: 20 bytes a node, whatever the ids look like, written once from front to back. (A
/// tree that is filled in the order of a file would touch its pages at random.)
final class NodeTypeIndex {
  enum Answer: Equatable {
    case none
    case type(Int)
    /// Two types have the id.
    case several(Int, Int)

    /// What is wrong with an edge to a node with this id when it is not of one type.
    func fault(of id: UnsafeRawBufferPointer, among types: [NodeType]) -> String {
      let end = Reason.quote(id.assumingMemoryBound(to: UInt8.self))
      guard case .several(let first, let second) = self else {
        return
          "has the end \(end), which is not among the nodes, so that its type is not known: list "
          + "it, or leave such edges out with --on-missing skip"
      }
      return "has the end \(end), which is a node of type '\(types[first])' and one of type "
        + "'\(types[second])'"
    }
  }

  private let scratch: String
  private let sorter: ExternalSorter
  private var mapping: UnsafeRawPointer?
  private var count = 0
  private static let width = 20

  init(memory: Int, scratch: String) {
    self.scratch = scratch
    sorter = ExternalSorter(
      .records(width: Self.width, keyWidth: Self.width), memory: memory, scratch: scratch)
  }

  deinit {
    if let mapping {
      munmap(UnsafeMutableRawPointer(mutating: mapping), count * Self.width)
    }
  }

  private struct Hash {
    var high: UInt64
    var low: UInt64

    init(_ id: UnsafeRawBufferPointer, _ space: Int) {
      var first = Hasher()
      first.combine(space)
      first.combine(bytes: id)
      high = UInt64(bitPattern: Int64(first.finalize()))
      var second = Hasher()
      second.combine(bytes: id)
      second.combine(space)
      second.combine(1)
      low = UInt64(bitPattern: Int64(second.finalize()))
    }
  }

  /// - Parameter space: the ids are distinct within it.
  func add(_ id: UnsafeRawBufferPointer, space: Int, type: Int) throws {
    let hash = Hash(id, space)
    var record = (hash.high.bigEndian, hash.low.bigEndian, UInt32(type), UInt32(0))
    try withUnsafeBytes(of: &record) {
      try sorter.append(UnsafeRawBufferPointer(rebasing: $0[..<Self.width]))
    }
  }

  /// Ends the adding; from here on there are answers.
  func finish() throws {
    let sorted = try sorter.finish()
    guard sorted.count > 0 else { return }
    let path = "\(scratch)/types-\(UInt64.random(in: 0...UInt64.max))"
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileSystem.failure("create", path) }
    defer { close(descriptor) }
    unlink(path)
    // An id that is listed again and again is there once for each type.
    let distinct = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.width, alignment: 4)
    defer { distinct.deallocate() }
    while let block = try sorted.next() {
      var kept: [UInt8] = []
      kept.reserveCapacity(block.count)
      for start in stride(from: 0, to: block.count, by: Self.width) {
        let record = UnsafeRawBufferPointer(rebasing: block[start..<start + Self.width])
        if count > 0, memcmp(distinct.baseAddress!, record.baseAddress!, Self.width) == 0 {
          continue
        }
        distinct.copyMemory(from: record)
        kept.append(contentsOf: record)
        count += 1
      }
      try kept.withUnsafeBytes { try FileSystem.write($0, to: descriptor, at: path) }
    }
    guard let start = mmap(nil, count * Self.width, PROT_READ, MAP_SHARED, descriptor, 0),
      start != MAP_FAILED
    else { throw FileSystem.failure("map", path) }
    mapping = UnsafeRawPointer(start)
  }

  private func high(_ record: Int) -> UInt64 {
    // Within the mapping: records are 0 to count - 1.
    UInt64(
      bigEndian: mapping!.loadUnaligned(fromByteOffset: record * Self.width, as: UInt64.self))
  }

  private func low(_ record: Int) -> UInt64 {
    UInt64(
      bigEndian: mapping!.loadUnaligned(fromByteOffset: record * Self.width + 8, as: UInt64.self))
  }

  private func type(_ record: Int) -> Int {
    Int(mapping!.loadUnaligned(fromByteOffset: record * Self.width + 16, as: UInt32.self))
  }

  /// O(log nodes); about two pages of the file, since hashes lie evenly.
  func type(of id: UnsafeRawBufferPointer, space: Int) -> Answer {
    guard count > 0 else { return .none }
    let hash = Hash(id, space)
    // Around where the hash would lie among evenly spread ones.
    let guess = Int(hash.high.multipliedFullWidth(by: UInt64(count)).high)
    var step = 8
    var start = guess
    while start > 0, high(start) >= hash.high {
      start = max(0, start - step)
      step *= 2
    }
    var end = min(count, guess + 8)
    step = 16
    while end < count, high(end) <= hash.high {
      end = min(count, end + step)
      step *= 2
    }
    while start < end {
      let middle = (start + end) / 2
      if (high(middle), low(middle)) < (hash.high, hash.low) {
        start = middle + 1
      } else {
        end = middle
      }
    }
    var found: Int?
    while start < count, high(start) == hash.high, low(start) == hash.low {
      if let found, found != type(start) { return .several(found, type(start)) }
      found = type(start)
      start += 1
    }
    return found.map { .type($0) } ?? .none
  }
}
