import Hedgerow

/// Deals names to train, validate and test on: 60, 20 and 20 of 100 that a hash of the name and the
/// seed decides.
struct HashedSplit {
  enum Part: String, CaseIterable { case train, valid, test }

  let seed: UInt64

  func part(of name: String) -> Part {
    var stream = RandomStream(seed: seed).derive(name)
    switch stream.next(below: 100) {
    case ..<60: return .train
    case ..<80: return .valid
    default: return .test
    }
  }
}
