/// What a repair found and did.
public struct RepairReport: Sendable {
  public struct Item: Hashable, Sendable {
    /// A file or a part of the store.
    public var place: String
    public var what: String

    public init(_ place: String, _ what: String) {
      self.place = place
      self.what = what
    }
  }
  /// What is as it was, because it could be made again of something else.
  public var repaired: [Item] = []
  /// What is gone, and what stands in its place once that is accepted.
  public var lost: [Item] = []
  /// What only a backup can bring back.
  public var unrepairable: [Item] = []
  /// Whether the store was changed.
  public var isWritten = false
  /// The store's version now: a higher one than before when something was lost.
  public var version: UInt64 = 0

  /// Whether the store is whole now.
  public var isWhole: Bool { unrepairable.isEmpty && (lost.isEmpty || isWritten) }

  public init() {}
}

/// What a repair does about data that nothing else in the store holds.
public enum LossPolicy: Sendable {
  /// Nothing is written.
  case refuse
  /// Values become null and categories get names that say so.
  case accept
}
