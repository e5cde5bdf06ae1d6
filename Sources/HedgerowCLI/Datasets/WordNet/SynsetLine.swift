/// A line of a data file.
struct SynsetLine {
  struct Word {
    /// As the lexicographer wrote it, with `_` for spaces.
    var form: Substring
    /// Tells senses of a word within a lexicographer file.
    var lexID: Int
    /// Of an adjective: `p` stands in predicates only, `a` before nouns, `ip` behind them.
    var marker: Substring

    /// The key of the word, as index files have it.
    var lemma: String { form.lowercased() }
  }

  struct Pointer {
    var kind: PointerKind
    var target: SynsetID
    /// Places of two words in their synsets, from 1, if it is these that are related.
    var words: (source: Int, target: Int)?
  }

  let id: SynsetID
  /// Of its lexicographer file.
  let lexname: String
  /// `n`, `v`, `a`, `r`, or `s` for a satellite of an adjective.
  let type: Substring
  private(set) var words: [Word] = []
  private(set) var pointers: [Pointer] = []
  let gloss: String

  /// - Parameter position: where the line begins in its file.
  init(_ line: String, of part: PartOfSpeech, at position: Int) throws(WordNetSyntax) {
    var fields = WordNetFields(line)
    let offset = try fields.number("synset's offset", digits: 8...8)
    guard offset == position else {
      throw WordNetSyntax(
        "says that it begins at byte \(offset), but does at \(position): the file was changed")
    }
    id = SynsetID(part, offset: offset)
    let file = try fields.number("lexicographer file", digits: 2...2)
    lexname = try LexicographerFile.name(file, of: part)
    type = try fields.next("type of synset")
    guard type == part.letter || (type == "s" && part == .adjective) else {
      throw WordNetSyntax("is of type '\(WordNetFields.shown(type))', which is none of \(part)s")
    }
    let wordCount = try fields.number("number of words", digits: 2...2, radix: 16)
    guard wordCount > 0 else { throw WordNetSyntax("has no word") }
    for _ in 0..<wordCount { words.append(try Self.word(&fields, of: part)) }
    let pointerCount = try fields.number("number of pointers", digits: 3...3)
    for _ in 0..<pointerCount { pointers.append(try Self.pointer(&fields, from: wordCount)) }
    if part == .verb { try Self.readFrames(&fields, of: wordCount) }
    gloss = try fields.gloss()
  }

  private static func word(
    _ fields: inout WordNetFields, of part: PartOfSpeech
  ) throws(WordNetSyntax) -> Word {
    var form = try fields.next("word")
    let lexID = try fields.number("lexicographer's id of a word", digits: 1...2, radix: 16)
    var marker: Substring = ""
    if part == .adjective, form.hasSuffix(")"), let open = form.lastIndex(of: "("),
      open > form.startIndex
    {
      marker = form[form.index(after: open)...].dropLast()
      form = form[..<open]
    }
    return Word(form: form, lexID: lexID, marker: marker)
  }

  private static func pointer(
    _ fields: inout WordNetFields, from wordCount: Int
  ) throws(WordNetSyntax) -> Pointer {
    let kind = try PointerKind(symbol: fields.next("pointer"))
    let offset = try fields.number("offset that a pointer leads to", digits: 8...8)
    let letter = try fields.next("part of speech of a pointer")
    guard let part = PartOfSpeech(letter: letter) else {
      throw WordNetSyntax(
        "has a pointer to '\(WordNetFields.shown(letter))', which is no part of speech")
    }
    let words = try fields.number("words of a pointer", digits: 4...4, radix: 16)
    let (source, target) = (words >> 8, words & 0xFF)
    guard source <= wordCount, (source == 0) == (target == 0) else {
      throw WordNetSyntax(
        "has a pointer from word \(source) to word \(target), and \(wordCount) words")
    }
    return Pointer(
      kind: kind, target: SynsetID(part, offset: offset),
      words: source == 0 ? nil : (source, target))
  }

  /// Sentence frames of verbs: they are checked, and not kept.
  private static func readFrames(
    _ fields: inout WordNetFields, of wordCount: Int
  ) throws(WordNetSyntax) {
    for _ in 0..<(try fields.number("number of frames", digits: 2...2)) {
      let plus = try fields.next("frame")
      guard plus == "+" else {
        throw WordNetSyntax("has '\(WordNetFields.shown(plus))' where a frame begins with '+'")
      }
      _ = try fields.number("frame", digits: 2...2)
      let word = try fields.number("word of a frame", digits: 2...2, radix: 16)
      guard word <= wordCount else {
        throw WordNetSyntax("has a frame of word \(word), and \(wordCount) words")
      }
    }
  }
}
