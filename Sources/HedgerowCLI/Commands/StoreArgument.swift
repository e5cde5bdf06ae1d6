import ArgumentParser
import Hedgerow

/// The store that a command reads.
struct StoreArgument: ParsableArguments {
  @Argument(help: ArgumentHelp("The store's directory.", valueName: "store"))
  var path: String

  func snapshot() throws -> (store: GraphStore, graph: Snapshot) {
    let store = try GraphStore.open(at: path, .readOnly)
    return (store, try store.snapshot())
  }
}

/// `15,10`
func parseFanouts(_ text: String) throws -> [Int] {
  let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
  guard !numbers.isEmpty, numbers.allSatisfy({ ($0 ?? -2) >= -1 }) else {
    throw ValidationError("'\(text)' are no fanouts: write 15,10 (-1 takes all neighbors)")
  }
  // A thread has room for as many.
  guard numbers.allSatisfy({ ($0 ?? 0) <= 1_000_000 }) else {
    throw ValidationError("'\(text)': fanouts are at most 1000000 (-1 takes all neighbors)")
  }
  return numbers.compactMap { $0 }
}

/// `paper=42`, `paper.label`
func parsePair(_ text: String, at separator: Character, as what: String) throws -> (String, String)
{
  guard let index = text.firstIndex(of: separator), index != text.startIndex,
    text.index(after: index) != text.endIndex
  else { throw ValidationError("'\(text)' is no \(what)") }
  return (String(text[..<index]), String(text[text.index(after: index)...]))
}

extension Double {
  /// With so many decimals.
  func formatted(decimals: Int) -> String {
    guard isFinite else { return "\(self)" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let units = Int((magnitude * scale).rounded())
    let whole = units / Int(scale)
    let fraction = String(units % Int(scale))
    let sign = self < 0 && units > 0 ? "-" : ""
    return decimals == 0
      ? "\(sign)\(whole)"
      : "\(sign)\(whole)." + String(repeating: "0", count: decimals - fraction.count) + fraction
  }
}

extension Int {
  /// `1,234,567`
  var grouped: String {
    var text = ""
    for (index, digit) in String(magnitude).reversed().enumerated() {
      if index > 0 && index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (self < 0 ? "-" : "") + String(text.reversed())
  }

  /// `1 edge`, `2,000 edges`
  func counting(_ noun: String, plural: String? = nil) -> String {
    "\(grouped) \(self == 1 ? noun : plural ?? noun + "s")"
  }
}

extension [String] {
  /// What can be chosen from, after a name that was not found: `there are a, b`.
  var choices: String {
    switch count {
    case 0: "there is none"
    case 1: "there is only \(self[0])"
    default: "there are \(joined(separator: ", "))"
    }
  }
}
