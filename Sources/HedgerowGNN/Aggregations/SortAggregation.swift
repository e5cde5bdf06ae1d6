import HedgerowCore
import HedgerowNN
public import HedgerowTensor

/// The k rows of a set that are largest in their last column, largest first, one beside the other; zeros for
/// those that are missing.
///
/// Shapes: messages [rows, width], result [segments, k width].
///
/// Source: Zhang et al., An End-to-End Deep Learning Architecture for Graph Classification, AAAI 2018.
public struct SortAggregation: Aggregator {
  public let k: Int

  public init(k: Int) {
    require(k > 0, "no \(k) rows of a set")
    self.k = k
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let keys = messages.detached.sliced(messages.width - 1..<messages.width, along: 1).scalars
    let count = offsets.count - 1
    var (rows, places): ([UInt32], [UInt32]) = ([], [])
    for segment in 0..<count {
      let sorted = (offsets[segment]..<offsets[segment + 1]).sorted {
        keys[Int($0)] > keys[Int($1)]
      }
      for (place, row) in sorted.prefix(k).enumerated() {
        rows.append(row)
        places.append(UInt32(segment * k + place))
      }
    }
    return AffineSum(messages.gathered(rows: rows), addedTo: places, of: count * k).evaluated()
      .reshaped(to: [count, k * messages.width])
  }

  public func outputWidth(of width: Int) -> Int { k * width }
}
