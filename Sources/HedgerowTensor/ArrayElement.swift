public import HedgerowCore

/// What arrays hold: numbers of a fixed size, and the truth values of masks.
///
/// Types of 1, 2, 4 or 8 bytes whose copies are their bytes. Tensors compute in those that are a
/// ``TensorScalar``; the others hold indices, masks, and numbers at rest.
public protocol ArrayElement: BitwiseCopyable, Equatable, Sendable {}

extension Bool: ArrayElement {}
extension UInt8: ArrayElement {}
extension Int32: ArrayElement {}
extension UInt32: ArrayElement {}
extension Int64: ArrayElement {}
extension Float16: ArrayElement {}
extension BFloat16: ArrayElement {}
