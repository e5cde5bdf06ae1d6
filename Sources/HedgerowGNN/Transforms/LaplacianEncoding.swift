import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// The eigenvectors of a graph's normalized Laplacian I - D^-1/2 A D^-1/2 with the least eigenvalues but the very
/// least: places of nodes such that neighbors are near.
///
/// Shapes: a block of a whole graph, result [nodes, count], a column for each eigenvector, of length one in each
/// graph; columns beyond those that a graph has are zero. A is taken without direction, (A + A^T) / 2, and without
/// self-loops; a node without edges is an eigenvector of 1. An
/// eigenvector's sign is such that the first of its largest elements is positive. Of an eigenvalue that is there
/// several times - a graph of several parts has 0 as often - it is some basis of its vectors, the same for any
/// number of threads on one kind of processor.
///
/// Graphs of at most 256 nodes by QL steps, in O(nodes^3); larger ones by subspaces filtered with Chebyshev
/// polynomials (Zhou et al., Journal of Computational Physics 2006), until residuals are below 1e-7.
///
/// - Parameters:
///   - count: of eigenvectors.
///   - weights: [edges], in the order of the block's entries, not negative; ones where they are `nil`.
///   - graphs: which graph each node belongs to; `nil` when all are of one. Edges are within graphs.
///
/// Source: Dwivedi et al., Benchmarking Graph Neural Networks, JMLR 2023.
public func laplacianEncoding(
  _ block: Block, count: Int, weights: Tensor? = nil, in graphs: RowGroups? = nil
) -> Tensor {
  requireWholeGraph(block)
  require(count >= 0, "there are no \(count) eigenvectors")
  require(
    weights.map { $0.shape == [block.edgeCount] } ?? true,
    "weights of shape \(weights?.shape ?? []) for \(block.edgeCount) edges")
  let graphs = graphs ?? RowGroups(ofAll: block.targetCount)
  require(
    graphs.rowCount == block.targetCount,
    "graphs of \(graphs.rowCount) rows for \(block.targetCount) nodes")
  let parts = NormalizedAdjacency.parts(of: block, weights, in: graphs)
  var encodings = [[Double]](repeating: [], count: parts.count)
  encodings.withUnsafeMutableBufferPointer { encodings in
    // Each part writes its own element, and all end before the closure does.
    nonisolated(unsafe) let encodings = encodings
    Compute.pool.run(parts: parts.count) { encodings[$0] = parts[$0].encoding(count) }
  }
  return Tensor(shape: [block.targetCount, count]) { numbers in
    numbers.initialize(repeating: 0)
    for (part, encoding) in zip(parts, encodings) {
      for (place, node) in part.nodes.enumerated() {
        for column in 0..<count {
          numbers[Int(node) * count + column] = Float(encoding[place * count + column])
        }
      }
    }
  }
}

/// D^-1/2 A D^-1/2 of one graph, whose eigenvalues are 1 minus those of the normalized Laplacian.
private struct NormalizedAdjacency: Sendable {
  static let denseExtent = 256

  /// Which nodes of the block these are.
  let nodes: [UInt32]
  let matrix: SparseMatrix<Double>

  static func parts(
    of block: Block, _ weights: Tensor?, in graphs: RowGroups
  ) -> [NormalizedAdjacency] {
    var members = [[UInt32]](repeating: [], count: graphs.count)
    var places = [UInt32](repeating: 0, count: block.targetCount)
    for (node, graph) in graphs.groups.enumerated() {
      places[node] = UInt32(members[Int(graph)].count)
      members[Int(graph)].append(UInt32(node))
    }
    let numbers = weights?.scalars
    var entries = [(rows: [UInt32], columns: [UInt32], values: [Double])](
      repeating: ([], [], []), count: graphs.count)
    for target in 0..<block.targetCount {
      let graph = Int(graphs.groups[target])
      for entry in Int(block.offsets[target])..<Int(block.offsets[target + 1]) {
        let source = Int(block.sources[entry])
        require(
          Int(graphs.groups[source]) == graph,
          "an edge leads from node \(source) to node \(target) of another graph")
        if source == target { continue }
        let half = Double(numbers?[entry] ?? 1) / 2
        entries[graph].rows += [places[target], places[source]]
        entries[graph].columns += [places[source], places[target]]
        entries[graph].values += [half, half]
      }
    }
    return zip(members, entries).map { nodes, entries in
      NormalizedAdjacency(
        nodes: nodes,
        matrix: SparseMatrix(
          rows: entries.rows, columns: entries.columns, values: NDTensor(entries.values),
          shape: [nodes.count, nodes.count]
        ).converted(to: .csr).normalized(.symmetric))
    }
  }

  /// Nodes x count.
  func encoding(_ count: Int) -> [Double] {
    let n = nodes.count
    let wanted = min(count + 1, n)
    let (vectors, width) =
      n <= Self.denseExtent || n < 4 * (wanted + 8)
      ? (small(), n) : FilteredSubspace(matrix, wanted).vectors()
    var encoding = [Double](repeating: 0, count: n * count)
    for column in 1..<max(1, wanted) {
      let elements = (0..<n).map { vectors[$0 * width + column] }
      let largest = elements.reduce(0) { max($0, abs($1)) }
      let isTurned = (elements.first { abs($0) >= 0.9999 * largest } ?? 0) < 0
      for row in 0..<n {
        encoding[row * count + column - 1] = isTurned ? -elements[row] : elements[row]
      }
    }
    return encoding
  }

  /// All eigenvectors of the Laplacian.
  private func small() -> [Double] {
    let n = nodes.count
    var laplacian = matrix.dense.scalars.map { -$0 }
    for node in 0..<n { laplacian[node * n + node] += 1 }
    return SymmetricEigen(laplacian, extent: n).vectors
  }
}

/// A subspace that is drawn towards the eigenvectors of the largest eigenvalues of a symmetric matrix whose
/// eigenvalues are within -1...1.
private struct FilteredSubspace {
  private let matrix: SparseMatrix<Double>
  private let wanted: Int
  private let width: Int
  private static let degree = 20
  private static let tolerance = 1e-7

  init(_ matrix: SparseMatrix<Double>, _ wanted: Int) {
    self.matrix = matrix
    self.wanted = wanted
    // More than are wanted, so that the last of these are far from those that are left out.
    width = wanted + max(8, wanted / 2)
  }

  /// Eigenvectors, by falling eigenvalue, as columns of so many.
  func vectors() -> ([Double], Int) {
    let n = matrix.rowCount
    var basis = orthonormal(
      NDTensor<Double>.normal(
        [n, width], from: RandomStream(seed: 0).derive("laplacian", UInt64(n))))
    for _ in 0..<300 {
      let image = matmul(matrix, basis)
      // Rayleigh and Ritz: the best vectors of the subspace.
      let small = matmul(basis.transposed(), image)
      let eigen = SymmetricEigen(small.scalars.map { -$0 }, extent: width)
      let turn = NDTensor(eigen.vectors, shape: [width, width])
      basis = matmul(basis, turn)
      let values = NDTensor(eigen.values.map { -$0 })
      let residuals = sum(square(matmul(image, turn) - basis * values), along: 0).scalars
      if residuals.prefix(wanted).allSatisfy({ $0 <= Self.tolerance * Self.tolerance }) { break }
      // What the filter damps: all below the least value of the subspace.
      basis = orthonormal(filtered(basis, below: values.scalars[width - 1]))
    }
    return (basis.scalars, width)
  }

  /// T_degree of the matrix, with -1...bound mapped to -1...1, divided by its value at 1.
  private func filtered(_ x: NDTensor<Double>, below bound: Double) -> NDTensor<Double> {
    let (center, half) = ((bound - 1) / 2, max((bound + 1) / 2, 1e-3))
    func mapped(_ x: NDTensor<Double>) -> NDTensor<Double> {
      (1 / half) * (matmul(matrix, x) - center * x)
    }
    let top = (1 - center) / half
    // Each polynomial divided by its value at 1, so that numbers stay near 1.
    var ratio = 1 / top
    var (before, now) = (x, ratio * mapped(x))
    for _ in 1..<Self.degree {
      let next = 1 / (2 * top - ratio)
      (before, now) = (now, (2 * next) * mapped(now) - (ratio * next) * before)
      ratio = next
    }
    return now
  }

  /// Columns made orthonormal, twice, since once leaves what rounding did to those that were nearly dependent.
  private func orthonormal(_ x: NDTensor<Double>) -> NDTensor<Double> {
    let (n, m) = (x.rowCount, x.width)
    var columns = x.transposed().scalars
    for column in 0..<m {
      for _ in 0..<2 {
        for other in 0..<column {
          var dot = 0.0
          for row in 0..<n { dot += columns[column * n + row] * columns[other * n + row] }
          for row in 0..<n { columns[column * n + row] -= dot * columns[other * n + row] }
        }
        let length = (0..<n).reduce(0.0) {
          $0 + columns[column * n + $1] * columns[column * n + $1]
        }
        .squareRoot()
        let factor = length > 0 ? 1 / length : 0
        for row in 0..<n { columns[column * n + row] *= factor }
      }
    }
    return NDTensor(columns, shape: [m, n]).transposed().contiguous
  }
}

extension RandomStream {
  fileprivate func derive(_ name: String, _ counter: UInt64) -> RandomStream {
    derive(name).derive(counter)
  }
}
