import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Convolution by a B-spline over edges' coordinates: x_t' = W x_t + b + the aggregate over the edges (s, t) of
/// x_s times the sum over kernels k of B_k(u_st) W_k.
///
/// Kernels stand on a grid over the unit cube, `kernelSizes` of them in each dimension, and B_k is the product of
/// the basis functions of its dimensions; an edge has (degree + 1)^dimensions that are not zero. A closed spline
/// goes around.
///
/// Shapes: source [sources, source width], target [targets, target width], edges [edges, dimensions] in 0...1,
/// result [targets, output width]. Parameters as in PyTorch Geometric: `weight` [kernels, source width, output
/// width], `lin.weight`, `bias`, and the buffers `kernel_size` and `is_open_spline`.
///
/// Source: Fey et al., SplineCNN: Fast Geometric Deep Learning with Continuous B-Spline Kernels, CVPR 2018.
public struct SplineConv: EdgeFeaturedConvolution {
  public enum Degree: Int, Sendable {
    case linear = 1
    case quadratic
    case cubic
  }

  public struct Options: Sendable {
    /// Kernels in each dimension.
    public var kernelSizes: [Int]
    /// Dimensions in which the spline goes around.
    public var closedDimensions: Set<Int> = []
    public var degree = Degree.linear
    public var aggregation: any Aggregator = Aggregation.mean
    /// Let a target's own features take part, by W.
    public var rootWeight = true
    /// Learn b.
    public var bias = true

    public init(kernelSizes: [Int]) { self.kernelSizes = kernelSizes }
  }

  let weight: Parameter
  let root: Linear?
  let bias: Parameter?
  let kernelSizes: Buffer
  let isOpen: Buffer
  let aggregator: any Aggregator
  private let options: Options

  public static let pathNames = [
    "root": "lin", "kernelSizes": "kernel_size", "isOpen": "is_open_spline",
    "aggregator": "aggr_module",
  ]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int, options: Options
  ) {
    let count = options.kernelSizes.reduce(1, *)
    let bound = 1 / Float(max(1, count * sourceWidth)).squareRoot()
    weight = Parameter(
      shape: [count, sourceWidth, outputWidth], from: .uniform(bound: bound))
    root = options.rootWeight ? Linear(targetWidth, outputWidth, bias: .absent) : nil
    bias = .bias(outputWidth, when: options.bias)
    kernelSizes = Buffer(startingAs: Tensor(options.kernelSizes.map { Float($0) }))
    isOpen = Buffer(
      startingAs: Tensor(
        options.kernelSizes.indices.map { options.closedDimensions.contains($0) ? 0 : 1 }))
    aggregator = options.aggregation
    self.options = options
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    checkEdges(edges, width: options.kernelSizes.count, of: block)
    let (values, kernels) = basis(edges!)
    let each = values.shape[1]
    // A row for each kernel of each edge, rows of one kernel together: as many products as kernels.
    let groups = RowGroups(kernels, count: weight.shape[0])
    let order = groups.order ?? (0..<UInt32(kernels.count)).map { $0 }
    let rows = order.map { block.sources[Int($0) / each] }
    var places = order
    for (place, row) in order.enumerated() { places[Int(row)] = UInt32(place) }
    let products = groupedMatmul(
      source.gathered(rows: rows), weight.value, by: groups.offsets
    ).gathered(rows: places)
    let messages = sum(
      products.reshaped(to: [block.edgeCount, each, weight.shape[2]])
        * values.reshaped(to: [block.edgeCount, each, 1]), along: 1)
    return AffineSum(aggregator(messages, by: block.usedOffsets))
      .adding(root, of: target).adding(bias: bias)
  }

  /// The basis functions that are not zero, [edges, (degree + 1)^dimensions], and the kernel of each.
  private func basis(_ edges: Tensor) -> (values: Tensor, kernels: [UInt32]) {
    let (count, base) = (edges.rowCount, options.degree.rawValue + 1)
    var values = Tensor.ones([count, 1])
    var kernels = [[UInt32]](repeating: [0], count: count)
    var step = 1
    for (dimension, size) in options.kernelSizes.enumerated() {
      let isOpen = !options.closedDimensions.contains(dimension)
      let places =
        Float(size - (isOpen ? options.degree.rawValue : 0))
        * edges.sliced(dimension..<dimension + 1, along: 1)
      let first = floor(places.detached)
      let functions = basisFunctions(places - first)
      // The first dimension's functions change fastest.
      values = (functions.unsqueezed(2) * values.unsqueezed(1)).reshaped(
        to: [count, values.shape[1] * base])
      for (edge, place) in first.scalars.enumerated() {
        kernels[edge] = (0..<base).flatMap { function in
          let kernel = (Int(place) + function) % size
          return kernels[edge].map { $0 + UInt32(kernel * step) }
        }
      }
      step *= size
    }
    return (values, kernels.flatMap { $0 })
  }

  /// The basis functions of one dimension at v in 0..<1: [edges, 1] gives [edges, degree + 1].
  private func basisFunctions(_ v: Tensor) -> Tensor {
    let (v2, w) = (v * v, 1 - v)
    switch options.degree {
    case .linear: return concatenated(w, v)
    case .quadratic: return concatenated(0.5 * v2 - v + 0.5, v - v2 + 0.5, 0.5 * v2)
    case .cubic:
      let v3 = v2 * v
      return concatenated(
        (w * w * w) / 6, (3 * v3 - 6 * v2 + 4) / 6, (3 * v2 + 3 * v - 3 * v3 + 1) / 6, v3 / 6)
    }
  }
}
