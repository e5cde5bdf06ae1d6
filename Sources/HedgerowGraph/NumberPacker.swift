import CHedgerowKernels
import HedgerowCore

/// Writes whole numbers in as few bits each as the largest takes, one behind the other, the lowest bit first.
///
/// A reader finds a number by its place, with one load of eight bytes: so some zeros follow the last.
public struct NumberPacker {
  private let bits: Int
  private var packing = hr_packing(waiting: 0, waiting_bits: 0)
  private var words: [UInt8] = []

  /// - Parameter bits: 1 to 32, of each number.
  public init(bits: Int) {
    require((1...32).contains(bits), "\(bits) bits")
    self.bits = bits
  }

  /// Bits of a number below `bound`, 1 to 32; more than that no number here has.
  public static func bitCount(below bound: Int) -> Int {
    min(32, max(1, Int.bitWidth - max(0, bound - 1).leadingZeroBitCount))
  }

  /// Bytes that so many numbers take, the zeros behind them included; `nil` when nobody can have as many.
  public static func byteCount(_ count: Int, bits: Int) -> Int? {
    let (total, overflows) = count.multipliedReportingOverflow(by: bits)
    return overflows || total > Int.max - 7 ? nil : (total + 7) / 8 + padding
  }

  private static let padding = 7

  /// Packs numbers of at most `bits` bits behind those before, and hands over the bytes that are done.
  public mutating func append(
    _ numbers: UnsafeBufferPointer<UInt32>, _ write: (UnsafeRawBufferPointer) throws -> Void
  ) rethrows {
    var rest = numbers[...]
    while !rest.isEmpty {
      let part = UnsafeBufferPointer(rebasing: rest.prefix(Self.partSize))
      rest = rest.dropFirst(part.count)
      if words.isEmpty { words = [UInt8](repeating: 0, count: 4 * Self.partSize + 4) }
      let count = hr_pack(&words, part.baseAddress, part.count, UInt32(bits), &packing)
      try words.withUnsafeBytes { try write(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
    }
  }

  private static let partSize = 16384

  /// Hands over what is left, and the zeros. The packer begins anew behind it.
  public mutating func finish(_ write: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    let count = Int(packing.waiting_bits + 7) / 8
    let waiting = packing.waiting
    packing = hr_packing(waiting: 0, waiting_bits: 0)
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: waiting >> (8 * UInt64($0))) }
    try (bytes + [UInt8](repeating: 0, count: Self.padding)).withUnsafeBytes { try write($0) }
  }
}
