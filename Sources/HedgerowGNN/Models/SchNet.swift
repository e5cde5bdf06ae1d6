import Glibc
import HedgerowCore
import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A property of molecules from the kinds and the places of their atoms: continuous-filter convolutions over atoms
/// that are near.
/// ```
/// h = E_z, then for each interaction h' = h + W f(V sum over the atoms s near t of (U h_s) g(d_st)), g a network of
/// the distance, spread over Gaussians, times (cos(pi d_st / cutoff) + 1) / 2; f(x) = log((1 + e^x) / 2)
/// y = the sum over the atoms of a molecule of W_2 f(W_1 h_t)
/// ```
/// Gradients go to places, too: forces are those of the result. Points with features have a linear map of these in the
/// place of E. Shapes: atoms [atoms], places [atoms, 3], result [molecules, ``Options/outputs``]. Names are those of PyTorch Geometric: `embedding`, `distance_expansion.offset`,
/// `interactions.0.mlp.0`, `.conv.lin1`, `.conv.lin2`, `.lin`, `lin1`, `lin2`, `atomref`, `initial_atomref`.
///
/// Source: Schütt et al., SchNet: A Continuous-Filter Convolutional Neural Network for Modeling Quantum Interactions,
/// NIPS 2017.
public struct SchNet: Module {
  public struct Options: Sendable {
    public var hiddenWidth = 128
    /// Numbers of a molecule.
    public var outputs = 1
    /// Of features that take the place of atoms' kinds.
    public var featureWidth: Int?
    /// Width of the filters.
    public var filters = 128
    public var interactions = 6
    /// Gaussians that distances are spread over; at least two.
    public var gaussians = 50
    /// Atoms farther apart than this do not act on each other.
    public var cutoff: Float = 10
    /// So many atoms, the nearest ones, act on one.
    public var neighborLimit = 32
    /// Of the atoms of a molecule.
    public var readout = Aggregation.sum
    /// What an atom's part is multiplied by, and what is added to it then.
    public var scaling: (deviation: Float, mean: Float)?
    /// What is added for each kind of atom, of 100 numbers that training goes on from.
    public var references: [Float]?

    public init() {}
  }

  let embedding: Embedding?
  let features: Linear?
  let smearing: GaussianSmearing
  let interactions: [Interaction]
  let hidden: Linear
  let output: Linear
  let references: EmbeddingTable?
  let initialReferences: Buffer?
  public let options: Options

  public static let pathNames = [
    "features": "embedding", "smearing": "distance_expansion", "hidden": "lin1", "output": "lin2",
    "references": "atomref", "initialReferences": "initial_atomref",
  ]

  /// Kinds of atoms, of which 0 stands for none.
  static let kindCount = 100

  public init(options: Options = .init()) {
    require(
      options.cutoff > 0 && options.references.map { $0.count == Self.kindCount } ?? true,
      "a cutoff is above 0, not \(options.cutoff), and references are of \(Self.kindCount) kinds")
    var padded = Embedding.Options()
    padded.padding = 0
    features = options.featureWidth.map { Linear($0, options.hiddenWidth) }
    embedding =
      features == nil ? Embedding(Self.kindCount, options.hiddenWidth, options: padded) : nil
    smearing = GaussianSmearing(0, options.cutoff, count: options.gaussians)
    interactions = (0..<options.interactions).map { _ in Interaction(options) }
    hidden = Linear(options.hiddenWidth, options.hiddenWidth / 2, from: .glorot)
    output = Linear(options.hiddenWidth / 2, options.outputs, from: .glorot)
    let start = options.references.map { Tensor($0, shape: [Self.kindCount, 1]) }
    references = start.map { EmbeddingTable($0) }
    initialReferences = start.map { Buffer(startingAs: $0) }
    self.options = options
  }

  /// - Parameters:
  ///   - atoms: the kind of each, its atomic number, from 1 to 99.
  ///   - molecules: that of each atom; all are of one when it is `nil`.
  public func callAsFunction(
    _ atoms: [UInt32], places: Tensor, in molecules: RowGroups? = nil
  ) -> Tensor {
    guard let embedding else { fatalError("the model is of points with features, not of atoms") }
    let parts = parts(embedding(atoms), places, molecules)
    return options.readout(
      references.map { parts + $0(atoms) } ?? parts, in: groups(molecules, atoms.count))
  }

  /// - Parameters:
  ///   - x: features of points, [points, feature width].
  ///   - clouds: that of each point; all are of one when it is `nil`.
  public func callAsFunction(_ x: Tensor, places: Tensor, in clouds: RowGroups? = nil) -> Tensor {
    guard let features else { fatalError("the model is of atoms, not of points with features") }
    return options.readout(parts(features(x), places, clouds), in: groups(clouds, x.rowCount))
  }

  private func groups(_ molecules: RowGroups?, _ count: Int) -> RowGroups {
    molecules ?? RowGroups(ofAll: count)
  }

  /// What each atom gives: [atoms, outputs].
  private func parts(_ start: Tensor, _ places: Tensor, _ molecules: RowGroups?) -> Tensor {
    require(
      places.shape.count == 2 && places.rowCount == start.rowCount,
      "places of shape \(places.shape) for \(start.rowCount) atoms")
    let molecules = groups(molecules, start.rowCount)
    let near = radiusGraph(
      places, radius: options.cutoff, count: options.neighborLimit, in: molecules)
    let distances = rowNorms(edgeSum(-places, places, along: near), p: 2)
    var h = start
    let edges = Edges(
      block: near, distances: distances, smeared: smearing(distances), cutoff: options.cutoff)
    for interaction in interactions { h = h + interaction(h, edges) }
    let parts = output(shiftedSoftplus(hidden(h)))
    return options.scaling.map { $0.deviation * parts + $0.mean } ?? parts
  }

  /// Pairs of atoms that act on each other.
  struct Edges {
    let block: Block
    /// [edges, Gaussians]
    let smeared: Tensor
    /// What filters are multiplied by: 1 where atoms are at one place, 0 at the cutoff. [edges, 1]
    let fading: Tensor

    init(block: Block, distances: Tensor, smeared: Tensor, cutoff: Float) {
      self.block = block
      self.smeared = smeared
      fading = (0.5 * (cos(Float.pi / cutoff * distances) + 1)).reshaped(to: [block.edgeCount, 1])
    }
  }

  struct Interaction: Module {
    let filter: Sequential
    let convolution: Convolution
    let output: Linear
    static let pathNames = ["filter": "mlp", "convolution": "conv", "output": "lin"]

    struct Convolution: Module {
      let input: Linear
      let output: Linear
      /// The interaction's: PyTorch Geometric has it under both names.
      let filter: Sequential
      static let pathNames = ["input": "lin1", "output": "lin2", "filter": "nn"]
    }

    init(_ options: Options) {
      let (width, filters) = (options.hiddenWidth, options.filters)
      filter = Sequential(
        Linear(options.gaussians, filters, from: .glorot), ShiftedSoftplus(),
        Linear(filters, filters, from: .glorot))
      convolution = Convolution(
        input: Linear(width, filters, bias: .absent, from: .glorot),
        output: Linear(filters, width, from: .glorot), filter: filter)
      output = Linear(width, width, from: .glorot)
    }

    func callAsFunction(_ h: Tensor, _ edges: Edges) -> Tensor {
      let filters = filter(edges.smeared) * edges.fading
      let messages = convolution.input(h).gathered(alongSourcesOf: edges.block) * filters
      let sums = aggregate(messages, along: edges.block, messagesBy: .sum)
      return output(shiftedSoftplus(convolution.output(sums)))
    }
  }
}

/// Numbers spread over Gaussians whose middles are evenly apart, each as wide as they are apart: exp(-(x - m)^2 / (2
/// d^2)).
///
/// Shapes: x [rows], result [rows, count]. Names: `offset`, a buffer, for m.
public struct GaussianSmearing: Module {
  let middles: Buffer
  public let distance: Float
  public static let pathNames = ["middles": "offset"]

  public init(_ first: Float, _ last: Float, count: Int) {
    require(count >= 2 && first < last, "no \(count) Gaussians from \(first) to \(last)")
    let distance = (last - first) / Float(count - 1)
    middles = Buffer(startingAs: Tensor((0..<count).map { first + Float($0) * distance }))
    self.distance = distance
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let differences = x.reshaped(to: [x.count, 1]) - middles.value
    return exp(-0.5 / (distance * distance) * square(differences))
  }
}

/// log((1 + e^x) / 2), which is 0 at 0.
func shiftedSoftplus(_ x: Tensor) -> Tensor { softplus(x) - Glibc.log(2 as Float) }

private struct ShiftedSoftplus: Layer {
  func callAsFunction(_ x: Tensor) -> Tensor { shiftedSoftplus(x) }
}
