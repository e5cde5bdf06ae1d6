import HedgerowCore
import HedgerowMapped

/// A segment file of the manifest that is not as it was written.
struct SegmentDamage {
  var record: SegmentRecord
  /// `nil` when the file is not there or its header does not hold.
  var segment: MappedSegment?
  /// Where the damaged pages lie.
  var pages: [Int] = []
  var what: String

  var id: SegmentID { record.id }
  var fileName: String { record.fileName }

  /// Whether all bytes of a section are the ones that were written.
  func isWhole(_ section: UInt32) -> Bool {
    segment.map { $0.byteRange(of: section).map(isWhole) ?? true } ?? false
  }

  /// Whether bytes of the file are.
  func isWhole(_ bytes: Range<Int>) -> Bool {
    segment != nil && !pages.contains { bytes.overlaps($0..<$0 + 4096) }
  }

  /// Whether only what says so is damaged: checksums, or gaps between sections.
  var isSectionsWhole: Bool { segment?.sectionIDs.allSatisfy(isWhole) ?? false }
}

extension SegmentID {
  var kind: SegmentKind {
    switch part {
    case .adjacencyOut, .adjacencyIn: .adjacency
    case .nodeColumn, .edgeColumn: .column
    case .keys: .keys
    case .nodeDictionary, .edgeDictionary: .dictionary
    case .nodeIndex: .index
    }
  }
}

extension StoreState {
  /// Reads every page of every segment.
  func damagedSegments(
    in files: StoreFiles, progress: (Int) throws -> Void
  ) throws -> [SegmentDamage] {
    var found: [SegmentDamage] = []
    for record in manifest {
      do {
        let segment = try openSegment(record, record.id.kind, in: files)
        let (pages, isDamaged) = try segment.damage(onProgress: progress)
        guard isDamaged else { continue }
        found.append(
          SegmentDamage(
            record: record, segment: segment, pages: pages,
            what: pages.isEmpty
              ? "its checksums are damaged"
              : "\(pages.count) of its pages \(pages.count == 1 ? "is" : "are") damaged"))
      } catch let error as HedgerowError where error.code == .damaged {
        found.append(SegmentDamage(record: record, segment: nil, what: error.message))
      }
    }
    return found
  }

  /// The state without some segments.
  func without(_ damaged: [SegmentDamage]) -> StoreState {
    let gone = Set(damaged.map(\.id))
    var state = self
    state.manifest.removeAll { gone.contains($0.id) }
    return state
  }
}
