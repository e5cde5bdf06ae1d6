import CHedgerowKernels
import HedgerowCore

/// Single numbers, many at a time, by addresses that say where they lie.
extension StoredColumn {
  /// Bits of a value's address below its segment's number.
  static let rowBits = 44

  /// Where a row lies: its segment's number and the row there. Segments have at most 2^44 rows.
  func address(of row: UInt64) -> UInt64 {
    let (segment, local) = locate(row)
    return UInt64(segment) << UInt64(Self.rowBits) | UInt64(local)
  }

  static func split(_ address: UInt64) -> (segment: Int, local: Int) {
    (Int(address >> UInt64(rowBits)), Int(address & (1 << UInt64(rowBits) - 1)))
  }

  /// Starts reading the values at these addresses; all ones is none.
  func prefetch(addresses: Span<UInt64>) { valuesAhead?.willNeed(addresses) }

  /// The value in a column of integers or timestamps.
  func integer(_ segment: Int, _ local: Int) -> Int64 {
    let start = local * stride
    let bytes = values[segment]
    return switch kind {
    case .int8: Int64(bytes.load(fromByteOffset: start, as: Int8.self))
    case .uint8: Int64(bytes.load(fromByteOffset: start, as: UInt8.self))
    case .int16: Int64(bytes.loadUnaligned(fromByteOffset: start, as: Int16.self))
    case .int32: Int64(bytes.loadUnaligned(fromByteOffset: start, as: Int32.self))
    default: bytes.loadUnaligned(fromByteOffset: start, as: Int64.self)
    }
  }

  /// The value in a column of numbers.
  func number(_ segment: Int, _ local: Int) -> Double {
    number(kind, values[segment], at: local * stride)
  }

  func number(
    _ kind: PropertyKind, _ bytes: UnsafeRawBufferPointer, at start: Int
  ) -> Double {
    func load<T: BitwiseCopyable>(_ type: T.Type) -> T {
      bytes.loadUnaligned(fromByteOffset: start, as: T.self)
    }
    return switch kind {
    case .int8: Double(load(Int8.self))
    case .uint8: Double(load(UInt8.self))
    case .int16: Double(load(Int16.self))
    case .int32: Double(load(Int32.self))
    case .int64: Double(load(Int64.self))
    case .float16: Double(hr_half_to_float(load(UInt16.self)))
    case .bfloat16: Double(Float(BFloat16(bitPattern: load(UInt16.self))))
    case .scaledInt8(let scale): Double(Float(load(Int8.self)) * scale)
    case .float32: Double(load(Float.self))
    default: load(Double.self)
    }
  }
}
