package import CHedgerowKernels
public import HedgerowCore

/// How the rows of a column of features are kept, and what makes float32 of them.
public struct RowLayout: Hashable, Sendable {
  /// A number, or a vector of them.
  public let kind: PropertyKind
  package let element: hr_element

  /// `nil` for a kind that is not made of numbers.
  public init?(_ kind: PropertyKind) {
    switch kind.element {
    case .float32: element = hr_float32
    case .float16: element = hr_float16
    case .bfloat16: element = hr_bfloat16
    case .uint8: element = hr_uint8
    case .int8, .scaledInt8: element = hr_int8
    case .float64: element = hr_float64
    case .int16: element = hr_int16
    case .int32: element = hr_int32
    case .int64: element = hr_int64
    default: return nil
    }
    self.kind = kind
  }

  /// Elements of a row.
  public var width: Int { kind.width }
  /// Bytes of a row.
  public var byteCount: Int { kind.byteWidth }
  /// Whether rows are what is made of them.
  public var isOfFloat32: Bool { element == hr_float32 }
  /// What each int8 element is multiplied by.
  package var scale: Float { if case .scaledInt8(let scale) = kind.element { scale } else { 1 } }

  /// Row `slots[i]` of rows that lie one after the other becomes row `places[i]` of `out`, in float32.
  ///
  /// Traps on slots that are not there; places are the caller's to keep within `out`.
  public func widen(
    _ rows: UnsafeRawBufferPointer, slots: UnsafeBufferPointer<UInt32>,
    into out: UnsafeMutablePointer<Float>, at places: UnsafePointer<UInt32>
  ) {
    var range = hr_matrix_range(
      rows: rows.baseAddress, validity: nil, row_count: rows.count / byteCount)
    let bad = hr_gather_rows(
      &range, 1, 32, byteCount, element, scale, width, slots.baseAddress, places, slots.count, out)
    require(bad < 0, "a slot beyond \(rows.count / byteCount) rows")
  }

  /// Rows that lie one after the other become rows `places[i]` of `out`, in float32.
  public func widen(
    _ rows: UnsafeRawBufferPointer, into out: UnsafeMutablePointer<Float>, at places: Span<UInt32>
  ) {
    require(rows.count == places.count * byteCount, "\(places.count) places for other rows")
    for first in stride(from: 0, to: places.count, by: Self.slots.count) {
      let count = min(Self.slots.count, places.count - first)
      places.extracting(first..<first + count).withUnsafeBufferPointer { places in
        Self.slots.withUnsafeBufferPointer { slots in
          widen(
            UnsafeRawBufferPointer(rebasing: rows[(first * byteCount)...]),
            slots: UnsafeBufferPointer(rebasing: slots[..<count]), into: out,
            at: places.baseAddress!)
        }
      }
    }
  }

  private static let slots = (0..<4096).map { UInt32($0) }

  /// Rows to read at once: enough to keep a device busy, in a few MiB.
  public var rowsAtOnce: Int { max(1, min(1 << 16, (4 << 20) / max(1, byteCount))) }
}
