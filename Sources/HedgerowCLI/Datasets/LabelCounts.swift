/// How many nodes each label has, and each part of the split.
struct LabelCounts {
  private(set) var classes: [String: Int] = [:]
  private var parts: [HashedSplit.Part: Int] = [:]

  mutating func add(_ label: String?, in part: HashedSplit.Part) {
    parts[part, default: 0] += 1
    if let label { classes[label, default: 0] += 1 }
  }

  /// The share of the largest label among the nodes that have one.
  var majorityShare: Double {
    let labelled = classes.values.reduce(0, +)
    return labelled == 0 ? 0 : Double(classes.values.max() ?? 0) / Double(labelled)
  }

  /// What `info.json` says of the split and of the majority.
  var info: [JSON.Member] {
    [
      .init(
        key: "split",
        value: .object(
          HashedSplit.Part.allCases.map { .init(key: $0.rawValue, value: .int(parts[$0] ?? 0)) })),
      .init(key: "majority_class_share", value: .double(majorityShare)),
    ]
  }
}
