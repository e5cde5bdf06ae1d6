import Foundation
import HedgerowColumnar
import HedgerowCore
import HedgerowTestSupport
import Testing

/// A value of a column, to compare.
enum Item: Equatable {
  case null
  case integer(Int64)
  /// By its bits, so that NaN and -0 count.
  case double(UInt64)
  case bytes([UInt8])
  case list([Item])

  static func float(_ value: Double) -> Item { .double(value.bitPattern) }
  static func text(_ text: String) -> Item { .bytes(Array(text.utf8)) }
}

func makeBudget() -> MemoryBudget { MemoryBudget(total: 256 << 20) }

/// All rows of a column.
func items(
  _ name: String, of file: any ColumnarFile, budget: MemoryBudget = makeBudget()
) throws -> [Item] {
  let index = try #require(file.columns.firstIndex { $0.name == name })
  return try items([index], of: file, budget: budget)[0]
}

/// All rows of some columns, which are read at a time.
func items(
  _ columns: [Int], of file: any ColumnarFile, budget: MemoryBudget = makeBudget()
) throws -> [[Item]] {
  let rows = try ColumnarRows(file, columns: columns, budget: budget)
  var all = [[Item]](repeating: [], count: columns.count)
  while try rows.advance() {
    for (place, column) in columns.enumerated() {
      let stretch = rows.columns[place].stretch
      let range = rows.starts[place]..<rows.starts[place] + rows.count
      switch file.columns[column].content {
      case .values(let type):
        all[place] += range.map { item(stretch, $0, type) }
      case .lists(let type):
        all[place] += range.map { row in
          guard stretch.hasList[row] else { return .null }
          return .list(
            (stretch.starts[row]..<stretch.starts[row + 1]).map { item(stretch, $0, type) })
        }
      case .refused(let message): Issue.record("\(message)")
      }
    }
  }
  return all
}

private func item(_ stretch: ColumnStretch, _ index: Int, _ type: ColumnarType) -> Item {
  guard stretch.isThere[index] else { return .null }
  switch type.storage {
  case .integers: return .integer(stretch.integers[index])
  case .floats: return .float(Double(stretch.floats[index]))
  case .doubles: return .float(stretch.doubles[index])
  case .bytes: return .bytes(Array(stretch.bytes[index]))
  }
}

/// That a file is refused as bad data, with words that say why.
func expectRefused(_ part: String, _ body: () throws -> Void) {
  #expect {
    try body()
  } throws: { error in
    guard let error = error as? HedgerowError else { return false }
    let fits = error.code == .badData && error.place != nil && "\(error)".contains(part)
    if !fits { print("got \(error.code) \(error)") }
    return fits
  }
}

/// Numbers that a seed brings.
struct Generator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func next(below bound: Int) -> Int { Int(next() >> 1) % max(1, bound) }
}
