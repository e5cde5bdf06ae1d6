import Testing

@testable import HedgerowCLI

@Suite struct HashedWordsTests {
  private func row(_ text: String, of count: Int = 256) -> [UInt8] {
    var row = [UInt8](repeating: 0, count: count)
    HashedWords(count: count).add(Array(text.utf8)[...], to: &row)
    return row
  }

  @Test func wordsAreRunsOfLettersAndDigitsInSmallLetters() {
    #expect(row("Real-time, (GAME)\n .\n") == row("real time game"))
    #expect(row("Zürich zürich").reduce(0) { $0 + Int($1) } == 2)
    #expect(row("Zürich").contains(1) && row("Z rich") != row("Zürich"))
    #expect(row("").allSatisfy { $0 == 0 } && row(" -.").allSatisfy { $0 == 0 })
    #expect(row("a a b").reduce(0) { $0 + Int($1) } == 3)
    #expect(row(String(repeating: "a ", count: 300)).max() == 255)
    #expect(row("x y z", of: 1) == [3])
  }

  /// The places are part of the data set: models are trained on them.
  @Test func placesStayTheSame() {
    func place(_ word: String) -> Int? { row(word).firstIndex(of: 1) }
    #expect([place("a"), place("library"), place("0ad")] == [248, 242, 86])
  }
}
