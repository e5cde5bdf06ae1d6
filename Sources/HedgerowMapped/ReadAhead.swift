import CHedgerowSystem
import Glibc
import HedgerowCore
import Synchronization

/// Asks the kernel for the pages of equally spaced rows before they are touched.
///
/// A touch of a cold page waits for the disk, 15,000 a second; pages asked for many at a time come
/// at 80,000 a second. Of rows that fit into memory, a page that was there at the beginning or was asked for
/// once is taken to stay, until the process sees major faults again: so a warm run pays one bit test a row,
/// and none once all pages are there. Of rows that do not fit, pages are asked for each time. Memory: one bit a
/// page, 1/32768 of the mapped bytes.
///
/// Rows that fit and are cold are also loaded from front to end, in pieces of 2 MiB that the page cache can
/// keep as large pages: for each page that is asked for, four. A run that reads everywhere has all of them
/// soon, at the rate of a sequential read; one that needs little reads little.
public final class ReadAhead: @unchecked Sendable {
  // The windows never change; their bits are only touched by atomics in C.
  private let windows: UnsafeMutableBufferPointer<hr_window>
  private let segments: [MappedSegment?]
  /// Where in each file the section begins.
  private let sectionStarts: [Int?]
  private let positionBits: Int
  /// Whether the rows are taken to fit into memory.
  public let fitsIntoMemory: Bool
  private let seenFaultEpoch = Atomic<Int>(0)
  private let loading = Mutex(Loading())
  private let isLoaded = Atomic<Bool>(false)
  /// Whether every page is taken to be there, but for those that were given back.
  private let hasAllPages = Atomic<Bool>(false)
  private let hasGivenBack = Atomic<Bool>(false)

  /// - Parameters:
  ///   - segments: one a range; `nil` for a range without a file.
  ///   - section: where rows lie in each.
  ///   - positionBits: a place is a range's number in the bits from here up, and a row below.
  ///   - scale: bytes from one row to the next; `width`: bytes read of a row.
  ///   - residentLimit: the most bytes of rows that are taken to fit into memory.
  public convenience init(
    _ segments: [MappedSegment?], section: UInt32, positionBits: Int, scale: Int, width: Int,
    residentLimit: Int = ReadAhead.residentLimit
  ) {
    self.init(
      segments, section: section, positionBits: positionBits, residentLimit: residentLimit
    ) { _ in (8 * scale, width) }
  }

  /// The same of rows that lie otherwise in each segment.
  ///
  /// - Parameter rows: of the segment of a number, the bits from one row to the next, and the bytes read of a row.
  public init(
    _ segments: [MappedSegment?], section: UInt32, positionBits: Int,
    residentLimit: Int = ReadAhead.residentLimit,
    rows: (_ segment: Int) -> (bits: Int, width: Int)
  ) {
    self.segments = segments
    self.positionBits = positionBits
    sectionStarts = segments.map { $0?.byteRange(of: section)?.lowerBound }
    windows = .allocate(capacity: segments.count)
    let sections = segments.map {
      $0?.section(section) ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }
    fitsIntoMemory = sections.reduce(0) { $0 + $1.count } <= residentLimit
    for (index, bytes) in sections.enumerated() {
      var bits: UnsafeMutablePointer<UInt64>?
      if fitsIntoMemory {
        let words = Self.wordCount(bytes.count)
        bits = .allocate(capacity: words)
        bits!.initialize(repeating: 0, count: words)
      }
      windows.initializeElement(
        at: index,
        to: hr_window(
          start: bytes.baseAddress, byte_count: bytes.count, resident: bits,
          row_bits: rows(index).bits, width: rows(index).width))
    }
  }

  /// The most bytes of rows that are taken to fit into memory.
  public static var residentLimit: Int { ProcessResources.memoryLimit / 2 }

  deinit {
    for window in windows { window.resident?.deallocate() }
    windows.deallocate()
  }

  private static func wordCount(_ byteCount: Int) -> Int {
    byteCount / SegmentLayout.pageByteCount / 64 + 1
  }

  /// Starts reading the rows of these numbers. How many pages were asked for.
  @discardableResult
  public func willNeed(_ rows: Span<UInt32>) -> Int {
    rows.withUnsafeBytes { ask($0.baseAddress, width: 4, count: rows.count) }
  }

  /// Starts reading the rows at these places. How many pages were asked for.
  @discardableResult
  public func willNeed(_ places: Span<UInt64>) -> Int {
    places.withUnsafeBytes { ask($0.baseAddress, width: 8, count: places.count) }
  }

  /// Gives back the memory of the pages of these rows, which will not be needed again soon.
  public func release(_ rows: Span<UInt32>) {
    hasGivenBack.store(true, ordering: .relaxed)
    rows.withUnsafeBytes { bytes in
      hr_release(
        windows.baseAddress, windows.count, UInt32(positionBits), bytes.baseAddress, 4, rows.count)
    }
  }

  private func ask(_ places: UnsafeRawPointer?, width placeWidth: Int, count: Int) -> Int {
    guard count > 0 else { return 0 }
    if fitsIntoMemory {
      let epoch = PageFaults.epoch()
      let before = seenFaultEpoch.exchange(epoch, ordering: .relaxed)
      if before != epoch && isLoaded.load(ordering: .acquiring) {
        hasAllPages.store(false, ordering: .relaxed)
        for window in windows {
          hr_forget_resident(window.resident, Self.wordCount(window.byte_count))
        }
      }
      if !isLoaded.load(ordering: .relaxed) { load(for: places, width: placeWidth, count: count) }
      if hasAllPages.load(ordering: .relaxed) && !hasGivenBack.load(ordering: .relaxed) {
        return 0
      }
    }
    return hr_will_need(
      windows.baseAddress, windows.count, UInt32(positionBits), places, placeWidth, count)
  }
}

extension ReadAhead {
  /// Remembers the pages that are in memory already, where the kernel says so.
  private func look() {
    for (segment, window) in zip(segments, windows) where window.byte_count > 0 {
      guard let path = segment?.path, access(path, W_OK) == 0 else { continue }
      withUnsafePointer(to: window) { hr_find_resident($0) }
    }
  }
}

extension ReadAhead {
  /// Pages that are loaded for each that is asked for: while as many are read one by one, the device could
  /// have read four times as many in order, so what is loaded in vain takes no longer than what was needed.
  private static var loadedPages: Int { 4 }
  private static var pieceByteCount: Int { 2 << 20 }

  /// Pages of a section that are read in all, one by one or loaded, when so many of them, here and there, are needed
  /// and none is in memory before.
  package static func expectedPages(needing needed: Double, of pages: Double) -> Double {
    guard needed > 0, pages > 0 else { return 0 }
    // A page that is needed is asked for, and earns as many, unless it was loaded before.
    let earned = pages * (1 - exp(-Double(loadedPages) * needed / pages))
    let piece = Double(pieceByteCount / SegmentLayout.pageByteCount)
    let loaded = min(pages, (earned / piece).rounded(.up) * piece)
    return loaded + (pages - loaded) * min(1, needed / pages)
  }

  /// How far loading from front to end has come.
  private struct Loading {
    /// Whether pages that were there already are marked.
    var hasLooked = false
    /// Pages that may be loaded.
    var credit = 0
    var window = 0
    /// Pieces that could not be loaded.
    var failures = 0
    /// Of the window's section, from a multiple of the piece's size in the file.
    var piece = 0
  }

  /// Loads the next pieces that are cold, as many pages as were earned so far. Whoever asks meanwhile waits:
  /// single pages that come first keep a piece from being large.
  private func load(for places: UnsafeRawPointer?, width placeWidth: Int, count: Int) {
    loading.withLock { loading in
      if isLoaded.load(ordering: .relaxed) { return }
      if !loading.hasLooked { look() }
      loading.hasLooked = true
      let cold = hr_count_cold(
        windows.baseAddress, windows.count, UInt32(positionBits), places, placeWidth, count)
      loading.credit += Self.loadedPages * cold
      while let (number, pages) = nextPiece(&loading) {
        guard let segment = segments[number], let section = sectionStarts[number] else { continue }
        let page = SegmentLayout.pageByteCount
        let bytes =
          pages.lowerBound * page..<min(pages.upperBound * page, windows[number].byte_count)
        // What cannot be loaded is asked for row by row.
        if hr_load_range(segment.path, Int64(section + bytes.lowerBound), bytes.count) == 0 {
          hr_mark_pages(windows.baseAddress! + number, pages.lowerBound, pages.upperBound)
        } else {
          loading.failures += 1
        }
        PageFaults.setAside()
      }
    }
  }

  /// The pages of the next piece that is cold, when they were earned.
  private func nextPiece(_ loading: inout Loading) -> (window: Int, pages: Range<Int>)? {
    while loading.window < windows.count {
      let (number, window) = (loading.window, windows[loading.window])
      guard let section = sectionStarts[number],
        let pages = piece(loading.piece, of: section..<section + window.byte_count)
      else {
        loading.window += 1
        loading.piece = 0
        continue
      }
      let cold = hr_count_cold_pages(
        windows.baseAddress! + number, pages.lowerBound, pages.upperBound)
      if cold > 0 && loading.credit <= 0 { return nil }
      loading.piece += 1
      loading.credit -= cold
      if cold > 0 { return (number, pages) }
    }
    // In this order: whoever sees that all is loaded may take this back.
    hasAllPages.store(loading.failures == 0, ordering: .relaxed)
    isLoaded.store(true, ordering: .releasing)
    return nil
  }

  /// The pages of a section, counted from its begin, that lie in the `number`th piece of a file that it has
  /// a part in.
  private func piece(_ number: Int, of section: Range<Int>) -> Range<Int>? {
    let start = (section.lowerBound / Self.pieceByteCount + number) * Self.pieceByteCount
    if start >= section.upperBound { return nil }
    let part = max(start, section.lowerBound)..<min(start + Self.pieceByteCount, section.upperBound)
    let page = SegmentLayout.pageByteCount
    return (part.lowerBound - section.lowerBound)
      / page..<(part.upperBound - section.lowerBound + page - 1) / page
  }
}

/// Notices when pages that were resident no longer are.
private enum PageFaults {
  private static let calls = Atomic<Int>(0)
  private static let lastCount = Atomic<Int>(0)
  private static let current = Atomic<Int>(0)

  /// What was waited for so far was meant to be.
  static func setAside() { lastCount.store(Int(hr_major_faults()), ordering: .relaxed) }

  /// A number that grows when the process has waited for storage often since the last look.
  ///
  /// Looks at the kernel's count once in 32 calls: a look costs as much as 100 bit tests.
  static func epoch() -> Int {
    if calls.wrappingAdd(1, ordering: .relaxed).oldValue % 32 == 0 {
      let count = Int(hr_major_faults())
      if count - lastCount.exchange(count, ordering: .relaxed) > 64 {
        current.wrappingAdd(1, ordering: .relaxed)
      }
    }
    return current.load(ordering: .relaxed)
  }
}
