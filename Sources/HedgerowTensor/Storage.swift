import HedgerowCore
import Synchronization

/// The elements of one array or of several that share them; never changed while shared.
///
/// They lie in a buffer of their own, or are a view of another storage's: a stretch of it, or elements
/// that are steps apart (``layout``). Either way ``base`` has them one behind the other, in row-major
/// order of the array: that is all that most kernels know. The elements of a view that are steps apart
/// are copied there when somebody asks for the first time, and then kept; who can read them where they
/// are asks for `NDArray.layout`, and copies nothing. So it is with rows that somebody else keeps (``rows``).
///
/// `@unchecked`: whoever writes holds the only reference (see `NDArray.mutate`). Ops take `base`
/// of tensors that they hold in a variable, an argument or a capture; a class reference held so is
/// not released before a call that follows in its scope, which keeps the elements in place.
final class Storage<Element: ArrayElement>: @unchecked Sendable {
  let count: Int
  /// Whose buffer a view is of.
  let source: Storage?
  /// Where the elements of a view are that are steps apart.
  let layout: Layout<Element>?
  /// Where the elements are until somebody asks for them, of a matrix whose rows somebody else keeps.
  let rows: RowsInPlace?
  private let contiguous: Atomic<UnsafeMutablePointer<Element>?>
  /// Of the buffer, once there is one.
  private let sizeClass: Atomic<BufferPool.SizeClass>

  /// Room for `count` elements, not initialized.
  init(count: Int) {
    self.count = count
    source = nil
    layout = nil
    rows = nil
    let buffer = BufferPool.take(byteCount: Self.byteCount(count))
    sizeClass = Atomic(buffer.sizeClass)
    contiguous = Atomic(Self.bound(buffer, count))
  }

  /// A view of the elements of `source`, which has a buffer.
  init(_ layout: Layout<Element>, of source: Storage) {
    count = layout.shape.reduce(1, *)
    self.source = source
    rows = nil
    let isContiguous = isRowMajor(layout.shape, layout.strides)
    self.layout = isContiguous ? nil : layout
    contiguous = Atomic(isContiguous ? layout.first : nil)
    sizeClass = Atomic(.smallest)
  }

  /// Rows that somebody else keeps; their elements are float32.
  init(_ rows: RowsInPlace) where Element == Float {
    count = rows.rows.count * rows.width
    source = nil
    layout = nil
    self.rows = rows
    contiguous = Atomic(nil)
    sizeClass = Atomic(.smallest)
  }

  deinit {
    if source != nil && layout == nil { return }
    guard let base = contiguous.load(ordering: .acquiring) else { return }
    BufferPool.give(
      BufferPool.Buffer(base: base, sizeClass: sizeClass.load(ordering: .relaxed)))
  }

  /// The elements one behind the other.
  var base: UnsafeMutablePointer<Element> {
    @inline(__always) get { contiguous.load(ordering: .acquiring) ?? copied() }
  }

  /// ``base``, if the elements are there already.
  var presentBase: UnsafeMutablePointer<Element>? { contiguous.load(ordering: .acquiring) }

  /// Whether a sole owner may change the elements in place.
  var isWhole: Bool { source == nil }

  /// Two threads that ask at once both copy, and one gives its copy back: to wait for another thread
  /// inside a part of a job might be to wait for oneself.
  @inline(never) private func copied() -> UnsafeMutablePointer<Element> {
    let buffer = BufferPool.take(byteCount: Self.byteCount(count))
    let base = Self.bound(buffer, count)
    if let rows {
      rows.copy(to: UnsafeMutableRawPointer(base).assumingMemoryBound(to: Float.self))
    } else {
      let layout = self.layout!
      layout.copy(
        to: Layout(first: base, shape: layout.shape, strides: rowMajorStrides(layout.shape)))
    }
    let (isFirst, other) = contiguous.compareExchange(
      expected: nil, desired: base, ordering: .acquiringAndReleasing)
    if isFirst {
      // Read when the last owner is gone: not before this one is.
      sizeClass.store(buffer.sizeClass, ordering: .relaxed)
      return base
    }
    BufferPool.give(buffer)
    return other!
  }

  private static func byteCount(_ count: Int) -> Int { count * MemoryLayout<Element>.stride }

  private static func bound(
    _ buffer: BufferPool.Buffer, _ count: Int
  ) -> UnsafeMutablePointer<Element> { buffer.base.bindMemory(to: Element.self, capacity: count) }
}
