import ArgumentParser
import Hedgerow

/// `hedgerow index STORE paper.year`
struct IndexCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index",
    abstract: "Make or remove the index of a column's values, which filters use.",
    discussion: """
      The index holds each distinct value of a column of bools, integers, timestamps, categories, \
      strings or bytes, with the nodes that have it. Nodes that are added later, and values that \
      change, are found by their values until the index is made again.
      """)

  @OptionGroup var store: StoreArgument
  @Argument(help: ArgumentHelp("The column.", valueName: "type.column"))
  var column: String
  @Flag(help: "Remove the index.")
  var drop = false
  @Option(help: ArgumentHelp("Wait so long for another writer.", valueName: "seconds"))
  var wait = 0.0
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    _ = try parsePair(column, at: ".", as: "column: write TYPE.COLUMN, as paper.year")
  }

  func run() async throws {
    let (typeName, name) = try parsePair(column, at: ".", as: "column")
    let type = NodeType(typeName)
    let store = try GraphStore.open(at: store.path)
    let build = try store.beginAddition(waiting: wait, isComplete: !drop)
    var valueCount: Int?
    if drop {
      try build.dropIndex(of: name, of: type)
    } else {
      let budget = global.makeBudget()
      valueCount = try build.buildIndex(
        of: name, of: type, memory: budget.available / 2, onBlock: { try Interruption.check() })
    }
    let version = try build.publish()
    if global.json {
      print(
        JSON.object([
          .init(key: "column", value: .string(column)),
          .init(key: "values", value: valueCount.map { .int($0) } ?? .null),
          .init(key: "version", value: .int(Int(version))),
        ]))
    } else if let valueCount {
      print(
        "indexed \(column): \(valueCount.counting("value")); the store is at version \(version)")
    } else {
      print("removed the index of \(column); the store is at version \(version)")
    }
  }
}
