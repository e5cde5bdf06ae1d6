import HedgerowCore
import HedgerowNN
public import HedgerowTensor

/// A set pooled by what rows make of each other: attention among them, then that of learned seeds to them, then
/// among the seeds' results.
///
/// Shapes: messages [rows, width], result [segments, seeds width], or [segments, width] when seeds are
/// averaged. Names: `encoders.0.mab...`, `pma...`, `decoders.0.mab...`.
///
/// Source: Lee et al., Set Transformer: A Framework for Attention-based Permutation-Invariant Neural
/// Networks, ICML 2019.
public struct SetTransformerAggregation: Aggregator {
  public struct Options: Sendable {
    /// Learned rows that attend to the set.
    public var seeds = 1
    /// Rounds of attention among the rows, and among the seeds' results.
    public var encoderBlocks = 1
    public var decoderBlocks = 1
    public var heads = 1
    public var seedResults = SeedResults.concatenated
    public var layerNorm = LayerNormalization.absent
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0

    public init() {}
  }

  public enum SeedResults: Sendable { case concatenated, averaged }
  public enum LayerNormalization: Sendable { case present, absent }

  let encoders: [SetAttentionBlock]
  let pooling: PoolingByMultiheadAttention
  let decoders: [SetAttentionBlock]
  public let options: Options
  public static let pathNames = ["pooling": "pma"]

  public init(_ width: Int, options: Options = Options()) {
    self.options = options
    func blocks(_ count: Int) -> [SetAttentionBlock] {
      (0..<count).map { _ in
        SetAttentionBlock(
          mab: MultiheadAttentionBlock(
            width, heads: options.heads, layerNorm: options.layerNorm, dropout: options.dropout))
      }
    }
    encoders = blocks(options.encoderBlocks)
    pooling = PoolingByMultiheadAttention(
      width, seeds: options.seeds, heads: options.heads, layerNorm: options.layerNorm,
      dropout: options.dropout)
    decoders = blocks(options.decoderBlocks)
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let groups = PaddedGroups(offsets)
    var x = groups.padded(messages)
    for encoder in encoders { x = encoder(x, groups) }
    x = pooling(x, groups)
    for decoder in decoders { x = decoder(x, nil) }
    return options.seedResults == .averaged
      ? mean(x, along: 1) : x.reshaped(to: [x.shape[0], x.shape[1] * x.shape[2]])
  }

  public func outputWidth(of width: Int) -> Int {
    options.seedResults == .averaged ? width : options.seeds * width
  }
}

/// A set pooled into k rows, which attend to each other, and then into one.
///
/// Shapes: messages [rows, width], result [segments, width]. Names: `pma1`, `encoders.0.mab`, `pma2`.
///
/// Source: Baek, Kang, Hwang: Accurate Learning of Graph Representations with Graph Multiset Pooling, ICLR
/// 2021.
public struct GraphMultisetTransformer: Aggregator {
  public struct Options: Sendable {
    /// Rounds of attention among the k rows.
    public var encoderBlocks = 1
    public var heads = 1
    public var layerNorm = SetTransformerAggregation.LayerNormalization.absent
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0

    public init() {}
  }

  let first: PoolingByMultiheadAttention
  let encoders: [SetAttentionBlock]
  let second: PoolingByMultiheadAttention
  public static let pathNames = ["first": "pma1", "second": "pma2"]

  public init(_ width: Int, k: Int, options: Options = Options()) {
    func pooling(_ seeds: Int) -> PoolingByMultiheadAttention {
      PoolingByMultiheadAttention(
        width, seeds: seeds, heads: options.heads, layerNorm: options.layerNorm,
        dropout: options.dropout)
    }
    first = pooling(k)
    encoders = (0..<options.encoderBlocks).map { _ in
      SetAttentionBlock(
        mab: MultiheadAttentionBlock(
          width, heads: options.heads, layerNorm: options.layerNorm, dropout: options.dropout))
    }
    second = pooling(1)
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let groups = PaddedGroups(offsets)
    var x = first(groups.padded(messages), groups)
    for encoder in encoders { x = encoder(x, nil) }
    return second(x, nil).squeezed(1)
  }
}

/// h = N(x + attention of x to y), then N(h + relu(W h + b)); N is a layer normalization or nothing.
struct MultiheadAttentionBlock: Module {
  let attention: MultiheadAttention
  let linear: Linear
  let first: LayerNorm?
  let second: LayerNorm?
  static let pathNames = [
    "attention": "attn", "linear": "lin", "first": "layer_norm1", "second": "layer_norm2",
  ]

  init(
    _ width: Int, heads: Int, layerNorm: SetTransformerAggregation.LayerNormalization,
    dropout: Double
  ) {
    attention = MultiheadAttention(width, heads: heads, dropout: dropout)
    linear = Linear(width, width)
    first = layerNorm == .present ? LayerNorm(width) : nil
    second = layerNorm == .present ? LayerNorm(width) : nil
  }

  /// Shapes: x [sets, queries, width], y [sets, keys, width].
  ///
  /// - Parameter queries, keys: where there are such; all are there when it is `nil`. Attention to no key is zero,
  ///   before its last linear map.
  func callAsFunction(
    _ x: Tensor, _ y: Tensor, queries: PaddedGroups?, keys: PaddedGroups?
  ) -> Tensor {
    var masks = MultiheadAttention.Masks()
    masks.keys = keys?.mask
    var attended = attention(x, y, y, masks)
    if let empty = keys?.emptyGroups {
      let nothing = attention.output.bias?.value ?? Tensor(0)
      attended = select(empty.reshaped(to: [empty.count, 1, 1]), nothing, otherwise: attended)
    }
    if let queries {
      attended = select(queries.mask.unsqueezed(2), attended, otherwise: Tensor(0))
    }
    var h = attended + x
    h = first?(h) ?? h
    h = h + linear.applied(to: h, activation: .relu)
    return second?(h) ?? h
  }
}

/// Attention of a set's rows to each other.
struct SetAttentionBlock: Module {
  let mab: MultiheadAttentionBlock

  func callAsFunction(_ x: Tensor, _ sets: PaddedGroups?) -> Tensor {
    mab(x, x, queries: sets, keys: sets)
  }
}

/// Attention of learned seeds to the rows of a set.
struct PoolingByMultiheadAttention: Module {
  let linear: Linear
  let seed: Parameter
  let mab: MultiheadAttentionBlock
  static let pathNames = ["linear": "lin"]

  init(
    _ width: Int, seeds: Int, heads: Int,
    layerNorm: SetTransformerAggregation.LayerNormalization, dropout: Double
  ) {
    linear = Linear(width, width)
    let bound = (6 / Float(max(1, width * (1 + seeds)))).squareRoot()
    seed = Parameter(shape: [1, seeds, width], from: .uniform(bound: bound))
    mab = MultiheadAttentionBlock(width, heads: heads, layerNorm: layerNorm, dropout: dropout)
  }

  func callAsFunction(_ x: Tensor, _ sets: PaddedGroups?) -> Tensor {
    let seeds = seed.value.broadcast(to: [x.shape[0], seed.shape[1], seed.shape[2]])
    return mab(seeds, linear.applied(to: x, activation: .relu), queries: nil, keys: sets)
  }
}

extension Linear {
  /// The layer, and an activation in the same pass, of the last axis. Shapes: [..., in] gives [..., out].
  func applied(to x: Tensor, activation: Activation = .identity) -> Tensor {
    let rows = x.reshaped(to: [x.shape.dropLast().reduce(1, *), x.shape.last ?? 0])
    return terms(rows).evaluated(activation: activation)
      .reshaped(to: x.shape.dropLast() + [outputWidth])
  }
}
