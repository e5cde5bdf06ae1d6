/// The call of `hedgerow ingest` that reads an export back.
struct ImportCommand {
  struct Argument: Sendable {
    var option: String
    /// What stands before the file: `paper=`.
    var value: String
    /// In the export's directory.
    var file: String?
  }

  private(set) var arguments: [Argument] = []

  mutating func add(_ option: String, _ value: String = "", file: String? = nil) {
    arguments.append(Argument(option: option, value: value, file: file))
  }

  /// - Parameter directory: where the files are; `nil` for the working directory.
  static func text(of arguments: [Argument], in directory: String?, lineEnd: String) -> String {
    var words = ["hedgerow ingest NEW"]
    for argument in arguments {
      let path = argument.file.map { name in directory.map { "\($0)/\(name)" } ?? name } ?? ""
      let value = quoted(argument.value + path)
      let parts = [argument.option, value].filter { !$0.isEmpty && $0 != "''" }
      words.append(parts.joined(separator: " "))
    }
    return words.joined(separator: lineEnd)
  }

  /// As a shell takes it for one word.
  private static func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "-_./:=,+@%".utf8.contains(byte)
      }
    }
    if isPlain && !text.isEmpty { return text }
    return "'"
      + text.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''") + "'"
  }
}
