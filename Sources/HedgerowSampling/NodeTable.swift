import CHedgerowKernels
import HedgerowCore

/// The nodes of one type that a batch knows, each with its number, in order of discovery.
///
/// Where trees are disjoint a node is known in each of them by itself.
final class NodeTable {
  let known = Buffer<UInt32>()
  let trees = Buffer<UInt32>()
  private(set) var count = 0
  private let slots = Buffer<UInt64>()
  private let pairSlots = Buffer<hr_pair_slot>()
  private var slotCount = 0
  /// The nodes for which there are slots.
  private var capacity: Int { Int(hr_node_capacity(UInt64(slotCount))) }
  private(set) var hasTrees = false
  private let discarded = Buffer<UInt32>()

  /// Forgets all nodes. Costs 13 to 27 bytes of writing for each node of the batch before: a quarter more than
  /// they were have a slot before the table grows.
  func clear(hasTrees: Bool) {
    self.hasTrees = hasTrees
    slotCount = max(1024, (count / 3 * 5).nextPowerOfTwo)
    count = 0
    clearSlots()
  }

  private func clearSlots() {
    if hasTrees {
      pairSlots.reserve(slotCount).update(
        repeating: hr_pair_slot(pair: .max, number: .max), count: slotCount)
    } else {
      slots.reserve(slotCount).update(repeating: .max, count: slotCount)
    }
  }

  /// Gives each node its number; new nodes get the next ones. `numbers` may be `nodes`' memory.
  ///
  /// - Parameter trees: the tree of each node, when there are trees.
  func number(
    _ nodes: UnsafeBufferPointer<UInt32>, in trees: UnsafePointer<UInt32>? = nil,
    into numbers: UnsafeMutablePointer<UInt32>?
  ) {
    let numbers = numbers ?? discarded.reserve(nodes.count)
    var done = 0
    while done < nodes.count {
      if count >= capacity { rehash() }
      let room = capacity + 1
      known.grow(to: room, keeping: count)
      if let trees {
        self.trees.grow(to: room, keeping: count)
        done += hr_number_pairs(
          pairSlots.reserve(slotCount), UInt64(slotCount - 1), nodes.baseAddress! + done,
          trees + done, nodes.count - done, numbers + done, known.reserve(room),
          self.trees.reserve(room), &count)
      } else {
        done += hr_number_nodes(
          slots.reserve(slotCount), UInt64(slotCount - 1), nodes.baseAddress! + done,
          nodes.count - done, numbers + done, known.reserve(room), &count)
      }
    }
  }

  /// The number of each node, `UInt32.max` for one that is not known. `numbers` may be `nodes`' memory.
  func find(
    _ nodes: UnsafeBufferPointer<UInt32>, in trees: UnsafePointer<UInt32>? = nil,
    into numbers: UnsafeMutablePointer<UInt32>
  ) {
    if let trees {
      hr_find_pairs(
        pairSlots.reserve(slotCount), UInt64(slotCount - 1), nodes.baseAddress, trees, nodes.count,
        numbers)
    } else {
      hr_find_nodes(
        slots.reserve(slotCount), UInt64(slotCount - 1), nodes.baseAddress, nodes.count, numbers)
    }
  }

  private func rehash() {
    slotCount *= 2
    clearSlots()
    let old = known.array(0..<count)
    let oldTrees = hasTrees ? trees.array(0..<count) : []
    var numbers = [UInt32](repeating: 0, count: count)
    count = 0
    old.withUnsafeBufferPointer { nodes in
      oldTrees.withUnsafeBufferPointer { trees in
        number(nodes, in: hasTrees ? trees.baseAddress : nil, into: &numbers)
      }
    }
  }
}

extension Int {
  /// The smallest power of two that is at least this.
  var nextPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
