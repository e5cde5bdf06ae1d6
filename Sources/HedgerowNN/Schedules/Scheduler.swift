import HedgerowCore

/// Gives an optimizer, step by step, the learning rates of a schedule.
/// ```swift
/// var scheduler = Scheduler(CosineSchedule(length: 100), of: &optimizer)
/// for epoch in 0..<100 {
///   ...                                   // updates
///   scheduler.advance(&optimizer)
/// }
/// ```
/// The rates that the optimizer and its groups have in the beginning are the schedule's bases.
public struct Scheduler: Sendable {
  public let schedule: any Schedule
  public private(set) var step = 0
  /// Of the optimizer's settings, then of each group.
  public private(set) var baseRates: [Double]

  /// Sets the rates of step 0.
  public init(_ schedule: any Schedule, of optimizer: inout some Optimizer) {
    self.schedule = schedule
    baseRates = optimizer.learningRates
    apply(to: &optimizer)
  }

  /// Sets the rates of the next step.
  public mutating func advance(_ optimizer: inout some Optimizer) {
    step += 1
    apply(to: &optimizer)
  }

  private func apply(to optimizer: inout some Optimizer) {
    optimizer.learningRates = baseRates.map { schedule.rate(at: step, base: $0) }
    if let momentum = schedule.momentum(at: step) {
      optimizer.settings.momentumFactor = momentum
      for index in optimizer.groups.indices {
        optimizer.groups[index].settings.momentumFactor = momentum
      }
    }
  }

  /// The step and the bases; the schedule itself is not among it.
  public var state: ModelState {
    ModelState(
      tensors: [], metadata: ["step": "\(step)"].merging(metadata(ofRates: baseRates)) { $1 })
  }

  /// Goes on from a state, with the same rates to the last bit.
  ///
  /// - Throws: `badData` when the state is not one of a scheduler of as many groups.
  public mutating func load(_ state: ModelState, for optimizer: inout some Optimizer) throws {
    let rates = try state.rates(count: optimizer.groups.count + 1)
    step = try state.number("step") { Int($0) }
    baseRates = rates
    apply(to: &optimizer)
  }
}

/// Lowers an optimizer's learning rates when a metric no longer gets better: `ReduceLROnPlateau`.
public struct PlateauScheduler: Sendable {
  public enum Goal: Sendable {
    case smallest
    case largest
  }
  /// How much better than the best counts as better.
  public enum Threshold: Sendable {
    /// A share of the best.
    case relative(Double)
    case absolute(Double)
  }
  public struct Options: Sendable {
    public var goal = Goal.smallest
    public var factor = 0.1
    /// Steps without anything better that are let pass.
    public var patience = 10
    public var threshold = Threshold.relative(1e-4)
    /// Steps after a change that do not count.
    public var cooldown = 0
    public var minimum = 0.0
    /// A smaller change is not made.
    public var leastChange = 1e-8

    public init() {}
  }

  public let options: Options
  /// The best metric so far.
  public private(set) var best: Double
  private var badCount = 0
  private var cooldownLeft = 0

  public init(options: Options = Options()) {
    self.options = options
    best = options.goal == .smallest ? .infinity : -.infinity
  }

  /// Takes the metric of a step, and lowers the rates when it is time.
  public mutating func advance(_ optimizer: inout some Optimizer, metric: Double) {
    if isBetter(metric) {
      (best, badCount) = (metric, 0)
    } else {
      badCount += 1
    }
    if cooldownLeft > 0 {
      cooldownLeft -= 1
      badCount = 0
    }
    guard badCount > options.patience else { return }
    optimizer.learningRates = optimizer.learningRates.map { rate in
      let lower = max(rate * options.factor, options.minimum)
      return rate - lower > options.leastChange ? lower : rate
    }
    (cooldownLeft, badCount) = (options.cooldown, 0)
  }

  private func isBetter(_ metric: Double) -> Bool {
    switch (options.goal, options.threshold) {
    case (.smallest, .relative(let share)): metric < best * (1 - share)
    case (.smallest, .absolute(let amount)): metric < best - amount
    case (.largest, .relative(let share)): metric > best * (1 + share)
    case (.largest, .absolute(let amount)): metric > best + amount
    }
  }

  /// What it has seen, and the rates that it has come to; its options are not among it.
  public func state(with optimizer: some Optimizer) -> ModelState {
    ModelState(
      tensors: [],
      metadata: [
        "best": "\(best)", "bad_steps": "\(badCount)", "cooldown_left": "\(cooldownLeft)",
      ].merging(metadata(ofRates: optimizer.learningRates)) { $1 })
  }

  /// Goes on from a state, with the same rates to the last bit.
  ///
  /// - Throws: `badData` when the state is not one of a scheduler of as many groups.
  public mutating func load(_ state: ModelState, for optimizer: inout some Optimizer) throws {
    let rates = try state.rates(count: optimizer.groups.count + 1)
    let best = try state.number("best") { Double($0) }
    let badCount = try state.number("bad_steps") { Int($0) }
    cooldownLeft = try state.number("cooldown_left") { Int($0) }
    (self.best, self.badCount) = (best, badCount)
    optimizer.learningRates = rates
  }
}

/// A `Double` prints as digits that read as the same number.
private func metadata(ofRates rates: [Double]) -> [String: String] {
  Dictionary(uniqueKeysWithValues: rates.enumerated().map { ("rate.\($0)", "\($1)") })
}

extension ModelState {
  fileprivate func number<Number>(_ name: String, _ parse: (String) -> Number?) throws -> Number {
    guard let number = metadata[name].flatMap(parse) else {
      throw HedgerowError(.badData, "the state of a schedule lacks this number", at: name)
    }
    return number
  }

  fileprivate func rates(count: Int) throws -> [Double] {
    let given = metadata.keys.count { $0.hasPrefix("rate.") }
    guard given == count else {
      throw HedgerowError(
        .badData, "the state is of \(given) learning rates, the optimizer has \(count)")
    }
    return try (0..<count).map { try number("rate.\($0)") { Double($0) } }
  }
}
