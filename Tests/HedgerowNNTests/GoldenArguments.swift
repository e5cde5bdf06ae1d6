import HedgerowTensor
import HedgerowTestSupport

/// The arguments of one of PyTorch's functions: each is asked for by name, and what nobody asked for is
/// an error, so that no argument is passed over.
struct GoldenArguments {
  struct Unknown: Error, CustomStringConvertible { let description: String }

  private var left: [String: JSON]
  private let file: GoldenFile

  init(_ file: GoldenFile) {
    self.file = file
    // Arguments that change how, not what, PyTorch computes.
    let ways: Set = [
      "inplace", "foreach", "fused", "capturable", "differentiable", "dtype", "_stacklevel",
      "size_average", "reduce",
    ]
    left = file.settings.filter { !ways.contains($0.key) && $0.value != .null }
  }

  mutating func number(_ name: String, or standard: Double) throws -> Double {
    try take(name, or: standard) { $0.number }
  }
  mutating func bool(_ name: String, or standard: Bool) throws -> Bool {
    try take(name, or: standard) { $0.bool ?? $0.number.map { $0 != 0 } }
  }
  mutating func string(_ name: String, or standard: String) throws -> String {
    try take(name, or: standard) { $0.string }
  }
  mutating func numbers(_ name: String, or standard: [Double]) throws -> [Double] {
    try take(name, or: standard) { json in
      let values = json.array.map { $0.compactMap(\.number) }
      return values?.count == json.array?.count ? values : json.number.map { [$0] }
    }
  }
  /// A tensor that is an input of the file, or numbers in its settings.
  mutating func tensor(_ name: String) throws -> Tensor? {
    if file.isGiven("in.\(name)") { return file["in.\(name)"] }
    let values = try numbers(name, or: [])
    return values.isEmpty ? nil : Tensor(values.map { Float($0) })
  }
  mutating func reduction() throws -> LossReduction {
    let reductions: [String: LossReduction] = [
      "mean": .mean, "sum": .sum, "none": .none, "batchmean": .batchMean,
    ]
    let name = try string("reduction", or: "mean")
    guard let reduction = reductions[name] else { throw unknown("reduction", .string(name)) }
    return reduction
  }

  /// - Throws: when an argument has not been asked for.
  func finish() throws {
    if let (name, value) = left.min(by: { $0.key < $1.key }) { throw unknown(name, value) }
  }

  private mutating func take<Value>(
    _ name: String, or standard: Value, _ read: (JSON) -> Value?
  ) throws -> Value {
    guard let json = left.removeValue(forKey: name) else { return standard }
    guard let value = read(json) else { throw unknown(name, json) }
    return value
  }

  private func unknown(_ name: String, _ value: JSON) -> Unknown {
    Unknown(description: "\(file.name): \(file.op) has no argument \(name) of \(value)")
  }
}
