import ArgumentParser
import Hedgerow

/// What `--model` names: a classifier, whose layers may learn links as well, or a model with a training of its own.
enum ModelChoice: Equatable, Sendable {
  case network(TrainingOptions.Model)
  case links(LinkTrainingOptions.Model)
  case triples(KnowledgeGraphOptions.Model)
  case embedding(EmbeddingOptions.Model)
  /// A network with a memory, of events in time.
  case temporal

  private static var named: [(name: String, choice: ModelChoice)] {
    TrainingOptions.Model.allCases.map { ($0.rawValue, .network($0)) }
      + LinkTrainingOptions.Model.allCases.filter { $0 != .network }
      .map { ($0.rawValue, .links($0)) }
      + KnowledgeGraphOptions.Model.allCases.map { ($0.rawValue, .triples($0)) }
      + EmbeddingOptions.Model.allCases.map { ($0.rawValue, .embedding($0)) }
      + [("tgn", .temporal)]
  }

  static var names: String {
    let all = named.map(\.name)
    return all.dropLast().joined(separator: ", ") + " and " + all.last!
  }

  var name: String { Self.named.first { $0.choice == self }!.name }

  /// A classifier, or layers.
  var trained: TrainingOptions.Model? { if case .network(let model) = self { model } else { nil } }

  @Sendable static func parse(_ text: String) throws -> Self {
    guard let found = named.first(where: { $0.name == text }) else {
      throw ValidationError("'\(text)' is no model: there are \(names)")
    }
    return found.choice
  }
}

/// What `--best` names: a measure of classification, or one of links.
enum BestChoice: Sendable {
  case classification(TrainingOptions.Criterion)
  case links(LinkMetric)

  var criterion: TrainingOptions.Criterion? {
    if case .classification(let criterion) = self { criterion } else { nil }
  }
  var metric: LinkMetric? { if case .links(let metric) = self { metric } else { nil } }

  @Sendable static func parse(_ text: String) throws -> Self {
    if let criterion = TrainingOptions.Criterion(rawValue: text) {
      return .classification(criterion)
    }
    if let metric = LinkMetric(rawValue: text) { return .links(metric) }
    throw ValidationError(
      "'\(text)' is no \(TrainingOptions.Criterion.noun): there are \(TrainingOptions.Criterion.names), "
        + "and of links \(LinkMetric.names)")
  }
}
