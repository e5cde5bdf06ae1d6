import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Convolution by weights for each degree: x_t' = W_d (sum over the sources s of t of x_s) + b_d + V_d x_t, d
/// being how many edges lead to t, the largest degree at most.
///
/// Shapes: source [sources, source width], target [targets, target width], result [targets, output width].
/// Parameters as in PyTorch Geometric: `lins_l.d`, `lins_r.d.weight`.
///
/// Source: Duvenaud et al., Convolutional Networks on Graphs for Learning Molecular Fingerprints, NIPS 2015.
public struct MFConv: Convolution {
  public struct Options: Sendable {
    /// Targets of more edges share its weights.
    public var largestDegree = 10
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let neighbors: [Linear]
  let roots: [Linear]

  public static let pathNames = ["neighbors": "lins_l", "roots": "lins_r"]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int,
    options: Options = .init()
  ) {
    neighbors = (0...options.largestDegree).map { _ in
      Linear(sourceWidth, outputWidth, bias: Linear.Bias(options.bias))
    }
    roots = neighbors.map { _ in Linear(targetWidth, outputWidth, bias: .absent) }
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    let sums = aggregate(source, along: block, by: .sum)
    var groups = [[UInt32]](repeating: [], count: neighbors.count)
    for row in 0..<block.targetCount {
      let degree = Int(block.offsets[row + 1] - block.offsets[row])
      groups[min(degree, neighbors.count - 1)].append(UInt32(row))
    }
    // The targets of one degree after those of another, then where they belong.
    var places = [UInt32](repeating: 0, count: block.targetCount)
    for (place, row) in groups.joined().enumerated() { places[Int(row)] = UInt32(place) }
    let results = groups.indices.filter { !groups[$0].isEmpty }.map { degree in
      let rows = groups[degree]
      return
        (neighbors[degree].terms(sums.gathered(rows: rows))
        + roots[degree].terms(target.gathered(rows: rows))).evaluated()
    }
    guard !results.isEmpty else { return AffineSum(.zeros([0, neighbors[0].outputWidth])) }
    return AffineSum(concatenated(results, along: 0).gathered(rows: places))
  }
}
