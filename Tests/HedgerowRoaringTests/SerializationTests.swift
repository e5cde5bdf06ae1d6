import Foundation
import HedgerowCore
import HedgerowRoaring
import Testing

@Suite struct SerializationTests {
  @Test func setsComeBack() throws {
    var random = RandomStream(seed: freshSeed())
    for _ in 0..<60 {
      let set = randomSet(&random)
      let bytes = RoaringBitmap(set).serialized()
      #expect(try Array(RoaringBitmap(serialized: bytes)) == set.sorted())
      var grown = RoaringBitmap()
      for value in set.shuffled(using: &random) { grown.insert(value) }
      #expect(try RoaringBitmap(serialized: grown.serialized()) == RoaringBitmap(set))
    }
    #expect(RoaringBitmap(0..<1_000_000).serialized().count < 300)
  }

  @Test func bytesAreThoseOfTheSpecification() throws {
    // One block without runs: cookie, one block, key 0, count 3 - 1, offset 16, three members.
    let plain: [UInt8] = [
      0x3A, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 16, 0, 0, 0, 1, 0, 5, 0, 9, 0,
    ]
    #expect(try Array(RoaringBitmap(serialized: plain)) == [1, 5, 9])
    #expect(RoaringBitmap([1, 5, 9]).serialized() == plain)
    // One block of one run: cookie with count - 1, flags, key 2, count 100 - 1, one run from 10.
    let run: [UInt8] = [0x3B, 0x30, 0, 0, 1, 2, 0, 99, 0, 1, 0, 10, 0, 99, 0]
    #expect(try RoaringBitmap(serialized: run) == RoaringBitmap(131_082..<131_182))
    #expect(RoaringBitmap(131_082..<131_182).serialized() == run)
    #expect(RoaringBitmap().serialized() == [0x3A, 0x30, 0, 0, 0, 0, 0, 0])
  }

  @Test func malformedBytesAreRefused() {
    let plain = RoaringBitmap([1, 5, 9]).serialized()
    let run = RoaringBitmap(131_082..<131_182).serialized()
    func refuses(_ bytes: [UInt8]) -> Bool {
      do {
        _ = try RoaringBitmap(serialized: bytes)
        return false
      } catch {
        return (error as? HedgerowError)?.code == .damaged
      }
    }
    func changed(_ bytes: [UInt8], _ offset: Int, _ value: UInt8) -> [UInt8] {
      var bytes = bytes
      bytes[offset] = value
      return bytes
    }
    for bytes in [plain, run] {
      for length in 0..<bytes.count { #expect(refuses(Array(bytes[..<length]))) }
      #expect(refuses(bytes + [0]))
    }
    #expect(refuses(changed(plain, 0, 0x39)))  // no cookie
    #expect(refuses(changed(plain, 6, 2)))  // 131,073 blocks
    #expect(refuses(changed(plain, 12, 17)))  // a wrong offset
    #expect(refuses(changed(plain, 18, 1)))  // a member twice
    #expect(refuses(changed(plain, 18, 10)))  // members that fall
    #expect(refuses(changed(run, 4, 3)))  // a flag beyond the blocks
    #expect(refuses(changed(run, 7, 98)))  // a wrong count
    #expect(refuses(changed(run, 14, 0xFF)))  // a run that leaves its block
    // Runs that touch: 1 to 2 and 3 to 4.
    #expect(refuses([0x3B, 0x30, 0, 0, 1, 0, 0, 3, 0, 2, 0, 1, 0, 1, 0, 3, 0, 1, 0]))
    // Keys that do not rise.
    var two = RoaringBitmap([1, 65_536 + 1]).serialized()
    two[12] = 0
    #expect(refuses(two))
    // A bit set with one member less than it claims.
    let dense = RoaringBitmap((0..<20_000).map { $0 * 3 })
    var bytes = dense.serialized()
    bytes[16] ^= 1
    #expect(refuses(bytes))
  }

  /// The members that well-formed bytes mean, read by the letter of the specification.
  private func decoded(_ bytes: [UInt8]) -> [UInt32] {
    func word(_ offset: Int) -> Int { Int(bytes[offset]) | Int(bytes[offset + 1]) << 8 }
    let hasRuns = word(0) == 12347
    let blockCount = hasRuns ? word(2) + 1 : word(4) | word(6) << 16
    let heads = hasRuns ? 4 + (blockCount + 7) / 8 : 8
    var offset = heads + 4 * blockCount + (!hasRuns || blockCount >= 4 ? 4 * blockCount : 0)
    var members: [UInt32] = []
    for block in 0..<blockCount {
      let base = word(heads + 4 * block) << 16
      let count = word(heads + 4 * block + 2) + 1
      if hasRuns && bytes[4 + block / 8] & 1 << (block % 8) != 0 {
        for run in 0..<word(offset) {
          let start = base + word(offset + 2 + 4 * run)
          for value in start...start + word(offset + 4 + 4 * run) { members.append(UInt32(value)) }
        }
        offset += 2 + 4 * word(offset)
      } else if count <= 4096 {
        for index in 0..<count { members.append(UInt32(base + word(offset + 2 * index))) }
        offset += 2 * count
      } else {
        for bit in 0..<65536 where bytes[offset + bit / 8] & 1 << (bit % 8) != 0 {
          members.append(UInt32(base + bit))
        }
        offset += 8192
      }
    }
    return members
  }

  /// Mutations of good bytes either throw or read as what they mean.
  @Test func randomMutationsNeverCrash() throws {
    var random = RandomStream(seed: freshSeed())
    var accepted = 0
    for _ in 0..<150 {
      let intact = RoaringBitmap(randomSet(&random)).serialized()
      for _ in 0..<60 {
        var bytes = intact
        for _ in 0...random.next(below: 3) where !bytes.isEmpty {
          // Most of what can go wrong is in the head.
          let bound = random.next(below: 2) == 0 ? min(bytes.count, 40) : bytes.count
          let offset = Int(random.next(below: UInt64(bound)))
          switch random.next(below: 5) {
          case 0: bytes.remove(at: offset)
          case 1: bytes.insert(UInt8(random.next(below: 256)), at: offset)
          case 2: bytes.removeSubrange(offset...)
          case 3: bytes[offset] ^= 1 << UInt8(random.next(below: 8))
          default: bytes[offset] = UInt8(random.next(below: 256))
          }
        }
        guard let bitmap = try? RoaringBitmap(serialized: bytes) else { continue }
        accepted += 1
        let members = Array(bitmap)
        #expect(members.count == bitmap.count)
        #expect(members == decoded(bytes))
        #expect(RoaringBitmap(members) == bitmap)
        #expect(try RoaringBitmap(serialized: bitmap.serialized()) == bitmap)
      }
    }
    print("randomMutationsNeverCrash: \(accepted) accepted")
    #expect(accepted > 0)
  }
}
