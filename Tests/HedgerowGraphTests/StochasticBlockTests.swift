import Foundation
import HedgerowCore
import HedgerowGraph
import Testing

@Suite struct StochasticBlockTests {
  private func options(_ change: (inout StochasticBlock.Options) -> Void) -> StochasticBlock.Options
  {
    var options = StochasticBlock.Options()
    change(&options)
    return options
  }

  @Test(arguments: [3000, 3001, 3004]) func blockDensitiesAreThoseOfTheModel(nodes: Int) throws {
    let graph = try StochasticBlock(
      options {
        $0.nodeCount = nodes
        $0.meanDegree = 40
        $0.homophily = 0.6
      }, seed: UInt64(nodes))
    let classes = graph.options.classCount
    var counts = [Double](repeating: 0, count: classes * classes)
    var degrees = [Double](repeating: 0, count: nodes)
    graph.forEachEdge(in: 0..<graph.edgeCount) { source, target in
      #expect(source != target && source < nodes && target < nodes)
      counts[graph.label(of: Int(source)) * classes + graph.label(of: Int(target))] += 1
      degrees[Int(source)] += 1
      degrees[Int(target)] += 1
    }
    // Pearson's chi-square over the blocks.
    let sizes = (0..<classes).map { label in
      Double((0..<nodes).count { graph.label(of: $0) == label })
    }
    var statistic = 0.0
    for source in 0..<classes {
      for target in 0..<classes {
        let share =
          source == target ? 0.6 : 0.4 * sizes[target] / (Double(nodes) - sizes[source])
        let expected = Double(graph.edgeCount) * sizes[source] / Double(nodes) * share
        let difference = counts[source * classes + target] - expected
        statistic += difference * difference / expected
      }
    }
    #expect(statistic < 24 + 5 * 48.squareRoot(), "24 degrees of freedom")
    let mean = degrees.reduce(0, +) / Double(nodes)
    let variance = degrees.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(nodes)
    #expect(abs(mean - 40) < 0.1)
    #expect(abs(variance - 40) < 5 * 40 * (2 / Double(nodes)).squareRoot())
  }

  @Test func everyTargetIsReachedAlike() throws {
    // Few nodes, of which the last group is not full, and many edges.
    let graph = try StochasticBlock(
      options {
        $0.nodeCount = 11
        $0.classCount = 4
        $0.meanDegree = 20_000
        $0.homophily = 0.5
      }, seed: 3)
    var counts = [Double](repeating: 0, count: 121)
    graph.forEachEdge(in: 0..<graph.edgeCount) { counts[Int($0) * 11 + Int($1)] += 1 }
    var statistic = 0.0
    for source in 0..<11 {
      let mates = (0..<11).filter { $0 % 4 == source % 4 && $0 != source }.count
      for target in 0..<11 {
        if source == target {
          #expect(counts[source * 11 + target] == 0)
          continue
        }
        let share = source % 4 == target % 4 ? 0.5 / Double(mates) : 0.5 / Double(10 - mates)
        let expected = Double(graph.edgeCount) / 11 * share
        let difference = counts[source * 11 + target] - expected
        statistic += difference * difference / expected
      }
    }
    #expect(statistic < 109 + 5 * 218.squareRoot(), "109 degrees of freedom")
  }

  @Test func splitsHaveTheSharesAskedFor() throws {
    let graph = try StochasticBlock(
      options {
        $0.nodeCount = 100_000
        $0.trainFraction = 0.2
        $0.validFraction = 0.3
      }, seed: 4)
    var counts: [StochasticBlock.Split: Double] = [:]
    for node in 0..<graph.nodeCount { counts[graph.split(of: node), default: 0] += 1 }
    #expect(abs(counts[.train]! / 1e5 - 0.2) < 0.007)
    #expect(abs(counts[.valid]! / 1e5 - 0.3) < 0.007)
    #expect(abs(counts[.test]! / 1e5 - 0.5) < 0.007)
  }

  @Test func featuresLieAroundTheMeansOfTheirClasses() throws {
    let graph = try StochasticBlock(options { $0.noise = 0.5 }, seed: 5)
    let means = try classMeans(of: graph, seed: 5)
    let width = graph.features.width
    var sums = [Double](repeating: 0, count: graph.options.classCount * width)
    var squares = 0.0
    for node in 0..<graph.nodeCount {
      let label = graph.label(of: node)
      for (coordinate, value) in vector(graph.features, node, label).enumerated() {
        sums[label * width + coordinate] += value
        let difference = value - means[label][coordinate]
        squares += difference * difference
      }
    }
    let size = Double(graph.nodeCount / graph.options.classCount)
    for label in 0..<graph.options.classCount {
      for coordinate in 0..<width {
        let mean = sums[label * width + coordinate] / size
        #expect(abs(mean - means[label][coordinate]) < 5 * 0.5 / size.squareRoot())
      }
    }
    #expect(abs(squares / Double(graph.nodeCount * width) - 0.25) < 0.005)
    // The same node has the same vector wherever it is made.
    #expect(vector(graph.features, 77, 2) == vector(graph.features, 77, 2))
  }

  /// Bayes' rule carried out on a generated graph by somebody who knows the parameters gets what
  /// the estimate promises.
  @Test func theBestAccuracyIsReachedByBayesRuleOnAGraph() throws {
    let graph = try StochasticBlock(
      options {
        $0.nodeCount = 20_000
        $0.classCount = 4
        $0.meanDegree = 6
        $0.homophily = 0.7
        $0.featureWidth = 8
      }, seed: 6)
    let classes = 4
    let means = try classMeans(of: graph, seed: 6)
    let own = (0..<graph.nodeCount).map { node -> [Double] in
      let x = vector(graph.features, node, graph.label(of: node))
      return means.map { mean in
        -zip(x, mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / 2
      }
    }
    var neighbors = [[Int]](repeating: [], count: graph.nodeCount)
    graph.forEachEdge(in: 0..<graph.edgeCount) { source, target in
      neighbors[Int(source)].append(Int(target))
      neighbors[Int(target)].append(Int(source))
    }
    /// What a node that knows `scores` of its class says of the class of its neighbour.
    func message(_ scores: [Double]) -> [Double] {
      (0..<classes).map { parent in
        log((0..<classes).reduce(0) { $0 + exp(scores[$1]) * ($1 == parent ? 0.7 : 0.1) })
      }
    }
    func belief(_ node: Int, without excluded: Int?, hops: Int) -> [Double] {
      var scores = own[node]
      if hops == 0 { return scores }
      for neighbor in neighbors[node] where neighbor != excluded {
        let said = message(belief(neighbor, without: node, hops: hops - 1))
        for label in 0..<classes { scores[label] += said[label] }
      }
      return scores
    }
    let promised = graph.bestAccuracies(hops: 2, sampleCount: 100_000)
    for hops in 0...2 {
      let hits = (0..<graph.nodeCount).count { node in
        let scores = belief(node, without: nil, hops: hops)
        return scores[graph.label(of: node)] == scores.max()!
      }
      let reached = Double(hits) / Double(graph.nodeCount)
      print("\(hops) hops: promised \(promised[hops]), reached \(reached)")
      #expect(abs(reached - promised[hops]) < 0.015)
    }
  }

  @Test func theBestAccuracyOfExtremesIsKnown() throws {
    // No noise: certain. Noise without end: a guess. Two classes: the normal distribution's tail.
    func accuracies(_ change: (inout StochasticBlock.Options) -> Void) throws -> [Double] {
      try StochasticBlock(options(change), seed: 9).bestAccuracies(hops: 1)
    }
    #expect(try accuracies { $0.noise = 0 } == [1, 1])
    let guess = try accuracies {
      $0.noise = 1e6
      $0.homophily = 0.2
    }
    #expect(abs(guess[0] - 0.2) < 0.01 && abs(guess[1] - 0.2) < 0.01)
    let two = try StochasticBlock(options { $0.classCount = 2 }, seed: 10)
    let means = try classMeans(of: two, seed: 10)
    let distance = zip(means[0], means[1]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      .squareRoot()
    #expect(
      abs(two.bestAccuracy(hops: 0) - (0.5 + 0.5 * erf(distance / 2 / 2.squareRoot()))) < 0.01)
  }

  @Test func optionsOutOfRangeAreRefused() {
    let wrong: [(inout StochasticBlock.Options) -> Void] = [
      { $0.nodeCount = 9 }, { $0.nodeCount = 1 << 33 }, { $0.classCount = 0 },
      { $0.homophily = 1.1 }, { $0.classCount = 1 }, { $0.meanDegree = -1 }, { $0.noise = -1 },
      { $0.featureWidth = 0 },
      {
        $0.trainFraction = 0.8
        $0.validFraction = 0.3
      },
    ]
    for change in wrong {
      #expect(throws: HedgerowError.self) { try StochasticBlock(options(change), seed: 0) }
    }
  }

  private func vector(_ features: GaussianClasses, _ node: Int, _ label: Int) -> [Double] {
    var row = [Float](repeating: 0, count: features.width)
    row.withUnsafeMutableBufferPointer { features.fill($0, node: node, label: label) }
    return row.map(Double.init)
  }

  /// Without noise a vector is its class's mean.
  private func classMeans(of graph: StochasticBlock, seed: UInt64) throws -> [[Double]] {
    let still = try GaussianClasses(
      classCount: graph.options.classCount, width: graph.features.width, noise: 0, seed: seed)
    return (0..<graph.options.classCount).map { vector(still, 0, $0) }
  }
}
