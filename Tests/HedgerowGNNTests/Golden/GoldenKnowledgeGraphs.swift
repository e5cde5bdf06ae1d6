import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Scores of triples by rows that are learned.
  static let knowledgeGraphs: [GoldenOperation] = [
    model("TransE", "margin p_norm") { a, nodes, relations, width in
      var options = TransE.Options()
      options.margin = Float(try a.number("margin", or: 1))
      options.p = Float(try a.number("p_norm", or: 1))
      return TransE(nodes: nodes, relations: relations, width: width, options: options)
    },
    model("DistMult", "margin") { a, nodes, relations, width in
      DistMult(
        nodes: nodes, relations: relations, width: width,
        margin: Float(try a.number("margin", or: 1)))
    },
    model("ComplEx") { _, nodes, relations, width in
      ComplEx(nodes: nodes, relations: relations, width: width)
    },
    model("RotatE", "margin") { a, nodes, relations, width in
      RotatE(
        nodes: nodes, relations: relations, width: width,
        margin: Float(try a.number("margin", or: 1)))
    },
  ]

  private static func model(
    _ name: String, _ signature: String = "",
    _ make: @escaping @Sendable (GoldenArguments, Int, Int, Int) throws -> any KnowledgeGraphModel
  ) -> GoldenOperation {
    GoldenOperation(name: name) { file in
      let arguments = try GoldenArguments(
        file.settings, of: name,
        signature: "num_nodes num_relations hidden_channels \(signature) sparse")
      arguments.ignore("sparse")
      let width = try arguments.int("hidden") ?? arguments.required("hidden_channels")
      let model = try make(
        arguments, try arguments.required("num_nodes"), try arguments.required("num_relations"),
        width)
      try arguments.finish()
      try model.load(file.state)
      func rows(_ name: String) -> [UInt32] { file.integers("in.\(name)").map { UInt32($0) } }
      let triples = Triples(heads: rows("head"), relations: rows("rel"), tails: rows("tail"))
      return file.differences(of: model, [:], "y") { model.score(triples) }
    }
  }
}
