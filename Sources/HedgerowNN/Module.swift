public import HedgerowCore
public import HedgerowTensor

/// Part of a model: a struct whose properties are parameters and other modules.
///
/// Parameters are found by reflection, in declaration order, and named by the path of properties
/// that leads to them, as `conv1.lin_l.weight`: the names that PyTorch and PyTorch Geometric save.
/// Found are properties that are a ``Parameter``, a ``Buffer`` or a module, optional ones, arrays of them (by
/// index), and `PerNode` and `PerEdge` of them, by the type's name as `<user___rates___item>`.
/// ```swift
/// struct Classifier: Module {
///   let hidden = Linear(64, 32)
///   let head = Linear(32, 10)
///   func callAsFunction(_ x: Tensor) -> Tensor { head(relu(hidden(x))) }
/// }
/// let model = Classifier().initialized(seed: 7)
/// ```
/// Parameters are shared by all copies of a module.
public protocol Module: Sendable, CustomStringConvertible {
  /// Names in paths, for properties whose Swift name is another; an empty one for a property whose
  /// contents are named as if they were the module's own.
  static var pathNames: [String: String] { get }
}

extension Module {
  public static var pathNames: [String: String] { [:] }

  /// Every parameter with its dotted path, in declaration order; a shared one once.
  public var namedParameters: [(path: String, parameter: Parameter)] {
    FoundParameters.kept(of: self)?.named ?? reflectedParameters
  }

  /// Numbers in all of them.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }

  var reflectedParameters: [(path: String, parameter: Parameter)] {
    named { if case .parameter(let parameter) = $0 { parameter } else { nil } }
      .map { (path: $0, parameter: $1) }
  }

  /// Every buffer with its dotted path, in declaration order; a shared one once.
  public var namedBuffers: [(path: String, buffer: Buffer)] {
    named { if case .buffer(let buffer) = $0 { buffer } else { nil } }
      .map { (path: $0, buffer: $1) }
  }

  /// What is found of one kind, each object once, under the first of its paths.
  private func named<Value: AnyObject>(
    _ kind: (ModuleChild.Content) -> Value?
  ) -> [(String, Value)] {
    var seen: Set<ObjectIdentifier> = []
    return everyNamed(kind).filter { seen.insert(ObjectIdentifier($0.1)).inserted }
  }

  /// What is found of one kind, a shared object under each of its paths.
  func everyNamed<Value: AnyObject>(
    _ kind: (ModuleChild.Content) -> Value?
  ) -> [(String, Value)] {
    var found: [(String, Value)] = []
    func visit(_ children: [ModuleChild], under prefix: String) {
      for child in children {
        let path = joined(prefix, child.name)
        if let value = kind(child.content) {
          found.append((path, value))
        } else if case .module(let module) = child.content {
          visit(ModuleChild.children(of: module), under: path)
        }
      }
    }
    visit(ModuleChild.children(of: self), under: "")
    return found
  }

  /// Every parameter, in declaration order.
  public var parameters: [Parameter] {
    FoundParameters.kept(of: self)?.parameters ?? reflectedParameters.map(\.parameter)
  }

  /// This module, each of its parameters drawn anew from (seed, its dotted path).
  ///
  /// A parameter's numbers do not depend on what else the model holds; buffers become what they began as.
  /// Copies share parameters and buffers, so they are initialized too.
  public func initialized(seed: UInt64) -> Self {
    let root = RandomStream(seed: seed).derive("init")
    for (path, parameter) in namedParameters { parameter.initialize(from: root.derive(path)) }
    for (_, buffer) in namedBuffers { buffer.reset() }
    return self
  }

  /// The tree of modules with the shapes of their parameters, and how many numbers there are.
  public var description: String {
    let count = parameters.reduce(0) { $0 + $1.count }
    var lines = ["\(type(of: self)), \(count) numbers to learn"]
    func append(_ children: [ModuleChild], indent: String) {
      for child in children {
        switch child.content {
        case .parameter(let parameter): lines.append("\(indent)\(child.name) \(parameter.shape)")
        case .buffer: break
        case .module(let module):
          lines.append("\(indent)\(child.name): \(type(of: module))")
          append(ModuleChild.children(of: module), indent: indent + "  ")
        }
      }
    }
    append(ModuleChild.children(of: self), indent: "  ")
    return lines.joined(separator: "\n")
  }
}

/// The value of `body`, a single number, and its gradients with respect to the model's parameters.
///
/// - Parameter randomness: turns training mode on, and is what dropout draws from.
public func valueWithGradients(
  at model: some Module, randomness: RandomStream? = nil, _ body: () throws -> Tensor
) rethrows -> (value: Tensor, gradients: Gradients) {
  try valueWithGradients(at: model.parameters, randomness: randomness, body)
}

/// A parameter, buffer or module that is a property of a module.
struct ModuleChild {
  enum Content {
    case parameter(Parameter)
    case buffer(Buffer)
    case module(any Module)
  }
  let name: String
  let content: Content

  static func children(of module: some Module) -> [ModuleChild] {
    let names = type(of: module).pathNames
    return Mirror(reflecting: module).children.flatMap { label, value in
      label.map { found(in: value, named: names[$0] ?? $0) } ?? []
    }
  }

  private static func found(in value: Any, named name: String) -> [ModuleChild] {
    switch value {
    case let parameter as Parameter:
      return [ModuleChild(name: name, content: .parameter(parameter))]
    case let buffer as Buffer: return [ModuleChild(name: name, content: .buffer(buffer))]
    case let module as any Module: return [ModuleChild(name: name, content: .module(module))]
    case let values as any NamedValues:
      return values.namedValues.flatMap { found(in: $0.value, named: joined(name, $0.name)) }
    default:
      let mirror = Mirror(reflecting: value)
      switch mirror.displayStyle {
      case .optional: return mirror.children.flatMap { found(in: $0.value, named: name) }
      case .collection:
        return mirror.children.enumerated().flatMap {
          found(in: $1.value, named: joined(name, "\($0)"))
        }
      default: return []
      }
    }
  }
}

/// A path of two; an empty name adds nothing to it.
private func joined(_ prefix: String, _ name: String) -> String {
  prefix.isEmpty ? name : name.isEmpty ? prefix : "\(prefix).\(name)"
}

/// A property of a module that names what it holds.
public protocol NamedValues {
  /// Parameters, buffers, modules and collections of them, each under its name in paths.
  var namedValues: [(name: String, value: Any)] { get }
}

extension PerNode: NamedValues {
  public var namedValues: [(name: String, value: Any)] { map { ($0.name, $1) } }
}

extension PerEdge: NamedValues {
  /// As PyTorch Geometric names the modules of a `HeteroConv`.
  public var namedValues: [(name: String, value: Any)] {
    map { ("<\($0.source)___\($0.relation)___\($0.target)>", $1) }
  }
}
