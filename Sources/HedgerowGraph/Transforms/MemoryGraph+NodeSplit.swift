public import HedgerowCore
import HedgerowRoaring

/// A part of a whole that is split.
public enum SplitSize: Sendable {
  /// So many.
  case count(Int)
  /// That share of all, rounded down.
  case share(Double)

  func count(of all: Int, _ name: String) throws -> Int {
    let count =
      switch self {
      case .count(let count): count
      case .share(let share):
        (0...1).contains(share) ? Int(share * Double(all)) : -1
      }
    guard count >= 0, count <= all else {
      throw HedgerowError(.usage, "a part of \(self) of \(all) for '\(name)' is none")
    }
    return count
  }
}

/// Which nodes a model is trained, validated and tested on.
public struct NodeSplitOptions: Sendable {
  public enum Training: Sendable {
    /// What the other two leave.
    case rest
    /// So many of each class of a column of labels, or all where there are fewer.
    case perClass(Int, labels: String)
  }

  public var training = Training.rest
  public var valid = SplitSize.count(500)
  /// `nil`: what the other two leave; with training on the rest there must be a size.
  public var test: SplitSize? = .count(1000)

  public init() {}
}

extension MemoryGraph {
  /// Draws the named sets `train`, `valid` and `test` of a type's nodes, no two of which have a node in common.
  ///
  /// A node's place in the order that decides depends on the seed and on how many nodes there are. Source of the
  /// sizes per class: Yang et al., Revisiting Semi-supervised Learning with Graph Embeddings, ICML 2016.
  ///
  /// - Throws: `usage` when sizes are no parts, or leave too little.
  public mutating func splitNodes(
    of type: NodeType, _ options: NodeSplitOptions = .init(), seed: UInt64
  ) throws {
    let count = count(of: type)
    let stream = RandomStream(seed: seed).derive("node split").derive(type.name)
    let order = ShuffledRange(count: count, stream: stream).map { UInt32($0) }
    let valid = try options.valid.count(of: count, "valid")
    let test = try options.test?.count(of: count, "test")
    var rest = order[...]
    var train: [UInt32] = []
    switch options.training {
    case .rest:
      guard let test, valid + test <= count else {
        throw HedgerowError(
          .usage,
          "of \(count) nodes of type '\(type)', \(valid) to validate on and "
            + "\(test.map(String.init) ?? "the rest") to test on leave none to train on")
      }
      train = Array(order.dropFirst(valid + test))
      rest = order.prefix(valid + test)
    case .perClass(let wanted, let labels):
      guard let labels = self[type].labels[labels] else {
        throw HedgerowError(.usage, "no labels '\(type).\(labels)'")
      }
      var taken: [Int32: Int] = [:]
      var others: [UInt32] = []
      for node in order {
        let label = Int(node) < labels.count ? labels[Int(node)] : -1
        if label >= 0, taken[label, default: 0] < wanted {
          taken[label, default: 0] += 1
          train.append(node)
        } else {
          others.append(node)
        }
      }
      rest = others[...]
    }
    guard valid + (test ?? 0) <= rest.count else {
      throw HedgerowError(
        .usage,
        "\(valid) nodes to validate and \(test ?? 0) to test on are more than the "
          + "\(rest.count) of type '\(type)' that are left")
    }
    let testing = rest.dropFirst(valid)
    self[type].sets["train"] = RoaringBitmap(train.sorted())
    self[type].sets["valid"] = RoaringBitmap(rest.prefix(valid).sorted())
    self[type].sets["test"] = RoaringBitmap(testing.prefix(test ?? testing.count).sorted())
  }
}
