import Glibc
import HedgerowCore

// The schedules of `torch.optim.lr_scheduler` in closed form. t is the step, from 0.

/// base factor^(t / length), rounded down: `StepLR`.
public struct StepSchedule: Schedule {
  public let length: Int
  public let factor: Double

  public init(every length: Int, times factor: Double = 0.1) {
    require(length > 0, "a rate cannot change every \(length) steps")
    self.length = length
    self.factor = factor
  }

  public func rate(at step: Int, base: Double) -> Double {
    base * pow(factor, Double(step / length))
  }
}

/// base times factor for each milestone up to t: `MultiStepLR`.
public struct MultiStepSchedule: Schedule {
  public let milestones: [Int]
  public let factor: Double

  public init(at milestones: [Int], times factor: Double = 0.1) {
    self.milestones = milestones
    self.factor = factor
  }

  public func rate(at step: Int, base: Double) -> Double {
    base * pow(factor, Double(milestones.count { $0 <= step }))
  }
}

/// base factor^t: `ExponentialLR`.
public struct ExponentialSchedule: Schedule {
  public let factor: Double

  public init(times factor: Double) { self.factor = factor }

  public func rate(at step: Int, base: Double) -> Double { base * pow(factor, Double(step)) }
}

/// From one share of the rate to another in equal steps, then constant: `LinearLR`, a warm-up.
public struct LinearSchedule: Schedule {
  public let length: Int
  public let start: Double
  public let end: Double

  public init(from start: Double = 1.0 / 3, to end: Double = 1, in length: Int = 5) {
    require(length > 0, "a rate cannot change in \(length) steps")
    (self.start, self.end, self.length) = (start, end, length)
  }

  public func rate(at step: Int, base: Double) -> Double {
    base * (start + (end - start) * Double(min(step, length)) / Double(length))
  }
}

/// minimum + (base - minimum) (1 + cos(pi t / length)) / 2: `CosineAnnealingLR`.
///
/// Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017.
public struct CosineSchedule: Schedule {
  public let length: Int
  public let minimum: Double

  public init(length: Int, minimum: Double = 0) {
    require(length > 0, "a rate cannot fall in \(length) steps")
    (self.length, self.minimum) = (length, minimum)
  }

  public func rate(at step: Int, base: Double) -> Double {
    cosine(from: base, to: minimum, Double(step) / Double(length))
  }
}

/// ``CosineSchedule`` that begins anew when it has come to its minimum, each time `growth` times as long:
/// `CosineAnnealingWarmRestarts`.
///
/// Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017.
public struct CosineRestartSchedule: Schedule {
  public let length: Int
  public let growth: Int
  public let minimum: Double

  public init(length: Int, growth: Int = 1, minimum: Double = 0) {
    require(length > 0 && growth > 0, "\(length) steps cannot restart, growing by \(growth)")
    (self.length, self.growth, self.minimum) = (length, growth, minimum)
  }

  public func rate(at step: Int, base: Double) -> Double {
    var (step, length) = (step, length)
    if growth == 1 {
      step %= length
    } else {
      while step >= length {
        step -= length
        length *= growth
      }
    }
    return cosine(from: base, to: minimum, Double(step) / Double(length))
  }
}

/// Up to a largest rate and down to almost nothing, momentum the other way: `OneCycleLR`. The base rate is
/// not used.
///
/// Source: Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
/// Rates, 2019.
public struct OneCycleSchedule: Schedule {
  public enum Annealing: Sendable {
    case cosine
    case linear
  }
  public enum Phases: Sendable {
    /// Up, then down to the end.
    case two
    /// Up, down to where it began, then down to the end.
    case three
  }
  public struct Options: Sendable {
    /// The share of the steps in which the rate rises.
    public var risingShare = 0.3
    public var annealing = Annealing.cosine
    public var phases = Phases.two
    /// The first rate is the largest divided by this.
    public var divisor = 25.0
    /// The last rate is the first divided by this.
    public var finalDivisor = 1e4
    /// The least and the largest momentum; `nil` to leave it.
    public var momentum: ClosedRange<Double>? = 0.85...0.95

    public init() {}
  }

  public let largest: Double
  public let length: Int
  public let options: Options

  public init(largest: Double, length: Int, options: Options = Options()) {
    require(length > 0, "no cycle has \(length) steps")
    (self.largest, self.length, self.options) = (largest, length, options)
  }

  public func rate(at step: Int, base: Double) -> Double {
    let first = largest / options.divisor
    return value(at: step, [first, largest, first, first / options.finalDivisor])
  }

  public func momentum(at step: Int) -> Double? {
    options.momentum.map {
      value(at: step, [$0.upperBound, $0.lowerBound, $0.upperBound, $0.upperBound])
    }
  }

  /// Between `turns`: where the cycle begins, its top, where it began, its end.
  private func value(at step: Int, _ turns: [Double]) -> Double {
    let rising = options.risingShare * Double(length)
    var phases = [(end: rising - 1, from: turns[0], to: turns[1])]
    if options.phases == .three { phases.append((2 * rising - 2, turns[1], turns[2])) }
    let last = Double(length - 1)
    phases.append((last, options.phases == .three ? turns[2] : turns[1], turns[3]))
    let step = min(Double(step), last)
    let index = phases.firstIndex { step <= $0.end } ?? phases.count - 1
    let begin = index == 0 ? 0 : phases[index - 1].end
    let phase = phases[index]
    let share = phase.end == begin ? 1 : (step - begin) / (phase.end - begin)
    switch options.annealing {
    case .cosine: return cosine(from: phase.from, to: phase.to, share)
    case .linear: return phase.from + (phase.to - phase.from) * share
    }
  }
}

/// Half a cosine wave from one number to another.
private func cosine(from start: Double, to end: Double, _ share: Double) -> Double {
  end + (start - end) * (1 + cos(.pi * share)) / 2
}
