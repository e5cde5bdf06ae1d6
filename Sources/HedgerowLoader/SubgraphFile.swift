import HedgerowCore
import HedgerowGraph
import HedgerowMapped

/// Subgraphs one after the other in a file without a name, to be read again in any order.
///
/// All are of one sampler: of the same types and relations, with as many hops. Memory: a buffer while they are
/// written, and 8 bytes a subgraph.
final class SubgraphFile: @unchecked Sendable {
  private let file: ScratchFile
  /// Where each begins, and where the last one ends. Changed by `append` alone, before others see it.
  private var offsets = [0]
  private var form: Form?

  /// What all subgraphs have in common.
  private struct Form: Equatable {
    let seedType: NodeType
    let hopCount: Int
    let types: [NodeType]
    let relations: [Relation]
    let hasTrees: Bool

    init(_ subgraph: SampledSubgraph) {
      seedType = subgraph.seedType
      hopCount = subgraph.hopCount
      types = subgraph.nodes.keys
      relations = subgraph.edges.map(\.relation)
      hasTrees = subgraph.trees.count > 0
    }

    /// Numbers before a subgraph's arrays: of each type how many nodes were known after each hop, of each relation
    /// the lengths of its four arrays.
    var headerCount: Int { types.count * (hopCount + 1) + 4 * relations.count }

    /// Of each type, how many nodes were known after each hop.
    func known(_ counts: [Int]) -> PerNode<[Int]> {
      var known = PerNode<[Int]>()
      for (place, type) in types.enumerated() {
        known[type] = Array(counts[place * (hopCount + 1)..<(place + 1) * (hopCount + 1)])
      }
      return known
    }
  }

  /// - Throws: `io` when there can be no file.
  init(in directory: String) throws { file = try ScratchFile(in: directory) }

  var count: Int { offsets.count - 1 }
  /// Bytes of the file.
  var byteCount: Int { file.byteCount }

  /// Adds one behind the others.
  func append(_ subgraph: SampledSubgraph) throws {
    let form = Form(subgraph)
    require(self.form == nil || self.form == form, "subgraphs in one file are of one sampler")
    self.form = form
    var header: [Int] = []
    for type in form.types { header += subgraph.knownCounts[type] }
    for edges in subgraph.edges {
      header += [
        edges.offsets.count, edges.sources.count, edges.ids.count, edges.weights.count,
      ]
    }
    try append(header)
    // Nodes come first: they are read alone, too.
    for type in form.types { try append(subgraph.nodes[type]) }
    for type in form.types where form.hasTrees { try append(subgraph.trees[type]) }
    for edges in subgraph.edges {
      try append(edges.offsets)
      try append(edges.sources)
      try append(edges.ids)
      try append(edges.weights)
    }
    offsets.append(file.byteCount)
  }

  private func append<T: BitwiseCopyable>(_ values: [T]) throws {
    try values.withUnsafeBytes { try file.append($0) }
  }

  /// Call it between the last ``append(_:)`` and the first look at what was written.
  func finish() throws { try file.settle() }

  /// The subgraph that was added behind so many others.
  func subgraph(_ number: Int) throws -> SampledSubgraph {
    let (form, bytes) = place(of: number)
    return try withUnsafeTemporaryAllocation(byteCount: bytes.count, alignment: 16) { buffer in
      file.prefetch(bytes)
      try file.read(at: bytes.lowerBound, into: buffer)
      file.release(bytes)
      var arrays = Arrays(bytes: UnsafeRawBufferPointer(buffer))
      let known = form.known(arrays.take(form.types.count * (form.hopCount + 1)))
      let lengths: [Int] = arrays.take(4 * form.relations.count)
      var (nodes, trees) = (PerNode<[UInt32]>(), PerNode<[UInt32]>())
      for type in form.types { nodes[type] = arrays.take(known[type][form.hopCount]) }
      for type in form.types where form.hasTrees {
        trees[type] = arrays.take(known[type][form.hopCount])
      }
      let edges = form.relations.enumerated().map { place, relation in
        var edges = SampledSubgraph.Edges(relation: relation)
        edges.offsets = arrays.take(lengths[4 * place])
        edges.sources = arrays.take(lengths[4 * place + 1])
        edges.ids = arrays.take(lengths[4 * place + 2])
        edges.weights = arrays.take(lengths[4 * place + 3])
        return edges
      }
      return SampledSubgraph(
        seedType: form.seedType, hopCount: form.hopCount, nodes: nodes, knownCounts: known,
        edges: edges, trees: trees)
    }
  }

  /// The nodes of one type of a subgraph; none of a type that it has not.
  func nodes(_ number: Int, of type: NodeType) throws -> [UInt32] {
    let (form, bytes) = place(of: number)
    guard let place = form.types.firstIndex(of: type) else { return [] }
    let counts: [Int] = try array(form.types.count * (form.hopCount + 1), at: bytes.lowerBound)
    let sizes = form.types.map { form.known(counts)[$0][form.hopCount] }
    return try array(
      sizes[place],
      at: bytes.lowerBound + MemoryLayout<Int>.size * form.headerCount
        + MemoryLayout<UInt32>.size * sizes[..<place].reduce(0, +))
  }

  private func array<T: BitwiseCopyable>(_ count: Int, at offset: Int) throws -> [T] {
    // Its count would be written to where all empty arrays are, which other threads read.
    if count == 0 { return [] }
    return try [T](unsafeUninitializedCapacity: count) { values, filled in
      try file.read(at: offset, into: UnsafeMutableRawBufferPointer(values))
      filled = count
    }
  }

  private func place(of number: Int) -> (form: Form, bytes: Range<Int>) {
    require(number >= 0 && number < count, "subgraph \(number) of \(count)")
    return (form!, offsets[number]..<offsets[number + 1])
  }

  /// Arrays one after the other.
  private struct Arrays {
    let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func take<T: BitwiseCopyable>(_ count: Int) -> [T] {
      if count == 0 { return [] }
      let end = offset + count * MemoryLayout<T>.stride
      defer { offset = end }
      return [T](unsafeUninitializedCapacity: count) { values, filled in
        UnsafeMutableRawBufferPointer(values).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: bytes[offset..<end]))
        filled = count
      }
    }
  }
}
