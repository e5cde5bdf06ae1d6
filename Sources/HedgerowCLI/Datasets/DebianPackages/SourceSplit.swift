import Hedgerow

/// Deals source packages to train, validate and test on: 60, 20 and 20 of 100 that a hash of the
/// name decides.
///
/// All packages of one source go the same way: they have like descriptions and mostly one section,
/// so that one in `train` would give away the others.
struct SourceSplit {
  enum Part: String { case train, valid, test }

  let seed: UInt64

  func part(of source: String) -> Part {
    var stream = RandomStream(seed: seed).derive(source)
    switch stream.next(below: 100) {
    case ..<60: return .train
    case ..<80: return .valid
    default: return .test
    }
  }
}
