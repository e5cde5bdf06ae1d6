import ArgumentParser
import Hedgerow

/// An enumeration whose cases are options by name.
protocol NamedCase: RawRepresentable, CaseIterable, Sendable where RawValue == String {
  /// What a case is, in messages.
  static var noun: String { get }
}

extension NamedCase {
  /// All names, as text: "sum, mean and max".
  static var names: String {
    let all = allCases.map(\.rawValue)
    return all.count < 2
      ? all.joined() : all.dropLast().joined(separator: ", ") + " and " + all.last!
  }

  @Sendable static func parse(_ text: String) throws -> Self {
    guard let value = Self(rawValue: text) else {
      throw ValidationError("'\(text)' is no \(noun): there are \(names)")
    }
    return value
  }
}

extension JumpingKnowledge.Mode: NamedCase { static var noun: String { "row of all layers" } }
extension NodeNetwork.Readout: NamedCase { static var noun: String { "readout" } }
extension Packing: NamedCase { static var noun: String { "time to pack" } }
extension Precision: NamedCase { static var noun: String { "precision" } }
extension TrainingOptions.Activation: NamedCase { static var noun: String { "activation" } }
extension TrainingOptions.Criterion: NamedCase {
  static var noun: String { "measure of the best epoch" }
}
extension TrainingOptions.Model: NamedCase { static var noun: String { "model" } }
extension TrainingOptions.InputScaling: NamedCase {
  static var noun: String { "scaling of inputs" }
}
