import Hedgerow

extension SampleCommand {
  /// Goes through the batches of a loader, and writes down what they are and take.
  struct Run {
    let command: SampleCommand
    var report: SampleReport
    private let clock = ContinuousClock()
    private let begin = ContinuousClock.now
    private let read = ProcessResources.storageByteCountRead

    init(command: SampleCommand, report: SampleReport) {
      self.command = command
      self.report = report
    }

    /// - Parameter audit: looks at each batch.
    mutating func go<Loader: BatchLoader>(
      through loader: Loader, audit: (Loader.Batch) throws -> Void = { _ in }
    ) async throws where Loader.Batch: SampledBatch {
      let total = min(try loader.batchCount(), command.batches ?? .max)
      let progress = ProgressBar(
        "sampling", total: command.epochs * total, unit: .items("batches"))
      report.prepare = (clock.now - begin).seconds
      for epoch in command.epoch..<command.epoch + command.epochs {
        try await go(through: loader.epoch(epoch), batches: total, audit, progress)
      }
      progress.finish()
      report.pinnedByteCount = loader.options.pinnedRows?.byteCount ?? 0
      report.packedByteCount = loader.options.packed?.byteCount ?? 0
      report.storageByteCount = ProcessResources.storageByteCountRead - read
    }

    /// Goes through the first batches of an epoch.
    private mutating func go<Batch: SampledBatch>(
      through epoch: Epoch<Batch>, batches: Int, _ audit: (Batch) throws -> Void,
      _ progress: ProgressBar
    ) async throws {
      let start = clock.now
      var counts = SampleReport.Counts()
      var iterator = epoch.makeAsyncIterator()
      while counts.batches < batches {
        let before = clock.now
        guard let batch = try await iterator.next() else { break }
        counts.wait += (clock.now - before).seconds
        try Interruption.check()
        counts.add(batch)
        report.digest = report.digest.map {
          var digest = $0
          batch.fold(into: &digest)
          return digest
        }
        try audit(batch)
        progress.advance(by: 1)
      }
      counts.seconds = (clock.now - start).seconds
      report.epochs.append(counts)
    }
  }
}
