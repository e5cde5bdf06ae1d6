import Glibc
import HedgerowCore
import Synchronization

/// The memory of tensors: buffers that are kept when a tensor goes, for the next one.
///
/// A training step allocates the same few sizes over and over, and pages fresh from the system
/// cost several times as much as pages used before. So sizes are rounded up to classes (four to
/// each power of two) and freed buffers wait by class, as long as they and those in use are within
/// ``byteLimit``; past it the class that has been idle longest gives its buffers back to the system. One that
/// is too small gives way to the larger one that has to be made.
public enum BufferPool {
  /// Bytes that tensors and buffers that wait may hold together, in the whole process. Tensors in use
  /// may be more: then nothing waits.
  ///
  /// Unless set, 1 GiB or an eighth more than tensors held at most of late, whatever is more: the steps
  /// of a large model find their buffers again, and the process grows little larger than they made it.
  public static var byteLimit: Int {
    get { state.withLock { $0.byteLimit } }
    set {
      let surplus = state.withLock { state in
        state.setLimit = newValue
        return state.surplus()
      }
      for buffer in surplus { deallocate(buffer) }
    }
  }

  /// Bytes of buffers that live tensors hold.
  public static var liveByteCount: Int { state.withLock { $0.liveByteCount } }
  /// The most that they have held so far.
  public static var peakLiveByteCount: Int { state.withLock { $0.peakLiveByteCount } }
  /// Bytes of buffers that wait for reuse.
  public static var idleByteCount: Int { state.withLock { $0.idleByteCount } }
  /// Buffers that came from the system so far, and their bytes: those that were there are not counted
  /// again. Steps that are alike take none but in the first ones.
  public static var taken: (bufferCount: Int, byteCount: Int) {
    state.withLock { ($0.takenBufferCount, $0.takenByteCount) }
  }

  /// Gives buffers that wait back to the system: for work that needs memory beside tensors.
  public static func releaseIdle() {
    let buffers = state.withLock { state in
      let buffers = state.idle.flatMap { $0 }
      for index in state.idle.indices { state.idle[index] = [] }
      state.idleByteCount = 0
      return buffers
    }
    for buffer in buffers { deallocate(buffer) }
  }

  /// Calls `stop` when tensors in use are about to hold more than `byteCount`, before they do.
  ///
  /// Operations cannot fail, so it may not return: a program that keeps to a budget says what was too
  /// large and ends.
  public static func limitTensors(to byteCount: Int, orElse stop: @escaping @Sendable () -> Never) {
    state.withLock { $0.liveLimit = (byteCount, stop) }
  }

  /// A buffer aligned to 64 bytes. `@unchecked`: whoever holds it is its only owner.
  struct Buffer: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let sizeClass: SizeClass
  }

  /// A buffer that waits may be somewhat larger where none of the size does: of sizes that differ a little each
  /// time not every class keeps as many as are ever in use, and the smaller batches of an evaluation take
  /// those of the training.
  static func take(byteCount: Int) -> Buffer {
    let smallest = SizeClass(holding: byteCount)
    let (reused, sizeClass, surplus, stop) = state.withLock {
      state -> (UnsafeMutableRawPointer?, SizeClass, [Buffer], Stop?) in
      let sizeClass = state.waiting(from: smallest)
      let size = sizeClass.byteCount
      state.liveByteCount += size
      if let limit = state.liveLimit, state.liveByteCount > limit.byteCount {
        return (nil, sizeClass, [], limit.stop)
      }
      state.countTaken()
      state.lastUse[sizeClass.number] = state.clock
      guard let base = state.idle[sizeClass.number].popLast()?.base else {
        state.takenBufferCount += 1
        state.takenByteCount += size
        return (nil, sizeClass, state.outgrown(by: sizeClass) + state.surplus(), nil)
      }
      state.idleByteCount -= size
      return (base, sizeClass, [], nil)
    }
    stop?()
    for buffer in surplus { deallocate(buffer) }
    return Buffer(base: reused ?? allocate(sizeClass.byteCount), sizeClass: sizeClass)
  }

  /// All but small buffers come from the system and go back to it: the heap would keep what is freed.
  private static func allocate(_ size: Int) -> UnsafeMutableRawPointer {
    if size >= leastMapped {
      let base = mmap(
        nil, mappedByteCount(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      require(base != MAP_FAILED, "no memory for a tensor of \(size) bytes")
      if size >= hugePage { madvise(base, size, MADV_HUGEPAGE) }
      return base!
    }
    var base: UnsafeMutableRawPointer?
    require(posix_memalign(&base, 64, size) == 0, "no memory for a tensor of \(size) bytes")
    return base!
  }

  private static func deallocate(_ buffer: Buffer) {
    let size = buffer.sizeClass.byteCount
    if size >= leastMapped { munmap(buffer.base, mappedByteCount(size)) } else { free(buffer.base) }
  }

  /// With a page behind that is never touched, and so never there: the system puts buffers one behind
  /// the other, and loops over several arrays that are a power of two apart take up to 2.7 times as long.
  private static func mappedByteCount(_ size: Int) -> Int {
    size + (size >= hugePage ? hugePage : 4096)
  }

  static func give(_ buffer: Buffer) {
    let surplus = state.withLock { state -> [Buffer] in
      let size = buffer.sizeClass.byteCount
      state.liveByteCount -= size
      state.idleByteCount += size
      state.idle[buffer.sizeClass.number].append(buffer)
      return state.surplus()
    }
    for buffer in surplus { deallocate(buffer) }
  }

  private typealias Stop = @Sendable () -> Never
  private static let leastMapped = 64 << 10
  private static let hugePage = 2 << 20
  private static let state = Mutex(State())

  private struct State {
    var idle = [[Buffer]](repeating: [], count: SizeClass.count)
    /// When each class last served, on a clock that ticks with every buffer taken.
    var lastUse = [Int](repeating: 0, count: SizeClass.count)
    var clock = 0
    var liveByteCount = 0
    var peakLiveByteCount = 0
    var idleByteCount = 0
    /// The most that tensors held since the clock last was at a multiple of ``window``, and in the
    /// window before.
    var recentPeaks = (now: 0, before: 0)
    let window = 1 << 12
    var setLimit: Int?
    /// The eighth is for small buffers of other sizes: without it each would cost a large one.
    var byteLimit: Int {
      setLimit ?? max(1 << 30, max(recentPeaks.now, recentPeaks.before) / 8 * 9)
    }
    var takenBufferCount = 0
    var takenByteCount = 0
    var liveLimit: (byteCount: Int, stop: Stop)?

    /// The class of a buffer that waits and is less than twice as large, or else the given one.
    func waiting(from sizeClass: SizeClass) -> SizeClass {
      for larger in 0...3 where sizeClass.number + larger < SizeClass.count {
        let candidate = SizeClass(number: sizeClass.number + larger)
        if !idle[candidate.number].isEmpty { return candidate }
      }
      return sizeClass
    }

    /// Removes a buffer that waits and is somewhat smaller: the larger one that is made instead serves for both.
    /// So batches of ever other sizes do not come to keep buffers of each.
    mutating func outgrown(by sizeClass: SizeClass) -> [Buffer] {
      for smaller in 1...2 where sizeClass.number >= smaller {
        let candidate = SizeClass(number: sizeClass.number - smaller)
        guard let buffer = idle[candidate.number].popLast() else { continue }
        idleByteCount -= candidate.byteCount
        return [buffer]
      }
      return []
    }

    mutating func countTaken() {
      peakLiveByteCount = max(peakLiveByteCount, liveByteCount)
      clock += 1
      if clock.isMultiple(of: window) { recentPeaks = (0, recentPeaks.now) }
      recentPeaks.now = max(recentPeaks.now, liveByteCount)
    }

    /// Removes what is idle past the limit, first from the class unused for longest.
    mutating func surplus() -> [Buffer] {
      var removed: [Buffer] = []
      while idleByteCount > 0 && liveByteCount + idleByteCount > byteLimit {
        let stalest = idle.indices.filter { !idle[$0].isEmpty }.min { lastUse[$0] < lastUse[$1] }
        guard let stalest else { break }
        removed.append(idle[stalest].removeLast())
        idleByteCount -= SizeClass(number: stalest).byteCount
      }
      return removed
    }
  }

  /// Sizes of 4, 5, 6 and 7 times a power of two, from 256 bytes.
  struct SizeClass: RawRepresentable, AtomicRepresentable {
    static let count = 4 * 40
    static let smallest = SizeClass(holding: 0)
    let rawValue: UInt8

    var number: Int { Int(rawValue) }

    init(rawValue: UInt8) { self.rawValue = rawValue }

    fileprivate init(number: Int) { rawValue = UInt8(number) }

    /// The smallest.
    init(holding byteCount: Int) {
      let quarters = (max(byteCount, 256) + 63) / 64  // at least 4
      var exponent = quarters.bitWidth - quarters.leadingZeroBitCount - 3
      var mantissa = (quarters + (1 << exponent) - 1) >> exponent
      if mantissa == 8 { (mantissa, exponent) = (4, exponent + 1) }
      self.init(number: exponent * 4 + mantissa - 4)
    }

    var byteCount: Int { ((number % 4 + 4) << (number / 4)) * 64 }
  }
}
