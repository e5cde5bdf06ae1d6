import Glibc
import HedgerowCore
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct ScheduleTests {
  func rates(_ schedule: any Schedule, count: Int, base: Double = 0.1) -> [Double] {
    var optimizer = SGD(learningRate: base, momentum: .plain(0.9))
    var scheduler = Scheduler(schedule, of: &optimizer)
    return (0..<count).map { _ in
      defer { scheduler.advance(&optimizer) }
      return optimizer.learningRate
    }
  }

  func isClose(_ a: [Double], _ b: [Double]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 1e-8 }
  }

  /// PyTorch's schedulers multiply the rate that they find, step by step.
  @Test func closedFormsAreTheRecursions() {
    func recursion(_ next: (Double, Int) -> Double) -> [Double] {
      (1..<24).reduce(into: [0.1]) { rates, step in rates.append(next(rates.last!, step)) }
    }
    #expect(
      isClose(
        rates(StepSchedule(every: 5, times: 0.3), count: 24),
        recursion { $1 % 5 == 0 ? $0 * 0.3 : $0 }))
    #expect(
      isClose(
        rates(MultiStepSchedule(at: [3, 4, 11], times: 0.5), count: 24),
        recursion { [3, 4, 11].contains($1) ? $0 * 0.5 : $0 }))
    #expect(
      isClose(
        rates(ExponentialSchedule(times: 0.8), count: 24), recursion { rate, _ in rate * 0.8 }))
    let cosine = rates(CosineSchedule(length: 30, minimum: 0.01), count: 24)
    #expect(
      isClose(
        cosine,
        recursion { rate, step in
          0.01 + (rate - 0.01) * (1 + cos(.pi * Double(step) / 30))
            / (1 + cos(.pi * Double(step - 1) / 30))
        }))
    let linear = rates(LinearSchedule(from: 0.25, to: 1, in: 4), count: 7)
    #expect(isClose(linear, [0.025, 0.04375, 0.0625, 0.08125, 0.1, 0.1, 0.1]))
  }

  /// Values of PyTorch 2.13.
  @Test func valuesArePyTorchs() {
    let restart = rates(CosineRestartSchedule(length: 3, growth: 2, minimum: 0.01), count: 14)
    #expect(
      isClose(
        restart,
        [
          0.1, 0.0775, 0.0325, 0.1, 0.0939711432, 0.0775, 0.055, 0.0325, 0.0160288568, 0.1,
          0.0984666622, 0.0939711432, 0.0868198052, 0.0775,
        ]))
    let chained = ChainedSchedule([
      LinearSchedule(from: 0.2, in: 4), ExponentialSchedule(times: 0.9),
    ])
    #expect(
      isClose(
        rates(chained, count: 8),
        [0.02, 0.036, 0.0486, 0.05832, 0.06561, 0.059049, 0.0531441, 0.04782969]))
    let warm = SequentialSchedule(
      [LinearSchedule(from: 0.25, in: 3), CosineSchedule(length: 8)], beginnings: [3])
    #expect(
      isClose(
        rates(warm, count: 11),
        [
          0.025, 0.05, 0.075, 0.1, 0.0961939766, 0.0853553391, 0.0691341716, 0.05, 0.0308658284,
          0.0146446609, 0.00380602337,
        ]))
    var options = OneCycleSchedule.Options()
    options.risingShare = 0.25
    let cycle = OneCycleSchedule(largest: 0.5, length: 12, options: options)
    #expect(
      isClose(
        rates(cycle, count: 11),
        [
          0.02, 0.26, 0.5, 0.484923216, 0.441511345, 0.3750005, 0.293412871, 0.206589129,
          0.1250015, 0.0584906553, 0.0150787845,
        ]))
    #expect(
      isClose(
        (0..<11).map { cycle.momentum(at: $0)! },
        [
          0.95, 0.9, 0.85, 0.853015369, 0.861697778, 0.875, 0.891317591, 0.908682409, 0.925,
          0.938302222, 0.946984631,
        ]))
    options.phases = .three
    options.annealing = .linear
    (options.divisor, options.finalDivisor) = (10, 50)
    #expect(
      isClose(
        rates(OneCycleSchedule(largest: 0.5, length: 12, options: options), count: 11),
        [0.05, 0.275, 0.5, 0.275, 0.05, 0.043, 0.036, 0.029, 0.022, 0.015, 0.008]))
  }

  @Test func aOneCycleScheduleMovesMomentumToo() {
    var optimizer = Adam()
    optimizer.addGroup(["head"]) { $0.beta1 = 0.5 }
    var scheduler = Scheduler(OneCycleSchedule(largest: 0.1, length: 10), of: &optimizer)
    #expect(optimizer.beta1 == 0.95)
    scheduler.advance(&optimizer)
    scheduler.advance(&optimizer)
    #expect(isClose([optimizer.beta1, optimizer.groups[0].settings.beta1], [0.85, 0.85]))
  }

  let metrics = [5, 4.95, 4.9, 4.7, 4.7, 4.7, 4.7, 4.7, 4.7, 4.7, 4.7, 3, 3, 3, 3, 3, 3]
  /// After each metric, by PyTorch 2.13.
  let plateaus = [
    1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.125, 0.1, 0.1, 0.1,
  ]
  var plateau: PlateauScheduler.Options {
    var options = PlateauScheduler.Options()
    (options.factor, options.patience, options.cooldown) = (0.5, 1, 2)
    (options.threshold, options.minimum) = (.absolute(0.1), 0.1)
    return options
  }

  @Test func aPlateauLowersTheRateAsPyTorch() {
    for goal in [PlateauScheduler.Goal.smallest, .largest] {
      var options = plateau
      options.goal = goal
      var scheduler = PlateauScheduler(options: options)
      var optimizer = SGD(learningRate: 1)
      let rates = metrics.map { metric in
        scheduler.advance(&optimizer, metric: goal == .smallest ? metric : -metric)
        return optimizer.learningRate
      }
      #expect(rates == plateaus)
    }
  }

  /// Stopped after any step and restored from bytes, rates go on bit for bit.
  @Test func aRestoredSchedulerGoesOn() throws {
    let schedule = ChainedSchedule([
      OneCycleSchedule(largest: 0.3, length: 17), ExponentialSchedule(times: 0.97),
    ])
    var (optimizer, expected) = (Adam(learningRate: 0.1), [[Double]]())
    optimizer.addGroup(["head"]) { $0.learningRate = 1.0 / 3 }
    let fresh = optimizer
    var scheduler = Scheduler(schedule, of: &optimizer)
    var states: [ModelState] = []
    for _ in 0..<12 {
      expected.append(optimizer.learningRates + [optimizer.beta1])
      states.append(try ModelState(decoding: scheduler.state.encoded()))
      scheduler.advance(&optimizer)
    }
    for step in states.indices {
      var restored = fresh
      var other = Scheduler(schedule, of: &restored)
      try other.load(states[step], for: &restored)
      for later in step..<12 {
        #expect(restored.learningRates + [restored.beta1] == expected[later])
        other.advance(&restored)
      }
    }
    var single = Adam()
    var other = Scheduler(schedule, of: &single)
    #expect(throws: HedgerowError.self) { try other.load(states[3], for: &single) }
  }

  @Test func aRestoredPlateauGoesOn() throws {
    for stop in metrics.indices {
      var scheduler = PlateauScheduler(options: plateau)
      var optimizer = SGD(learningRate: 1)
      for (step, metric) in metrics.enumerated() {
        if step == stop {
          let state = try ModelState(decoding: scheduler.state(with: optimizer).encoded())
          scheduler = PlateauScheduler(options: plateau)
          optimizer = SGD(learningRate: 1)
          try scheduler.load(state, for: &optimizer)
        }
        scheduler.advance(&optimizer, metric: metric)
        #expect(optimizer.learningRate == plateaus[step])
      }
    }
  }
}
