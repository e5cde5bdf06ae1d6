import HedgerowCore

/// Which of so many things each batch of an epoch has, without an array of them.
struct EpochOrder: Sendable {
  let count: Int
  let batchSize: Int
  let lastBatch: LoaderOptions.LastBatch
  private let shuffled: ShuffledRange?

  init(count: Int, batchSize: Int, seed: UInt64, epoch: Int, _ options: LoaderOptions) {
    self.count = count
    self.batchSize = batchSize
    lastBatch = options.lastBatch
    let stream = RandomStream(seed: seed).derive("seed order").derive(UInt64(epoch))
    shuffled = options.order == .shuffled ? ShuffledRange(count: count, stream: stream) : nil
  }

  var batchCount: Int {
    switch lastBatch {
    case .kept: (count + batchSize - 1) / batchSize
    case .dropped: count / batchSize
    }
  }

  /// What stands at a place of the order.
  subscript(place: Int) -> Int { shuffled?[place] ?? place }

  /// The places of a batch.
  func places(of batch: Int) -> Range<Int> {
    batch * batchSize..<min(count, (batch + 1) * batchSize)
  }

  func batch(_ index: Int) -> [Int] { places(of: index).map { self[$0] } }
}
