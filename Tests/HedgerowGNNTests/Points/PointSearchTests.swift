import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Searches against all pairs, over clouds that are hard for trees.
@Suite struct PointSearchTests {
  /// A cloud, and which graph each of its points belongs to.
  struct Cloud: CustomTestStringConvertible {
    var name: String
    var points: [[Float]]
    var groups: RowGroups
    var testDescription: String { name }
    var tensor: Tensor {
      Tensor(points.flatMap { $0 }, shape: [points.count, points.first?.count ?? 3])
    }
  }

  /// Squared, summed as it is said to be: dimension by dimension, in single precision.
  static func distance(_ a: [Float], _ b: [Float]) -> Float {
    zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  /// The neighbors of a target by looking at all points.
  static func all(
    _ target: [Float], _ graph: UInt32, among cloud: Cloud, count: Int = .max,
    radius: Float = .infinity, besides excluded: Int? = nil
  ) -> [UInt32] {
    let pairs = cloud.points.indices.compactMap { row -> (Float, UInt32)? in
      guard cloud.groups.groups[row] == graph, row != excluded else { return nil }
      let distance = Self.distance(cloud.points[row], target)
      return distance <= radius * radius ? (distance, UInt32(row)) : nil
    }
    return pairs.sorted { $0 < $1 }.prefix(count).map(\.1)
  }

  static func rows(_ block: Block) -> [[UInt32]] {
    (0..<block.targetCount).map {
      Array(block.sources[Int(block.offsets[$0])..<Int(block.offsets[$0 + 1])])
    }
  }

  static func clouds(_ seed: UInt64, dimensions: Int) -> [Cloud] {
    var stream = RandomStream(seed: seed).derive(UInt64(dimensions))
    func number(_ scale: Float = 1) -> Float { scale * Float(stream.nextUnit() - 0.5) }
    func point(_ scale: Float = 1, around center: Float = 0) -> [Float] {
      (0..<dimensions).map { _ in center + number(scale) }
    }
    func one(_ name: String, _ points: [[Float]]) -> Cloud {
      Cloud(name: name, points: points, groups: RowGroups(ofAll: points.count))
    }
    var direction = point()
    if dimensions > 0 { direction[0] = 1 }
    let drawn = (0..<300).map { _ in point() }
    return [
      one("uniform", drawn),
      one("one point", [point()]),
      one("two equal points", [[Float]](repeating: point(), count: 2)),
      one("equal points", [[Float]](repeating: point(), count: 100)),
      one("a lattice", (0..<300).map { _ in point(8).map { $0.rounded() } }),
      one(
        "on a line",
        (0..<200).map { step in direction.map { $0 * Float(step % 70) * 0.25 } }),
      one(
        "clusters of very different density",
        (0..<120).map { _ in point(1e-6, around: 1) } + (0..<90).map { _ in point(100) }
          + (0..<40).map { _ in point(1e-3, around: -7) }),
      one("of numbers whose distances overflow", (0..<70).map { _ in point(3e38) }),
      Cloud(
        name: "graphs in disorder, some empty", points: drawn,
        groups: RowGroups(
          drawn.indices.map { _ in UInt32([0, 2, 3, 3, 3, 3, 6][Int(stream.next(below: 7))]) },
          count: 8)),
    ]
  }

  @Test(arguments: [1, 2, 3, 7, 8, 9, 20])
  func nearestNeighborsAreThoseOfAllPairs(dimensions: Int) {
    let seed = printedSeed()
    var stream = RandomStream(seed: seed)
    for cloud in Self.clouds(seed, dimensions: dimensions) {
      // Targets of their own, and points of the cloud, too.
      let targets =
        cloud.points.prefix(40).map { $0.map { $0 * Float(1 + stream.nextUnit()) } }
        .filter { $0.allSatisfy(\.isFinite) } + cloud.points.prefix(30)
      let graphs = targets.map { _ in UInt32(stream.next(below: UInt64(cloud.groups.count))) }
      for count in [0, 1, 5, 33, 1000] {
        let block = nearestNeighbors(
          of: Tensor(targets.flatMap { $0 }, shape: [targets.count, dimensions]),
          among: cloud.tensor, count: count,
          in: PairedGroups(
            sources: cloud.groups, targets: RowGroups(graphs, count: cloud.groups.count)))
        let expected = zip(targets, graphs).map {
          Self.all($0, $1, among: cloud, count: count)
        }
        #expect(Self.rows(block) == expected, "\(cloud.name), \(count) of \(dimensions)")
        #expect(block.sourceCount == cloud.points.count && block.edges.isEmpty)
      }
    }
  }

  @Test(arguments: [1, 3, 8, 9])
  func neighborsWithinARadiusAreThoseOfAllPairs(dimensions: Int) {
    let seed = printedSeed()
    for cloud in Self.clouds(seed, dimensions: dimensions) {
      for (radius, count) in [(0, nil), (0.5, nil), (0.5, 4), (2, 50), (.infinity, nil)]
        as [(Float, Int?)]
      {
        let both = PairedGroups(cloud.groups)
        let block = radiusNeighbors(
          of: cloud.tensor, among: cloud.tensor, radius: radius, count: count, in: both)
        let expected = cloud.points.enumerated().map {
          Self.all(
            $1, cloud.groups.groups[$0], among: cloud, count: count ?? .max, radius: radius)
        }
        #expect(Self.rows(block) == expected, "\(cloud.name), \(radius), \(dimensions)")
      }
    }
  }

  @Test func aRadiusEndsWithItsOwnDistance() {
    let points = Tensor([[0, 0], [3, 4], [3, 4.001], [-5, 0]])
    let block = radiusNeighbors(of: points.prefix(rows: 1), among: points, radius: 5)
    #expect(block.sources == [0, 1, 3])
  }

  @Test func graphsOfPointsLeaveOutSelfLoopsAndLeadEitherWay() {
    let seed = printedSeed()
    for cloud in Self.clouds(seed, dimensions: 3) {
      let count = 6
      var options = PointGraphOptions()
      for loops in [false, true] {
        options.selfLoops = loops
        options.flow = .toCenters
        let nearest = nearestNeighborGraph(
          cloud.tensor, count: count, in: cloud.groups, options: options)
        let near = radiusGraph(cloud.tensor, radius: 0.4, in: cloud.groups, options: options)
        func expected(_ count: Int, _ radius: Float) -> [[UInt32]] {
          cloud.points.enumerated().map { place, point in
            Self.all(
              point, cloud.groups.groups[place], among: cloud, count: count, radius: radius,
              besides: loops ? nil : place)
          }
        }
        #expect(Self.rows(nearest) == expected(count, .infinity), "\(cloud.name)")
        #expect(Self.rows(near) == expected(.max, 0.4), "\(cloud.name)")
        options.flow = .fromCenters
        let away = nearestNeighborGraph(
          cloud.tensor, count: count, in: cloud.groups, options: options)
        var edges: Set<[UInt32]> = []
        for (center, row) in Self.rows(nearest).enumerated() {
          for neighbor in row { edges.insert([UInt32(center), neighbor]) }
        }
        var turned: Set<[UInt32]> = []
        for (neighbor, row) in Self.rows(away).enumerated() {
          #expect(row == row.sorted())
          for center in row { turned.insert([center, UInt32(neighbor)]) }
        }
        #expect(edges == turned && away.edgeCount == nearest.edgeCount && away.edges.isEmpty)
      }
    }
  }

  @Test func cosineNeighborsPointTheSameWay() {
    let seed = printedSeed()
    let points = Tensor.random([200, 5], seed: seed)
    let targets = 7 * Tensor.random([20, 5], seed: seed + 1)
    let block = nearestNeighbors(of: targets, among: points, count: 9, metric: .cosine)
    func row(_ x: Tensor, _ row: Int) -> [Double] {
      let numbers = x.scalars[row * 5..<row * 5 + 5].map(Double.init)
      let length = numbers.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return numbers.map { $0 / length }
    }
    for target in 0..<20 {
      let cosines = (0..<200).map { source in
        zip(row(points, source), row(targets, target)).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let found = Self.rows(block)[target].map { cosines[Int($0)] }
      // Rounding may exchange those that are all but equal.
      for (cosine, expected) in zip(found, cosines.sorted(by: >)) {
        #expect(abs(cosine - expected) < 1e-5)
      }
    }
  }

  @Test func anyNumberOfThreadsFindsTheSame() {
    let seed = printedSeed()
    let points = Tensor.random([3000, 3], seed: seed)
    let groups = RowGroups((0..<3000).map { UInt32($0 * 7 % 5) }, count: 6)
    func found(_ threads: Int) -> [[UInt32]] {
      Compute.with(ThreadPool(threadCount: threads)) {
        let near = nearestNeighborGraph(points, count: 8, in: groups)
        let within = radiusGraph(points, radius: 0.2, in: groups)
        return [
          near.offsets, near.sources, within.offsets, within.sources,
          farthestPoints(points, .ratio(0.1), in: groups, from: .drawn(RandomStream(seed: 3))),
        ]
      }
    }
    let one = found(1)
    #expect(found(2) == one && found(4) == one)
    #expect(one[3].count > 3000)
  }

  @Test func pointsWithoutANumberTrap() async {
    await #expect(processExitsWith: .failure) {
      let points = Tensor([[0, 1], [.nan, 0]])
      _ = nearestNeighborGraph(points, count: 1)
    }
    await #expect(processExitsWith: .failure) {
      _ = farthestPoints(Tensor([[0, 1], [-.infinity, 0]]), .count(1))
    }
  }

  // Farthest points

  /// As it is defined: each time the distances from all that were taken.
  static func farthest(_ cloud: Cloud, _ wanted: (Int) -> Int, _ starts: [UInt32]?) -> [UInt32] {
    var result: [UInt32] = []
    for graph in 0..<UInt32(cloud.groups.count) {
      let members = cloud.points.indices.filter { cloud.groups.groups[$0] == graph }
      if members.isEmpty { continue }
      var taken = [starts.map { Int($0[Int(graph)]) } ?? members[0]]
      if wanted(members.count) == 0 { continue }
      while taken.count < wanted(members.count) {
        let left = members.filter { !taken.contains($0) }
        let distances = left.map { point in
          taken.map { distance(cloud.points[point], cloud.points[$0]) }.min()!
        }
        taken.append(left[distances.firstIndex(of: distances.max()!)!])
      }
      result += taken.map { UInt32($0) }
    }
    return result
  }

  @Test(arguments: [1, 3, 9])
  func farthestPointsAreThoseOfTheDefinition(dimensions: Int) {
    let seed = printedSeed()
    for cloud in Self.clouds(seed, dimensions: dimensions) {
      let count = min(40, cloud.points.count)
      #expect(
        farthestPoints(cloud.tensor, .count(count), in: cloud.groups)
          == Self.farthest(cloud, { min($0, count) }, nil), "\(cloud.name)")
      let starts = (0..<UInt32(cloud.groups.count)).map { graph in
        UInt32(cloud.groups.groups.lastIndex(of: graph) ?? 0)
      }
      #expect(
        farthestPoints(cloud.tensor, .ratio(0.12), in: cloud.groups, from: .given(starts))
          == Self.farthest(cloud, { Int((0.12 * Double($0)).rounded(.up)) }, starts),
        "\(cloud.name)")
    }
  }

  @Test func drawnFirstPointsDifferByGraphAndSeed() {
    let points = Tensor.random([1000, 2], seed: 1)
    let groups = RowGroups((0..<1000).map { UInt32($0 / 100) }, count: 10)
    let a = farthestPoints(points, .count(1), in: groups, from: .drawn(RandomStream(seed: 1)))
    let b = farthestPoints(points, .count(1), in: groups, from: .drawn(RandomStream(seed: 2)))
    #expect(a != b && Set(a.map { $0 % 100 }).count > 3)
    #expect(a.enumerated().allSatisfy { Int($1) / 100 == $0 })
  }
}
