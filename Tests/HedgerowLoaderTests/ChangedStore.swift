import HedgerowCore
import HedgerowLoader
import HedgerowStore
import HedgerowTestSupport

/// A loader around the users of a drawn store that was changed time and again, with a column of vectors and one of
/// numbers.
func loaderOfChangedStore(
  in directory: TemporaryDirectory, seed: UInt64
) throws -> NeighborLoader<Snapshot> {
  var random = try RandomStore(at: directory("s"), seed: seed)
  for _ in 0..<20 { try random.change(30) }
  var options = LoaderOptions()
  options.inputs = [RandomStore.item: ["x"], RandomStore.user: ["age"]]
  return NeighborLoader(
    try random.store.snapshot(), seeds: .nodes(RandomStore.user), fanouts: [5, 5], batchSize: 20,
    options: options)
}
