import HedgerowCore
public import HedgerowTensor

/// Changes a model's parameters along gradients.
///
/// An optimizer is its settings, those of groups of parameters that have others, and what it remembers
/// of each parameter between steps. Settings read as its own: `optimizer.learningRate = 1e-3`.
/// ```swift
/// var optimizer = AdamW(learningRate: 1e-3)
/// optimizer.addGroup(["head"]) { $0.learningRate = 1e-2 }
/// optimizer.update(model, along: gradients.clipped(toNorm: 1))
/// ```
@dynamicMemberLookup
public protocol Optimizer: Sendable {
  associatedtype Settings: OptimizerSettings

  /// Of the parameters that no group names.
  var settings: Settings { get set }
  /// Parameters with settings of their own; of two groups that name one, the first counts.
  var groups: [ParameterGroup<Settings>] { get set }
  /// What it remembers of each parameter, by its path.
  var memories: [String: OptimizerMemory] { get set }

  /// The names of the tensors that it remembers: of every parameter that it has changed, and of some by
  /// their settings.
  static var memoryNames: (always: [String], bySettings: [String]) { get }

  /// One step of one parameter; `memory.stepCount` counts it already.
  func step(
    _ parameter: Parameter, along gradient: Gradients.Gradient, by settings: Settings,
    _ memory: inout OptimizerMemory)
}

/// What an optimizer goes by.
public protocol OptimizerSettings: Sendable {
  var learningRate: Double { get set }
  /// How much of the way so far a step keeps, for schedules that vary it; 0 and fixed where there is no
  /// such thing.
  var momentumFactor: Double { get set }
}

extension OptimizerSettings {
  public var momentumFactor: Double {
    get { 0 }
    set {}
  }
}

/// Parameters with settings of their own.
public struct ParameterGroup<Settings: OptimizerSettings>: Sendable {
  /// Paths of parameters, or of modules for all that is in them.
  public var paths: [String]
  public var settings: Settings

  public init(_ paths: [String], _ settings: Settings) {
    self.paths = paths
    self.settings = settings
  }

  func holds(_ path: String) -> Bool { paths.contains { path == $0 || path.hasPrefix("\($0).") } }
}

extension Optimizer {
  public subscript<Value>(dynamicMember setting: WritableKeyPath<Settings, Value>) -> Value {
    get { settings[keyPath: setting] }
    set { settings[keyPath: setting] = newValue }
  }

  /// Gives parameters the settings that the others have now, changed by `change`.
  ///
  /// - Parameter paths: of parameters, or of modules for all that is in them.
  public mutating func addGroup(_ paths: [String], _ change: (inout Settings) -> Void) {
    var own = settings
    change(&own)
    groups.append(ParameterGroup(paths, own))
  }

  /// One step. Parameters without a gradient stay as they are.
  ///
  /// Nobody may read the parameters meanwhile.
  public mutating func update(_ model: some Module, along gradients: Gradients) {
    let found = FoundParameters.all(of: model)
    // Taken out meanwhile, so that each is changed where it is.
    var memories = self.memories
    self.memories = [:]
    defer { self.memories = memories }
    for (path, parameter) in found.named {
      guard let gradient = gradients.gradient(of: parameter) else { continue }
      let own = groups.first { $0.holds(path) }?.settings ?? settings
      func step(_ memory: inout OptimizerMemory) {
        require(
          memory.shape == parameter.shape,
          "\(path) was of shape \(memory.shape) in earlier steps and is now \(parameter.shape)")
        memory.stepCount += 1
        memory.found = found
        self.step(parameter, along: gradient, by: own, &memory)
      }
      step(&memories[path, default: OptimizerMemory(shape: parameter.shape)])
    }
  }

  /// The learning rates: of the settings, then of each group.
  public var learningRates: [Double] {
    get { [settings.learningRate] + groups.map(\.settings.learningRate) }
    set {
      require(
        newValue.count == groups.count + 1, "\(newValue.count) rates for \(groups.count) groups")
      settings.learningRate = newValue[0]
      for index in groups.indices { groups[index].settings.learningRate = newValue[index + 1] }
    }
  }
}
