import HedgerowGNN
import HedgerowTensor
import HedgerowTestSupport

/// The arguments of a constructor of PyTorch Geometric, by position or by name: each is asked for by name,
/// and what nobody asked for is an error, so that no argument is passed over.
final class GoldenArguments {
  struct Unknown: Error, CustomStringConvertible { let description: String }

  /// The constructor, as PyTorch Geometric names it.
  let name: String
  private var left: [String: JSON]
  /// The file that the arguments are of; `nil` for an example of ours.
  var file: GoldenFile?

  /// - Parameters:
  ///   - settings: `args` and `kwargs`, or arguments by name.
  ///   - signature: the names of the constructor's arguments in its order, parted by spaces.
  init(_ settings: [String: JSON], of name: String, signature: String) throws {
    self.name = name
    guard settings["args"] != nil || settings["kwargs"] != nil else {
      left = settings
      return
    }
    left = if case .object(let named)? = settings["kwargs"] { named } else { [:] }
    let names = signature.split(separator: " ").map(String.init)
    let positional = settings["args"]?.array ?? []
    if positional.count > names.count {
      throw Unknown(description: "\(name) takes \(names), not \(positional)")
    }
    for (name, value) in zip(names, positional) { left[name] = value }
    // Ways of computing the same.
    for way in ["node_dim", "decomposed_layers", "cached"] { left[way] = nil }
  }

  /// An argument that need not be there; Python's `None` is no argument.
  func json(_ name: String) -> JSON? {
    left.removeValue(forKey: name).flatMap { $0 == .null || $0 == .string("None") ? nil : $0 }
  }

  /// Whether an argument is given as Python's `None`; it counts as asked for then.
  func isNone(_ name: String) -> Bool {
    let isNone = left[name] == .null || left[name] == .string("None")
    if isNone { left[name] = nil }
    return isNone
  }

  func number(_ name: String) throws -> Double? { try take(name) { $0.number } }
  func number(_ name: String, or standard: Double) throws -> Double {
    try take(name) { $0.number } ?? standard
  }
  func int(_ name: String) throws -> Int? { try take(name) { $0.number.map { Int($0) } } }
  func int(_ name: String, or standard: Int) throws -> Int { try int(name) ?? standard }
  func required(_ name: String) throws -> Int {
    guard let value = try int(name) else {
      throw Unknown(description: "\(self.name) needs \(name)")
    }
    return value
  }
  func bool(_ name: String, or standard: Bool) throws -> Bool {
    try take(name) { $0.bool ?? $0.number.map { $0 != 0 } } ?? standard
  }
  func string(_ name: String) throws -> String? { try take(name) { $0.string } }
  func string(_ name: String, or standard: String) throws -> String {
    try string(name) ?? standard
  }
  func ints(_ name: String) throws -> [Int]? {
    try take(name) { json in
      (json.array ?? [json]).map { $0.number.map { Int($0) } } as? [Int]
    }
  }
  func strings(_ name: String) throws -> [String]? {
    try take(name) { json in (json.array ?? [json]).map(\.string) as? [String] }
  }

  /// One width, or those of sources and targets.
  func widths(_ name: String) throws -> Widths {
    guard let widths = try ints(name), (1...2).contains(widths.count) else {
      throw Unknown(description: "\(self.name) needs \(name)")
    }
    return Widths(source: widths[0], target: widths[widths.count - 1], isOne: widths.count == 1)
  }
  /// How heads become one, by the argument `concat`.
  func heading() throws -> HeadCombination {
    try bool("concat", or: true) ? .concatenated : .averaged
  }
  /// By the argument `normalize`.
  func normalization() throws -> Propagation.Normalization {
    try bool("normalize", or: true) ? .symmetric : .none
  }
  /// The features of added self-loops, by the argument `fill_value`.
  func selfLoopFeatures() throws -> SelfLoopFeatures {
    try take("fill_value") { value in
      if let number = value.number { return .constant(Float(number)) }
      return value.string.flatMap { Aggregation(rawValue: $0 == "add" ? "sum" : $0) }.map {
        .aggregated($0)
      }
    } ?? .aggregated(.mean)
  }

  struct Widths {
    let source: Int
    let target: Int
    let isOne: Bool
  }

  /// Arguments that change nothing in evaluation.
  func ignore(_ names: String...) { for name in names { left[name] = nil } }

  /// What has not been asked for; it counts as asked for then.
  func takeRest() -> [String: JSON] {
    defer { left = [:] }
    return left
  }

  /// - Throws: when an argument has not been asked for.
  func finish() throws {
    if let (name, value) = left.min(by: { $0.key < $1.key }) { throw unknown(name, value) }
  }

  func unknown(_ name: String, _ value: JSON) -> Unknown {
    Unknown(description: "\(self.name) has no argument \(name) of \(value)")
  }

  func take<Value>(_ name: String, _ read: (JSON) throws -> Value?) throws -> Value? {
    guard let json = json(name) else { return nil }
    guard let value = try read(json) else { throw unknown(name, json) }
    return value
  }
}
