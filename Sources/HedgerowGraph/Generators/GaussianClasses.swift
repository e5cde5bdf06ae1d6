import Glibc
import HedgerowCore

/// Feature vectors of labelled nodes: the mean of the node's class and noise around it.
///
/// The means are drawn once, with independent coordinates of variance 1 / width, so that they lie
/// about 1 from the origin and √2 from each other; a node's vector is its mean plus `noise` times a
/// standard normal vector. Each number is a pure function of (seed, node, coordinate).
public struct GaussianClasses: Sendable {
  public let classCount: Int
  /// Numbers in a vector.
  public let width: Int
  /// The standard deviation of each coordinate around the mean.
  public let noise: Double
  /// classCount x width, row by row.
  let means: [Double]
  private let stream: RandomStream

  /// - Throws: `usage` when a number is out of its range.
  public init(classCount: Int, width: Int, noise: Double, seed: UInt64) throws {
    guard classCount >= 1, classCount <= 1 << 16 else {
      throw HedgerowError(.usage, "\(classCount) classes are not between 1 and 65536")
    }
    guard width >= 1, width <= 1 << 16 else {
      throw HedgerowError(.usage, "\(width) features are not between 1 and 65536")
    }
    guard noise >= 0, noise.isFinite else {
      throw HedgerowError(.usage, "a noise of \(noise) is no standard deviation")
    }
    self.classCount = classCount
    self.width = width
    self.noise = noise
    let root = RandomStream(seed: seed).derive("gaussian classes")
    var normal = NormalStream(root.derive("means"))
    means = (0..<classCount * width).map { _ in normal.next() / Double(width).squareRoot() }
    stream = root.derive("nodes")
  }

  /// Writes the vector of a node of class `label` to the start of `features`.
  public func fill(
    _ features: UnsafeMutableBufferPointer<Float>, node: Int, label: Int
  ) {
    require(features.count >= width, "\(width) features do not fit into \(features.count)")
    require(label >= 0 && label < classCount, "class \(label) is not below \(classCount)")
    var normal = NormalStream(stream.derive(UInt64(node)))
    for coordinate in 0..<width {
      features[coordinate] = Float(means[label * width + coordinate] + noise * normal.next())
    }
  }

  /// Adds the logarithm of each class's likelihood of a vector, up to a constant, to `scores`.
  ///
  /// Without noise only classes at the least distance are possible; the others' are -infinity.
  func addLogLikelihoods(of features: [Double], to scores: inout [Double]) {
    var distances = [Double](repeating: 0, count: classCount)
    for label in 0..<classCount {
      for coordinate in 0..<width {
        let difference = features[coordinate] - means[label * width + coordinate]
        distances[label] += difference * difference
      }
    }
    let least = distances.min() ?? 0
    for label in 0..<classCount {
      if noise > 0 {
        scores[label] -= distances[label] / (2 * noise * noise)
      } else if distances[label] > least {
        scores[label] = -.infinity
      }
    }
  }
}

/// Standard normal numbers by Box and Muller's transformation of a counter-based stream.
struct NormalStream {
  private var stream: RandomStream
  private var spare: Double?

  init(_ stream: RandomStream) { self.stream = stream }

  mutating func next() -> Double {
    if let spare {
      self.spare = nil
      return spare
    }
    // 1 - u is never 0.
    let radius = (-2 * log(1 - stream.nextUnit())).squareRoot()
    let angle = 2 * Double.pi * stream.nextUnit()
    spare = radius * sin(angle)
    return radius * cos(angle)
  }
}
