import HedgerowCore

/// A column of one value a node that a model takes in as numbers.
public struct ColumnEncoding: Codable, Hashable, Sendable {
  /// How values become numbers.
  public enum Kind: Codable, Hashable, Sendable {
    /// A number less the mean of the training set, divided by the standard deviation there; 0 for null.
    case standardize
    /// A one for the value among those of the training set, in the order of their texts; zeros for null and for others.
    case oneHot
    /// Words of a text, counted with signs at places that are hashes of them, as a row of length one; zeros for null.
    ///
    /// Source: Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009.
    case hash(width: Int)
  }

  public var column: String
  public var kind: Kind

  public init(_ column: String, _ kind: Kind) {
    self.column = column
    self.kind = kind
  }

  /// The most values of a one-hot column.
  static let categoryLimit = 4096
  /// The widest row of hashes.
  static let hashLimit = 65_536
}

extension ColumnEncoding.Kind {
  /// Reads `standardize`, `one-hot` and `hash:64`.
  ///
  /// - Throws: `usage` for anything else.
  public init(validating text: String) throws {
    switch text {
    case "standardize": self = .standardize
    case "one-hot": self = .oneHot
    default:
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0] == "hash", let width = Int(parts[1]),
        (1...ColumnEncoding.hashLimit).contains(width)
      else {
        throw HedgerowError(
          .usage,
          "'\(text)' is no encoding of a column: write standardize, one-hot, or hash:64 for 64 "
            + "numbers, at most \(ColumnEncoding.hashLimit)")
      }
      self = .hash(width: width)
    }
  }
}
