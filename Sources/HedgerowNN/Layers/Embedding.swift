import HedgerowCore
public import HedgerowTensor

/// A learned row for each of a fixed number of things, as nodes without features.
///
/// Shapes: weight [count, width]; result [ids, width]. Rows begin uniform in plus or minus
/// 1 / sqrt(width). The gradient is that of the rows taken, so that a step costs time in proportion
/// to them, not to `count`.
public struct Embedding: Module {
  public struct Options: Sendable {
    /// A row that begins as zeros and is never changed: of what is not there.
    public var padding: Int?
    /// Rows longer than this are brought to this length, in the table itself, when they are taken: a
    /// model with such a table may run on one thread only.
    public var largestNorm: Float?

    public init() {}
  }

  public let weight: Parameter
  public let options: Options

  /// Traps when the padding is none of the rows.
  public init(_ count: Int, _ width: Int, options: Options = Options()) {
    require(
      options.padding.map { 0 <= $0 && $0 < count } ?? true,
      "row \(options.padding ?? 0) of \(count) cannot stand for what is not there")
    self.options = options
    weight = Parameter(
      shape: [count, width],
      from: .uniform(bound: width > 0 ? 1 / Float(width).squareRoot() : 0),
      zeroRow: options.padding)
  }

  /// The rows of `ids`; traps when one is not below the count.
  public func callAsFunction(_ ids: [UInt32]) -> Tensor {
    if let largest = options.largestNorm { shorten(ids, to: largest) }
    guard let padding = options.padding else { return weight.value.gathered(rows: ids) }
    return weight.value.gathered(rows: ids, freezing: UInt32(padding))
  }

  /// As `torch.nn.functional.embedding` with `max_norm`.
  private func shorten(_ ids: [UInt32], to largest: Float) {
    let (count, width) = (weight.shape[0], weight.shape[1])
    func elements(of id: UInt32) -> Range<Int> { Int(id) * width..<(Int(id) + 1) * width }
    func length(_ row: some Sequence<Float>) -> Float {
      row.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
    let long = weight.value.withUnsafeBufferPointer { table in
      Set(ids).filter { Int($0) < count && length(table[elements(of: $0)]) > largest }
    }
    if long.isEmpty { return }
    weight.withUnsafeMutableBufferPointer { table in
      for row in long.map(elements) {
        let factor = largest / (length(table[row]) + 1e-7)
        for index in row { table[index] *= factor }
      }
    }
  }
}
