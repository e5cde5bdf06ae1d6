import Glibc
import HedgerowCore

extension StochasticBlock {
  /// The accuracy of the best possible classifier of a node that sees the features of all nodes
  /// within `hops` of it and knows the generator's parameters, but no labels.
  ///
  /// In a large graph the surroundings of a node are a tree in which every node has a Poisson
  /// number of children, whose classes depend on their parent's alone. There belief propagation is
  /// Bayes' rule: what a child tells its parent about the parent's class k is
  ///
  ///     m(k) = sum over j of P(child is j | parent is k) * p(x | j) * product of its children's m(j)
  ///
  /// and the root's most probable class is the best guess. The estimate follows the distribution of
  /// these messages from hop to hop, by a population of samples of each class (population dynamics:
  /// Mézard, Montanari: Information, Physics, and Computation, 2009, chapter 14), and counts how
  /// often the root is guessed. No graph is made, and nothing is trained.
  ///
  /// With 0 hops it is the accuracy of a classifier of features alone. More hops never hurt but for
  /// the noise of sampling, about 1 / (2 √sampleCount). Labels of training nodes among the neighbours
  /// would help a little beyond it; unknown parameters, or few nodes to learn them from, fall short of
  /// it.
  ///
  /// Time O(hops x sampleCount x (meanDegree + featureWidth) x classCount).
  public func bestAccuracy(hops: Int, sampleCount: Int = 40_000) -> Double {
    bestAccuracies(hops: hops, sampleCount: sampleCount)[hops]
  }

  /// ``bestAccuracy(hops:sampleCount:)`` for each number of hops from 0 to `hops`.
  public func bestAccuracies(hops: Int, sampleCount: Int = 40_000) -> [Double] {
    require(hops >= 0 && sampleCount >= 1, "\(hops) hops and \(sampleCount) samples")
    let classCount = options.classCount
    let perClass = (sampleCount + classCount - 1) / classCount
    // What the population of each class says about its own class, in logarithms:
    // classCount x perClass x classCount. Before the first hop nothing is known of the neighbours.
    var beliefs: [Double] = []
    var accuracies: [Double] = []
    for hop in 0...hops {
      let messages = beliefs.isEmpty ? [] : messagesToParents(beliefs)
      beliefs = [Double](repeating: 0, count: classCount * perClass * classCount)
      var hits = 0.0
      for label in 0..<classCount {
        for sample in 0..<perClass {
          var stream = estimation.derive(UInt64(hop), UInt64(label), UInt64(sample))
          var scores = [Double](repeating: 0, count: classCount)
          if hop > 0 {
            for _ in 0..<poisson(options.meanDegree, &stream) {
              let child = labelOfNeighbor(of: label, &stream)
              let picked = Int(stream.next(below: UInt64(perClass)))
              let start = (child * perClass + picked) * classCount
              for k in 0..<classCount { scores[k] += messages[start + k] }
            }
          }
          var normal = NormalStream(stream.derive("features"))
          let vector = (0..<features.width).map {
            features.means[label * features.width + $0] + features.noise * normal.next()
          }
          features.addLogLikelihoods(of: vector, to: &scores)
          hits += hit(scores, label)
          let start = (label * perClass + sample) * classCount
          for k in 0..<classCount { beliefs[start + k] = scores[k] }
        }
      }
      accuracies.append(hits / Double(classCount * perClass))
    }
    return accuracies
  }

  /// Whether the greatest score is the label's; a share of it where several are greatest.
  private func hit(_ scores: [Double], _ label: Int) -> Double {
    let greatest = scores.max() ?? 0
    guard scores[label] == greatest else { return 0 }
    return 1 / Double(scores.count { $0 == greatest })
  }

  /// From what a node says of its own class to what that says of its parent's.
  private func messagesToParents(_ beliefs: [Double]) -> [Double] {
    let classCount = options.classCount
    let same = options.homophily
    let other = classCount > 1 ? (1 - same) / Double(classCount - 1) : 0
    var messages = beliefs
    for start in stride(from: 0, to: beliefs.count, by: classCount) {
      let greatest = beliefs[start..<start + classCount].max() ?? 0
      var sum = 0.0
      for k in start..<start + classCount {
        messages[k] = exp(beliefs[k] - greatest)
        sum += messages[k]
      }
      for k in start..<start + classCount {
        messages[k] = log(same * messages[k] + other * (sum - messages[k]))
      }
    }
    return messages
  }

  private func labelOfNeighbor(of label: Int, _ stream: inout RandomStream) -> Int {
    if stream.nextUnit() < options.homophily { return label }
    let other = Int(stream.next(below: UInt64(options.classCount - 1)))
    return other + (other >= label ? 1 : 0)
  }

  /// A Poisson number, by halves so that the exponential does not vanish.
  private func poisson(_ mean: Double, _ stream: inout RandomStream) -> Int {
    if mean > 30 {
      return poisson(mean / 2, &stream) + poisson(mean / 2, &stream)
    }
    let limit = exp(-mean)
    var product = stream.nextUnit()
    var count = 0
    while product > limit {
      product *= stream.nextUnit()
      count += 1
    }
    return count
  }
}
