import HedgerowCore

// Views: other shapes, orders and parts of the same elements, without a copy. The gradients of all of
// them are in Ops/Shaping.swift.

extension NDArray {
  /// Elements of this array under other extents and steps.
  func view(_ first: UnsafeMutablePointer<Element>, _ shape: [Int], _ strides: [Int]) -> NDArray {
    if shape.contains(0) { return NDArray(uninitialized: shape) }
    // Who owns the buffer that `layout` reads: this storage where it has copied what it is a view of.
    let isCopy = storage.layout != nil && storage.presentBase != nil
    let owner = isCopy ? storage : storage.source ?? storage
    return NDArray(
      sharing: Storage(Layout(first: first, shape: shape, strides: strides), of: owner),
      shape: shape)
  }

  /// The same elements in the same order under another shape; one extent may be -1, which stands
  /// for what is left. Shares the elements; those of a view are copied, later and once, where no steps
  /// lead through them in the other shape. Traps when the counts differ.
  public func reshaped(to shape: [Int]) -> NDArray {
    let target = resolved(shape)
    if target == self.shape { return self }
    if storage.layout != nil, storage.presentBase == nil {
      let layout = self.layout
      if let strides = strides(layout.strides, of: layout.shape, as: target) {
        return view(layout.first, target, strides)
      }
    }
    return NDArray(sharing: storage, shape: target)
  }

  /// `shape` with its open extent filled in.
  private func resolved(_ shape: [Int]) -> [Int] {
    var target = shape
    if let open = target.firstIndex(of: -1) {
      let others = target.enumerated().reduce(1) { $1.offset == open ? $0 : $0 * $1.element }
      require(
        others > 0 && count.isMultiple(of: others), "shape \(self.shape) does not become \(shape)")
      target[open] = count / others
    }
    require(
      target.allSatisfy { $0 >= 0 } && target.reduce(1, *) == count,
      "shape \(self.shape) does not become \(shape)")
    return target
  }

  /// Axis `axes[k]` becomes axis k.
  public func transposed(by axes: [Int]) -> NDArray {
    require(
      axes.sorted() == Array(shape.indices), "axes \(axes) are no order of those of shape \(shape)")
    let layout = self.layout
    return view(layout.first, axes.map { shape[$0] }, axes.map { layout.strides[$0] })
  }

  /// Rows of a matrix become columns.
  public func transposed() -> NDArray {
    require(shape.count == 2, "shape \(shape) is no matrix")
    return transposed(by: [1, 0])
  }

  /// Two axes change places; negative ones count from the end.
  public func swapped(_ a: Int, _ b: Int) -> NDArray {
    var axes = Array(shape.indices)
    axes.swapAt(checked(axis: a), checked(axis: b))
    return transposed(by: axes)
  }

  /// The same elements repeated up to `shape`, as arithmetic would; they take no memory.
  public func broadcast(to shape: [Int]) -> NDArray {
    if shape == self.shape { return self }
    let missing = shape.count - self.shape.count
    require(
      missing >= 0
        && self.shape.indices.allSatisfy {
          self.shape[$0] == 1 || self.shape[$0] == shape[$0 + missing]
        }, "shape \(self.shape) does not extend to \(shape)")
    let layout = self.layout
    let strides = shape.indices.map { axis in
      axis < missing || self.shape[axis - missing] == 1 ? 0 : layout.strides[axis - missing]
    }
    return view(layout.first, shape, strides)
  }

  /// A stretch of one axis; a negative axis counts from the end.
  public func sliced(_ range: Range<Int>, along axis: Int) -> NDArray {
    window(Window(range, along: checked(axis: axis), of: shape))
  }

  /// A window of this array: some places of each axis.
  func window(_ window: Window) -> NDArray {
    let layout = self.layout
    let place = window.placed(strides: layout.strides)
    return view(layout.first + place.offset, place.shape, place.strides)
  }

  /// Without an axis of extent 1.
  public func squeezed(_ axis: Int) -> NDArray { reshaped(to: shape(squeezing: axis)) }

  /// With an axis of extent 1 more, which becomes axis `axis`; a negative one counts from the end of
  /// the new shape.
  public func unsqueezed(_ axis: Int) -> NDArray { reshaped(to: shape(unsqueezing: axis)) }

  func shape(squeezing axis: Int) -> [Int] {
    let axis = checked(axis: axis)
    require(shape[axis] == 1, "axis \(axis) of shape \(shape) has more places than one")
    var result = shape
    result.remove(at: axis)
    return result
  }

  func shape(unsqueezing axis: Int) -> [Int] {
    let place = axis < 0 ? axis + shape.count + 1 : axis
    require((0...shape.count).contains(place), "no new axis \(axis) in shape \(shape)")
    var result = shape
    result.insert(1, at: place)
    return result
  }

  /// The axis counted from the front; traps when there is none such.
  func checked(axis: Int) -> Int {
    let fromFront = axis < 0 ? axis + shape.count : axis
    require(shape.indices.contains(fromFront), "no axis \(axis) in shape \(shape)")
    return fromFront
  }
}
