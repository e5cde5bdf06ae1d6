import CHedgerowKernels
import HedgerowCore
import HedgerowTestSupport
import Testing

@Suite struct PickKernelTests {
  /// Floyd's algorithm as it is written in textbooks, over the same stream.
  private func floyd(_ extent: hr_extent, row: UInt32, fanout: Int64, key: UInt64) -> [UInt64] {
    let degree = UInt64(extent.count)
    if fanout < 0 || degree <= UInt64(fanout) { return (0..<degree).map { extent.start + $0 } }
    var stream = RandomStream(key: key).derive(UInt64(row))
    var chosen: Set<UInt64> = []
    var order: [UInt64] = []
    for top in degree - UInt64(fanout)..<degree {
      let pick = stream.next(below: top + 1)
      let entry = chosen.contains(pick) ? top : pick
      chosen.insert(entry)
      order.append(extent.start + entry)
    }
    return order
  }

  private func pick(
    _ extents: [hr_extent], _ rows: [UInt32], fanout: Int64, key: UInt64
  ) -> (addresses: [UInt64], degrees: [UInt32]) {
    let total = Int(hr_pick_count(extents, extents.count, fanout))
    var addresses = [UInt64](repeating: .max, count: total + 3)
    var degrees = [UInt32](repeating: .max, count: extents.count)
    var scratch = [UInt64](repeating: 7, count: max(1, 4 * Int(max(0, fanout))))
    let written = hr_pick_uniform(
      extents, rows, nil, extents.count, fanout, key, &scratch, &addresses, &degrees)
    #expect(written == total)
    #expect(addresses.suffix(3).allSatisfy { $0 == .max }, "nothing beyond what was announced")
    return (Array(addresses.prefix(written)), degrees)
  }

  /// 48 is the last fanout with the linear look, 49 the first with the hash set.
  @Test(arguments: [-1, 0, 1, 2, 10, 47, 48, 49, 50, 64, 65, 200] as [Int64])
  func picksAreFloydsOverTheSameStream(fanout: Int64) {
    var random = RandomStream(seed: printedSeed())
    for _ in 0..<20 {
      let key = random.next()
      // Degrees around the fanout, where most picks collide, and far from it.
      let degrees =
        [0, 1, 2, 9, 49, 1000, 1 << 20, Int64(UInt32.max)].filter { fanout >= 0 || $0 < 2000 }
        + (-1...3).map { max(0, fanout + $0) }
      let extents = degrees.map { degree in
        hr_extent(
          start: random.next(below: 1 << 30) << UInt64(hr_position_bits)
            | random.next(below: 1 << 40), count: UInt32(degree))
      }
      let rows = extents.map { _ in UInt32(truncatingIfNeeded: random.next()) }
      let picked = pick(extents, rows, fanout: fanout, key: key)
      var rest = picked.addresses[...]
      for (index, extent) in extents.enumerated() {
        let expected = floyd(extent, row: rows[index], fanout: fanout, key: key)
        #expect(Int(picked.degrees[index]) == expected.count)
        #expect(Array(rest.prefix(expected.count)) == expected)
        #expect(Set(expected).count == expected.count)
        rest = rest.dropFirst(expected.count)
      }
      #expect(rest.isEmpty)
    }
  }

  @Test func aRowsPicksDoNotDependOnItsNeighbors() {
    var random = RandomStream(seed: printedSeed())
    let key = random.next()
    let extents = (0..<100).map { hr_extent(start: UInt64($0) << 20, count: 300 + UInt32($0)) }
    let rows = (0..<100).map { UInt32($0) * 17 }
    let all = pick(extents, rows, fanout: 5, key: key).addresses
    for index in [0, 1, 50, 99] {
      let alone = pick([extents[index]], [rows[index]], fanout: 5, key: key).addresses
      #expect(alone == Array(all[5 * index..<5 * index + 5]))
    }
    #expect(pick([extents[3]], [rows[4]], fanout: 5, key: key).addresses != Array(all[15..<20]))
    #expect(pick([extents[3]], [rows[3]], fanout: 5, key: key ^ 1).addresses != Array(all[15..<20]))
  }
}

@Suite struct NumberKernelTests {
  /// A table of `size` slots, filled as long as the kernel allows, against a dictionary.
  private func check(size: Int, distinct: Int, _ random: inout RandomStream) {
    let nodes = (0..<200).map { _ in
      // A few far apart, so that slots collide; all ones among them.
      UInt32.max - UInt32(random.next(below: UInt64(distinct))) &* 0x0100_0001
    }
    var slots = [UInt64](repeating: .max, count: size)
    var known = [UInt32](repeating: 0, count: nodes.count)
    var knownCount = 0
    var numbers = [UInt32](repeating: .max, count: nodes.count)
    var expected: [UInt32: UInt32] = [:]
    var order: [UInt32] = []
    var done = 0
    // In parts, as hop after hop asks.
    while done < nodes.count {
      let part = min(nodes.count - done, 1 + Int(random.next(below: 60)))
      let count = numbers[done...].withUnsafeMutableBufferPointer { out in
        hr_number_nodes(
          &slots, UInt64(size - 1), Array(nodes[done..<done + part]), part, out.baseAddress, &known,
          &knownCount)
      }
      for index in done..<done + count {
        if expected[nodes[index]] == nil {
          expected[nodes[index]] = UInt32(order.count)
          order.append(nodes[index])
        }
        #expect(numbers[index] == expected[nodes[index]])
      }
      #expect(knownCount == order.count && Array(known.prefix(knownCount)) == order)
      #expect(knownCount <= size / 4 * 3, "a quarter stays empty")
      #expect(slots.count { $0 != .max } == knownCount)
      if count < part {
        #expect(knownCount == size / 4 * 3, "stops only when it must")
        return
      }
      done += count
    }
    #expect(order.count == Set(nodes).count)
  }

  @Test func numbersAreThoseOfADictionary() {
    var random = RandomStream(seed: printedSeed())
    for size in [1, 2, 4, 8, 16, 64, 256, 1024] {
      for distinct in [1, 2, 3, 4, 31, 32, 33, 150] {
        check(size: size, distinct: distinct, &random)
      }
    }
  }

  @Test func aTableThatIsThreeQuartersFullTakesNothingMore() {
    var slots = [UInt64](repeating: .max, count: 8)
    var known = [UInt32](repeating: 0, count: 8)
    var numbers = [UInt32](repeating: 99, count: 8)
    var count = 0
    #expect(hr_node_capacity(8) == 6)
    #expect(hr_number_nodes(&slots, 7, [5, 5, 6, 7, 0, 1, 2, 3], 8, &numbers, &known, &count) == 7)
    #expect(count == 6 && Array(known.prefix(6)) == [5, 6, 7, 0, 1, 2])
    #expect(numbers == [0, 0, 1, 2, 3, 4, 5, 99])
    #expect(hr_number_nodes(&slots, 7, [5], 1, &numbers, &known, &count) == 0)
    // The largest node of all is no empty slot.
    var empty = [UInt64](repeating: .max, count: 4)
    count = 0
    #expect(
      hr_number_nodes(&empty, 3, [.max, 0, 1, .max], 4, &numbers, &known, &count) == 3
        && Array(numbers.prefix(3)) == [0, 1, 2])
    #expect(
      hr_number_nodes(&slots, 0, [1], 1, &numbers, &known, &count) == 0, "one slot holds none")
  }
}

@Suite struct ExtentKernelTests {
  @Test func listedRowsAreFoundAndOthersAreEmpty() {
    var random = RandomStream(seed: printedSeed())
    for listedCount in [0, 1, 2, 63, 64, 65, 200] {
      var listed: Set<UInt32> = []
      while listed.count < listedCount { listed.insert(UInt32(random.next(below: 1000))) }
      let rows = listed.sorted()
      var degrees: [UInt32: UInt32] = [:]
      var bases: [UInt64] = []
      var deltas: [UInt32] = []
      var position: UInt64 = 0
      var starts: [UInt32: UInt64] = [:]
      for place in 0...rows.count {
        if place % 64 == 0 { bases.append(position) }
        deltas.append(UInt32(position - bases.last!))
        if place < rows.count {
          starts[rows[place]] = position
          degrees[rows[place]] = 1 + UInt32(random.next(below: 9))
          position += UInt64(degrees[rows[place]]!)
        }
      }
      let neighbors = [UInt32](repeating: 0, count: max(1, Int(position)))
      let wanted = (0..<UInt32(1000)).reversed().map { $0 + 1024 }
      var extents = [hr_extent](repeating: hr_extent(start: 9, count: 9), count: wanted.count)
      let bad = neighbors.withUnsafeBufferPointer { neighbors in
        rows.withUnsafeBufferPointer { rows in
          bases.withUnsafeBufferPointer { bases in
            deltas.withUnsafeBufferPointer { deltas in
              // An address that is never read stands for an empty list.
              let list = rows.baseAddress ?? neighbors.baseAddress
              let empty = hr_range(
                bases: nil, deltas: nil, neighbors: nil, rows: nil, edge_count: 0,
                row_count: 1024, entry_count: 0, neighbor_bits: 32)
              let range = hr_range(
                bases: bases.baseAddress, deltas: deltas.baseAddress,
                neighbors: neighbors.baseAddress, rows: list, edge_count: position,
                row_count: 1000, entry_count: UInt32(rows.count), neighbor_bits: 32)
              return hr_extents([empty, range], 2, 10, wanted, wanted.count, &extents)
            }
          }
        }
      }
      #expect(bad == -1)
      for (row, extent) in zip(wanted, extents) {
        #expect(extent.count == degrees[row - 1024] ?? 0)
        #expect(extent.start >> UInt64(hr_position_bits) == 1)
        if let start = starts[row - 1024] {
          #expect(extent.start & (1 << UInt64(hr_position_bits) - 1) == start)
        }
      }
    }
  }
}
