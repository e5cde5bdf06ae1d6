import HedgerowCore

/// Some places of each axis of a shape, steps apart: what slicing takes.
struct Window: Sendable {
  /// Along one axis; an axis of which one place is taken may go.
  struct Axis: Sendable {
    var first: Int
    var step: Int
    var count: Int
    var isDropped = false
  }
  var axes: [Axis]

  init(axes: [Axis]) { self.axes = axes }

  /// A stretch of one axis and all of the others.
  init(_ range: Range<Int>, along axis: Int, of shape: [Int]) {
    require(
      range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "no \(range) along axis \(axis) of shape \(shape)")
    axes = shape.map { Axis(first: 0, step: 1, count: $0) }
    axes[axis] = Axis(first: range.lowerBound, step: 1, count: range.count)
  }

  /// The window's shape, and where its elements are among others that are `strides` apart.
  func placed(strides: [Int]) -> (offset: Int, shape: [Int], strides: [Int]) {
    var (offset, shape, steps) = (0, [Int](), [Int]())
    for (axis, stride) in zip(axes, strides) {
      offset += axis.count > 0 ? axis.first * stride : 0
      if axis.isDropped { continue }
      shape.append(axis.count)
      steps.append(axis.step * stride)
    }
    return (offset, shape, steps)
  }

  /// The window of contiguous elements of a shape.
  func layout<Element>(
    in base: UnsafeMutablePointer<Element>, shape: [Int]
  ) -> Layout<Element> {
    let place = placed(strides: rowMajorStrides(shape))
    return Layout(first: base + place.offset, shape: place.shape, strides: place.strides)
  }
}

/// What a subscript takes of one axis: a place, which drops the axis, or places, which keep it.
///
/// ```swift
/// x[1, 0..., stride(from: 0, to: 8, by: 2)]
/// ```
/// Integers, ranges - `0...` is a whole axis - and strides, which may go backwards. A place below zero
/// counts from the end.
public protocol AxisSelection: Sendable {
  /// The places taken of an axis; traps when one is outside.
  func places(ofAxis extent: Int) -> SelectedPlaces
}

/// Places of an axis, steps apart.
public struct SelectedPlaces: Sendable {
  let axis: Window.Axis

  /// Traps unless all are below `extent`. A single place is given without a count, and drops the axis.
  public init(first: Int, step: Int = 1, count: Int? = nil, of extent: Int) {
    let number = count ?? 1
    let last = first + (number - 1) * step
    require(
      number == 0
        || (number > 0 && min(first, last) >= 0 && Swift.max(first, last) < extent),
      "no \(number) places from \(first) by \(step) in an extent of \(extent)")
    axis = Window.Axis(first: first, step: step, count: number, isDropped: count == nil)
  }

  init(_ range: Range<Int>, of extent: Int) {
    require(
      range.lowerBound >= 0 && range.upperBound <= extent, "no \(range) in an extent of \(extent)")
    self.init(first: range.lowerBound, count: range.count, of: extent)
  }
}

extension Int: AxisSelection {
  public func places(ofAxis extent: Int) -> SelectedPlaces {
    SelectedPlaces(first: self < 0 ? self + extent : self, of: extent)
  }
}
extension Range<Int>: AxisSelection {
  public func places(ofAxis extent: Int) -> SelectedPlaces { SelectedPlaces(self, of: extent) }
}
extension ClosedRange<Int>: AxisSelection {
  public func places(ofAxis extent: Int) -> SelectedPlaces {
    SelectedPlaces(lowerBound..<upperBound + 1, of: extent)
  }
}
extension PartialRangeFrom<Int>: AxisSelection {
  public func places(ofAxis extent: Int) -> SelectedPlaces {
    require(lowerBound <= extent, "no \(self) in an extent of \(extent)")
    return SelectedPlaces(lowerBound..<extent, of: extent)
  }
}
extension PartialRangeUpTo<Int>: AxisSelection {
  public func places(ofAxis extent: Int) -> SelectedPlaces {
    SelectedPlaces(0..<upperBound, of: extent)
  }
}
extension PartialRangeThrough<Int>: AxisSelection {
  public func places(ofAxis extent: Int) -> SelectedPlaces {
    SelectedPlaces(0..<upperBound + 1, of: extent)
  }
}
extension StrideTo<Int>: AxisSelection {
  public func places(ofAxis extent: Int) -> SelectedPlaces { selected(self, of: extent) }
}
extension StrideThrough<Int>: AxisSelection {
  public func places(ofAxis extent: Int) -> SelectedPlaces { selected(self, of: extent) }
}

/// Time O(places): the standard library keeps a stride's step to itself.
private func selected(_ places: some Sequence<Int>, of extent: Int) -> SelectedPlaces {
  var (first, step, count) = (0, 1, 0)
  for place in places {
    if count == 0 { first = place } else if count == 1 { step = place - first }
    count += 1
  }
  return SelectedPlaces(first: first, step: step, count: count, of: extent)
}

extension NDArray {
  /// Some places of each axis, as a view; axes that are not named are taken whole.
  public subscript(selections: any AxisSelection...) -> NDArray {
    window(Window(selections, of: shape))
  }
}

extension Window {
  init(_ selections: [any AxisSelection], of shape: [Int]) {
    require(
      selections.count <= shape.count, "\(selections.count) selections of shape \(shape)")
    axes = shape.enumerated().map { axis, extent in
      axis < selections.count
        ? selections[axis].places(ofAxis: extent).axis : Axis(first: 0, step: 1, count: extent)
    }
  }
}
