import FoundationEssentials
import Glibc
public import HedgerowNN
public import HedgerowTensor

/// One file of reference values that PyTorch or PyTorch Geometric computed, in the folder
/// `HEDGEROW_GOLDEN`.
///
/// A safetensors file: `in.`, `param.`, `out.`, `cotangent.` and `grad.` arrays, and as metadata the
/// operation and its arguments, `settings`.
public struct GoldenFile: CustomStringConvertible, Sendable {
  public let name: String
  public let op: String
  public let settings: [String: JSON]
  private let file: Safetensors

  /// The folder that the environment names.
  public static let folder = getenv("HEDGEROW_GOLDEN").map { String(cString: $0) }

  /// The names of the files of the folder; none when it is not set.
  public static let names = folder.map(names(in:)) ?? []

  /// The names of the files of another folder.
  public static func names(in folder: String) -> [String] {
    let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
    return (names ?? []).filter { $0.hasSuffix(".safetensors") }.sorted()
  }

  /// Reads a file of the folder.
  public init(named name: String) throws { try self.init(named: name, in: Self.folder!) }

  /// Reads a file of another folder.
  public init(named name: String, in folder: String) throws {
    let bytes = try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))
    self.name = name
    file = try Safetensors(decoding: [UInt8](bytes))
    op = file.metadata["op"] ?? ""
    settings = try JSONDecoder().decode(
      [String: JSON].self, from: Data((file.metadata["settings"] ?? "{}").utf8))
  }

  public var description: String { name }

  public subscript(path: String) -> Tensor { file[path]!.tensor! }
  public func integers(_ path: String) -> [Int64] { file[path]!.integers! }
  public func shape(of path: String) -> [Int] { file[path]!.shape }
  public func isGiven(_ path: String) -> Bool { file[path] != nil }
  /// Whether an array is of integers.
  public func isInteger(_ path: String) -> Bool { file[path]!.integers != nil }
  public func input(_ name: String) -> Parameter { Parameter(self["in.\(name)"]) }

  public func names(under prefix: String) -> [String] {
    file.entries.map(\.name).filter { $0.hasPrefix(prefix) }.map {
      String($0.dropFirst(prefix.count))
    }
  }

  /// The parameters that the file was made with.
  public var state: ModelState {
    ModelState(
      tensors: names(under: "param.").map { name in
        let path = "param.\(name)"
        guard let counts = file[path]!.integers else { return (name, self[path]) }
        return (name, Tensor(counts.map { Float($0) }, shape: shape(of: path)))
      })
  }

  /// What differs from the output and from the gradients that it sends back to inputs and parameters.
  ///
  /// Every gradient of the file must be one of the module's or of the inputs'.
  public func differences(
    of module: some Module, _ inputs: [String: Parameter], _ output: String,
    _ body: () -> Tensor
  ) -> [String] {
    difference(body(), from: "out.\(output)")
      + gradientDifferences(of: module, inputs) { sum(body() * self["cotangent.\(output)"]) }
  }

  /// What differs from the gradients.
  public func gradientDifferences(
    of module: some Module, _ inputs: [String: Parameter], _ body: () -> Tensor
  ) -> [String] {
    let (_, gradients) = valueWithGradients(at: module.parameters + inputs.values, body)
    let named = Dictionary(
      module.namedParameters.map { ("param.\($0.path)", $0.parameter) }
        + inputs.map { ($0.key.hasPrefix("param.") ? $0.key : "in.\($0.key)", $0.value) }
    ) { $1 }
    return names(under: "grad.").flatMap { path in
      guard let parameter = named[path] else { return ["\(name): no gradient of \(path)"] }
      return difference(gradients[parameter] ?? .zeros(parameter.shape), from: "grad.\(path)")
    }
  }

  /// What differs from an array of the file, or from one that is given.
  public func difference(
    _ a: Tensor, from path: String, of expected: Tensor? = nil
  ) -> [String] {
    let b = expected ?? self[path]
    let isClose =
      a.shape == b.shape
      && zip(a.scalars, b.scalars).allSatisfy {
        $0 == $1 || $0.isNaN && $1.isNaN || abs($0 - $1) <= 1e-5 + 1e-4 * abs($1)
      }
    return isClose ? [] : ["\(name): \(path) is \(a), not \(b)"]
  }
}

/// An argument as a file of reference values has it.
public enum JSON: Equatable, Decodable, Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([String: JSON])

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSON].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSON].self))
    }
  }

  public var number: Double? {
    switch self {
    case .number(let value): value
    // As Python's json writes them, where they are no JSON.
    case .string("Infinity"), .string("inf"): .infinity
    default: nil
    }
  }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var object: [String: JSON]? { if case .object(let value) = self { value } else { nil } }
  public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
}
