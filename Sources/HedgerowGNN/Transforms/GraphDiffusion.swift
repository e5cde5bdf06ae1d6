import Glibc
import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// A graph replaced by the strongest of what diffuses along its edges: S = sum over k of theta_k T^k, of the
/// transition matrix T, sparsified and normalized again.
///
/// ```swift
/// let (denser, weights) = GraphDiffusion(.pageRank(teleport: 0.15), keeping: .strongest(64))(block)
/// ```
/// T is made of the block with self-loops; S is given as a block whose entries weigh what they weigh in S. Not
/// differentiable. The same bits for any number of threads.
///
/// Source: Gasteiger, Weissenberger, Günnemann, Diffusion Improves Graph Learning, NeurIPS 2019.
public struct GraphDiffusion: Sendable {
  /// Which theta there are.
  public enum Kernel: Sendable {
    /// a (1 - a)^k: personalized PageRank, a the chance to begin anew.
    case pageRank(teleport: Double)
    /// e^-t t^k / k!: heat after a time t.
    case heat(time: Double)
    /// These, for k = 0, 1, ...; always exact.
    case coefficients([Double])
  }

  /// How S is computed.
  public enum Computation: Sendable {
    /// As a dense matrix, in double precision: O(nodes^2) memory, and products of such matrices, about ten.
    case exact
    /// For each node by pushing what is left to the nodes where more than `tolerance` times their edges is left
    /// (Andersen, Chung, Lang, FOCS 2006, and for heat Kloster and Gleich, KDD 2014). The time of a node does not grow
    /// with the graph. Numbers are never too large; of a graph without direction whose edges weigh one, those of
    /// S of the walk, D^-1 A, are too small by at most the tolerance times the edges of the node reached.
    case push(tolerance: Double)
  }

  /// What is kept of S.
  public enum Sparsification: Sendable {
    /// The sources of each target that weigh most, so many; of equals the first.
    case strongest(Int)
    /// What weighs at least so much.
    case threshold(Double)
    /// What weighs at least so much that each target has so many sources in the mean.
    case meanDegree(Int)
  }

  /// What the numbers of edges are divided by, d being the sum of those that lead to a node, or that leave it.
  public enum Normalization: Sendable {
    case none
    /// sqrt(d_s d_t) of edges that lead to a node.
    case symmetric
    /// d_t, so that those that lead to a node add to one.
    case targets
    /// d_s of edges that leave a node, so that these add to one.
    case sources
  }

  public var kernel: Kernel
  public var keeping: Sparsification
  public var computation = Computation.exact
  /// Of the edge from each node to itself that is added to those it has; 0 for none.
  public var selfLoopWeight: Double = 1
  /// Of T; not ``Normalization/none``, whose sum need not end.
  public var normalizationIn = Normalization.symmetric
  /// Of what is kept of S.
  public var normalizationOut = Normalization.targets

  public init(_ kernel: Kernel, keeping: Sparsification) {
    self.kernel = kernel
    self.keeping = keeping
  }

  /// Shapes: a block of a whole graph, weights [edges] or `nil` for ones, result [edges of the new block]. Parallel
  /// edges count as one of their summed weight. Weights are not negative, else it traps.
  public func callAsFunction(
    _ block: Block, weights: Tensor? = nil
  ) -> (block: Block, weights: Tensor) {
    requireWholeGraph(block)
    let adjacency = adjacency(block, weights)
    let diffused =
      switch computation {
      case .exact: exact(adjacency)
      case .push(let tolerance): pushed(adjacency, tolerance)
      }
    let kept = normalized(sparsified(diffused), normalizationOut).converted(to: .csr)
    let rows = kept.pattern.byRow
    return (
      Block(
        offsets: rows.offsets, sources: rows.indices, sourceCount: block.sourceCount,
        targetCount: block.targetCount), Tensor(kept.values.scalars.map { Float($0) })
    )
  }

  private typealias Matrix = SparseMatrix<Double>

  /// [targets, sources]
  private func adjacency(_ block: Block, _ weights: Tensor?) -> Matrix {
    let numbers = (weights?.scalars ?? [Float](repeating: 1, count: block.edgeCount))
    require(
      numbers.count == block.edgeCount, "\(numbers.count) weights for \(block.edgeCount) edges")
    require(numbers.allSatisfy { $0 >= 0 && $0.isFinite }, "edges weigh nothing less than zero")
    let rows = CompressedRows(
      offsets: block.usedOffsets, indices: block.usedSources, rowCount: block.targetCount)
    let matrix = Matrix(
      rows, columnCount: block.sourceCount, values: NDTensor(numbers.map { Double($0) }))
    let looped = selfLoopWeight == 0 ? matrix : matrix.addingSelfLoops(selfLoopWeight, .everywhere)
    return looped.coalesced().converted(to: .csr)
  }

  private func normalized(_ matrix: Matrix, _ kind: Normalization) -> Matrix {
    switch kind {
    case .none: matrix
    case .symmetric: matrix.normalized(.symmetric)
    case .targets: matrix.normalized(.rows)
    case .sources: matrix.normalized(.columns)
    }
  }

  // Exact

  private func exact(_ adjacency: Matrix) -> Matrix {
    requireNormalized()
    let t = normalized(adjacency, normalizationIn).dense
    let n = t.shape[0]
    let identity = Matrix.identity(n).dense
    switch kernel {
    case .coefficients(let coefficients):
      // Horner's rule.
      return Matrix(
        coefficients.reversed().reduce(NDTensor<Double>.zeros([n, n])) {
          matmul($0, t) + $1 * identity
        })
    case .pageRank(let teleport):
      require(0 < teleport && teleport <= 1, "a chance to begin anew is not \(teleport)")
      // 1 + x + ... + x^(2m - 1) = (1 + ... + x^(m - 1)) + x^m (1 + ... + x^(m - 1)), until nothing is left.
      var (series, power, remaining) = (identity, (1 - teleport) * t, 1 - teleport)
      while remaining > 1e-17 {
        series = series + matmul(power, series)
        power = matmul(power, power)
        remaining *= remaining
      }
      return Matrix(teleport * series)
    case .heat(let time):
      require(time >= 0 && time.isFinite, "a time is not \(time)")
      // exp(x) = exp(x / 2^s)^(2^s), with a series for the small one.
      let halvings = time > 0.5 ? Int(log2(time / 0.5).rounded(.up)) : 0
      let small = (time / Double(1 << halvings)) * t
      var (result, term) = (identity, identity)
      for degree in 1...14 {
        term = (1 / Double(degree)) * matmul(term, small)
        result = result + term
      }
      for _ in 0..<halvings { result = matmul(result, result) }
      return Matrix(exp(-time) * result)
    }
  }

  private func requireNormalized() {
    if case .coefficients = kernel { return }
    if case .none = normalizationIn { fatalError("a diffusion needs a normalized matrix") }
  }

  // By pushes

  /// Row t of the walk's S, D^-1 A for T, is what a push from t leaves; other normalizations are D^p S D^-p.
  private func pushed(_ adjacency: Matrix, _ tolerance: Double) -> Matrix {
    require(tolerance > 0, "a tolerance is not \(tolerance)")
    requireNormalized()
    switch normalizationIn {
    case .none, .targets: return walked(adjacency, tolerance)
    case .sources: return walked(adjacency.transposed().converted(to: .csr), tolerance).transposed()
    case .symmetric:
      let roots = sqrt(sum(adjacency, along: 1))
      return walked(adjacency, tolerance).scaled(rows: roots)
        .scaled(columns: NDTensor(roots.scalars.map { $0 > 0 ? 1 / $0 : 0 }))
    }
  }

  private func walked(_ adjacency: Matrix, _ tolerance: Double) -> Matrix {
    let pusher = GraphPush(adjacency, tolerance: tolerance)
    let count = adjacency.rowCount
    let partSize = 64
    var parts = [[[(UInt32, Double)]]](repeating: [], count: (count + partSize - 1) / partSize)
    parts.withUnsafeMutableBufferPointer { parts in
      // Each part writes its own element, and all end before the closure does.
      nonisolated(unsafe) let parts = parts
      Compute.pool.run(parts: parts.count) { part in
        parts[part] = (part * partSize..<min(count, (part + 1) * partSize)).map { node in
          switch kernel {
          case .pageRank(let teleport): pusher.pageRank(from: node, teleport)
          case .heat(let time): pusher.heat(from: node, time)
          case .coefficients: fatalError("coefficients of one's own are summed exactly")
          }
        }
      }
    }
    var (offsets, columns, values): ([UInt32], [UInt32], [Double]) = ([0], [], [])
    for row in parts.joined() {
      for (column, value) in row {
        columns.append(column)
        values.append(value)
      }
      offsets.append(UInt32(columns.count))
    }
    return Matrix(
      CompressedRows(offsets: offsets, indices: columns, rowCount: count), columnCount: count,
      values: NDTensor(values))
  }

  // Sparsification

  private func sparsified(_ matrix: Matrix) -> Matrix {
    let matrix = matrix.converted(to: .csr)
    let rows = matrix.pattern.byRow
    let values =
      rows.entries.isEmpty
      ? matrix.values.scalars : rows.entries.map { matrix.values.scalars[Int($0)] }
    let bound =
      switch keeping {
      case .strongest: -Double.infinity
      case .threshold(let threshold): threshold
      case .meanDegree(let degree): threshold(values, keeping: degree * matrix.rowCount)
      }
    var (offsets, places): ([UInt32], [Int]) = ([0], [])
    for row in 0..<rows.rowCount {
      var kept = (Int(rows.offsets[row])..<Int(rows.offsets[row + 1])).filter {
        values[$0] > 0 && values[$0] >= bound
      }
      if case .strongest(let count) = keeping, kept.count > count {
        kept.sort { (-values[$0], rows.indices[$0]) < (-values[$1], rows.indices[$1]) }
        kept = Array(kept.prefix(count))
      }
      places += kept.sorted { rows.indices[$0] < rows.indices[$1] }
      offsets.append(UInt32(places.count))
    }
    return Matrix(
      CompressedRows(
        offsets: offsets, indices: places.map { rows.indices[$0] }, rowCount: rows.rowCount),
      columnCount: matrix.columnCount, values: NDTensor(places.map { values[$0] }))
  }

  /// Between the last that is kept and the first that is not.
  private func threshold(_ values: [Double], keeping count: Int) -> Double {
    require(count >= 0, "there are no \(count) edges")
    if count >= values.count { return -.infinity }
    let falling = values.sorted(by: >)
    return count == 0 ? .infinity : (falling[count - 1] + falling[count]) / 2
  }
}

/// Diffusion from one node at a time over D^-1 A.
private struct GraphPush: Sendable {
  private let offsets: [UInt32]
  private let neighbors: [UInt32]
  /// Of the walk, one for each entry.
  private let chances: [Double]
  /// What is left at a node is pushed on from this on.
  private let bounds: [Double]
  private let tolerance: Double

  init(_ adjacency: SparseMatrix<Double>, tolerance: Double) {
    let walk = adjacency.normalized(.rows).converted(to: .csr)
    let rows = walk.pattern.byRow
    offsets = rows.offsets
    neighbors = rows.indices
    let values = walk.values.scalars
    chances = rows.entries.isEmpty ? values : rows.entries.map { values[Int($0)] }
    self.tolerance = tolerance
    bounds = (0..<rows.rowCount).map { row in
      tolerance * Double(max(1, rows.offsets[row + 1] - rows.offsets[row]))
    }
  }

  /// a times the sum of ((1 - a) D^-1 A)^k, of one row.
  func pageRank(from start: Int, _ teleport: Double) -> [(UInt32, Double)] {
    var (reached, left): ([UInt32: Double], [UInt32: Double]) = ([:], [UInt32(start): 1])
    var (queue, next) = ([UInt32(start)], 0)
    while next < queue.count {
      let node = queue[next]
      next += 1
      let mass = left.updateValue(0, forKey: node) ?? 0
      reached[node, default: 0] += teleport * mass
      for entry in Int(offsets[Int(node)])..<Int(offsets[Int(node) + 1]) {
        let neighbor = neighbors[entry]
        let bound = bounds[Int(neighbor)]
        let before = left[neighbor] ?? 0
        let after = before + (1 - teleport) * mass * chances[entry]
        left[neighbor] = after
        if before < bound && after >= bound { queue.append(neighbor) }
      }
    }
    return reached.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The sum of e^-t t^k / k! (D^-1 A)^k, of one row: what one power has is pushed into the next, but for what is too
  /// little to be seen in all of those that follow.
  func heat(from start: Int, _ time: Double) -> [(UInt32, Double)] {
    let rests = heatRests(time)
    var reached: [UInt32: Double] = [:]
    var layer: [(key: UInt32, value: Double)] = [(UInt32(start), exp(-time))]
    for (power, rest) in rests.enumerated() {
      let share = 1 / (2 * Double(rests.count) * rest)
      var following: [UInt32: Double] = [:]
      for (node, mass) in layer where mass >= share * bounds[Int(node)] || power == 0 {
        reached[node, default: 0] += mass
        for entry in Int(offsets[Int(node)])..<Int(offsets[Int(node) + 1]) {
          following[neighbors[entry], default: 0] +=
            mass * (time / Double(power + 1)) * chances[entry]
        }
      }
      layer = following.sorted { $0.key < $1.key }
    }
    return reached.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// For each power until less than half of the tolerance is left, how much of what is there at that power comes
  /// of it at all later ones: the sum of k! t^m / (k + m)! over m.
  private func heatRests(_ time: Double) -> [Double] {
    var (weight, left, count) = (exp(-time), 1 - exp(-time), 1)
    while left > tolerance / 2 && count < 10_000 {
      weight *= time / Double(count)
      left -= weight
      count += 1
    }
    var rests = [Double](repeating: 1, count: count)
    for power in stride(from: count - 2, through: 0, by: -1) {
      rests[power] = 1 + time / Double(power + 1) * rests[power + 1]
    }
    return rests
  }
}
