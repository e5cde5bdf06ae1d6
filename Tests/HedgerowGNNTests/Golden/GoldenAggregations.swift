import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// What makes one row of the rows of each segment.
  static let aggregations: [GoldenOperation] = [
    aggregation("SumAggregation") { _ in Aggregation.sum },
    aggregation("MeanAggregation") { _ in Aggregation.mean },
    aggregation("MaxAggregation") { _ in Aggregation.max },
    aggregation("MinAggregation") { _ in Aggregation.min },
  ]

  private static func aggregation(
    _ name: String, _ signature: String = "",
    _ make: @escaping @Sendable (GoldenArguments) throws -> any Aggregator
  ) -> GoldenOperation {
    GoldenOperation(name: name) { file in
      let arguments = try GoldenArguments(file.settings, of: name, signature: signature)
      let aggregator = try make(arguments)
      try arguments.finish()
      try aggregator.load(file.state)
      let x = file.input("x")
      let targets = file.integers("in.index").map { UInt32($0) }
      let block = Block(
        sources: (0..<UInt32(targets.count)).map { $0 }, targets: targets,
        sourceCount: targets.count, targetCount: file["out.y"].shape[0])
      return file.differences(of: aggregator, ["x": x], "y") { aggregator(x.value, along: block) }
    }
  }
}

extension GoldenArguments {
  /// The argument `aggr` of a layer, with its own arguments.
  ///
  /// - Parameter width: of what it aggregates.
  func aggregator(or standard: String, width: Int) throws -> any Aggregator {
    let name = try string("aggr", or: standard)
    guard let aggregation = Aggregation(rawValue: name == "add" ? "sum" : name) else {
      throw unknown("aggr", .string(name))
    }
    return aggregation
  }
}
