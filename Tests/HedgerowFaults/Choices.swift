import HedgerowCore

/// Where what a crash leaves is not determined: the disk chooses.
protocol Choices {
  /// Whether something that was not synced is there all the same.
  mutating func isThere() -> Bool
  /// What became of a write that was not synced.
  mutating func fate(of write: UnsyncedWrite) -> Fate
  /// Whether names that hold nothing - locks, scratch files - are chosen one by one, and the writes
  /// to files that nobody reads before they have another name.
  var drawsAll: Bool { get }
}

struct UnsyncedWrite {
  /// 512-byte sectors that it touches.
  var sectorCount: Int
  /// It makes the file longer.
  var extends: Bool
  /// No later write to the file is there that was not synced either.
  var isLast: Bool
}

enum Fate {
  case absent, whole
  /// The sectors that are there.
  case torn([Bool])
  /// The file is as long as if it were there, and has zeros in its place.
  case zeros
}

/// Everything that was done is there.
struct Everything: Choices {
  let drawsAll = true
  func isThere() -> Bool { true }
  func fate(of write: UnsyncedWrite) -> Fate { .whole }
}

/// What a seed says.
struct Drawn: Choices {
  let drawsAll = true
  private var random: RandomStream
  /// Disks differ in how much they have written.
  private let share: Double

  init(_ random: RandomStream) {
    self.random = random
    share = [0.05, 0.5, 0.5, 0.95][Int(self.random.next(below: 4))]
  }

  mutating func isThere() -> Bool { random.nextUnit() < share }

  mutating func fate(of write: UnsyncedWrite) -> Fate {
    if random.next(below: 4) == 0 {
      if write.sectorCount > 1 && random.next(below: 3) > 0 {
        return .torn((0..<write.sectorCount).map { _ in random.next(below: 2) == 0 })
      }
      if write.extends { return .zeros }
    }
    return isThere() ? .whole : .absent
  }
}

/// All possibilities, one after the other: what is chosen last goes on first.
struct Enumerated: Choices {
  let drawsAll = false
  private var path: [(choice: Int, count: Int)] = []
  private var depth = 0

  /// Goes to the next one; false when there is none.
  mutating func advance() -> Bool {
    depth = 0
    while let last = path.last {
      if last.choice + 1 < last.count {
        path[path.count - 1].choice += 1
        return true
      }
      path.removeLast()
    }
    return false
  }

  private mutating func choose(_ count: Int) -> Int {
    if depth == path.count { path.append((0, count)) }
    defer { depth += 1 }
    return path[depth].choice
  }

  mutating func isThere() -> Bool { choose(2) == 1 }

  mutating func fate(of write: UnsyncedWrite) -> Fate {
    var fates: [Fate] = [.absent, .whole]
    if write.isLast {
      let half = write.sectorCount / 2
      if half > 0 {
        let isFront = (0..<write.sectorCount).map { $0 < half }
        fates += [.torn(isFront), .torn(isFront.map { !$0 })]
      }
      if write.extends { fates.append(.zeros) }
    }
    return fates[choose(fates.count)]
  }
}
