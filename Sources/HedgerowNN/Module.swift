public import HedgerowCore
public import HedgerowTensor

/// Part of a model: a struct whose properties are parameters and other modules.
///
/// Parameters are found by reflection, in declaration order, and named by the path of properties
/// that leads to them, as `conv1.lin_l.weight`: the names that PyTorch and PyTorch Geometric save.
/// Found are properties that are a ``Parameter`` or a module, optional ones, arrays of them (by
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
  /// Names in paths, for properties whose Swift name is another.
  static var pathNames: [String: String] { get }
}

extension Module {
  public static var pathNames: [String: String] { [:] }

  /// Every parameter with its dotted path, in declaration order; a shared one once.
  public var namedParameters: [(path: String, parameter: Parameter)] {
    var found: [(path: String, parameter: Parameter)] = []
    var seen: Set<ObjectIdentifier> = []
    func visit(_ children: [ModuleChild], under prefix: String) {
      for child in children {
        let path = prefix.isEmpty ? child.name : "\(prefix).\(child.name)"
        switch child.content {
        case .parameter(let parameter):
          if seen.insert(ObjectIdentifier(parameter)).inserted { found.append((path, parameter)) }
        case .module(let module): visit(ModuleChild.children(of: module), under: path)
        }
      }
    }
    visit(ModuleChild.children(of: self), under: "")
    return found
  }

  /// Every parameter, in declaration order.
  public var parameters: [Parameter] { namedParameters.map(\.parameter) }

  /// This module, each of its parameters drawn anew from (seed, its dotted path).
  ///
  /// A parameter's numbers do not depend on what else the model holds. Copies share parameters, so
  /// they are initialized too.
  public func initialized(seed: UInt64) -> Self {
    let root = RandomStream(seed: seed).derive("init")
    for (path, parameter) in namedParameters { parameter.initialize(from: root.derive(path)) }
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

/// A parameter or module that is a property of a module.
struct ModuleChild {
  enum Content {
    case parameter(Parameter)
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
    case let module as any Module: return [ModuleChild(name: name, content: .module(module))]
    case let values as any NamedValues:
      return values.namedValues.flatMap { found(in: $0.value, named: "\(name).\($0.name)") }
    default:
      let mirror = Mirror(reflecting: value)
      switch mirror.displayStyle {
      case .optional: return mirror.children.flatMap { found(in: $0.value, named: name) }
      case .collection:
        return mirror.children.enumerated().flatMap { found(in: $1.value, named: "\(name).\($0)") }
      default: return []
      }
    }
  }
}

/// Values under names of their own.
private protocol NamedValues {
  var namedValues: [(name: String, value: Any)] { get }
}

extension PerNode: NamedValues {
  fileprivate var namedValues: [(name: String, value: Any)] { map { ($0.name, $1) } }
}

extension PerEdge: NamedValues {
  /// As PyTorch Geometric names the modules of a `HeteroConv`.
  fileprivate var namedValues: [(name: String, value: Any)] {
    map { ("<\($0.source)___\($0.relation)___\($0.target)>", $1) }
  }
}
