import CHedgerowKernels
import HedgerowCore

/// Rows of a graph in compressed form: row r lists `indices[offsets[r]..<offsets[r + 1]]`.
///
/// The arrays may be longer than the rows need.
public struct CompressedRows: Sendable {
  public var offsets: [UInt32]
  public var indices: [UInt32]
  public var rowCount: Int
  /// Of transposed rows, for each entry which entry of the others it is; may be empty where that
  /// is not asked for. Where rows and transposed rows are both of entries in some other order, which
  /// of those it is.
  public var entries: [UInt32]

  /// Which row of the whole each of these is, rising; `nil` when they are all. The others are empty.
  public var places: [UInt32]?

  public init(
    offsets: [UInt32], indices: [UInt32], rowCount: Int, entries: [UInt32] = [],
    places: [UInt32]? = nil
  ) {
    self.offsets = offsets
    self.indices = indices
    self.rowCount = rowCount
    self.entries = entries
    self.places = places
  }

  /// Entries of all rows.
  public var count: Int { Int(offsets[rowCount]) }

  /// Traps unless offsets begin with 0 and do not fall, and every index is below `bound`.
  func check(bound: Int, _ what: String) {
    require(
      offsets.count > rowCount && Int(offsets[rowCount]) <= indices.count
        && hr_rows_are_valid(offsets, indices, rowCount, UInt32(clamping: bound)),
      "\(what) of \(rowCount) rows with indices below \(bound) are not well formed: "
        + "\(offsets.count) offsets, \(indices.count) indices")
  }

  /// These rows transposed, of so many rows, as the caller of an operation makes them; traps unless they
  /// are that.
  func transposed(by make: () -> CompressedRows, rowCount: Int) -> CompressedRows {
    let made = make()
    made.check(bound: self.rowCount, "targets")
    require(
      (made.places?.count ?? rowCount) == made.rowCount && made.count == count
        && (made.places.map { hr_indices_are_valid($0, $0.count, UInt32(clamping: rowCount)) }
          ?? true),
      "\(made.rowCount) transposed rows with \(made.count) entries for \(rowCount) sources and "
        + "\(count) entries")
    return made
  }

  /// Traps unless each entry says which of the others' it is.
  func checkEntries() {
    require(
      entries.count >= count && hr_indices_are_valid(entries, count, UInt32(clamping: count)),
      "\(count) entries of transposed rows have \(entries.count) numbers")
  }

  /// Traps unless each entry of these transposed rows, or each of the others, says which of the others'
  /// it is.
  func checkEntries(besides others: CompressedRows) {
    if !entries.isEmpty || others.entries.isEmpty { checkEntries() }
  }

  /// ``entries``, or null where there are none.
  func withEntries(_ body: (UnsafePointer<UInt32>?) -> Void) {
    if entries.isEmpty { return body(nil) }
    entries.withUnsafeBufferPointer { body($0.baseAddress) }
  }

  /// ``places``, or null where rows are all.
  func withPlaces(_ body: (UnsafePointer<UInt32>?) -> Void) {
    guard let places else { return body(nil) }
    places.withUnsafeBufferPointer { body($0.baseAddress) }
  }

  /// Rows of one part: about as many elements as an element-wise part has.
  func rowsPerPart(width: Int) -> Int { segmentsPerPart(offsets, rowCount, width: width) }
}

/// Traps unless offsets begin with 0, do not fall, and end with `count`.
func checkSegments(_ offsets: [UInt32], count: Int) {
  require(
    !offsets.isEmpty && Int(offsets[offsets.count - 1]) == count
      && hr_offsets_are_valid(offsets, offsets.count - 1),
    "\(offsets.count) offsets do not cut \(count) rows into segments")
}

func segmentsPerPart(_ offsets: [UInt32], _ count: Int, width: Int) -> Int {
  let elementsPerRow = (1 + Int(offsets[count]) / max(count, 1)) * max(width, 1)
  return max(16, Compute.elementsPerPart / elementsPerRow)
}
