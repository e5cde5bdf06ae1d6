import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// A graph of six nodes without direction: a square with a diagonal, and a tail.
enum SmallGraph {
  static let pairs: [(UInt32, UInt32)] = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (3, 4), (4, 5)]
  static let sources = pairs.map(\.0) + pairs.map(\.1)
  static let targets = pairs.map(\.1) + pairs.map(\.0)
  static let block = Block(sources: sources, targets: targets, sourceCount: 6, targetCount: 6)

  /// Numbers of entries as a matrix [source, target].
  static func matrix(_ block: Block, _ numbers: Tensor) -> [Float] {
    var matrix = [Float](repeating: 0, count: block.sourceCount * block.targetCount)
    let values = numbers.scalars
    for target in 0..<block.targetCount {
      for entry in Int(block.offsets[target])..<Int(block.offsets[target + 1]) {
        matrix[Int(block.sources[entry]) * block.targetCount + target] += values[entry]
      }
    }
    return matrix
  }

  /// A matrix of six nodes with these numbers at places (source, target).
  static func matrix(_ rows: [Int], _ columns: [Int], _ numbers: [Float]) -> [Float] {
    var matrix = [Float](repeating: 0, count: 36)
    for (place, number) in numbers.enumerated() {
      matrix[rows[place] * 6 + columns[place]] = number
    }
    return matrix
  }
}

func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
  a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
}

/// Transforms against what PyTorch Geometric 2.8.1 gives, and what they are defined by.
@Suite struct TransformTests {
  @Test func rowsOfSumOneAreThoseOfNormalizeFeatures() {
    let x = Tensor([
      [1, -2, 3], [0, 0.5, 0], [2, 2, 2], [-1, 0, 4], [0, 0, 0], [5, 1, -1],
    ])
    let expected: [Float] = [
      0.375, 0, 0.625, 0.307692, 0.384615, 0.307692, 0.333333, 0.333333, 0.333333, 0.111111,
      0.222222, 0.666667, 0.333333, 0.333333, 0.333333, 0.636364, 0.272727, 0.090909,
    ]
    #expect(largestDifference(rowsOfSumOne(x).scalars, expected) < 1e-6)
    #expect(rowsOfSumOne(.zeros([0, 3])).shape == [0, 3])
  }

  @Test func columnsAreScaledByWhatTheyWereTakenFrom() {
    let seed = printedSeed()
    let x = concatenated(
      3 + 2 * Tensor.normal([400, 2], from: RandomStream(seed: seed)), .ones([400, 1]))
    let scaling = ColumnScaling(of: x)
    let y = scaling(x)
    #expect(abs(mean(y, along: 0)).scalars.allSatisfy { $0 < 1e-5 })
    let deviations = sqrt(mean(square(y), along: 0)).scalars
    #expect(abs(deviations[0] - 1) < 1e-4 && abs(deviations[1] - 1) < 1e-4)
    #expect(deviations[2] == 0 && scaling.deviations.scalars[2] == 1)
    let other = scaling(.zeros([1, 3])).scalars
    #expect(abs(other[0] + scaling.means.scalars[0] / scaling.deviations.scalars[0]) < 1e-6)
  }

  @Test func degreesAreThoseOfOneHotDegreeAndLocalDegreeProfile() {
    let one = degreeOneHot(SmallGraph.block, mostDegree: 2)
    #expect(
      one.scalars == [
        0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0,
      ])
    let expected: [Float] = [
      3, 2, 3, 2.666667, 0.471404, 2, 3, 3, 3, 0, 3, 2, 3, 2.666667, 0.471404, 3, 2, 3, 2.666667,
      0.471404, 2, 1, 3, 2, 1, 1, 2, 2, 2, 0,
    ]
    #expect(largestDifference(localDegreeProfile(SmallGraph.block).scalars, expected) < 1e-6)
    let alone = localDegreeProfile(Block(sources: [], targets: [], sourceCount: 2, targetCount: 2))
    #expect(alone == .zeros([2, 5]))
  }

  @Test func propagationWeighsEdgesAsGCNNorm() {
    let propagation = Propagation(SmallGraph.block, selfLoopWeight: 1)
    let rows = [0, 1, 2, 3, 0, 3, 4, 1, 2, 3, 0, 2, 4, 5, 0, 1, 2, 3, 4, 5]
    let columns = [1, 2, 3, 0, 2, 4, 5, 0, 1, 2, 3, 0, 3, 4, 0, 1, 2, 3, 4, 5]
    let expected = SmallGraph.matrix(
      rows, columns,
      [
        0.288675, 0.288675, 0.25, 0.25, 0.25, 0.288675, 0.408248, 0.288675, 0.288675, 0.25, 0.25,
        0.25, 0.288675, 0.408248, 0.25, 0.333333, 0.25, 0.25, 0.333333, 0.5,
      ])
    #expect(
      largestDifference(
        SmallGraph.matrix(propagation.block, propagation.weights), expected) < 1e-6)
  }

  // Diffusion

  @Test func pageRankDiffusesAsGDC() {
    let diffusion = GraphDiffusion(.pageRank(teleport: 0.15), keeping: .strongest(3))
    let (block, weights) = diffusion(SmallGraph.block)
    let expected = SmallGraph.matrix(
      [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5],
      [0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 3, 3, 4, 5, 4, 5, 4, 5],
      [
        0.473763, 0.263641, 0.271182, 0.255416, 0.255056, 0.472718, 0.255056, 0.271182, 0.263641,
        0.473763, 0.255416, 0.489168, 0.212944, 0.1359, 0.490837, 0.313251, 0.296219, 0.550848,
      ])
    #expect(largestDifference(SmallGraph.matrix(block, weights), expected) < 2e-6)
    #expect(block.edges.isEmpty && block.edgeCount == 18)
  }

  @Test func heatDiffusesAsGDC() {
    var diffusion = GraphDiffusion(.heat(time: 3), keeping: .threshold(0.2))
    diffusion.normalizationIn = .sources
    diffusion.normalizationOut = .none
    let (block, weights) = diffusion(SmallGraph.block)
    let expected = SmallGraph.matrix(
      [0, 0, 1, 1, 1, 2, 2, 3, 4, 4, 4, 5, 5], [0, 2, 0, 1, 2, 0, 2, 3, 3, 4, 5, 4, 5],
      [
        0.288392, 0.238605, 0.261798, 0.285568, 0.261798, 0.238605, 0.288392, 0.266736, 0.21127,
        0.343314, 0.245857, 0.368786, 0.392555,
      ])
    #expect(largestDifference(SmallGraph.matrix(block, weights), expected) < 2e-6)
  }

  @Test func coefficientsDiffuseAsGDC() {
    var diffusion = GraphDiffusion(.coefficients([0.5, 0.3, 0.2]), keeping: .meanDegree(2))
    diffusion.selfLoopWeight = 0
    diffusion.normalizationIn = .targets
    diffusion.normalizationOut = .symmetric
    let (block, weights) = diffusion(SmallGraph.block)
    let expected = SmallGraph.matrix(
      [0, 0, 0, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5], [0, 1, 2, 1, 0, 1, 2, 3, 4, 4, 5, 4, 5],
      [
        0.787879, 0.221601, 0.212121, 0.607143, 0.212121, 0.221601, 0.787879, 1, 0.204264,
        0.678571, 0.327327, 0.163663, 0.666667,
      ])
    #expect(largestDifference(SmallGraph.matrix(block, weights), expected) < 2e-6)
  }

  /// Without direction, and connected.
  func drawn(_ seed: UInt64, nodes: Int) -> Block {
    var stream = RandomStream(seed: seed)
    var pairs: Set<[UInt32]> = Set((1..<UInt32(nodes)).map { [$0 - 1, $0] })
    for _ in 0..<nodes {
      let pair = (0..<2).map { _ in UInt32(stream.next(below: UInt64(nodes))) }
      if pair[0] != pair[1] { pairs.insert(pair.sorted()) }
    }
    let list = pairs.sorted { $0.lexicographicallyPrecedes($1) }
    return Block(
      sources: list.map { $0[0] } + list.map { $0[1] },
      targets: list.map { $0[1] } + list.map { $0[0] }, sourceCount: nodes, targetCount: nodes)
  }

  @Test func pushesGiveTheDiffusionUpToTheirTolerance() {
    let seed = printedSeed()
    let block = drawn(seed, nodes: 60)
    let kernels: [GraphDiffusion.Kernel] = [.pageRank(teleport: 0.2), .heat(time: 2.5)]
    for kernel in kernels {
      for normalization in [GraphDiffusion.Normalization.targets, .sources, .symmetric] {
        var diffusion = GraphDiffusion(kernel, keeping: .threshold(0))
        diffusion.normalizationIn = normalization
        diffusion.normalizationOut = .none
        let (exactBlock, exactWeights) = diffusion(block)
        let exact = SmallGraph.matrix(exactBlock, exactWeights)
        for tolerance in [1e-2, 1e-4] {
          diffusion.computation = .push(tolerance: tolerance)
          let (pushedBlock, pushedWeights) = diffusion(block)
          let pushed = SmallGraph.matrix(pushedBlock, pushedWeights)
          var worst = 0.0
          for source in 0..<60 {
            for target in 0..<60 {
              let missing = Double(
                exact[source * 60 + target] - pushed[source * 60 + target])
              #expect(missing > -1e-6)
              // With its self-loop, of the node that the walk reaches.
              let degrees = [source, target].map {
                Double(block.offsets[$0 + 1] - block.offsets[$0] + 1)
              }
              let bound =
                switch normalization {
                case .targets, .none: degrees[0]
                case .sources: degrees[1]
                case .symmetric: (degrees[0] * degrees[1]).squareRoot()
                }
              worst = max(worst, missing / bound)
            }
          }
          #expect(worst < tolerance * 1.001 && worst > tolerance / 1000)
        }
      }
    }
    // Less than all is reached.
    var coarse = GraphDiffusion(.pageRank(teleport: 0.5), keeping: .threshold(0))
    coarse.computation = .push(tolerance: 0.05)
    #expect(coarse(block).block.edgeCount < 60 * 30)
  }

  @Test func diffusionIsTheSameForAnyNumberOfThreads() {
    let seed = printedSeed()
    let block = drawn(seed, nodes: 200)
    func run(_ threads: Int) -> [Tensor] {
      Compute.with(ThreadPool(threadCount: threads)) {
        var diffusion = GraphDiffusion(.pageRank(teleport: 0.15), keeping: .strongest(8))
        let exact = diffusion(block).weights
        diffusion.computation = .push(tolerance: 1e-3)
        return [
          exact, diffusion(block).weights, randomWalkEncoding(block, length: 4),
          laplacianEncoding(block, count: 4),
        ]
      }
    }
    #expect(run(1) == run(4))
  }
}
