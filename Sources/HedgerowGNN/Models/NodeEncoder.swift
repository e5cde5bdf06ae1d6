public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// What makes a new row of each target, of rows of the sources and of the edges between them: a layer, a stack of
/// them, or a model of your own.
///
/// Shapes: x [sources, width], result [targets, output width]; targets are the first of the sources.
public protocol NodeEncoder: Module {
  func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor
}
