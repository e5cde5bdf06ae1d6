import CHedgerowKernels
import HedgerowCore
import HedgerowGraph

/// Buffers of one sampling thread, kept from batch to batch so that nothing is allocated per node.
///
/// Not shared: one thread at a time. Grows to the largest batch seen.
public final class SamplingWorkspace {
  /// What one relation chose at the hop at hand.
  final class Picks {
    let addresses = Buffer<UInt64>()
    let degrees = Buffer<UInt32>()
    var count = 0
  }

  var tables: [NodeTable] = []
  var picks: [Picks] = []
  let extents = Buffer<Extent>()
  let scratch = Buffer<UInt64>()
  let neighbors = Buffer<UInt32>()

  public init() {}

  func begin(types: Int, relations: Int) {
    while tables.count < types { tables.append(NodeTable()) }
    while picks.count < relations { picks.append(Picks()) }
    for table in tables { table.clear() }
    for pick in picks { pick.count = 0 }
  }
}

/// Memory for a changing number of elements, reused; what it held is lost when it grows.
final class Buffer<T: BitwiseCopyable> {
  private var memory = UnsafeMutableBufferPointer<T>.allocate(capacity: 0)

  deinit { memory.deallocate() }

  /// Room for `count` elements.
  func reserve(_ count: Int) -> UnsafeMutablePointer<T> {
    if count > memory.count { grow(to: count, keeping: 0) }
    return memory.baseAddress!
  }

  /// The same, keeping the first `kept` elements.
  func grow(to count: Int, keeping kept: Int) {
    guard count > memory.count else { return }
    let larger = UnsafeMutableBufferPointer<T>.allocate(capacity: max(count, memory.count * 2, 64))
    if kept > 0 { larger.baseAddress!.update(from: memory.baseAddress!, count: kept) }
    memory.deallocate()
    memory = larger
  }

  /// Elements that were written before. Valid until the buffer grows.
  func elements(_ range: Range<Int>) -> UnsafeBufferPointer<T> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(memory)[range])
  }

  func array(_ range: Range<Int>) -> [T] { Array(memory[range]) }
}

/// The nodes of one type that a batch knows, each with its number, in order of discovery.
final class NodeTable {
  let known = Buffer<UInt32>()
  private(set) var count = 0
  private let slots = Buffer<UInt64>()
  private var slotCount = 0

  /// Forgets all nodes. Costs 16 to 32 bytes of writing for each node of the batch before.
  func clear() {
    slotCount = max(1024, (4 * count).nextPowerOfTwo)
    slots.reserve(slotCount).update(repeating: .max, count: slotCount)
    count = 0
  }

  /// Gives each node its number; new nodes get the next ones. `numbers` may be `nodes`' memory.
  func number(_ nodes: UnsafeBufferPointer<UInt32>, into numbers: UnsafeMutablePointer<UInt32>?) {
    let discarded = numbers == nil ? [UInt32](repeating: 0, count: nodes.count) : []
    var done = 0
    func run(_ numbers: UnsafeMutablePointer<UInt32>) {
      while done < nodes.count {
        if count >= slotCount / 2 { rehash() }
        known.grow(to: slotCount / 2 + 1, keeping: count)
        done += hr_number_nodes(
          slots.reserve(slotCount), UInt64(slotCount - 1), nodes.baseAddress! + done,
          nodes.count - done, numbers + done, known.reserve(slotCount / 2 + 1), &count)
      }
    }
    if let numbers {
      run(numbers)
    } else {
      var discarded = discarded
      discarded.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { run(start) } }
    }
  }

  private func rehash() {
    slotCount *= 2
    let slots = slots.reserve(slotCount)
    slots.update(repeating: .max, count: slotCount)
    var numbered = 0
    let old = known.array(0..<count)
    var numbers = [UInt32](repeating: 0, count: count)
    known.grow(to: slotCount / 2 + 1, keeping: count)
    _ = hr_number_nodes(
      slots, UInt64(slotCount - 1), old, count, &numbers, known.reserve(0), &numbered)
  }
}

extension Int {
  /// The smallest power of two that is at least this.
  var nextPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
