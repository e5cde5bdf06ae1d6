import HedgerowCore
public import HedgerowNN
public import HedgerowTensor

/// Points of several clouds, with features where they have some.
///
/// Shapes: x [points, width], places [points, dimensions].
public struct PointClouds: Sendable {
  public var x: Tensor?
  public var places: Tensor
  /// The cloud of each point.
  public var clouds: RowGroups

  /// - Parameter clouds: all points are of one when it is `nil`.
  public init(_ x: Tensor?, places: Tensor, in clouds: RowGroups? = nil) {
    let clouds = clouds ?? RowGroups(ofAll: places.rowCount)
    require(
      places.shape.count == 2 && (x?.rowCount ?? places.rowCount) == places.rowCount
        && clouds.rowCount == places.rowCount,
      "features of shape \(x?.shape ?? []) and places of shape \(places.shape) for "
        + "\(clouds.rowCount) points")
    (self.x, self.places, self.clouds) = (x, places, clouds)
  }
}

/// Some points of each cloud, far from each other, with what a ``PointNetConv`` makes of the points around each.
///
/// In training the first point of each sample is drawn, otherwise it is the cloud's first. Names: `conv.local_nn...`.
///
/// Source: Qi et al., PointNet++: Deep Hierarchical Feature Learning on Point Sets in a Metric Space, NIPS 2017.
public struct SetAbstraction: Module {
  let conv: PointNetConv
  public let size: PointSampleSize
  public let radius: Float
  public let limit: Int

  /// - Parameters:
  ///   - widths: of features and dimensions together, and of what each layer of the network gives.
  ///   - radius: how far around a point others count.
  ///   - limit: of more points around one so many, the nearest.
  public init(_ widths: [Int], size: PointSampleSize, radius: Float, limit: Int = 64) {
    var options = PointNetConv.Options()
    options.selfLoops = false
    conv = PointNetConv(local: normalizedNetwork(widths), global: nil, options: options)
    (self.size, self.radius, self.limit) = (size, radius, limit)
  }

  public func callAsFunction(_ points: PointClouds) -> PointClouds {
    let first = Training.nextStream().map { FirstPoint.drawn($0) } ?? .first
    let rows = farthestPoints(points.places, size, in: points.clouds, from: first)
    let clouds = points.clouds.kept(rows)
    let places = points.places.gathered(rows: rows)
    let near = radiusNeighbors(
      of: places, among: points.places, radius: radius, count: limit,
      in: PairedGroups(sources: points.clouds, targets: clouds))
    let x = conv(
      source: points.x, target: points.x?.gathered(rows: rows),
      positions: (points.places, places), near)
    return PointClouds(x, places: places, in: clouds)
  }
}

/// One row for each cloud: the largest of what a network makes of its points' features and places; it lies at zero.
///
/// Names: `nn...`.
public struct GlobalSetAbstraction: Module {
  let network: MLP
  public static let pathNames = ["network": "nn"]

  /// - Parameter widths: as of ``SetAbstraction``.
  public init(_ widths: [Int]) { network = normalizedNetwork(widths) }

  public func callAsFunction(_ points: PointClouds) -> PointClouds {
    let rows = points.x.map { concatenated($0, points.places) } ?? points.places
    return PointClouds(
      Aggregation.max(network(rows), in: points.clouds),
      places: .zeros([points.clouds.count, points.places.shape[1]]),
      in: RowGroups((0..<UInt32(points.clouds.count)).map { $0 }, count: points.clouds.count))
  }
}

/// Features of the points that a sample was taken of: the sample's by ``nearestInterpolation(_:from:to:count:in:)``
/// beside their own, through a network.
///
/// Names: `nn...`.
///
/// Source: as of ``SetAbstraction``.
public struct FeaturePropagation: Module {
  let network: MLP
  public let count: Int
  public static let pathNames = ["network": "nn"]

  /// - Parameters:
  ///   - widths: of the sample's features and the points' own together, and of what each layer gives.
  ///   - count: points of the sample that give each its features.
  public init(_ widths: [Int], count: Int) {
    network = normalizedNetwork(widths)
    self.count = count
  }

  /// - Parameter sample: with features.
  public func callAsFunction(_ sample: PointClouds, to points: PointClouds) -> PointClouds {
    guard let x = sample.x else { fatalError("a sample without features has none to give") }
    let spread = nearestInterpolation(
      x, from: sample.places, to: points.places, count: count,
      in: PairedGroups(sources: sample.clouds, targets: points.clouds))
    var result = points
    result.x = network(points.x.map { concatenated(spread, $0) } ?? spread)
    return result
  }
}

/// A network with batch normalization, whose last layer is linear alone.
func normalizedNetwork(_ widths: [Int]) -> MLP {
  var options = MLP.Options()
  options.normalization = .batchOfAnySize
  return MLP(widths, options: options)
}

/// A network that ends a model of points, with dropout.
func headNetwork(_ widths: [Int], dropout: Double) -> MLP {
  var options = MLP.Options()
  options.dropout = dropout
  return MLP(widths, options: options)
}
