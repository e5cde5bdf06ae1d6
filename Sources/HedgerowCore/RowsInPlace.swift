/// Rows of numbers where somebody keeps them, as a store does in its mapped files: what a tensor can be made
/// of without a copy.
///
/// `@unchecked`: nobody writes to the rows, and `owner` keeps them where they are.
public struct RowsInPlace: @unchecked Sendable {
  /// What rows are made of; they become float32.
  public enum Element: Sendable {
    case float32
    case float16
    case bfloat16
  }

  /// Where each row begins.
  package let rows: [UnsafeRawPointer]
  package let element: Element
  package let width: Int
  private let owner: any AnyObject & Sendable

  /// - Parameters:
  ///   - rows: where each row begins, of `width` numbers; aligned for them.
  ///   - owner: what keeps them there.
  public init(
    _ rows: [UnsafeRawPointer], of element: Element, width: Int, owner: any AnyObject & Sendable
  ) {
    self.rows = rows
    self.element = element
    self.width = width
    self.owner = owner
  }

  /// The first rows.
  package func prefix(_ count: Int) -> RowsInPlace {
    RowsInPlace(Array(rows.prefix(count)), of: element, width: width, owner: owner)
  }
}
