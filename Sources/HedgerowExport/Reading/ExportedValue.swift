import HedgerowCore

/// A value of a column on its way to a file. Pointers hold as long as the closure that is handed it.
enum ExportedValue {
  case null
  case bool(Bool)
  case integer(Int64)
  case half(Float16)
  case float(Float)
  case double(Double)
  /// UTF-8.
  case text(UnsafeRawBufferPointer)
  case bytes(UnsafeRawBufferPointer)
  case vector(ExportedVector)

  /// As a number, where it is one.
  var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .half(let value): Double(value)
    case .float(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
}

/// The elements of a vector.
struct ExportedVector {
  let start: UnsafeRawPointer
  let element: ValueForm
  let count: Int

  subscript(index: Int) -> ExportedValue {
    element.value(at: start + index * element.byteWidth)
  }
}

/// How a value of a fixed width lies in memory.
enum ValueForm {
  case bool, int8, int16, int32, int64, uint8, half, bfloat, float, double, category
  case scaled(Float)

  /// Of one element of a kind; `nil` for text and bytes.
  init?(_ kind: PropertyKind) {
    switch kind.element {
    case .bool: self = .bool
    case .int8: self = .int8
    case .int16: self = .int16
    case .int32: self = .int32
    case .int64, .timestamp: self = .int64
    case .uint8: self = .uint8
    case .float16: self = .half
    case .bfloat16: self = .bfloat
    case .float32: self = .float
    case .float64: self = .double
    case .scaledInt8(let scale): self = .scaled(scale)
    case .categorical: self = .category
    case .string, .bytes, .vector: return nil
    }
  }

  var byteWidth: Int {
    switch self {
    case .bool, .int8, .uint8, .scaled: 1
    case .int16, .half, .bfloat: 2
    case .int32, .float, .category: 4
    case .int64, .double: 8
    }
  }

  /// What stands at an address; a category as its code.
  func value(at address: UnsafeRawPointer) -> ExportedValue {
    func load<T: BitwiseCopyable>(_ type: T.Type = T.self) -> T {
      address.loadUnaligned(as: T.self)
    }
    return switch self {
    case .bool: .bool(load(UInt8.self) != 0)
    case .int8: .integer(Int64(load(Int8.self)))
    case .int16: .integer(Int64(load(Int16.self)))
    case .int32: .integer(Int64(load(Int32.self)))
    case .int64: .integer(load(Int64.self))
    case .uint8: .integer(Int64(load(UInt8.self)))
    case .half: .half(Float16(bitPattern: load(UInt16.self)))
    case .bfloat: .float(Float(BFloat16(bitPattern: load(UInt16.self))))
    case .float: .float(load(Float.self))
    case .double: .double(load(Double.self))
    case .category: .integer(Int64(load(UInt32.self)))
    case .scaled(let scale): .float(Float(load(Int8.self)) * scale)
    }
  }
}
