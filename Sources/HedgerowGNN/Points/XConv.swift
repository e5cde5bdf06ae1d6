import HedgerowCore
import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// X-transformed points: the K nearest points of each, their places relative to it lifted by a network, all of them
/// mixed by a matrix K x K that another network makes of the places, then a convolution over them.
///
/// Shapes: x [points, width], places [points, dimensions], result [points, output width]. Every graph needs at
/// least K times the dilation points. Parameters as in PyTorch Geometric: `mlp1...`, `mlp2...`, `conv.0`, `conv.2`.
///
/// Source: Li et al., PointCNN: Convolution On X-Transformed Points, NeurIPS 2018.
public struct XConv: Module {
  public struct Options: Sendable {
    public var dimensions: Int
    /// K
    public var neighborCount: Int
    /// Width of what places are lifted to; a fourth of the features' unless it is given.
    public var liftedWidth: Int?
    /// Takes every so many of the nearest points.
    public var dilation = 1
    /// Learn a bias in the last map.
    public var bias = true

    public init(dimensions: Int, neighborCount: Int) {
      self.dimensions = dimensions
      self.neighborCount = neighborCount
    }
  }

  let lifting: Sequential
  let mixing: Sequential
  let convolution: Sequential
  private let options: Options

  public static let pathNames = ["lifting": "mlp1", "mixing": "mlp2", "convolution": "conv"]

  public init(_ width: Int, _ outputWidth: Int, options: Options) {
    let (count, lifted) = (options.neighborCount, options.liftedWidth ?? width / 4)
    require(lifted > 0, "places are lifted to no width")
    lifting = Sequential(
      Linear(options.dimensions, lifted), Activation.elu(), BatchNorm(lifted),
      Linear(lifted, lifted), Activation.elu(), BatchNorm(lifted))
    // Names count reshapings there, too.
    let square = count * count
    mixing = Sequential(
      Linear(options.dimensions * count, square), Activation.elu(), BatchNorm(square),
      Activation.identity, GroupedConvolution(groups: count, over: count, to: count),
      Activation.elu(), BatchNorm(square), Activation.identity,
      GroupedConvolution(groups: count, over: count, to: count), BatchNorm(square))
    let all = width + lifted
    let depth = (outputWidth + all - 1) / all
    convolution = Sequential(
      GroupedConvolution(groups: all, over: count, to: depth), Activation.identity,
      Linear(all * depth, outputWidth, bias: Linear.Bias(options.bias)))
    self.options = options
  }

  /// - Parameter graphs: which graph each point belongs to; `nil` when all are of one.
  public func callAsFunction(
    _ x: Tensor, places: Tensor, in graphs: RowGroups? = nil
  ) -> Tensor {
    let (points, count) = (x.shape[0], options.neighborCount)
    let near = nearestNeighbors(
      of: places, among: places, count: count * options.dilation,
      in: graphs.map { PairedGroups($0) })
    require(
      near.edgeCount == points * count * options.dilation,
      "a graph has less than \(count * options.dilation) points")
    let chosen = stride(from: 0, to: near.edgeCount, by: options.dilation).map {
      near.sources[$0]
    }
    let centers = (0..<points).flatMap { repeatElement(UInt32($0), count: count) }
    let relative = places.gathered(rows: chosen) - places.gathered(rows: centers)
    let features = concatenated(lifting(relative), x.gathered(rows: chosen))
    let all = features.reshaped(to: [points, count, features.width]).swapped(1, 2)
    let mix = mixing(relative.reshaped(to: [points, count * options.dimensions]))
    let mixed = matmul(all, mix.reshaped(to: [points, count, count]))
    return convolution(mixed.reshaped(to: [points, features.width * count]))
  }
}

/// A convolution over all places of each channel by itself, as `torch.nn.Conv1d` with as many groups as channels.
///
/// Shapes: x [rows, groups x places], result [rows, groups x outputs], parameters `weight` [groups x outputs, 1,
/// places], `bias`.
private struct GroupedConvolution: Layer {
  let weight: Parameter
  let bias: Parameter
  private let extents: (groups: Int, places: Int, outputs: Int)

  init(groups: Int, over places: Int, to outputs: Int) {
    let bound = 1 / Float(max(1, places)).squareRoot()
    weight = Parameter(shape: [groups * outputs, 1, places], from: .uniform(bound: bound))
    bias = Parameter(shape: [groups * outputs], from: .uniform(bound: bound))
    extents = (groups, places, outputs)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let (groups, places, outputs) = extents
    let weights = weight.value.reshaped(to: [1, groups, outputs, places]).swapped(2, 3)
    return groupedMatmul(x, weights, by: [0, UInt32(x.rowCount)]) + bias.value
  }
}
