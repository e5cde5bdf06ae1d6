import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

/// A module as Python prints it: `Linear(in_features=5, out_features=4, bias=True)`, or with its children,
/// each behind its name, on lines of their own.
struct PrintedModule {
  let name: String
  /// `args` and `kwargs`; modules among them are texts.
  let settings: [String: JSON]
  let children: [String]

  init(_ text: String) throws {
    let text = text.trimmed
    guard let open = text.firstIndex(of: "("), text.last == ")" else {
      throw GoldenArguments.Unknown(description: "no printed module: \(text)")
    }
    name = String(text[..<open])
    let inside = text[text.index(after: open)..<text.index(before: text.endIndex)]
    if inside.contains("): ") && inside.trimmed.hasPrefix("(") {
      // `(name): module`, each on a line of its own.
      children = Self.parts(of: inside, at: "\n").compactMap { line in
        line.firstIndex(of: ":").map { line[line.index(after: $0)...].trimmed }
      }
      settings = [:]
      return
    }
    children = []
    var (positional, named): ([JSON], [String: JSON]) = ([], [:])
    for part in Self.parts(of: inside, at: ",").map(\.trimmed) where !part.isEmpty {
      let name = part.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
      if !name.isEmpty, part.dropFirst(name.count).first == "=" {
        named[String(name)] = Self.value(String(part.dropFirst(name.count + 1)))
      } else {
        positional.append(Self.value(part))
      }
    }
    settings = ["args": .array(positional), "kwargs": .object(named)]
  }

  /// What stands between separators that are in no bracket.
  private static func parts(of text: Substring, at separator: Character) -> [String] {
    var (parts, depth) = ([""], 0)
    for character in text {
      if "([{".contains(character) { depth += 1 }
      if ")]}".contains(character) { depth -= 1 }
      if character == separator && depth == 0 {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts
  }

  private static func value(_ text: String) -> JSON {
    let text = text.trimmed
    switch text {
    case "True": return .bool(true)
    case "False": return .bool(false)
    case "None": return .null
    default: break
    }
    if let number = Double(text) { return .number(number) }
    if let first = text.first, "([".contains(first) {
      return .array(
        parts(of: text.dropFirst().dropLast(), at: ",").filter { !$0.trimmed.isEmpty }.map(value))
    }
    if text.first == "'" { return .string(String(text.dropFirst().dropLast())) }
    return .string(text)
  }

  /// The same as layers of ours, under PyTorch's names.
  func layer() throws -> any Layer {
    if name == "Sequential" {
      return Sequential(try children.map { try PrintedModule($0).layer() })
    }
    if let layer = try Self.layers[name]?(arguments("in_channels out_channels")) { return layer }
    throw GoldenArguments.Unknown(description: "no layer of the name \(name)")
  }

  func arguments(_ signature: String) throws -> GoldenArguments {
    try GoldenArguments(settings, of: name, signature: signature)
  }

  /// The activation of a name, as PyTorch Geometric resolves it: `relu`, `leaky_relu`, `LeakyReLU`.
  static func activation(_ query: String, _ settings: [String: JSON]) throws -> Activation {
    func plain(_ name: some StringProtocol) -> String { name.lowercased().filter(\.isLetter) }
    if query.hasSuffix(")"), let layer = try PrintedModule(query).layer() as? Activation {
      return layer
    }
    let name = plain(query) == "swish" ? "silu" : plain(query)
    guard let found = layers.keys.first(where: { plain($0) == name }),
      let layer = try layers[found]!(
        GoldenArguments(["kwargs": .object(settings)], of: found, signature: "")) as? Activation
    else { throw GoldenArguments.Unknown(description: "no activation \(query)") }
    return layer
  }

  private static let layers: [String: @Sendable (GoldenArguments) throws -> any Layer] = [
    "Linear": { a in
      let input = try a.int("in_features") ?? a.required("in_channels")
      let output = try a.int("out_features") ?? a.required("out_channels")
      return Linear(input, output, bias: try a.bool("bias", or: true) ? .learned : .absent)
    },
    "Dropout": { _ in Activation.identity },
    "Identity": { _ in Activation.identity },
    "ReLU": { _ in Activation.relu },
    "LeakyReLU": { a in
      Activation.leakyRelu(slope: try a.number("negative_slope", or: 0.01))
    },
    "ELU": { a in Activation.elu(alpha: try a.number("alpha", or: 1)) },
    "Sigmoid": { _ in Activation.sigmoid },
    "Tanh": { _ in Activation.tanh },
    "SiLU": { _ in Activation.silu },
    "GELU": { _ in Activation.gelu },
    "Softplus": { _ in Activation.softplus() },
    "BatchNorm1d": { a in BatchNorm(try a.required("in_channels")) },
    "LayerNorm": { a in LayerNorm(try a.required("in_channels")) },
  ]
}

extension StringProtocol {
  fileprivate var trimmed: String {
    var text = Substring(self)
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}

extension GoldenArguments {
  /// A network that is an argument; `nil` when it is none.
  func network(_ name: String) throws -> (any Layer)? {
    try take(name) { try $0.string.map { try PrintedModule($0).layer() } }
  }

  /// An activation that is an argument by its name; `None` is none.
  func activation(
    _ name: String, or standard: String, _ settings: [String: JSON] = [:]
  ) throws -> Activation {
    if isNone(name) { return .identity }
    return try PrintedModule.activation(try string(name, or: standard), settings)
  }

  func requiredNetwork(_ name: String) throws -> any Layer {
    guard let network = try network(name) else {
      throw Unknown(description: "\(self.name) needs \(name)")
    }
    return network
  }
}
