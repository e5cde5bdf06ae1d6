import HedgerowCore

/// How nodes or edges are divided into parts, as training, validation and test.
///
/// ```swift
/// try store.split("paper", Split(.stratified(by: "label"), seed: 7))
/// try store.split(rates, Split(.byTime()))
/// ```
/// A split is a function of the graph and the seed alone.
public struct Split: Hashable, Sendable {
  /// A part, and which share of the whole it gets.
  public struct Part: Hashable, Sendable {
    public var name: String
    public var share: Double

    public init(_ name: String, _ share: Double) {
      self.name = name
      self.share = share
    }
  }

  /// What decides where a node or an edge goes.
  public enum Method: Hashable, Sendable {
    /// Chance. Of nodes each part has its share, rounded; edges go by a hash of their two ends, so that
    /// parallel edges, and those back, stay together, and parts have their shares about.
    case random
    /// Chance, for each class by itself: parts have the same classes, as far as whole nodes allow. Nodes
    /// without a class are in no part.
    case stratified(by: String)
    /// Time: earlier ones are in earlier parts, and those of equal times in one. A column of integers or
    /// timestamps; of edges by default that which their type declares. Those without a time are in no part.
    case byTime(String? = nil)
    /// A hash of the external key, or of the keys of an edge's ends: whatever came before, beside or
    /// after it, a node goes where it goes. Parts have their shares about.
    case byKey
  }

  public var method: Method
  /// In order. What their shares leave of 1 is in no part.
  public var parts: [Part]
  public var seed: UInt64

  public init(
    _ method: Method = .random,
    parts: [Part] = [Part("train", 0.8), Part("valid", 0.1), Part("test", 0.1)], seed: UInt64 = 0
  ) {
    self.method = method
    self.parts = parts
    self.seed = seed
  }

  /// - Throws: `usage` for parts that are none.
  func check() throws {
    for part in parts { try Identifier.check(part.name, as: "part") }
    guard !parts.isEmpty, Set(parts.map(\.name)).count == parts.count else {
      throw HedgerowError(.usage, "a split has parts of different names: \(parts.map(\.name))")
    }
    guard parts.allSatisfy({ $0.share >= 0 }), parts.reduce(0, { $0 + $1.share }) < 1 + 1e-9 else {
      throw HedgerowError(
        .usage, "the shares of parts are not negative, and no more than 1: \(parts.map(\.share))")
    }
  }

  /// Where each part ends, from 0 to 1.
  var ends: [Double] {
    var sum = 0.0
    return parts.map {
      sum += $0.share
      // Shares that are meant to be all, are.
      return sum > 1 - 1e-9 ? 1 : sum
    }
  }

  /// How many of the first of so many are in each part or one before it.
  func counts(of total: Int) -> [Int] { ends.map { Int((Double(total) * $0).rounded()) } }

  /// The part of a number from [0, 1); `nil` behind the last.
  func part(of number: Double) -> Int? { ends.firstIndex { number < $0 } }

  var stream: RandomStream { RandomStream(seed: seed).derive("split") }
}

/// What a split did.
public struct SplitReport: Hashable, Sendable {
  /// The store's new version.
  public let version: UInt64
  /// Members of each part, in their order.
  public let counts: [Int]
  /// Nodes or edges that are in none.
  public let restCount: Int
}

/// Times that divide others by their ranks.
struct TimeCuts {
  /// The first time of each part but the first, and behind the last; `nil` where there is none so late.
  private let firsts: [Int64?]

  /// - Parameter visit: calls its argument with every time, the same ones whenever it is called.
  init(_ split: Split, visit: ((Int64) -> Void) throws -> Void) rethrows {
    var total = 0
    try visit { _ in total += 1 }
    let ranks = split.counts(of: total)
    let values = try Self.values(ofRanks: ranks.filter { $0 < total }, visit: visit)
    firsts = ranks.map { $0 < total ? values[$0] : nil }
  }

  func part(of time: Int64) -> Int? {
    firsts.firstIndex { first in first.map { time < $0 } ?? true }
  }

  /// Values by rank, in four passes of 16 bits each, in memory that does not grow with them.
  private static func values(
    ofRanks ranks: [Int], visit: ((Int64) -> Void) throws -> Void
  ) rethrows -> [Int: Int64] {
    struct Search {
      /// The leading digits of the value, and its rank among those that have them.
      var prefix: UInt64 = 0
      var rank: Int
      var counts = [Int](repeating: 0, count: 1 << 16)
    }
    var searches = Set(ranks).sorted().map { Search(rank: $0) }
    let sign = UInt64(1) << 63
    for shift in [48, 32, 16, 0] as [UInt64] {
      try visit { value in
        let key = UInt64(bitPattern: value) ^ sign
        for place in searches.indices where (key >> shift) >> 16 == searches[place].prefix {
          searches[place].counts[Int((key >> shift) & 0xFFFF)] += 1
        }
      }
      for place in searches.indices {
        var digit = 0
        while searches[place].rank >= searches[place].counts[digit] {
          searches[place].rank -= searches[place].counts[digit]
          digit += 1
        }
        searches[place].prefix = searches[place].prefix << 16 | UInt64(digit)
        searches[place].counts = [Int](repeating: 0, count: 1 << 16)
      }
    }
    return Dictionary(
      uniqueKeysWithValues: zip(
        Set(ranks).sorted(), searches.map { Int64(bitPattern: $0.prefix ^ sign) }))
  }
}
