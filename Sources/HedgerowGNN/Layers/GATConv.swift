import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Graph attention: x_t' = b + sum over the sources s of t, t itself included, of a_st W_s x_s, where
/// a_st = softmax over s of leakyRelu(p . W_s x_s + q . W_t x_t), for each head apart. Edges that have
/// features e_st add r . W_e e_st in front of leakyRelu; those of a self-loop are the mean over the other
/// edges to its node.
///
/// Shapes: source [sources, source width], target [targets, target width], result [targets, heads x
/// head width], or [targets, head width] when heads are averaged. Parameters as in PyTorch Geometric:
/// `lin.weight`, or `lin_src.weight` and `lin_dst.weight` between two widths; `att_src`, `att_dst`
/// [1, heads, head width]; `bias`; `lin_edge.weight` and `att_edge` of edges, `res.weight` of the residual.
///
/// Source: Velickovic et al., Graph Attention Networks, ICLR 2018.
public struct GATConv: EdgeFeaturedConvolution {
  public struct Options: Sendable {
    public var heads = 1
    /// What becomes of the heads' results.
    public var heading = Heading.concatenated
    /// Of the leaky relu before the softmax.
    public var negativeSlope: Float = 0.2
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Give each target an edge from itself where it has none; `nil` does for a layer within one
    /// type, and does not for one between two.
    public var selfLoops: Bool?
    /// Learn b.
    public var bias = true
    /// Width of the edges' features, where they have any.
    public var edgeWidth: Int?
    /// Add W_r x_t to the result.
    public var residual = false

    public init() {}
  }

  public enum Heading: Sendable {
    case concatenated
    case averaged
  }

  let shared: Linear?
  let fromSource: Linear?
  let fromTarget: Linear?
  let sourceAttention: Parameter
  let targetAttention: Parameter
  let fromEdge: Linear?
  let edgeAttention: Parameter?
  let residual: Linear?
  let bias: Parameter?
  let options: Options

  public static let pathNames = [
    "shared": "lin", "fromSource": "lin_src", "fromTarget": "lin_dst",
    "sourceAttention": "att_src", "targetAttention": "att_dst", "fromEdge": "lin_edge",
    "edgeAttention": "att_edge", "residual": "res",
  ]

  /// For sources and targets of two widths, each with a weight of its own.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to headWidth: Int,
    options: Options = .init()
  ) {
    let width = options.heads * headWidth
    self.init(
      shared: nil, fromSource: Linear(sourceWidth, width, bias: .absent, from: .glorot),
      fromTarget: Linear(targetWidth, width, bias: .absent, from: .glorot),
      targetWidth: targetWidth, headWidth, options)
  }

  /// For sources and targets of two widths, with so many heads.
  public init(source sourceWidth: Int, target targetWidth: Int, to headWidth: Int, heads: Int) {
    var options = Options()
    options.heads = heads
    self.init(source: sourceWidth, target: targetWidth, to: headWidth, options: options)
  }

  /// For sources and targets of one type, which share a weight.
  public init(_ width: Int, _ headWidth: Int, options: Options = .init()) {
    self.init(
      shared: Linear(width, options.heads * headWidth, bias: .absent, from: .glorot),
      fromSource: nil, fromTarget: nil, targetWidth: width, headWidth, options)
  }

  private init(
    shared: Linear?, fromSource: Linear?, fromTarget: Linear?, targetWidth: Int, _ headWidth: Int,
    _ options: Options
  ) {
    require(options.heads >= 1, "attention needs a head, not \(options.heads)")
    self.shared = shared
    self.fromSource = fromSource
    self.fromTarget = fromTarget
    let bound = (6 / Float(max(1, options.heads + headWidth))).squareRoot()
    func attention() -> Parameter {
      Parameter(shape: [1, options.heads, headWidth], from: .uniform(bound: bound))
    }
    sourceAttention = attention()
    targetAttention = attention()
    fromEdge = options.edgeWidth.map {
      Linear($0, options.heads * headWidth, bias: .absent, from: .glorot)
    }
    edgeAttention = options.edgeWidth.map { _ in attention() }
    let outputWidth = options.heading == .concatenated ? options.heads * headWidth : headWidth
    residual =
      options.residual ? Linear(targetWidth, outputWidth, bias: .absent, from: .glorot) : nil
    bias = options.bias ? Parameter(shape: [outputWidth], from: .constant(0)) : nil
    self.options = options
  }

  public func terms(
    source: Tensor, target: Tensor, along given: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    require(
      (edges != nil) == (fromEdge != nil)
        && (edges.map { $0.shape == [given.edgeCount, options.edgeWidth!] } ?? true),
      "edges of \(edges.map { "shape \($0.shape)" } ?? "no features") for \(given.edgeCount) edges "
        + "and a layer that is made for \(options.edgeWidth.map { "\($0)" } ?? "none")")
    let hasLoops = options.selfLoops ?? (shared != nil)
    let numbered = edges == nil ? given : given.numberedByEntries
    let block = hasLoops ? numbered.addingSelfLoops() : numbered
    let x: Tensor
    let y: Tensor
    if let shared {
      // Targets are the first of the sources.
      x = shared(source)
      y = x.prefix(rows: block.targetCount)
    } else {
      x = fromSource!(source)
      y = fromTarget!(target)
    }
    let sourceScores = attention(x, sourceAttention)
    let targetScores = attention(y, targetAttention)
    var result: Tensor
    if edges == nil, options.heads <= attentionHeadLimit,
      options.dropout == 0 || !Training.isActive
    {
      result = attentionSum(
        x, sourceScores: sourceScores, targetScores: targetScores, slope: options.negativeSlope,
        over: block.rows
      ) { block.transposedRows }
    } else {
      var scores =
        sourceScores.gathered(alongSourcesOf: block) + targetScores.gathered(alongTargetsOf: block)
      if let edges {
        let own = attention(fromEdge!(edges), edgeAttention!)
        scores = scores + (hasLoops ? extended(own, toSelfLoopsOf: block) : own)
      }
      let weights = dropout(
        segmentSoftmax(leakyRelu(scores, slope: options.negativeSlope), by: block.usedOffsets),
        rate: options.dropout)
      result = aggregate(x, scaledBy: weights, along: block, by: .sum)
    }
    if options.heading == .averaged {
      result = mean(
        result.reshaped(
          to: [block.targetCount, options.heads, sourceAttention.shape[2]]), along: 1)
    }
    var sum = AffineSum(result)
    if let residual { sum = sum + residual.terms(target) }
    if let bias { sum.add(bias: bias.value) }
    return sum
  }

  /// Each head's product with the attention vector: [rows, heads x width] gives [rows, heads].
  private func attention(_ x: Tensor, _ vector: Parameter) -> Tensor {
    // A product with a matrix of the heads' vectors, zero elsewhere, makes nothing as large as x.
    let (heads, width) = (options.heads, vector.shape[2])
    let ownColumns = Tensor(shape: [heads * width, heads]) { matrix in
      matrix.initialize(repeating: 0)
      for row in 0..<heads * width { matrix[row * heads + row / width] = 1 }
    }
    return matmul(x, vector.value.reshaped(to: [heads * width, 1]) * ownColumns)
  }

  /// Scores of the edges' features for each entry of a block with self-loops, which are the last of
  /// their rows. Scores are linear in features: that of their mean is the mean of theirs.
  ///
  /// Shapes: [edges, heads] gives [entries, heads].
  private func extended(_ scores: Tensor, toSelfLoopsOf block: Block) -> Tensor {
    var others: [UInt32] = []
    var offsets: [UInt32] = [0]
    var places: [UInt32] = []
    for target in 0..<block.targetCount {
      let row = block.edges[
        Int(block.offsets[target])..<Int(block.offsets[target + 1])
      ].dropLast()
      others += row
      offsets.append(UInt32(others.count))
      places += row
      places.append(UInt32(scores.rowCount + target))
    }
    let loops = segmentMean(scores.gathered(rows: others), by: offsets)
    return concatenated(scores, loops, along: 0).gathered(rows: places)
  }
}

extension Block {
  /// The same with ``edges`` as the entries of this block, whatever its own edges are.
  var numberedByEntries: Block {
    edges.isEmpty
      ? self
      : Block(
        offsets: offsets, sources: sources, sourceCount: sourceCount, targetCount: targetCount)
  }
}
