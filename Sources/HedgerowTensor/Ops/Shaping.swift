import HedgerowCore

// Other shapes, orders and parts of a tensor: views, which cost the same however many elements there
// are, and whose gradients go back the same way.

extension NDTensor {
  /// The same elements in the same order under another shape; one extent may be -1, which stands
  /// for what is left. Shares the elements; those of a view are copied, later and once, where no steps
  /// lead through them in the other shape. Traps when the counts differ.
  @specialized(where Scalar == Float)
  public func reshaped(to shape: [Int]) -> NDTensor {
    let result = NDTensor(array.reshaped(to: shape))
    let own = self.shape
    if result.shape == own { return self }
    return result.recorded(from: self) { dy in NDTensor(dy.array.reshaped(to: own)) }
  }

  /// Axis `axes[k]` becomes axis k.
  @specialized(where Scalar == Float)
  public func transposed(by axes: [Int]) -> NDTensor {
    NDTensor(array.transposed(by: axes)).recorded(from: self) { dy in
      var inverse = axes
      for (axis, from) in axes.enumerated() { inverse[from] = axis }
      return NDTensor(dy.array.transposed(by: inverse))
    }
  }

  /// Rows of a matrix become columns.
  @specialized(where Scalar == Float)
  public func transposed() -> NDTensor {
    NDTensor(array.transposed()).recorded(from: self) { dy in NDTensor(dy.array.transposed()) }
  }

  /// Two axes change places; negative ones count from the end.
  @specialized(where Scalar == Float)
  public func swapped(_ a: Int, _ b: Int) -> NDTensor {
    var axes = Array(shape.indices)
    axes.swapAt(checked(axis: a), checked(axis: b))
    return transposed(by: axes)
  }

  /// The same numbers repeated up to `shape`, as arithmetic would; they take no memory.
  @specialized(where Scalar == Float)
  public func broadcast(to shape: [Int]) -> NDTensor {
    let own = self.shape
    if shape == own { return self }
    return NDTensor(array.broadcast(to: shape)).recorded(from: self) { dy in dy.summed(to: own) }
  }

  /// A stretch of one axis; a negative axis counts from the end.
  @specialized(where Scalar == Float)
  public func sliced(_ range: Range<Int>, along axis: Int) -> NDTensor {
    window(Window(range, along: checked(axis: axis), of: shape))
  }

  /// Some places of each axis, as a view; axes that are not named are taken whole.
  public subscript(selections: any AxisSelection...) -> NDTensor {
    window(Window(selections, of: shape))
  }

  /// The gradient is that of the window alone; those of several windows of one tensor are added where
  /// they belong, so that cutting it up costs no more than its size.
  @specialized(where Scalar == Float)
  private func window(_ window: Window) -> NDTensor {
    NDTensor(array.window(window)).recordedCotangents(from: [self]) { dy, _ in
      [.windows([WindowPiece(window: window, values: dy)])]
    }
  }

  /// Without an axis of extent 1.
  public func squeezed(_ axis: Int) -> NDTensor { reshaped(to: array.shape(squeezing: axis)) }

  /// With an axis of extent 1 more, which becomes axis `axis`; a negative one counts from the end of
  /// the new shape.
  public func unsqueezed(_ axis: Int) -> NDTensor { reshaped(to: array.shape(unsqueezing: axis)) }
}

/// Tensors one behind the other along an axis, the last one unless another is named.
///
/// Traps when they differ in another extent.
@specialized(where Scalar == Float)
public func concatenated<Scalar>(_ parts: NDTensor<Scalar>..., along axis: Int = -1)
  -> NDTensor<Scalar>
{
  concatenated(parts, along: axis)
}

/// Tensors one behind the other along an axis, the last one unless another is named.
@specialized(where Scalar == Float)
public func concatenated<Scalar>(_ parts: [NDTensor<Scalar>], along axis: Int = -1)
  -> NDTensor<Scalar>
{
  if parts.count == 1 { return parts[0] }
  let axis = parts.first?.checked(axis: axis) ?? axis
  let result = NDTensor(NDArray.concatenated(parts.map(\.array), along: axis))
  let extents = parts.map { $0.shape[axis] }
  return result.recorded(from: parts) { dy, isNeeded in
    var end = 0
    return zip(extents, isNeeded).map { extent, isNeeded in
      end += extent
      return isNeeded ? dy.detached.sliced(end - extent..<end, along: axis) : nil
    }
  }
}
