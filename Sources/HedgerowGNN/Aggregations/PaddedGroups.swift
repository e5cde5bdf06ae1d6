import HedgerowCore
import HedgerowTensor

/// Groups of rows as one array, each padded with zeros to the length of the longest.
struct PaddedGroups {
  let count: Int
  /// Rows of each group, padding included; at least one.
  let length: Int
  /// Where each row that is there is, of count times length.
  private let places: [UInt32]
  private let isEmpty: [Bool]
  /// The rows that are there; `nil` when none is cut off.
  private let kept: [UInt32]?

  /// - Parameter length: that of the longest group when it is `nil`; what is longer is cut.
  init(_ offsets: [UInt32], length: Int? = nil) {
    count = offsets.count - 1
    let sizes = (0..<count).map { Int(offsets[$0 + 1] - offsets[$0]) }
    let longest = sizes.max() ?? 0
    isEmpty = sizes.map { $0 == 0 }
    let length = length ?? max(1, longest)
    self.length = length
    places = sizes.enumerated().flatMap { group, size in
      (0..<min(length, size)).map { UInt32(group * length + $0) }
    }
    kept =
      length >= longest
      ? nil
      : (0..<count).flatMap { group in
        offsets[group]..<min(offsets[group + 1], offsets[group] + UInt32(length))
      }
  }

  /// [rows, width] gives [groups, length, width].
  func padded(_ x: Tensor) -> Tensor {
    AffineSum(kept.map { x.gathered(rows: $0) } ?? x, addedTo: places, of: count * length)
      .evaluated().reshaped(to: [count, length, x.width])
  }

  /// [groups, length, width] gives [rows, width].
  func rows(_ x: Tensor) -> Tensor {
    x.reshaped(to: [count * length, x.shape[2]]).gathered(rows: places)
  }

  /// Which groups have no rows, [groups]; `nil` when all have some.
  var emptyGroups: Mask? { isEmpty.contains(true) ? Mask(isEmpty, shape: [count]) : nil }

  /// Where there is a row: [groups, length].
  var mask: Mask {
    var isThere = [Bool](repeating: false, count: count * length)
    for place in places { isThere[Int(place)] = true }
    return Mask(isThere, shape: [count, length])
  }
}
