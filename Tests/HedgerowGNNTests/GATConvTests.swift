import Glibc
import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct GATConvTests {
  struct Variant: Sendable {
    var heads = 2
    var heading = HeadCombination.concatenated
    var selfLoops: Bool?
    var edgeWidth: Int?
    var residual = false
    var isBipartite = false
  }

  /// Each result worked out edge by edge.
  @Test(arguments: [
    Variant(), Variant(heading: .averaged, residual: true), Variant(selfLoops: false),
    Variant(heads: 1, edgeWidth: 3), Variant(heading: .averaged, selfLoops: false, edgeWidth: 2),
    Variant(edgeWidth: 2, residual: true, isBipartite: true),
    Variant(heads: 3, selfLoops: true, edgeWidth: 1, isBipartite: true),
  ])
  func attentionIsThatOfTheEquation(variant: Variant) {
    var random = RandomStream(seed: printedSeed())
    let (sourceCount, targetCount, width) = (9, variant.isBipartite ? 6 : 9, 4)
    var (sources, targets): ([UInt32], [UInt32]) = ([0, 0, 2, 3], [1, 1, 2, 1])
    for _ in 0..<20 {
      sources.append(UInt32(random.next(below: UInt64(sourceCount))))
      // The last target has no edge.
      targets.append(UInt32(random.next(below: UInt64(targetCount - 1))))
    }
    let given = Block(
      sources: sources, targets: targets, sourceCount: sourceCount, targetCount: targetCount)
    var options = GATConv.Options()
    options.heads = variant.heads
    options.heading = variant.heading
    options.selfLoops = variant.selfLoops
    options.edgeWidth = variant.edgeWidth
    options.residual = variant.residual
    let x = Tensor.random([sourceCount, 5], from: random.derive("x"))
    let y = variant.isBipartite ? Tensor.random([targetCount, 3], from: random.derive("y")) : x
    let edges = variant.edgeWidth.map {
      Tensor.random([given.edgeCount, $0], from: random.derive("edges"))
    }
    let layer =
      (variant.isBipartite
      ? GATConv(source: 5, target: 3, to: width, options: options)
      : GATConv(5, width, options: options)).initialized(seed: 7)
    let result =
      switch (edges, variant.isBipartite) {
      case (let edges?, true): layer(source: x, target: y, given, edges: edges)
      case (let edges?, false): layer(x, given, edges: edges)
      case (nil, true): layer(source: x, target: y, given)
      case (nil, false): layer(x, given)
      }

    let weights = Dictionary(uniqueKeysWithValues: layer.namedParameters.map { ($0.0, $0.1.value) })
    /// Entry [row] of a product with a weight, for one head.
    func transformed(_ row: Tensor, _ weight: Tensor, _ head: Int) -> [Double] {
      (0..<width).map { column in
        (0..<row.count).reduce(0.0) {
          $0 + Double(weight[head * width + column, $1]) * Double(row.scalars[$1])
        }
      }
    }
    func row(_ x: Tensor, _ index: Int) -> Tensor { x.gathered(rows: [UInt32(index)]) }
    func score(_ vector: [Double], _ attention: Tensor, _ head: Int) -> Double {
      (0..<width).reduce(0.0) { $0 + Double(attention[0, head, $1]) * vector[$1] }
    }
    let fromSource = weights["lin.weight"] ?? weights["lin_src.weight"]!
    let fromTarget = weights["lin.weight"] ?? weights["lin_dst.weight"]!
    let hasLoops = variant.selfLoops ?? !variant.isBipartite
    for target in 0..<targetCount {
      // The source of each edge, and the entries whose features it has the mean of.
      var incoming = (Int(given.offsets[target])..<Int(given.offsets[target + 1]))
        .map { (source: Int(given.sources[$0]), entries: [$0]) }
      if hasLoops {
        incoming.removeAll { $0.source == target }
        incoming.append((target, incoming.flatMap(\.entries)))
      }
      var heads: [[Double]] = []
      for head in 0..<variant.heads {
        let own = score(transformed(row(y, target), fromTarget, head), weights["att_dst"]!, head)
        let exponents = incoming.map { edge in
          var value =
            own
            + score(transformed(row(x, edge.source), fromSource, head), weights["att_src"]!, head)
          if let edges {
            value += edge.entries.reduce(0.0) {
              $0
                + score(
                  transformed(row(edges, $1), weights["lin_edge.weight"]!, head),
                  weights["att_edge"]!, head) / Double(edge.entries.count)
            }
          }
          return Glibc.exp(value > 0 ? value : 0.2 * value)
        }
        let total = exponents.reduce(0, +)
        var sum = [Double](repeating: 0, count: width)
        for (edge, exponent) in zip(incoming, exponents) {
          let message = transformed(row(x, edge.source), fromSource, head)
          for column in 0..<width { sum[column] += exponent / total * message[column] }
        }
        heads.append(sum)
      }
      var expected =
        variant.heading == .concatenated
        ? heads.flatMap { $0 }
        : (0..<width).map { column in
          heads.reduce(0) { $0 + $1[column] } / Double(variant.heads)
        }
      for column in expected.indices {
        expected[column] += Double(weights["bias"]!.scalars[column])
        if let residual = weights["res.weight"] {
          expected[column] += zip(row(y, target).scalars, row(residual, column).scalars)
            .reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        #expect(
          Swift.abs(Double(result[target, column]) - expected[column]) < 1e-5,
          "target \(target), column \(column) of \(variant)")
      }
    }
  }
}
