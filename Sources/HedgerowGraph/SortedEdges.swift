import HedgerowCore

/// The edges of one type in a ``MemoryGraph``, sorted into both indices as a store would sort them.
struct SortedEdges: Sendable {
  /// Rows are targets, entries by (time, source) where there are times, else by source.
  let incoming: CSRIndex
  /// Rows are sources, entries by target: the order of edges.
  let outgoing: CSRIndex
  /// For each edge in order, its place in the list.
  let listPlaces: [UInt32]
  /// For each entry of `incoming`, which edge it is.
  let outPlaces: [UInt32]

  /// Time O(edges + nodes) by stable counting sorts, and O(edges log degree) for times.
  init(_ list: EdgeList, times: NumberColumn?) {
    require(list.count <= Int(UInt32.max), "\(list.count) edges of one type in memory")
    let byTarget = Self.sort((0..<UInt32(list.count)).map { $0 }, by: list.targets).order
    let out = Self.sort(byTarget, by: list.sources)
    listPlaces = out.order
    outgoing = .inMemory(starts: out.starts, neighbors: out.order.map { list.targets[Int($0)] })

    let order = out.order
    let targets = order.map { list.targets[Int($0)] }
    var into = Self.sort((0..<UInt32(list.count)).map { $0 }, by: targets)
    if case .integers(let values)? = times {
      func time(_ edge: UInt32) -> Int64 {
        let place = Int(order[Int(edge)])
        return place < values.count ? values[place] : .max
      }
      for row in 0..<into.starts.count - 1 where into.starts[row + 1] - into.starts[row] > 1 {
        // Parallel edges keep their order, which is that of the edges' numbers.
        into.order[into.starts[row]..<into.starts[row + 1]].sort {
          (time($0), $0) < (time($1), $1)
        }
      }
    }
    outPlaces = into.order
    incoming = .inMemory(
      starts: into.starts, neighbors: into.order.map { list.sources[Int(order[Int($0)])] })
  }

  /// Sorts places by the key that stands at each, and says where each key begins.
  private static func sort(
    _ places: [UInt32], by keys: [UInt32]
  ) -> (order: [UInt32], starts: [Int]) {
    let count = keys.max().map { Int($0) + 1 } ?? 0
    var starts = [Int](repeating: 0, count: count + 1)
    for key in keys { starts[Int(key) + 1] += 1 }
    for key in 0..<count { starts[key + 1] += starts[key] }
    var next = starts
    var order = places
    for place in places {
      let key = Int(keys[Int(place)])
      order[next[key]] = place
      next[key] += 1
    }
    return (order, starts)
  }
}

extension CSRIndex {
  /// An index over memory of its own.
  ///
  /// - Parameter starts: where each row begins among the neighbors, and the end.
  static func inMemory(starts: [Int], neighbors: [UInt32]) -> CSRIndex {
    let rowCount = starts.count - 1
    let bases = stride(from: 0, through: rowCount, by: 64).map { UInt64(starts[$0]) }
    let deltas = starts.enumerated().map { UInt32(UInt64($1) - bases[$0 / 64]) }
    let memory = (FixedArray(bases), FixedArray(deltas), FixedArray(neighbors))
    let range = Range(
      rowCount: 1 << 32, listed: nil, bases: memory.0.elements, deltas: memory.1.elements,
      neighbors: memory.2.elements)
    return CSRIndex(
      ranges: [range], rangeBits: 32, rowCount: 1 << 32, neighborCount: 1 << 32,
      owners: [memory.0, memory.1, memory.2], place: { _ in "graph in memory" })
  }
}

/// Elements at an address that lasts as long as this object, never written after.
private final class FixedArray<T: BitwiseCopyable>: @unchecked Sendable {
  let elements: UnsafeBufferPointer<T>

  init(_ values: [T]) {
    let memory = UnsafeMutableBufferPointer<T>.allocate(capacity: values.count)
    _ = memory.initialize(from: values)
    elements = UnsafeBufferPointer(memory)
  }
  deinit { elements.deallocate() }
}
