import HedgerowCore

/// A learning rate as a function of the step: of an epoch, or of a batch.
///
/// A pure function, so that training goes on at any step. A ``Scheduler`` applies it to an optimizer.
public protocol Schedule: Sendable {
  /// The rate in a step, from 0, of parameters whose rate would be `base` otherwise.
  func rate(at step: Int, base: Double) -> Double

  /// What the optimizer's momentum is in a step; `nil` when the schedule leaves it.
  func momentum(at step: Int) -> Double?
}

extension Schedule {
  public func momentum(at step: Int) -> Double? { nil }
}

/// Schedules one on top of the other: each takes the rate that the one before gives as its base.
public struct ChainedSchedule: Schedule {
  public let schedules: [any Schedule]

  public init(_ schedules: [any Schedule]) { self.schedules = schedules }

  public func rate(at step: Int, base: Double) -> Double {
    schedules.reduce(base) { $1.rate(at: step, base: $0) }
  }

  public func momentum(at step: Int) -> Double? {
    schedules.lazy.compactMap { $0.momentum(at: step) }.first
  }
}

/// Schedules one after the other, each counting its own steps: a warm-up, then what follows it.
public struct SequentialSchedule: Schedule {
  public let schedules: [any Schedule]
  /// The steps at which the second and each further one begins.
  public let beginnings: [Int]

  /// Traps unless there is a rising beginning for each schedule but the first.
  public init(_ schedules: [any Schedule], beginnings: [Int]) {
    require(
      !schedules.isEmpty && beginnings.count == schedules.count - 1
        && zip(beginnings, beginnings.dropFirst()).allSatisfy { $0 < $1 },
      "\(schedules.count) schedules cannot begin at \(beginnings)")
    self.schedules = schedules
    self.beginnings = beginnings
  }

  public func rate(at step: Int, base: Double) -> Double {
    let (schedule, step) = current(at: step)
    return schedule.rate(at: step, base: base)
  }

  public func momentum(at step: Int) -> Double? {
    let (schedule, step) = current(at: step)
    return schedule.momentum(at: step)
  }

  private func current(at step: Int) -> (schedule: any Schedule, step: Int) {
    let index = beginnings.lastIndex { $0 <= step }
    return (schedules[index.map { $0 + 1 } ?? 0], step - (index.map { beginnings[$0] } ?? 0))
  }
}
