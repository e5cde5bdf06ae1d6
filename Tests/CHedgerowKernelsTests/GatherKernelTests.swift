import CHedgerowKernels
import HedgerowCore
import HedgerowTestSupport
import Testing

@Suite struct GatherKernelTests {
  private static func bits(_ value: Float) -> UInt32 {
    // Which NaN it is depends on how it was made; that it is one does not.
    value.isNaN ? 0x7FC0_0000 : value.bitPattern
  }

  @Test func everyHalfIsWhatSwiftSays() {
    let halves = (0...UInt16.max).map { $0 }
    let expected = halves.map { Self.bits(Float(Float16(bitPattern: $0))) }
    #expect(halves.map { Self.bits(hr_half_to_float($0)) } == expected)
    // Through the gather as well, whose loop is compiled for several processors.
    for width in [1, 7, 64, 256] {
      let count = 65536 / width
      var out = [Float](repeating: 0, count: count * width)
      let rows = (0..<UInt32(count)).map { $0 }
      let bad = halves.withUnsafeBytes { bytes in
        hr_gather_rows(
          [hr_matrix_range(rows: bytes.baseAddress, validity: nil, row_count: count)], 1, 20,
          2 * width, hr_float16, 1, width, rows, nil, count, &out)
      }
      #expect(bad == -1)
      #expect(out.map { Self.bits($0) } == Array(expected[..<(count * width)]))
    }
  }

  /// Two ranges and a short third, rows `stride` bytes apart with rubbish between, some rows null.
  private func check<T: BitwiseCopyable & Equatable>(
    _ element: hr_element, scale: Float, width: Int, padding: Int,
    _ random: inout RandomStream,
    draw: (inout RandomStream) -> T, convert: (T) -> Float
  ) {
    let shift: UInt32 = 6
    let counts = [64, 64, 10]
    let size = MemoryLayout<T>.size
    let stride = width * size + padding
    var files: [[UInt8]] = []
    var values: [[T]] = []
    var validity: [[UInt64]] = []
    for count in counts {
      var file: [UInt8] = []
      for _ in 0..<count {
        let row = (0..<width).map { _ in draw(&random) }
        values.append(row)
        row.withUnsafeBytes { file += $0 }
        file += (0..<padding).map { _ in 0xEE }
      }
      files.append(file)
      validity.append([random.next() | 1])
    }
    let total = counts.reduce(0, +)
    let nodes = (0..<150).map { _ in UInt32(random.next(below: UInt64(total))) }
    var out = [Float](repeating: .nan, count: nodes.count * width)
    let bad = withRanges(files, validity, counts) { ranges in
      hr_gather_rows(
        ranges, ranges.count, shift, stride, element, scale, width, nodes, nil, nodes.count, &out)
    }
    #expect(bad == -1)
    // To other places, the last first; and as they are.
    let places = nodes.indices.reversed().map { UInt32($0) }
    var turned = [Float](repeating: .nan, count: nodes.count * width)
    var copied = [UInt8](repeating: 1, count: nodes.count * width * size)
    withRanges(files, validity, counts) { ranges in
      #expect(
        hr_gather_rows(
          ranges, ranges.count, shift, stride, element, scale, width, nodes, places, nodes.count,
          &turned) == -1)
      #expect(
        hr_copy_rows(
          ranges, ranges.count, shift, stride, width * size, nodes, nodes.count, &copied) == -1)
    }
    for place in nodes.indices {
      let mirror = nodes.count - 1 - place
      #expect(
        turned[mirror * width..<(mirror + 1) * width].map { Self.bits($0) }
          == out[place * width..<(place + 1) * width].map { Self.bits($0) })
    }
    for (place, node) in nodes.enumerated() {
      let (range, row) = (Int(node >> shift), Int(node) % (1 << Int(shift)))
      let isThere = range == 1 || validity[range][0] >> UInt64(row) & 1 == 1
      let bytes = files[range][row * stride..<row * stride + width * size]
      #expect(
        copied[place * width * size..<(place + 1) * width * size]
          .elementsEqual(isThere ? Array(bytes) : [UInt8](repeating: 0, count: width * size)))
    }
    for (place, node) in nodes.enumerated() {
      // The middle range has no bits: all its rows are there.
      let isThere = validity[Int(node >> shift)][0] >> UInt64(node & 63) & 1 == 1
      let isNull = node >> shift != 1 && !isThere
      let expected =
        isNull ? [Float](repeating: 0, count: width) : values[Int(node)].map(convert)
      #expect(
        out[place * width..<(place + 1) * width].map { Self.bits($0) }
          == expected.map { Self.bits($0) })
    }
  }

  private func withRanges<R>(
    _ files: [[UInt8]], _ validity: [[UInt64]], _ counts: [Int], _ body: ([hr_matrix_range]) -> R
  ) -> R {
    // Copies at addresses that stay, aligned as mapped pages are.
    let memory = files.map { file -> UnsafeMutableRawPointer in
      let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, file.count), alignment: 64)
      file.withUnsafeBytes { copy.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
      return copy
    }
    let bits = validity.map { words -> UnsafeMutablePointer<UInt64> in
      let copy = UnsafeMutablePointer<UInt64>.allocate(capacity: words.count)
      copy.initialize(from: words, count: words.count)
      return copy
    }
    defer {
      for copy in memory { copy.deallocate() }
      for copy in bits { copy.deallocate() }
    }
    return body(
      counts.indices.map {
        hr_matrix_range(
          rows: memory[$0], validity: $0 == 1 ? nil : UnsafePointer(bits[$0]),
          row_count: counts[$0])
      })
  }

  @Test(arguments: [(1, 0), (3, 0), (16, 0), (33, 8), (128, 24)])
  func everyElementKindBecomesTheFloatThatSwiftSays(width: Int, padding: Int) {
    var random = RandomStream(seed: printedSeed())
    func check<T: BitwiseCopyable & Equatable>(
      _ element: hr_element, scale: Float = 1, draw: (inout RandomStream) -> T,
      as convert: (T) -> Float
    ) {
      self.check(
        element, scale: scale, width: width, padding: padding, &random, draw: draw,
        convert: convert)
    }
    check(
      hr_float32, draw: { Float(bitPattern: UInt32(truncatingIfNeeded: $0.next())) }, as: { $0 })
    check(
      hr_float16, draw: { UInt16(truncatingIfNeeded: $0.next()) },
      as: { Float(Float16(bitPattern: $0)) })
    check(hr_uint8, draw: { UInt8(truncatingIfNeeded: $0.next()) }, as: { Float($0) })
    check(hr_int8, draw: { Int8(truncatingIfNeeded: $0.next()) }, as: { Float($0) })
    for scale: Float in [0.0078125, 0.1, 1e-30] {
      check(
        hr_int8, scale: scale, draw: { Int8(truncatingIfNeeded: $0.next()) },
        as: { Float($0) * scale })
    }
    // The scale is for int8 alone.
    check(
      hr_bfloat16, scale: 3, draw: { UInt16(truncatingIfNeeded: $0.next()) },
      as: { Float(BFloat16(bitPattern: $0)) })
    check(hr_int16, draw: { Int16(truncatingIfNeeded: $0.next()) }, as: { Float($0) })
    check(hr_int32, draw: { Int32(truncatingIfNeeded: $0.next()) }, as: { Float($0) })
    check(
      hr_int64, draw: { Int64(truncatingIfNeeded: $0.next()) >> Int64($0.next(below: 60)) },
      as: { Float($0) })
    let scales = [1, 1e-40, 1e30, 1e300, 1e-300]
    check(
      hr_float64, draw: { ($0.nextUnit() - 0.5) * scales[Int($0.next(below: 5))] },
      as: { Float($0) })
  }

  /// So many that they are written past the caches, where their places allow it.
  @Test(arguments: [(16, 0), (48, 0), (128, 0), (128, 16), (20, 0)])
  func manyRowsAreCopiedAsFewAre(width: Int, offset: Int) {
    var random = RandomStream(seed: printedSeed())
    let (rows, count) = (1000, (5 << 20) / (width * 4))
    let values = (0..<rows * width).map { _ in Float(random.nextUnit()) }
    var validity = (0..<(rows + 63) / 64).map { _ in random.next() }
    validity[0] |= 1
    let nodes = (0..<count).map { _ in UInt32(random.next(below: UInt64(rows))) }
    let places = nodes.indices.map { UInt32(count - 1 - $0) }
    let bytes = count * width * 4
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes + 64, alignment: 64)
    defer { room.deallocate() }
    let out = (room.baseAddress! + offset).bindMemory(to: Float.self, capacity: count * width)
    func expectRows(_ place: (Int) -> Int) {
      let isWrong = nodes.indices.first { index in
        let row = Int(nodes[index])
        let isNull = validity[row / 64] >> (row % 64) & 1 == 0
        return (0..<width).contains {
          out[place(index) * width + $0] != (isNull ? 0 : values[row * width + $0])
        }
      }
      #expect(isWrong == nil)
    }
    values.withUnsafeBytes { values in
      validity.withUnsafeBufferPointer { validity in
        let range = [
          hr_matrix_range(
            rows: values.baseAddress, validity: validity.baseAddress, row_count: rows)
        ]
        for places in [nil, places] {
          room.initializeMemory(as: UInt8.self, repeating: 0xEE)
          let bad = hr_gather_rows(
            range, 1, 10, width * 4, hr_float32, 1, width, nodes, places, count, out)
          #expect(bad == -1)
          expectRows { index in places.map { Int($0[index]) } ?? index }
        }
        room.initializeMemory(as: UInt8.self, repeating: 0xEE)
        #expect(hr_copy_rows(range, 1, 10, width * 4, width * 4, nodes, count, out) == -1)
        expectRows { $0 }
      }
    }
  }

  @Test func theFirstRowWithoutAPlaceIsNamed() {
    let values: [Float] = [1, 2, 3]
    var out = [Float](repeating: -1, count: 4)
    values.withUnsafeBytes { bytes in
      let ranges = [
        hr_matrix_range(rows: bytes.baseAddress, validity: nil, row_count: 3),
        hr_matrix_range(rows: nil, validity: nil, row_count: 0),
      ]
      func gather(_ nodes: [UInt32]) -> Int {
        hr_gather_rows(ranges, 2, 6, 4, hr_float32, 1, 1, nodes, nil, nodes.count, &out)
      }
      #expect(gather([0, 2, 1]) == -1)
      #expect(gather([0, 2, 3, 1]) == 2)
      #expect(gather([64]) == 0)
      #expect(gather([2, 128]) == 1)
      #expect(gather([.max]) == 0)
      #expect(gather([]) == -1)
      // Behind rows that are written by then.
      out = [Float](repeating: -1, count: 40)
      #expect(gather(Array(repeating: 2, count: 30) + [3] + [0, 70]) == 30)
      #expect(out[0] == 3 && out[30...].allSatisfy { $0 == -1 })
    }
  }
}

@Suite struct ChecksumTests {
  /// Bit by bit, from the polynomial.
  private func reference(_ bytes: some Sequence<UInt8>, from crc: UInt32 = 0) -> UInt32 {
    var crc = ~crc
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
    }
    return ~crc
  }

  private typealias Checksum = (UInt32, UnsafeRawPointer?, Int) -> UInt32
  private let all: [Checksum] = [hr_crc32c, hr_crc32c_portable]

  @Test func knownVectors() {
    // RFC 3720, B.4, and the check value of the catalogue of parametrised CRC algorithms.
    let vectors: [([UInt8], UInt32)] = [
      (Array("123456789".utf8), 0xE306_9283), ([], 0),
      ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
      ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
      ((0..<32).map { $0 }, 0x46DD_794E), ((0..<32).reversed().map { $0 }, 0x113F_DB5C),
    ]
    for (bytes, crc) in vectors {
      for checksum in all { #expect(checksum(0, bytes, bytes.count) == crc) }
      #expect(reference(bytes) == crc)
    }
  }

  @Test func everyLengthAtEveryAlignmentAndInParts() {
    var random = RandomStream(seed: printedSeed())
    let bytes = (0..<200).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    bytes.withUnsafeBytes { buffer in
      for start in 0..<9 {
        for end in stride(from: start, through: 200, by: 1) {
          let part = buffer[start..<end]
          let expected = reference(part)
          let middle = start + (end - start) / 3
          for checksum in all {
            #expect(checksum(0, buffer.baseAddress! + start, end - start) == expected)
            let first = checksum(0, buffer.baseAddress! + start, middle - start)
            #expect(checksum(first, buffer.baseAddress! + middle, end - middle) == expected)
          }
        }
      }
    }
  }
}
